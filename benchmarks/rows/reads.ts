/**
 * What a read costs: list, getByKey, count, countKeys, has, topicsOf, entries. Half of the entries are this node's own, half are
 * another's, as seen after replication.
 */
import { BareTable } from "../floors.js";
import type { Benchmark } from "../harness/command.js";
import { Lab, quietOptions } from "../harness/lab.js";
import { alternate, timePerCallNs } from "../harness/stopwatch.js";
import { Session } from "../../src/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, type Viewer } from "../workload.js";

const listSizes = [10, 100, 1_000, 10_000];
const phoenixLists = new Map([
  [10, "11 µs"],
  [100, "41 µs"],
  [1_000, "245 µs"],
  [10_000, "5.5 ms"],
]);

/** A topic of so many entries, in a tracker and in a bare table. */
async function filledTopics(): Promise<{ tracker: Tracker<Viewer>; table: BareTable<Viewer> }> {
  const lab = new Lab();
  const tracker = await lab.start("reader", quietOptions);
  const other = await lab.start("other", quietOptions);
  const table = new BareTable<Viewer>();
  for (const size of listSizes) {
    for (let i = 1; i <= size; i++) {
      (i % 2 === 0 ? tracker : other).track(new Session(), `size:${size}`, keyOf(i), metaOf(i));
      table.add(`size:${size}`, new Session(), keyOf(i), metaOf(i));
    }
  }
  await lab.until(() => listSizes.every((size) => tracker.count(`size:${size}`) === size));
  return { tracker, table };
}

export const list: Benchmark = {
  name: "list",
  async run({ runs, report }) {
    const { tracker, table } = await filledTopics();
    for (const size of listSizes) {
      const topic = `size:${size}`;
      const calls = Math.ceil(300_000 / size);
      const { subject, floor } = await alternate(
        runs,
        () => timePerCallNs(calls, () => tracker.list(topic)) / 1000,
        () => timePerCallNs(calls, () => table.list(topic)) / 1000,
      );
      report({
        name: `list of ${size.toLocaleString("en-US")}`,
        unit: "µs",
        values: subject,
        floor: { what: "a Map walked into an array", values: floor },
        phoenix: phoenixLists.get(size),
        ...(size >= 1_000 && {
          target: { text: "under 1.5x of the floor", met: (_: number, ratio: number) => ratio < 1.5 },
        }),
      });
    }
  },
};

export const lookUp: Benchmark = {
  name: "look-up",
  async run({ runs, report }) {
    const { tracker, table } = await filledTopics();
    const topic = "size:10000";
    const keys = Array.from({ length: 1_000 }, (_, i) => keyOf(i * 10 + 1));
    const keyAt = (call: number): string => keys[call % keys.length] ?? "";
    const calls = 200_000;
    const look = async (
      name: string,
      limitNs: number | undefined,
      phoenix: string | undefined,
      read: (call: number) => unknown,
      readBare: (call: number) => unknown,
    ): Promise<void> => {
      const { subject, floor } = await alternate(
        runs,
        () => timePerCallNs(calls, read),
        () => timePerCallNs(calls, readBare),
      );
      report({
        name,
        unit: "ns",
        values: subject,
        floor: { what: "the bare Maps asked the same", values: floor },
        phoenix,
        ...(limitNs !== undefined && {
          target: {
            text: `under ${limitNs.toLocaleString("en-US")} ns`,
            met: (median: number) => median < limitNs,
          },
        }),
      });
    };
    await look(
      "getByKey in a topic of 10,000",
      1_000,
      "1.4 ms",
      (call) => tracker.getByKey(topic, keyAt(call)),
      (call) => [table.get(topic, keyAt(call))],
    );
    await look(
      "has in a topic of 10,000",
      undefined,
      undefined,
      (call) => tracker.has(topic, keyAt(call)),
      (call) => table.get(topic, keyAt(call)) !== undefined,
    );
    await look(
      "count of a topic of 10,000",
      200,
      "none",
      () => tracker.count(topic),
      () => table.count(topic),
    );
    await look(
      "countKeys of a topic of 10,000",
      undefined,
      "none",
      () => tracker.countKeys(topic),
      () => table.count(topic),
    );
  },
};

const indexedKeys = 10_000;
const topicsPerKey = 10;

/** The topics of one user among many: by the index, against the walk over all topics that it spares. */
export const topicsOf: Benchmark = {
  name: "topics-of",
  async run({ runs, report }) {
    const lab = new Lab();
    const tracker = await lab.start("reader", { ...quietOptions, indexKeys: true });
    for (let i = 0; i < indexedKeys; i++) {
      const session = new Session();
      for (let n = 0; n < topicsPerKey; n++) {
        tracker.track(session, `topic:${(i * 7 + n * 97) % 1_000}`, keyOf(i), metaOf(i));
      }
    }
    const walk = (key: string): string[] => tracker.topics().filter((topic) => tracker.has(topic, key));
    const { subject, floor } = await alternate(
      runs,
      () => timePerCallNs(100_000, (call) => tracker.topicsOf(keyOf(call % indexedKeys))),
      () => timePerCallNs(1_000, (call) => walk(keyOf(call % indexedKeys))),
    );
    report({
      name: "topicsOf a key of 10 topics, of 1,000",
      unit: "ns",
      values: subject,
      beside: [{ what: "a walk over all topics", values: floor }],
    });
  },
};

const pagedKeys = 50_000;
const keysPerPage = 50;

/** A page of a big topic: anywhere in it, while it changes, and the first of all, for which the keys are sorted. */
export const entries: Benchmark = {
  name: "entries",
  async run({ runs, report }) {
    const lab = new Lab();
    const tracker = await lab.start("reader", quietOptions);
    const sessions = Array.from({ length: pagedKeys }, () => new Session());
    for (const [i, session] of sessions.entries()) tracker.track(session, "big", keyOf(i), metaOf(i));
    const pageAt = (call: number): unknown =>
      tracker.entries("big", { after: keyOf((call * 7_919) % pagedKeys), limit: keysPerPage });
    const { subject, floor } = await alternate(
      runs,
      () => timePerCallNs(10_000, pageAt) / 1000,
      () =>
        timePerCallNs(10_000, (call) => {
          const i = (call * 31) % pagedKeys;
          const session = sessions[i] ?? new Session();
          tracker.untrack(session, "big", keyOf(i));
          tracker.track(session, "big", keyOf(i), metaOf(i));
          return pageAt(call);
        }) / 1000,
    );
    report({
      name: `entries: a page of ${keysPerPage} in 50,000`,
      unit: "µs",
      values: subject,
      beside: [{ what: "with a leave and a join before each", values: floor }],
    });
    const first: number[] = [];
    for (let run = 0; run < runs; run++) {
      const topic = `big:${run}`;
      for (const [i, session] of sessions.entries())
        tracker.track(session, topic, keyOf((i * 7_919) % pagedKeys), metaOf(i));
      first.push(timePerCallNs(1, () => tracker.entries(topic, { limit: keysPerPage })) / 1e6);
    }
    report({ name: "entries: the first page of 50,000", unit: "ms", values: first });
  },
};
