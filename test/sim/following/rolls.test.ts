/** Who is alive in a large cluster: three callers say who is there. Rules that are switched off: `broken-rules-following`. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import { FOLLOWING_LIMITS, MAX_FRAME_NAMES } from "../../../src/replication/following/limits.js";
import { hashText } from "../../../src/replication/hash.js";
import { makeIncarnation, replicaOf } from "../../../src/replication/life.js";
import { HEARTBEAT_MS } from "./cluster.js";
import { callersOf, largeCluster } from "./runs-of-rolls.js";
import { runSchedule } from "./schedule.js";

const DOWN_MS = 8_000;

describe("rolls", () => {
  it("R95: up to 63 nodes beats go from all to all", () => {
    const cluster = largeCluster(1, { count: 12, callsFrom: FOLLOWING_LIMITS.callsFrom });
    expect(callersOf(cluster)).toEqual([]);
    const before = cluster.sent.broadcasts;
    cluster.run(10 * HEARTBEAT_MS);
    expect(cluster.sent.broadcasts - before).toBe(10 * 12);
  });

  it("R95: from 64 on three call the roll, and a node that starts there is told all names", () => {
    const cluster = largeCluster(2, { count: 70, callsFrom: FOLLOWING_LIMITS.callsFrom });
    expect(callersOf(cluster)).toHaveLength(3);
    const before = cluster.sent.broadcasts;
    cluster.run(10 * HEARTBEAT_MS);
    expect(cluster.sent.broadcasts - before).toBe(10 * 3 * 2);
    cluster.start("late");
    cluster.run(2 * HEARTBEAT_MS);
    expect([...cluster.nodes.get("late")!.follower.upNames()]).toHaveLength(70);
    expect(cluster.downs).toEqual([]);
  });

  it("introduce no more lives in a frame than cost a moment, and what names more is refused and counted", () => {
    const cluster = largeCluster(6, { count: 12 });
    const [node] = cluster.nodes.values();
    const { counters, membership } = node!.follower;
    const from = { name: "stranger", incarnation: makeIncarnation(1.7e12, "zzzzz") };
    const introduce = (count: number): void => {
      const lives = Array.from({ length: count }, (_, i) => [{ ...from, name: `made up ${i}` }, 1] as const);
      const payload = encodeFollowing({
        from,
        to: undefined,
        counter: count,
        message: { type: "names", lives },
      });
      cluster.step(node!, { type: "frame", payload, way: "broadcasts" });
    };
    const before = membership.size;
    introduce(MAX_FRAME_NAMES + 1);
    expect([counters.framesRefused, membership.size]).toEqual([1, before]);
    introduce(MAX_FRAME_NAMES);
    expect([counters.framesRefused, membership.size]).toEqual([1, before + 1 + MAX_FRAME_NAMES]);
  });

  it("refuse and count what they say of a node that it has not sent yet", () => {
    const cluster = largeCluster(7, { count: 12 });
    const [caller] = callersOf(cluster);
    const [node] = [...cluster.nodes.values()].filter((each) => each !== caller);
    const { counters } = node!.follower;
    const hash = hashText(replicaOf(node!.life));
    const message = { type: "roll", isLate: false, calls: [{ hash, end: 100_000 }] } as const;
    const payload = encodeFollowing({ from: caller!.life, to: undefined, counter: 1_000, message });
    expect(counters.framesImplausible).toBe(0);
    cluster.step(node!, { type: "frame", payload, way: "broadcasts" });
    expect(counters.framesImplausible).toBe(1);
  });

  it("R96: one that dies is down within a down period and a heartbeat, though frames come twice", () => {
    const cluster = largeCluster(3);
    const callers = new Set(callersOf(cluster));
    const [dies] = [...cluster.nodes.values()].filter((node) => !callers.has(node));
    cluster.faults = { ...cluster.faults, repeat: 0.5, reorders: true };
    cluster.crash(dies!);
    cluster.run(DOWN_MS + 2 * HEARTBEAT_MS);
    expect(cluster.downs.filter(({ name }) => name === dies!.name)).toHaveLength(15);
    expect(cluster.downs.filter(({ isAlive }) => isAlive)).toEqual([]);
  });

  it("R97: a node that no roll reaches takes nobody for down who answers it", () => {
    const cluster = largeCluster(4);
    const callers = callersOf(cluster);
    const [deaf] = [...cluster.nodes.values()].filter((node) => !callers.includes(node));
    for (const caller of callers) cluster.cut.add(`${caller.name}>${deaf!.name}`);
    cluster.run(60_000);
    const names = new Set(callers.map(({ name }) => name));
    expect(cluster.downs.filter(({ name, isAlive }) => isAlive && !names.has(name))).toEqual([]);
  });

  it("R98: a cluster that shrinks says all to all again, and nobody is missed on the way", () => {
    const cluster = largeCluster(5);
    for (const node of [...cluster.nodes.values()].slice(0, 12)) {
      cluster.step(node, { type: "goodbye", windowMs: 0 });
      cluster.crash(node);
    }
    cluster.run(20_000);
    expect(callersOf(cluster)).toEqual([]);
    expect(cluster.downs.filter(({ isAlive }) => isAlive)).toEqual([]);
    for (const { follower } of cluster.nodes.values()) expect([...follower.upNames()]).toHaveLength(3);
  });

  it("are right in schedules in which four are many", () => {
    const limits = { callers: 2, callsFrom: 4, callsUntil: 3 };
    for (let seed = 500; seed < 510; seed++)
      expect(runSchedule(seed, { limits }), `seed ${seed}`).toEqual([]);
  });
});
