/**
 * What a change costs its caller: track, update, untrack, the close of a session. On one node without others,
 * with a behaviour that does nothing; the diff is made and handed over within each call.
 */
import type { Benchmark } from "../harness/command.js";
import { Lab, trackRange } from "../harness/lab.js";
import { alternate, timeAsyncMs, timeMs } from "../harness/stopwatch.js";
import { BareTable } from "../floors.js";
import { Session } from "../../src/session.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";

const floorOfTrack = "what the caller makes, an object, three Map inserts";

export const track: Benchmark = {
  name: "track",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const figures = await alternate(
        runs,
        async () => {
          const lab = new Lab();
          const tracker = await lab.start("alone", {}, { handleDiff: () => {} });
          const tookMs = timeMs(() => trackRange(tracker, 1, count));
          await tracker.stop({ handoffMs: 0 });
          return (tookMs * 1000) / count;
        },
        () => (timeMs(() => fillBareTable(count)) * 1000) / count,
      );
      report({
        name: `track, filling up to ${count.toLocaleString("en-US")}`,
        unit: "µs",
        values: figures.subject,
        floor: { what: floorOfTrack, values: figures.floor },
        target: { text: "within 2x of the floor", met: (_, ratio) => ratio <= 2 },
        phoenix: "10 to 14 µs in the state alone, 17 to 46 µs as a call",
      });
    }
  },
};

/** A change of one entry among `count`: what it is called, how it is made, what it costs without a tracker. */
interface Change {
  readonly name: string;
  readonly floor: string;
  readonly phoenix: string;
  apply(tracker: Awaited<ReturnType<Lab["start"]>>, session: Session, i: number): void;
  applyBare(table: BareTable<Viewer>, session: object, i: number): void;
}

const changes: readonly Change[] = [
  {
    name: "update",
    floor: "a new object in three Maps",
    phoenix: "9 to 16 µs in the state alone, 37 to 143 µs as a call",
    apply: (tracker, session, i) => tracker.update(session, topicOf(i), keyOf(i), metaOf(i, 1)),
    applyBare: (table, session, i) => table.update(session, metaOf(i, 1)),
  },
  {
    name: "untrack",
    floor: "three Map deletes",
    phoenix: "8 to 26 µs in the state alone, 20 to 86 µs as a call",
    apply: (tracker, session, i) => tracker.untrack(session, topicOf(i), keyOf(i)),
    applyBare: (table, session) => table.remove(session),
  },
  {
    name: "session close",
    floor: "three Map deletes",
    phoenix: "25 µs (10,000 processes that die at once: 250 ms)",
    apply: (_, session) => session.close(),
    applyBare: (table, session) => table.remove(session),
  },
];

export const changing: Benchmark = {
  name: "change",
  async run({ runs, sizes, report, progress }) {
    for (const change of changes) {
      for (const count of sizes) {
        progress(`${change.name}, ${count}`);
        const changed = Math.min(count, 10_000);
        const figures = await alternate(
          runs,
          async () => {
            const lab = new Lab();
            const tracker = await lab.start("alone", {}, { handleDiff: () => {} });
            const sessions = trackRange(tracker, 1, count);
            await lab.advance(2_000);
            const tookMs = timeMs(() =>
              forSpread(sessions, changed, (session, i) => change.apply(tracker, session, i)),
            );
            await tracker.stop({ handoffMs: 0 });
            return (tookMs * 1000) / changed;
          },
          () => {
            const { table, sessions } = fillBareTable(count);
            const tookMs = timeMs(() =>
              forSpread(sessions, changed, (session, i) => change.applyBare(table, session, i)),
            );
            return (tookMs * 1000) / changed;
          },
        );
        report({
          name: `${change.name}, ${count.toLocaleString("en-US")} held`,
          unit: "µs",
          values: figures.subject,
          floor: { what: change.floor, values: figures.floor },
          phoenix: change.phoenix,
        });
      }
    }
  },
};

const graceSessions = 10_000;
const graceMs = 15_000;

/** A wave of sessions that close with a grace: what the close costs, then what their common end costs. */
export const grace: Benchmark = {
  name: "grace",
  async run({ runs, report }) {
    const wave = async (
      close: (session: Session) => void,
    ): Promise<{ closing: number; ending: number; left: number }> => {
      const lab = new Lab();
      let left = 0;
      const tracker = await lab.start(
        "alone",
        {},
        {
          handleDiff: (diff) => {
            for (const { leaves } of diff.values()) left += leaves.length;
          },
        },
      );
      const sessions = trackRange(tracker, 1, graceSessions);
      await lab.advance(2_000);
      const closing = (timeMs(() => sessions.forEach(close)) * 1000) / graceSessions;
      await lab.advance(graceMs - 1_000);
      const ending = (await timeAsyncMs(() => lab.advance(2_000))) * (1000 / graceSessions);
      await tracker.stop({ handoffMs: 0 });
      return { closing, ending, left };
    };
    const endings: number[] = [];
    const beside = await alternate(
      runs,
      async () => {
        const { closing, ending, left } = await wave((session) => session.close({ graceMs }));
        if (left !== graceSessions) throw new Error(`${left} of ${graceSessions} left`);
        endings.push(ending);
        return closing;
      },
      async () => (await wave((session) => session.close())).closing,
    );
    const floor = { what: "closed without a grace", values: beside.floor };
    const name = `${graceSessions.toLocaleString("en-US")} sessions close with a grace`;
    report({ name: `${name}: each close`, unit: "µs", values: beside.subject, floor });
    report({ name: `${name}: each end, all at once`, unit: "µs", values: endings.slice(-runs), floor });
  },
};

/** Visits `wanted` of the items, evenly spread; `i` is the number of the presence, from 1. */
function forSpread<Item>(
  items: readonly Item[],
  wanted: number,
  visit: (item: Item, i: number) => void,
): void {
  const step = Math.max(1, Math.floor(items.length / wanted));
  for (let index = 0; index < step * wanted; index += step) {
    const item = items[index];
    if (item !== undefined) visit(item, index + 1);
  }
}

/** The floor's table, filled with presences 1 to `count`, and its sessions. */
export function fillBareTable(count: number): { table: BareTable<Viewer>; sessions: Session[] } {
  const table = new BareTable<Viewer>();
  const sessions: Session[] = [];
  for (let i = 1; i <= count; i++) {
    const session = new Session();
    table.add(topicOf(i), session, keyOf(i), metaOf(i));
    sessions.push(session);
  }
  return { table, sessions };
}
