/** Lanes that fail apart and links that fail one way: what is listed, and what is told of them. */
import type { Limits } from "../../src/replication/limits.js";
import { SeededRandom } from "../../src/testing/random.js";
import { by, changed } from "../sim/protocol.js";
import { describe, expect, it } from "vitest";
import { codesOf, Lanes, linksOf, track, type Lane, type LaneNode } from "../support/lanes.js";

const DOWN_MS = 8_000;
const PERMDOWN_MS = 60_000;

function linkOf({ tracker }: LaneNode, name: string): string | undefined {
  return tracker.health().replicas.find((replica) => replica.name === name)?.link;
}

function lists({ tracker }: LaneNode): string[] {
  return tracker.list("room").map(({ key }) => key);
}

/** Nodes that know each other, and the keys a has tracked so far. */
async function clusterOf(
  seed: number,
  names: readonly string[],
  limits?: Partial<Limits>,
): Promise<{ lanes: Lanes; nodes: LaneNode[] }> {
  const lanes = new Lanes(seed, by(changed({ limits }), {}));
  const nodes: LaneNode[] = [];
  for (const name of names) nodes.push(await lanes.start(name, { permdownPeriodMs: PERMDOWN_MS }));
  await lanes.advance(5_000);
  return { lanes, nodes };
}

/** a tracks one more, and b misses it. */
async function missOne(lanes: Lanes, a: LaneNode, key: string): Promise<void> {
  const { loses } = lanes;
  lanes.loses = (from, to, lane, payload) => from === "a" || loses(from, to, lane, payload);
  track(a, key);
  await lanes.advance(100);
  lanes.loses = loses;
}

describe("a node that is heard and does not hear", () => {
  it("goes on broadcasting after it has forgotten everybody", async () => {
    const { lanes, nodes } = await clusterOf(1, ["a", "b"]);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = (from) => from === "b";
    await lanes.advance(PERMDOWN_MS + 20_000);
    expect(a.tracker.health().replicas).toEqual([]);
    for (let user = 1; user <= 5; user += 1) {
      track(a, `user:${user}`);
      await lanes.advance(3_000);
      expect(b.tracker.count("room")).toBe(user);
    }
    expect(linkOf(b, "a")).toBe("whole");
  });

  it.each([
    ["a", "b"],
    ["a", "b", "c"],
  ])("is told of when something is missing, until it hears (%s %s %s)", async (...names) => {
    const { lanes, nodes } = await clusterOf(2, names);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = (from, to) => from === "b" && to === "a";
    await lanes.advance(2 * DOWN_MS);
    await missOne(lanes, a, "ann");
    await lanes.advance(2.5 * DOWN_MS);
    expect(lists(b)).toEqual([]);
    expect(linkOf(b, "a")).toBe("oneWay");
    expect(linksOf(b)).toEqual(["a oneWay"]);
    expect(codesOf(b)).toEqual(["LINK_BROKEN"]);
    await lanes.advance(10 * DOWN_MS);
    expect(linksOf(b)).toEqual(["a oneWay"]);
    lanes.loses = () => false;
    await lanes.advance(DOWN_MS);
    expect(lists(b)).toEqual(["ann"]);
    expect(linkOf(b, "a")).toBe("whole");
    expect(linksOf(b)).toEqual(["a oneWay", "a whole"]);
  });

  it("is not taken for one when it has died", async () => {
    const { lanes, nodes } = await clusterOf(3, ["a", "b", "c"]);
    const [a, b, c] = nodes as [LaneNode, LaneNode, LaneNode];
    await missOne(lanes, a, "ann");
    a.kill();
    await lanes.advance(3 * DOWN_MS);
    expect([linksOf(b), linksOf(c), codesOf(b), codesOf(c)]).toEqual([[], [], [], []]);
  });
});

describe("a node whose inbox is deaf", () => {
  it("is asked aloud by those that it asks, when it has restarted", async () => {
    const { lanes, nodes } = await clusterOf(7, ["a", "b", "c"]);
    const [a, b, c] = nodes as [LaneNode, LaneNode, LaneNode];
    track(a, "ann");
    await lanes.advance(1_000);
    lanes.loses = (_from, to, lane) => to === "b" && lane === "direct";
    await lanes.advance(2 * DOWN_MS);
    b.kill();
    await lanes.advance(500);
    const again = await lanes.start("b", { permdownPeriodMs: PERMDOWN_MS });
    track(again, "ben");
    await lanes.advance(2 * DOWN_MS);
    for (const node of [a, again, c]) expect(lists(node).sort(), node.name).toEqual(["ann", "ben"]);
  });

  it("is asked aloud by one that it goes on asking", async () => {
    const { lanes, nodes } = await clusterOf(8, ["a", "b"]);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = (from, _to, lane) => from === "a" && lane === "direct";
    await missOne(lanes, a, "ann");
    await lanes.advance(3 * DOWN_MS);
    const { loses } = lanes;
    lanes.loses = () => true;
    track(b, "ben");
    await lanes.advance(100);
    lanes.loses = loses;
    await lanes.advance(2.5 * DOWN_MS);
    expect(lists(a).sort()).toEqual(["ann", "ben"]);
    expect([linkOf(a, "b"), linkOf(b, "a")]).toEqual(["noDirect", "noDirect"]);
  });
});

describe("a node whose broadcasts are lost", () => {
  /** How long all frames of it are lost, so that it stays up or goes down. */
  it.each([5_000, DOWN_MS + 4_000, PERMDOWN_MS / 2])(
    "is reached again after a hiccup of %i ms",
    async (hiccupMs) => {
      const { lanes, nodes } = await clusterOf(9, ["a", "b"]);
      const [a, b] = nodes as [LaneNode, LaneNode];
      track(a, "ann");
      await lanes.advance(100);
      const loses: Lanes["loses"] = (from, _to, lane) => from === "a" && lane === "broadcast";
      lanes.loses = loses;
      await lanes.advance(5 * DOWN_MS);
      expect(linkOf(b, "a")).toBe("noBroadcasts");
      lanes.loses = (from) => from === "a";
      await lanes.advance(hiccupMs);
      lanes.loses = loses;
      await lanes.advance(DOWN_MS);
      expect(lists(b)).toEqual(["ann"]);
      expect(b.tracker.health().replicas.map(({ name, status }) => `${name} ${status}`)).toEqual(["a up"]);
    },
  );

  it("is asked until it is forgotten, and no longer", async () => {
    const { lanes, nodes } = await clusterOf(10, ["a", "b"]);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = (from, _to, lane) => from === "a" && lane === "broadcast";
    await lanes.advance(3 * DOWN_MS);
    a.kill();
    await lanes.advance(2 * DOWN_MS);
    const sent = (): number => b.tracker.health().counters.requestsSent;
    const down = sent();
    await lanes.advance(PERMDOWN_MS / 2);
    // Twice in each down period.
    const asked = sent() - down;
    expect(asked).toBeGreaterThanOrEqual(PERMDOWN_MS / DOWN_MS - 2);
    expect(asked).toBeLessThanOrEqual(PERMDOWN_MS / DOWN_MS + 1);
    await lanes.advance(PERMDOWN_MS);
    const forgotten = sent();
    await lanes.advance(PERMDOWN_MS);
    expect([b.tracker.health().replicas, sent()]).toEqual([[], forgotten]);
  });
});

describe("frames that are lost at random", () => {
  it("are taken for no broken link while each way loses a fifth", async () => {
    let told = 0;
    for (let seed = 1; seed <= 3; seed += 1) {
      const { lanes, nodes } = await clusterOf(seed, ["a", "b", "c"]);
      const random = new SeededRandom(seed);
      lanes.loses = () => random.next() < 0.2;
      for (let second = 0; second < 600; second += 1) {
        for (const node of nodes) track(node, `${node.name}:${second}`);
        await lanes.advance(1_000);
      }
      told += nodes.flatMap((node) => codesOf(node)).filter((code) => code === "LINK_BROKEN").length;
    }
    expect(told).toBeLessThanOrEqual(3);
  });
});

describe("a lane that is lost", () => {
  const ways: readonly (readonly [string, (from: string, to: string) => boolean])[] = [
    ["to the author", (from, to) => from === "b" && to === "a"],
    ["from the author", (from, to) => from === "a" && to === "b"],
    ["both ways", () => true],
  ];
  const lost = (lane: Lane, isLost: (from: string, to: string) => boolean): Lanes["loses"] => {
    return (from, to, used) => used === lane && isLost(from, to);
  };

  it.each(ways)("of direct messages, %s, is made up for by broadcasts", async (_, isLost) => {
    const { lanes, nodes } = await clusterOf(4, ["a", "b", "c"]);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = lost("direct", isLost);
    await missOne(lanes, a, "ann");
    await lanes.advance(2 * DOWN_MS);
    expect(lists(b)).toEqual(["ann"]);
    expect(linkOf(b, "a")).toBe("noDirect");
    expect(codesOf(b)).toEqual(["LINK_BROKEN"]);
    // What is missed later comes sooner, and one that tries again meanwhile is told nothing new.
    await missOne(lanes, a, "ben");
    await lanes.advance(5 * DOWN_MS);
    expect(lists(b)).toEqual(["ann", "ben"]);
    expect(linksOf(b)).toEqual(["a noDirect"]);
    lanes.loses = () => false;
    await lanes.advance(DOWN_MS);
    expect(linksOf(b)).toEqual(["a noDirect", "a whole"]);
  });

  it.each(ways)("of direct messages, %s, does not keep pages away", async (_, isLost) => {
    const limits = { removalsKept: 10, deltaDots: 10, pageItems: 20 };
    const { lanes, nodes } = await clusterOf(5, ["a", "b"], limits);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = () => true;
    track(a, ...Array.from({ length: 400 }, (_, user) => `user:${user}`));
    await lanes.advance(3_000);
    lanes.loses = lost("direct", isLost);
    await lanes.advance(3 * DOWN_MS);
    expect(b.tracker.count("room")).toBe(400);
  });

  it.each(ways)("of broadcasts, %s, is made up for by asking", async (_, isLost) => {
    const { lanes, nodes } = await clusterOf(6, ["a", "b", "c"]);
    const [a, b] = nodes as [LaneNode, LaneNode];
    lanes.loses = lost("broadcast", isLost);
    for (let user = 1; user <= 10; user += 1) {
      track(a, `user:${user}`);
      await lanes.advance(DOWN_MS);
      expect(b.tracker.count("room"), `after ${user}`).toBe(user);
      expect(a.tracker.health().replicas.map(({ status }) => status)).toEqual(["up", "up"]);
    }
    expect(b.seen.filter((what) => what.startsWith("leave"))).toEqual([]);
    const isLostForB = isLost("a", "b");
    expect(linkOf(b, "a")).toBe(isLostForB ? "noBroadcasts" : "whole");
    expect(codesOf(b).includes("LINK_BROKEN")).toBe(isLostForB);
    lanes.loses = () => false;
    await lanes.advance(DOWN_MS);
    expect([linkOf(b, "a"), linkOf(a, "b")]).toEqual(["whole", "whole"]);
  });
});
