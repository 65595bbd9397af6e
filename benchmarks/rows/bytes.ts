/**
 * What goes over the wire: bytes of a change alone and in company, of a whole transfer, of coming back from a
 * partition, and what encoding and decoding cost. Bytes do not vary from run to run, so one run is enough.
 */
import { deflateSync } from "node:zlib";
import type { Benchmark } from "../harness/command.js";
import { countAll, filledPair, Lab, quietOptions, trackRange } from "../harness/lab.js";
import { alternate, timePerCallNs } from "../harness/stopwatch.js";
import type { HeldFrame } from "../harness/wire.js";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import type { DeltaMessage } from "../../src/replication/message.js";
import type { Session } from "../../src/session.js";
import { keyOf, metaOf, topicOf } from "../workload.js";

const targetBytes = { join: 60, update: 70, leave: 6 } as const;
type Kind = keyof typeof targetBytes;
/** Phoenix.Tracker, external term format, per operation. */
const phoenixBytes: Record<Kind, Record<number, string>> = {
  join: { 1: "574", 10: "256", 100: "225", 1000: "222", 10000: "222" },
  update: { 1: "667", 10: "349", 100: "320", 1000: "321" },
  leave: { 1: "419", 10: "100", 100: "69", 1000: "68" },
};

export const bytes: Benchmark = {
  name: "bytes",
  async run({ report }) {
    const lab = new Lab();
    const author = await lab.start("author@127.0.0.1", quietOptions);
    // Somebody has to be there, or nothing is sent at all. What is held back never reaches it.
    await lab.start("listener@127.0.0.1", quietOptions);
    await lab.advance(500);
    for (const size of [1, 10, 100, 1_000, 10_000]) {
      const sessions: Session[] = [];
      const make: Record<Kind, () => void> = {
        join: () => void sessions.push(...trackRange(author, 1, size)),
        update: () => {
          for (const [index, session] of sessions.entries()) {
            const i = index + 1;
            author.update(session, topicOf(i), keyOf(i), metaOf(i, 1));
          }
        },
        leave: () => {
          for (const session of sessions) author.untrack(session);
        },
      };
      for (const kind of ["join", "update", "leave"] as const) {
        lab.wire.hold();
        make[kind]();
        await lab.advance(100);
        const frames = lab.wire.release().filter(({ to }) => to === undefined);
        const plain = plainTuples(kind, size);
        report({
          name: `bytes per ${kind}, ${size.toLocaleString("en-US")} in one delta`,
          unit: "B",
          values: [totalBytes(frames) / size],
          floor: { what: "JSON of plain tuples", values: [Buffer.byteLength(plain) / size] },
          beside: [{ what: "deflated at level 6:", values: [deflatedBytes(frames) / size] }],
          phoenix: phoenixBytes[kind][size] === undefined ? undefined : `${phoenixBytes[kind][size]} B`,
          ...(size === 1_000 && {
            target: {
              text: `under ${targetBytes[kind]} B`,
              met: (median: number) => median < targetBytes[kind],
            },
          }),
        });
      }
    }
    const idle = await lab.held(quietOptions.heartbeatPeriodMs ?? 0);
    report({
      name: "a heartbeat",
      unit: "B",
      values: [totalBytes(idle) / idle.length],
      phoenix: "240 B, and 33 B for each further replica",
    });
  },
};

export const transfer: Benchmark = {
  name: "transfer",
  async run({ sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const { lab } = await filledPair(count);
      const before = { ...lab.wire.traffic("author") };
      const newcomer = await lab.start("newcomer", quietOptions);
      await lab.until(() => countAll(newcomer) === count);
      const sent = lab.wire.traffic("author").sentBytes - before.sentBytes;
      const asked = lab.wire.traffic("newcomer").sentBytes;
      report({
        name: `full transfer of ${count.toLocaleString("en-US")}, per entry`,
        unit: "B",
        values: [(sent + asked) / count],
        floor: {
          what: "JSON of plain tuples",
          values: [Buffer.byteLength(plainTuples("join", count)) / count],
        },
        phoenix: "185 to 189 B",
      });
    }
  },
};

/** An author with so many entries, a receiver that was cut off from it while 1 % changed. */
async function partitionedPair(
  count: number,
  churn: number,
): Promise<{ healedBytes: number; fullBytes: number }> {
  let connected = true;
  const lab = new Lab({ hears: () => connected });
  const options = { poolSize: 4 };
  const author = await lab.start("author", options);
  const sessions = trackRange(author, 1, count);
  await lab.advance(3_000);
  const receiver = await lab.start("receiver", options);
  await lab.until(() => countAll(receiver) === count);
  const fullBytes = lab.wire.traffic("receiver").receivedBytes + lab.wire.traffic("receiver").sentBytes;
  await lab.advance(5_000);
  connected = false;
  const changed = Math.ceil(count / 100);
  for (let turn = 0; turn < churn; turn++) {
    for (let index = 0; index < changed; index++) {
      const i = index * 100 + 1;
      const session = sessions[i - 1];
      if (session !== undefined) author.update(session, topicOf(i), keyOf(i), metaOf(i, turn + 1));
    }
    await lab.advance(2_000);
  }
  await lab.advance(10_000);
  if (countAll(receiver) !== 0) throw new Error("the partition was not noticed");
  const before = { ...lab.wire.traffic("receiver") };
  connected = true;
  await lab.until(() => countAll(receiver) === count);
  const after = lab.wire.traffic("receiver");
  const got = receiver.getByKey(topicOf(1), keyOf(1))[0]?.meta;
  if (got?.page !== metaOf(1, churn).page) throw new Error("the receiver shows a stale meta");
  return {
    healedBytes: after.receivedBytes - before.receivedBytes + after.sentBytes - before.sentBytes,
    fullBytes,
  };
}

export const partition: Benchmark = {
  name: "partition",
  async run({ sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const short = await partitionedPair(count, 1);
      const rows = [{ name: "1 % updated once", measured: short }];
      // Enough updates of the same 1 % that the author has forgotten the removals: a rebuild beside.
      const turns = Math.ceil(100_000 / (count / 100));
      if (turns <= 100) {
        rows.push({ name: `1 % updated ${turns} times`, measured: await partitionedPair(count, turns) });
      }
      for (const { name, measured } of rows) {
        report({
          name: `back from a partition, ${count.toLocaleString("en-US")} entries, ${name}`,
          unit: "B",
          values: [measured.healedBytes],
          floor: { what: "a full transfer", values: [measured.fullBytes] },
          target: { text: "under 5 % of a full transfer", met: (_, ratio) => ratio < 0.05 },
          phoenix: count === 100_000 ? "18.7 MB: everything" : undefined,
        });
      }
    }
  },
};

export const codec: Benchmark = {
  name: "codec",
  async run({ runs, report }) {
    for (const size of [1, 1_000]) {
      const message: DeltaMessage = {
        type: "delta",
        shard: 0,
        since: 0,
        upTo: size,
        part: 1,
        parts: 1,
        removed: [],
        births: Array.from({ length: size }, (_, index) => ({
          clock: index + 1,
          topic: topicOf(index + 1),
          key: keyOf(index + 1),
          session: `abcdefgh-${index + 1}`,
          meta: { ...metaOf(index + 1) },
        })),
      };
      const frame = {
        from: { name: "author", incarnation: "00000000000000" },
        to: undefined,
        counter: 1,
        message,
      };
      const tuples = plainTuplesOf("join", size);
      const text = encodeFrame(frame);
      if (decodeFrame(text).frame === undefined) throw new Error("the frame does not decode");
      const plain = JSON.stringify(tuples);
      const calls = Math.ceil(20_000 / size);
      const encoded = await alternate(
        runs,
        () => timePerCallNs(calls, () => encodeFrame(frame)) / 1000 / size,
        () => timePerCallNs(calls, () => JSON.stringify(tuples)) / 1000 / size,
      );
      report({
        name: `encode, per join, ${size.toLocaleString("en-US")} in one delta`,
        unit: "µs",
        values: encoded.subject,
        floor: { what: "JSON.stringify of plain tuples", values: encoded.floor },
        phoenix: size === 1_000 ? "about 1 to 3 µs" : undefined,
      });
      const decoded = await alternate(
        runs,
        () => timePerCallNs(calls, () => decodeFrame(text)) / 1000 / size,
        () => timePerCallNs(calls, () => JSON.parse(plain) as unknown) / 1000 / size,
      );
      report({
        name: `decode and check, per join, ${size.toLocaleString("en-US")} in one delta`,
        unit: "µs",
        values: decoded.subject,
        floor: { what: "JSON.parse of plain tuples", values: decoded.floor },
        phoenix: size === 1_000 ? "about 2 to 3 µs" : undefined,
      });
    }
  },
};

function totalBytes(frames: readonly HeldFrame[]): number {
  return frames.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
}

function deflatedBytes(frames: readonly HeldFrame[]): number {
  return frames.reduce((sum, { payload }) => sum + deflateSync(payload, { level: 6 }).length, 0);
}

/** What a message without any thought for size would hold: clock, topic, key, session and meta of each. */
function plainTuples(kind: Kind, count: number): string {
  return JSON.stringify(plainTuplesOf(kind, count));
}

function plainTuplesOf(kind: Kind, count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => {
    const i = index + 1;
    const identity = [i, topicOf(i), keyOf(i), `abcdefgh-${i}`];
    return kind === "leave" ? identity : [...identity, metaOf(i)];
  });
}
