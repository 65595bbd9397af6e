/** What must stay small, and who must not be seen leaving, over long times. */
import { describe, expect, it } from "vitest";
import type { Replicator } from "../../src/replication/replicator.js";
import { simulate } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Session } from "../../src/session.js";
import { WhiteBox } from "./white-box.js";

const timeout = 120_000;

describe("memory", () => {
  it("holds nothing of thousands of lives that have been", { timeout }, async () => {
    const whiteBox = new WhiteBox();
    try {
      const seen: { replicator?: Replicator | undefined } = {};
      const cluster = await simulate({
        seed: 1,
        nodes: ["a", "b"],
        afterTask: (node) => {
          const acting = whiteBox.takeActing();
          if (node.name === "a") seen.replicator = acting ?? seen.replicator;
        },
      });
      const restarts = 2_500;
      let replicasMax = 0;
      for (let count = 0; count < restarts; count += 1) {
        const b = await cluster.restart("b");
        b.tracker.track(b.session(), "room:1", `user:${count % 7}`, {});
        await cluster.advance(40);
        replicasMax = Math.max(replicasMax, cluster.node("a").tracker.health().replicas.length);
      }
      // Lives of the last eight seconds, and of the last tick, may still wait for their keys.
      expect(replicasMax).toBeLessThanOrEqual((8_000 + 500) / 40 + 10);
      await cluster.settle();
      const { tracker } = cluster.node("a");
      expect(tracker.health().replicas).toHaveLength(1);
      expect(tracker.count("room:1")).toBe(1);
      expect(seen.replicator?.membership.size).toBe(1);
      expect(seen.replicator?.membership.remembered).toBeLessThanOrEqual(2_000);
    } finally {
      whiteBox.restore();
    }
  });
});

describe("a rolling restart", () => {
  it("of three nodes with 3,000 users each shows no user leaving", { timeout }, async () => {
    const names = ["a", "b", "c"];
    const usersPerNode = 3_000;
    const topic = "shop";
    const left: string[] = [];
    const cluster = await simulate({
      seed: 1,
      nodes: [],
      behaviour: (nodeName) => ({
        handleDiff: (diff, tracker) => {
          for (const { key, reason } of diff.get(topic)?.leaves ?? []) {
            if (!tracker.has(topic, key))
              left.push(`${key} at ${nodeName}, ${reason}, at ${cluster.nowMs} ms`);
          }
        },
      }),
    });
    const random = new SeededRandom("reconnects");
    const home = new Map<string, { node: string; session: Session }>();
    const connect = (user: string, nodeName: string): void => {
      const node = cluster.node(nodeName);
      const session = node.session();
      node.tracker.track(session, topic, user, { page: "/" });
      home.set(user, { node: nodeName, session });
    };
    for (const name of names) await cluster.start(name);
    for (const [index, name] of names.entries()) {
      for (let user = 0; user < usersPerNode; user += 1) connect(`user:${index * usersPerNode + user}`, name);
    }
    await cluster.settle();
    for (const name of names) {
      const others = names.filter((other) => other !== name);
      const users = [...home].filter(([, { node }]) => node === name).map(([user]) => user);
      await cluster.stop(name);
      // Clients come back to the other nodes, each within some seconds.
      const waiting = new Map(users.map((user) => [user, random.between(300, 4_000)]));
      for (let passedMs = 0; waiting.size > 0; passedMs += 100) {
        for (const [user, dueMs] of waiting) {
          if (dueMs > passedMs) continue;
          waiting.delete(user);
          connect(user, random.pick(others));
        }
        await cluster.advance(100);
      }
      await cluster.start(name);
      await cluster.advance(2_000);
    }
    await cluster.settle();
    expect(left).toEqual([]);
    for (const name of names) {
      expect(cluster.node(name).tracker.countKeys(topic)).toBe(names.length * usersPerNode);
    }
  });
});
