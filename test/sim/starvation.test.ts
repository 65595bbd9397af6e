/** A node that does not answer costs no other its turn. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";

describe("requests", () => {
  it("reach a third node while two others do not answer", async () => {
    const topics = Array.from({ length: 30 }, (_, number) => `room:${number}`);
    for (let seed = 1; seed <= 5; seed += 1) {
      const cluster = await simulate({ seed, nodes: ["a", "b", "c", "d"] });
      await cluster.advance(1_000);
      cluster.partition(["a"], ["b", "c", "d"]);
      for (const name of ["b", "c", "d"]) {
        const { tracker } = cluster.node(name);
        const session = cluster.node(name).session();
        for (const topic of topics) tracker.track(session, topic, name, {});
      }
      await cluster.advance(2_000);
      cluster.heal();
      cluster.oneWay("a", "b");
      cluster.oneWay("a", "c");
      await cluster.advance(6_500); // three heartbeats, and the way of request and answer
      const { tracker } = cluster.node("a");
      expect(
        topics.filter((topic) => !tracker.has(topic, "d")),
        `seed ${seed}`,
      ).toEqual([]);
    }
  });
});
