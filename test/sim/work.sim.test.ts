/**
 * What happens to a node with many entries costs in proportion to them: twice as many take about twice the steps, not
 * four times. Steps are counted, not milliseconds.
 */
import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/replication/limits.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { Session } from "../../src/session.js";
import { stepping } from "./broken-replicators.js";
import { by, changed, type Changes } from "./protocol.js";
import { Work } from "./work.js";

const timeout = 120_000;
const topic = "room:1";
const entries = 400;
/** Cost in proportion doubles; a search per entry makes it four times as much. */
const growthMax = 2.7;

interface Setting {
  readonly cluster: SimulatedCluster;
  readonly session: Session;
  readonly count: number;
  work: Work;
}

/** Two nodes; one has so many entries, all of one session. */
async function prepare(count: number, changes: Changes): Promise<Setting> {
  const setting: { work: Work } = { work: new Work() };
  const cluster = await simulate({
    seed: 1,
    nodes: ["a", "b"],
    options: by(changed(changes), { poolSize: 1 }),
    aroundTask: (run) => setting.work.turn(run),
  });
  const { tracker } = cluster.node("a");
  const session = cluster.node("a").session();
  for (let user = 0; user < count; user += 1) tracker.track(session, topic, `user:${user}`, { turn: 0 });
  await cluster.settle();
  return Object.assign(setting, { cluster, session, count });
}

/** Every entry changes while the nodes are apart, the last one first. */
async function changeAllApart({ cluster, session, count }: Setting): Promise<void> {
  cluster.partition(["a"], ["b"]);
  const { tracker } = cluster.node("a");
  for (let user = count - 1; user >= 0; user -= 1) tracker.set(session, topic, `user:${user}`, { turn: 1 });
  await cluster.advance(4_000);
}

const events: readonly {
  readonly what: string;
  readonly limits?: Partial<Limits>;
  readonly before?: (setting: Setting) => Promise<void>;
  readonly act: (setting: Setting) => Promise<unknown> | void;
}[] = [
  { what: "a delta in which every entry has changed", before: changeAllApart, act: () => undefined },
  {
    what: "a rebuild in which every entry has changed",
    limits: { removalsKept: 10, deltaDots: 10 },
    before: changeAllApart,
    act: () => undefined,
  },
  { what: "a session that closes", act: ({ session, work }) => work.turn(() => session.close()) },
  {
    what: "a session that closes while nobody hears it",
    before: ({ cluster }) => Promise.resolve(cluster.partition(["a"], ["b"])),
    act: ({ session, work }) => work.turn(() => session.close()),
  },
  { what: "a death", act: ({ cluster }) => cluster.crash("a") },
  {
    what: "a return",
    before: async ({ cluster }) => {
      cluster.partition(["a"], ["b"]);
      await cluster.advance(12_000);
    },
    act: () => undefined,
  },
  {
    what: "a handoff of keys that are elsewhere",
    before: async ({ cluster, count }) => {
      const { tracker } = cluster.node("b");
      const session = cluster.node("b").session();
      for (let user = 0; user < count; user += 1) tracker.track(session, topic, `user:${user}`, { turn: 0 });
      await cluster.settle();
    },
    act: ({ cluster }) => cluster.stop("a"),
  },
  {
    what: "a life that is replaced, and its keys come back one by one",
    act: async ({ cluster, count }) => {
      const { tracker, session } = await cluster.restart("a").then((node) => ({
        tracker: node.tracker,
        session: node.session(),
      }));
      for (let user = 0; user < count; user += 1) tracker.track(session, topic, `user:${user}`, { turn: 0 });
    },
  },
  { what: "a newcomer", act: ({ cluster }) => cluster.start("c") },
];

describe("the work of many entries", () => {
  const growthOf = async (
    { limits, before, act }: (typeof events)[number],
    replicator?: Changes["replicator"],
  ): Promise<number> => {
    const works: Work[] = [];
    for (const count of [entries, 2 * entries]) {
      const setting = await prepare(count, { limits, replicator });
      await before?.(setting);
      setting.work = new Work();
      await act(setting);
      await setting.cluster.settle();
      works.push(setting.work);
    }
    const [less, more] = works;
    if (less === undefined || more === undefined) throw new RangeError("nothing was done");
    return Math.max(more.longestTurn / less.longestTurn, more.steps / less.steps);
  };

  for (const event of events) {
    it(`grows with them and not faster: ${event.what}`, { timeout }, async () => {
      expect(await growthOf(event)).toBeLessThan(growthMax);
    });
  }

  it("shows a search through all that is listed, for each entry that leaves", { timeout }, async () => {
    const death = events.find(({ what }) => what === "a death");
    if (death === undefined) throw new RangeError("nothing dies");
    const searching = stepping(({ view }, step) => {
      const listed = view.count(topic);
      const all = listed > 0 ? view.list(topic) : [];
      const done = step();
      for (let left = view.count(topic); left < listed; left += 1) {
        for (const entry of all) if (entry.key === "") continue;
      }
      return done;
    });
    expect(await growthOf(death, searching)).toBeGreaterThan(growthMax);
  });
});
