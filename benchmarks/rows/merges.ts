/**
 * What a change of another node costs: from the text of the frame to the diff in the behaviour's hands, with
 * so many remote entries held. Phoenix.Tracker's figures are of its state alone, without decoding and without
 * a diff; the rows `set` are that half here.
 */
import { BareTable } from "../floors.js";
import type { Benchmark } from "../harness/command.js";
import { countAll, filledPair } from "../harness/lab.js";
import { collectGarbage, timeMs } from "../harness/stopwatch.js";
import { spread } from "../harness/statistics.js";
import { Orswot, type Delta } from "../../src/crdt/index.js";
import { Session } from "../../src/session.js";
import type { HeldFrame } from "../harness/wire.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";

type Kind = "join" | "update" | "leave";

/** Presences `from` to `from + size - 1` change as `kind` says: in one delta. */
interface Change {
  readonly kind: Kind;
  readonly from: number;
  readonly size: number;
}

/** What one run of one kind gave, per delta. */
interface Round {
  readonly subjectUs: number;
  readonly meanUs: number;
  readonly floorUs: number;
}

const kinds: readonly Kind[] = ["join", "update", "leave"];
const deltaSizes = [1, 10, 100, 1_000];
const flatLimitUs = 20;
/** Phoenix.Tracker.State, medians in milliseconds, by kind, delta size and entries held. */
const phoenixMs = new Map([
  ["join 1", "12.6 / 134 / 852 ms at 10k / 100k / 500k"],
  ["join 100", "19 / 108 / 836 ms at 10k / 100k / 500k"],
  ["join 1000", "25 / 161 / 1,124 ms at 10k / 100k / 500k"],
  ["update 1", "22 / 132 / 1,135 ms at 10k / 100k / 500k"],
  ["update 1000", "59 / 324 / 1,003 ms at 10k / 100k / 500k"],
  ["leave 1", "39 / 141 / 922 ms at 10k / 100k / 500k"],
  ["leave 1000", "43 / 198 / 1,985 ms at 10k / 100k / 500k"],
]);

/** How many deltas one run is made of: few enough to be quick, enough to be above the clock's grain. */
function deltasPerRun(deltaSize: number): number {
  return Math.max(5, Math.ceil(300 / deltaSize));
}

/** Runs that do not count: a server that has run for a minute has compiled what it does all the time. */
const warmUpRuns = 3;

export const merge: Benchmark = {
  name: "merge",
  async run({ runs, sizes, report, progress }) {
    const medianOfOne = new Map<number, number[]>();
    for (const count of sizes) {
      progress(`filling ${count}`);
      const bench = await mergeBench(count);
      for (const deltaSize of deltaSizes) {
        progress(`${deltaSize} into ${count}`);
        const figures = await bench.measure(deltaSize, runs);
        for (const kind of kinds) {
          const values = figures[kind].map(({ subjectUs }) => subjectUs);
          if (kind === "join" && deltaSize === 1) medianOfOne.set(count, values);
          report({
            name: `${deltaSize.toLocaleString("en-US")} ${kind}${deltaSize > 1 ? "s" : ""} into ${count.toLocaleString("en-US")}`,
            unit: "µs",
            values,
            floor: {
              what: "JSON.parse and the bare Maps",
              values: figures[kind].map(({ floorUs }) => floorUs),
            },
            beside: [
              {
                what: "mean, garbage collection included",
                values: figures[kind].map(({ meanUs }) => meanUs),
              },
            ],
            phoenix: phoenixMs.get(`${kind} ${deltaSize}`),
            ...(kind === "join" &&
              deltaSize === 1 && {
                target: { text: `under ${flatLimitUs} µs`, met: (median: number) => median < flatLimitUs },
              }),
          });
        }
      }
    }
    const least = medianOfOne.get(Math.min(...sizes));
    const most = medianOfOne.get(Math.max(...sizes));
    if (sizes.length < 2 || least === undefined || most === undefined) return;
    report({
      name: `1 join: into ${Math.max(...sizes).toLocaleString("en-US")}, against into ${Math.min(...sizes).toLocaleString("en-US")}`,
      unit: "µs",
      values: most,
      floor: { what: "into the smallest", values: least },
      target: { text: "within 2x", met: (_, ratio) => ratio <= 2 },
      phoenix: "68x",
    });
  },
};

/** A filled pair, and the bare table with the same entries, ready for rounds that leave both as they were. */
async function mergeBench(count: number) {
  const { lab, author, receiver, sessions } = await filledPair(count, undefined, { handleDiff: () => {} });
  const table = new BareTable<Viewer>();
  const bareSessions = new Map<number, object>();
  const enter = (i: number, meta: Viewer): void => {
    const session = {};
    bareSessions.set(i, session);
    table.add(topicOf(i), session, keyOf(i), meta);
  };
  for (let i = 1; i <= count; i++) enter(i, metaOf(i));
  const sessionAt = (i: number): Session => {
    let session = sessions[i - 1];
    if (session === undefined) sessions[i - 1] = session = new Session();
    return session;
  };
  let revision = 0;

  const change = ({ kind, from, size }: Change): void => {
    for (let i = from; i < from + size; i++) {
      if (kind === "join") author.track(sessionAt(i), topicOf(i), keyOf(i), metaOf(i));
      else if (kind === "update") author.update(sessionAt(i), topicOf(i), keyOf(i), metaOf(i, revision));
      else author.untrack(sessionAt(i), topicOf(i), keyOf(i));
    }
  };
  const changeBare = ({ kind, from, size }: Change): void => {
    for (let i = from; i < from + size; i++) {
      const session = bareSessions.get(i) ?? {};
      if (kind === "join") enter(i, metaOf(i));
      else if (kind === "update") table.update(session, metaOf(i, revision));
      else table.remove(session);
    }
  };

  /**
   * One run of one kind: so many deltas of the size are received, one after the other, each timed by itself.
   * The middle one is what a delta takes; the mean includes what the garbage collector took meanwhile.
   */
  const round = async (kind: Kind, deltaSize: number): Promise<Round> => {
    const ranges = Array.from({ length: deltasPerRun(deltaSize) }, (_, index): Change => ({
      kind,
      from: count + 1 + index * deltaSize,
      size: deltaSize,
    }));
    const frames: HeldFrame[][] = [];
    revision += 1;
    for (const range of ranges) {
      change(range);
      frames.push(await lab.held(5));
    }
    const subject = frames.map((delta) => timeMs(() => lab.deliver(delta)));
    const floor = ranges.map((range, index) =>
      timeMs(() => {
        for (const { payload } of frames[index] ?? []) JSON.parse(payload);
        changeBare(range);
      }),
    );
    return {
      subjectUs: spread(subject).median * 1_000,
      meanUs: (subject.reduce((sum, each) => sum + each, 0) * 1_000) / subject.length,
      floorUs: spread(floor).median * 1_000,
    };
  };

  return {
    async measure(deltaSize: number, runs: number): Promise<Record<Kind, Round[]>> {
      const rounds: Record<Kind, Round[]> = { join: [], update: [], leave: [] };
      // Each run ends where it began: what joins leaves again.
      for (let run = -warmUpRuns; run < runs; run++) {
        for (const kind of kinds) {
          const measured = await round(kind, deltaSize);
          if (run >= 0) rounds[kind].push(measured);
        }
        expectCount(countAll(receiver), count);
      }
      return rounds;
    },
  };
}

/** A benchmark of merges that were not merged would look splendid. */
function expectCount(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`the receiver holds ${actual} entries instead of ${expected}`);
}

export const mergeSet: Benchmark = {
  name: "set-merge",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const author = new Orswot<Viewer>("author");
      const receiver = new Orswot<Viewer>("receiver");
      for (let i = 1; i <= count; i++) author.add(metaOf(i));
      receiver.merge(author.delta());
      const bare = new Map<number, Viewer>();
      for (let i = 1; i <= count; i++) bare.set(i, metaOf(i));
      const deltas = 1_000;
      const joins: number[] = [];
      const floors: number[] = [];
      for (let run = -1; run < runs; run++) {
        const made: Delta<Viewer>[] = [];
        for (let i = 1; i <= deltas; i++) {
          const seen = author.context.clock("author");
          author.add(metaOf(i));
          const part = author.part("author", seen);
          if (part !== undefined) made.push({ parts: [part] });
        }
        collectGarbage();
        const tookMs = timeMs(() => {
          for (const delta of made) receiver.merge(delta);
        });
        const floorMs = timeMs(() => {
          for (let i = 1; i <= deltas; i++) bare.set(count + (run + 1) * deltas + i, metaOf(i));
        });
        if (run < 0) continue;
        joins.push((tookMs * 1000) / deltas);
        floors.push((floorMs * 1000) / deltas);
      }
      expectCount(receiver.size, author.size);
      report({
        name: `set: delta of 1 join into ${count.toLocaleString("en-US")}`,
        unit: "µs",
        values: joins,
        floor: { what: "one Map insert", values: floors },
        phoenix: phoenixMs.get("join 1"),
        target: { text: `under ${flatLimitUs} µs`, met: (median) => median < flatLimitUs },
      });
    }
  },
};
