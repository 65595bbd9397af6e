/**
 * An hour of nodes whose connections are cut every 5 s for up to 2 s, each by itself, with what is under way: nobody leaves.
 * Virtual time.
 */
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/random.js";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

const HOUR_MS = 3_600_000;
const PERIOD_MS = 5_000;
const LONGEST_CUT_MS = 2_000;
const STEP_MS = 100;

describe("a connection that is cut every 5 s for up to 2 s", () => {
  it.each([1, 2, 3, 4])("hides nobody, though the pubsub says who listens: seed %i", async (seed) => {
    const random = new SeededRandom(`cuts ${seed}`);
    const lanes = new Lanes(seed);
    lanes.knowsListeners = true;
    const nodes: LaneNode[] = [];
    for (const name of ["ann", "bob", "cyd"]) nodes.push(await lanes.start(name));
    for (const node of nodes) track(node, node.name);
    await lanes.advance(3_000);
    const cut = new Set<string>();
    const change = (node: LaneNode, isCut: boolean): void => {
      if (isCut === cut.has(node.name)) return;
      if (isCut) cut.add(node.name);
      else cut.delete(node.name);
      node.setConnected(!isCut);
    };
    const next = nodes.map((node) => ({ node, atMs: random.between(0, PERIOD_MS), untilMs: 0 }));
    let cuts = 0;
    for (let nowMs = 0; nowMs < HOUR_MS; nowMs += STEP_MS) {
      for (const each of next) {
        if (nowMs >= each.untilMs) change(each.node, false);
        if (nowMs < each.atMs) continue;
        change(each.node, true);
        cuts += 1;
        each.untilMs = nowMs + random.between(STEP_MS, LONGEST_CUT_MS);
        each.atMs += PERIOD_MS;
      }
      await lanes.advance(STEP_MS);
    }
    for (const { node } of next) change(node, false);
    await lanes.advance(10_000);
    expect(cuts).toBeGreaterThan((3 * HOUR_MS) / PERIOD_MS - 10);
    for (const { name, seen, tracker } of nodes) {
      expect(
        seen.filter((line) => line.startsWith("leave")),
        name,
      ).toEqual([]);
      expect(tracker.count("room"), name).toBe(3);
      expect(tracker.health().complete, name).toBe(true);
    }
    // One that dies in the end is noticed all the same, as soon as the pubsub can tell.
    nodes[2]!.kill();
    await lanes.advance(4_000);
    expect(nodes[0]!.seen.at(-1)).toBe("leave cyd down");
  });
});
