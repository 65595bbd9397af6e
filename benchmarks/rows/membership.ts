/**
 * What happens to many entries at once: a first sync, a replica that goes down, comes back, is forgotten. The
 * work of the one call in which the list changes, with the diff in the behaviour's hands.
 */
import { BareEntry } from "../floors.js";
import type { Benchmark } from "../harness/command.js";
import { countAll, filledPair, Lab, quietOptions, trackRange, type LabOptions } from "../harness/lab.js";
import { alternate, collectGarbage, timeAsyncMs, timeMs } from "../harness/stopwatch.js";
import { fillBareTable } from "./writes.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";

export const catchUp: Benchmark = {
  name: "catch-up",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const figures = await alternate(
        runs,
        async () => {
          const lab = new Lab();
          const author = await lab.start("author", quietOptions);
          trackRange(author, 1, count);
          await lab.advance(500);
          const newcomer = await lab.start("newcomer", quietOptions, { handleDiff: () => {} });
          collectGarbage();
          const tookMs = await timeAsyncMs(() => lab.until(() => countAll(newcomer) === count));
          await Promise.all([author.stop({ handoffMs: 0 }), newcomer.stop({ handoffMs: 0 })]);
          return tookMs;
        },
        () => timeMs(() => void fillFromText(textOf(count))),
      );
      report({
        name: `a new node takes ${count.toLocaleString("en-US")}, work of both sides`,
        unit: "ms",
        values: figures.subject,
        floor: { what: "JSON of plain tuples and the bare Maps", values: figures.floor },
        phoenix: "51 / 1,124 / 7,683 ms to merge alone, at 10k / 100k / 500k",
      });
    }
  },
};

/** Down after 4 s of silence, found out by ticks of 0.25 s. */
const downOptions: LabOptions = {
  poolSize: 1,
  broadcastPeriodMs: 1,
  heartbeatPeriodMs: 1_000,
  downPeriodMs: 4_000,
  permdownPeriodMs: 20_000,
};

export const down: Benchmark = {
  name: "down",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const figures = {
        down: [] as number[],
        up: [] as number[],
        gone: [] as number[],
        floor: [] as number[],
      };
      const { table } = fillBareTable(count);
      for (let run = -1; run < runs; run++) {
        const measured = await downAndUp(count);
        collectGarbage();
        const floorMs = timeMs(() => void groupByTopic(table.byClock.values()));
        if (run < 0) continue;
        figures.down.push(measured.downMs);
        figures.up.push(measured.upMs);
        figures.gone.push(measured.goneMs);
        figures.floor.push(floorMs);
      }
      const floor = { what: "all entries walked into a list per topic", values: figures.floor };
      const of = `a replica of ${count.toLocaleString("en-US")}`;
      report({
        name: `${of} goes down`,
        unit: "ms",
        values: figures.down,
        floor,
        phoenix: "41 / 254 / 1,840 ms",
      });
      report({
        name: `${of} comes back`,
        unit: "ms",
        values: figures.up,
        floor,
        phoenix: "23 / 199 / 1,193 ms",
      });
      report({
        name: `${of} is forgotten`,
        unit: "ms",
        values: figures.gone,
        floor,
        phoenix: "66 / 452 / 2,359 ms",
      });
    }
  },
};

/** The work of the step of time in which the receiver's list goes, comes back and is forgotten. */
async function downAndUp(count: number): Promise<{ downMs: number; upMs: number; goneMs: number }> {
  const { lab, receiver, author } = await filledPair(count, downOptions, { handleDiff: () => {} });
  await lab.advance(2_000);
  const stepUntil = async (done: () => boolean): Promise<number> => {
    collectGarbage();
    for (let step = 0; step < 1_000; step++) {
      const tookMs = await timeAsyncMs(() => lab.advance(50));
      if (done()) return tookMs;
    }
    throw new Error("the list did not change");
  };
  const isEmpty = (): boolean => receiver.topics().length === 0;
  lab.wire.hold();
  await lab.advance(3_000);
  const downMs = await stepUntil(isEmpty);
  lab.wire.release();
  const upMs = await stepUntil(() => !isEmpty());
  if (countAll(receiver) !== count) throw new Error("it did not come back in one step");
  lab.wire.hold();
  await lab.advance(19_000);
  const goneMs = await stepUntil(() => receiver.health().replicas.length === 0);
  lab.wire.release();
  await Promise.all([author.stop({ handoffMs: 0 }), receiver.stop({ handoffMs: 0 })]);
  return { downMs, upMs, goneMs };
}

function textOf(count: number): string {
  return JSON.stringify(
    Array.from({ length: count }, (_, index) => [topicOf(index + 1), keyOf(index + 1), metaOf(index + 1)]),
  );
}

function fillFromText(text: string): Map<string, Map<string, BareEntry<Viewer>>> {
  const byClock = new Map<number, BareEntry<Viewer>>();
  const byTopic = new Map<string, Map<string, BareEntry<Viewer>>>();
  for (const [topic, key, meta] of JSON.parse(text) as [string, string, Viewer][]) {
    const entry = new BareEntry(byClock.size + 1, topic, byClock, key, meta);
    byClock.set(entry.clock, entry);
    let byKey = byTopic.get(topic);
    if (byKey === undefined) byTopic.set(topic, (byKey = new Map()));
    byKey.set(key, entry);
  }
  return byTopic;
}

function groupByTopic(entries: Iterable<BareEntry<Viewer>>): Map<string, BareEntry<Viewer>[]> {
  const groups = new Map<string, BareEntry<Viewer>[]>();
  for (const entry of entries) {
    const group = groups.get(entry.topic);
    if (group === undefined) groups.set(entry.topic, [entry]);
    else group.push(entry);
  }
  return groups;
}
