/** Known bugs of Phoenix.Tracker, each as a test that this tracker does not have it. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { codeOf, plainDiff, startAlone } from "./recorder.js";
import type { Diff } from "../../src/words.js";
import { Session } from "../../src/session.js";

describe("Phoenix.Tracker's", () => {
  it("B1: replicas that are gone are not kept for ever", async () => {
    const cluster = await simulate({ seed: 1, nodes: ["a"], options: { permdownPeriodMs: 9_000 } });
    for (let i = 0; i < 100; i++) {
      await cluster.start(`b${i}`);
      await cluster.advance(100);
      cluster.crash(`b${i}`);
    }
    await cluster.advance(40_000);
    expect(cluster.node("a").tracker.health().replicas).toEqual([]);
  });

  it("B2: an old answer does not overwrite a newer value", async () => {
    const cluster = await simulate({
      seed: 2,
      nodes: ["a", "b"],
      options: { broadcastPeriodMs: 0 },
      network: { repeatRate: 1, repeatDelayMs: [0, 6_000], delayMs: [1, 3_000], reorder: true },
    });
    const a = cluster.node("a");
    const session = a.session();
    a.tracker.track(session, "lobby", "ann", { version: 0 });
    for (let version = 1; version <= 50; version++) {
      a.tracker.update(session, "lobby", "ann", { version });
      await cluster.advance(200);
    }
    await cluster.settle();
    await cluster.advance(10_000);
    expect(
      cluster
        .node("b")
        .tracker.list("lobby")
        .map(({ meta }) => meta["version"]),
    ).toEqual([50]);
    const versions: number[] = [];
    for (const { diff } of cluster.node("b").diffs) {
      const changes = diff.get("lobby");
      for (const { meta } of [...(changes?.joins ?? []), ...(changes?.updates ?? [])]) {
        versions.push(meta["version"] as number);
      }
    }
    expect(versions).toEqual([...versions].sort((x, y) => x - y));
  });

  it("B3: the same topic and key on two nodes are two entries, on every node", async () => {
    const cluster = await simulate({ seed: 3, nodes: ["a", "b", "c"] });
    for (const name of ["a", "b"]) {
      const node = cluster.node(name);
      node.tracker.track(node.session(), "lobby", "ann", { of: name });
    }
    await cluster.settle();
    for (const { tracker } of cluster.running()) {
      expect(
        tracker
          .list("lobby")
          .map(({ meta }) => meta["of"] as string)
          .sort(),
      ).toEqual(["a", "b"]);
    }
  });

  it("B4: a repeated join after its leave brings nobody back", async () => {
    const cluster = await simulate({
      seed: 4,
      nodes: ["a", "b"],
      options: { broadcastPeriodMs: 0 },
      network: { lossRate: 0.3, repeatRate: 0.9, repeatDelayMs: [0, 4_000], reorder: true },
    });
    const a = cluster.node("a");
    for (let i = 0; i < 60; i++) {
      const session = a.session();
      a.tracker.track(session, "lobby", `user ${i}`, {});
      await cluster.advance(40);
      session.close();
      await cluster.advance(40);
    }
    await cluster.settle();
    expect(cluster.node("b").tracker.count("lobby")).toBe(0);
  });

  it("B5: entries of a node that is down are not reported as joins, and once when it is back", async () => {
    const cluster = await simulate({ seed: 5, nodes: ["a", "b", "c"] });
    await cluster.settle();
    cluster.partition(["a"], ["c"]);
    await cluster.advance(9_000);
    cluster.node("a").tracker.track(cluster.node("a").session(), "lobby", "ann", {});
    await cluster.advance(5_000);
    const joinsAtC = (): string[] =>
      cluster.node("c").diffs.flatMap(({ diff }) => plainDiff(diff as Diff)["lobby"] ?? []);
    expect(joinsAtC()).toEqual([]);
    await cluster.settle();
    expect(joinsAtC()).toEqual(["join ann"]);
  });

  it("B6: what one node says is not echoed: one change, one broadcast in the whole cluster", async () => {
    const cluster = await simulate({
      seed: 6,
      nodes: ["a", "b", "c", "d"],
      trace: true,
      options: { heartbeatPeriodMs: 60_000, downPeriodMs: 180_000 },
    });
    await cluster.settle();
    const a = cluster.node("a");
    const session = a.session();
    for (const change of [
      () => a.tracker.track(session, "lobby", "ann", { n: 1 }),
      () => a.tracker.update(session, "lobby", "ann", { n: 2 }),
      () => a.tracker.untrack(session, "lobby", "ann"),
    ]) {
      await cluster.advance(2_000);
      cluster.trace.length = 0;
      change();
      await cluster.advance(2_000);
      const deltas = cluster.trace.filter((line) => /\[\d+,1,"/.test(line));
      // One arrival at each of the three others, and one at the node itself, which hears itself.
      const arrivals = deltas.map((line) => / (\S+) > (\S+) /.exec(line)?.slice(1).join(" > ") ?? line);
      expect(arrivals.sort()).toEqual(["a > a", "a > b", "a > c", "a > d"]);
    }
  });

  it("B7: stopping takes no time, and any number of trackers on a node may do so", async () => {
    const pubsub = memoryPubSub();
    const trackers = await Promise.all(["x", "y", "z"].map((name) => Tracker.start({}, { name, pubsub })));
    const beganMs = performance.now();
    await Promise.all(trackers.map((tracker) => tracker.stop({ handoffMs: 0 })));
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });

  it("B8: a failing handler ends neither the tracker nor what is tracked", async () => {
    const tracker = await startAlone({
      handleDiff() {
        throw new Error("mine");
      },
    });
    tracker.on("error", () => undefined);
    const session = new Session();
    tracker.track(session, "lobby", "ann", {});
    expect([session.closed, tracker.count("lobby")]).toEqual([false, 1]);
    await tracker.stop({ handoffMs: 0 });
  });

  it("B9: no key is a wildcard", async () => {
    const tracker = await startAlone();
    tracker.track(new Session(), "lobby", "ann", {});
    for (const key of [":_", "_", "*", "$1", ""]) expect(tracker.getByKey("lobby", key)).toEqual([]);
    await tracker.stop({ handoffMs: 0 });
  });

  it("B10: options that would flap are refused", async () => {
    await expect(startAlone({}, { heartbeatPeriodMs: 2_000, downPeriodMs: 4_000 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("B11: what waits to be sent makes no read slower by copying it", async () => {
    const tracker = await startAlone();
    const session = new Session();
    for (let i = 0; i < 5_000; i++) tracker.track(session, "lobby", `user ${i}`, {});
    // A read looks at its topic alone: an empty one has nothing to walk, however much waits elsewhere.
    expect(tracker.list("empty")).toEqual([]);
    expect(tracker.count("lobby")).toBe(5_000);
    expect(codeOf(() => tracker.list("lobby"))).toBeUndefined();
    await tracker.stop({ handoffMs: 0 });
  });
});
