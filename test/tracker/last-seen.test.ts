/** Last seen: the newest leave of each key, whoever saw it leave and why, and no more of them than are to be kept. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { nodeRuntime } from "../../src/runtime.js";
import { Session } from "../../src/session.js";
import { simulate } from "../../src/testing/cluster.js";
import { LastSeenStore } from "../../src/tracker/last-seen.js";
import type { Leave } from "../../src/words.js";
import { codeOf, startAlone } from "./recorder.js";

const names = fc.constantFrom("a", "b", "__proto__", "");

describe("the store", () => {
  it("keeps the newest leave of so many pairs, and forgets the oldest first", () => {
    const anyLeave = fc.record({ topic: names, key: names, meta: fc.record({ n: fc.nat(9) }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(anyLeave, { maxLength: 60 }), (kept, leaves) => {
        const store = new LastSeenStore(kept);
        // The model: all that ever left, the newest last.
        let model: { topic: string; key: string; meta: object; atMs: number }[] = [];
        for (const [atMs, { topic, key, meta }] of leaves.entries()) {
          const leave: Leave = { key, meta, ref: "r", node: "n", session: "s", reason: "closed" };
          store.left(topic, leave, atMs);
          model = model.filter((each) => each.topic !== topic || each.key !== key);
          model.push({ topic, key, meta, atMs });
          model = model.slice(-kept);
          for (const t of ["a", "b", "__proto__", ""]) {
            for (const k of ["a", "b", "__proto__", ""]) {
              const known = model.find((each) => each.topic === t && each.key === k);
              const expected = known && { atMs: known.atMs, reason: "closed", meta: known.meta };
              expect(store.get(t, k)).toEqual(expected);
            }
          }
        }
      }),
    );
  });
});

describe("lastSeen", () => {
  it("tells when, why and with what meta a key left, in a handler too, and after it has come back", async () => {
    let wallMs = 1_700_000_000_000;
    const runtime = { ...nodeRuntime, wallClockMs: () => wallMs };
    const heard: unknown[] = [];
    const tracker = await startAlone(
      {
        handleDiff: (diff, told) => {
          for (const { key } of diff.get("room")?.leaves ?? [])
            heard.push(told.lastSeen("room", key)?.reason);
        },
      },
      { lastSeenKept: 10, runtime },
    );
    expect(tracker.lastSeen("room", "ann")).toBeUndefined();
    const session = new Session();
    tracker.track(session, "room", "ann", { page: "a" });
    tracker.update(session, "room", "ann", { page: "b" });
    expect(tracker.lastSeen("room", "ann")).toBeUndefined();
    wallMs += 5_000;
    tracker.untrack(session, "room", "ann");
    const first = { atMs: 1_700_000_005_000, reason: "untracked", meta: { page: "b" } };
    expect(tracker.lastSeen("room", "ann")).toEqual(first);
    tracker.track(session, "room", "ann", { page: "c" });
    expect(tracker.lastSeen("room", "ann")).toEqual(first);
    wallMs += 1_000;
    session.close();
    const second = { atMs: 1_700_000_006_000, reason: "closed", meta: { page: "c" } };
    expect(tracker.lastSeen("room", "ann")).toEqual(second);
    expect(heard).toEqual(["untracked", "closed"]);
    expect([tracker.lastSeen("hall", "ann"), tracker.lastSeen("room", "bob")]).toEqual([
      undefined,
      undefined,
    ]);
    await tracker.stop({ handoffMs: 0 });
    expect(tracker.lastSeen("room", "ann")).toEqual(second);
  });

  it("tells of leaves on other nodes: of who closed, of a node that died, and of one that said goodbye", async () => {
    const cluster = await simulate({ seed: 1, nodes: ["a", "b", "c"], options: { lastSeenKept: 100 } });
    const { tracker } = cluster.node("a");
    const closing = cluster.node("b").session();
    cluster.node("b").tracker.track(closing, "room", "ann", { n: 1 });
    cluster.node("b").tracker.track(cluster.node("b").session(), "room", "bob", { n: 2 });
    cluster.node("c").tracker.track(cluster.node("c").session(), "room", "cy", { n: 3 });
    await cluster.settle();
    closing.close();
    await cluster.settle();
    cluster.crash("b");
    await cluster.stop("c", { handoffMs: 0 });
    await cluster.advance(12_000);
    const seen = ["ann", "bob", "cy"].map((key) => tracker.lastSeen("room", key));
    expect(seen.map((each) => [each?.reason, each?.meta])).toEqual([
      ["closed", { n: 1 }],
      ["down", { n: 2 }],
      ["departed", { n: 3 }],
    ]);
    const times = seen.map((each) => each?.atMs ?? 0);
    expect(times[1]! - times[0]!).toBeGreaterThan(5_000);
  });

  it("names the option where it was not given, and refuses what is no number of leaves", async () => {
    const tracker = await startAlone();
    expect(codeOf(() => tracker.lastSeen("room", "ann"))).toBe("INVALID_OPTION");
    expect(() => tracker.lastSeen("room", "ann")).toThrow(/lastSeenKept/);
    await tracker.stop({ handoffMs: 0 });
    for (const lastSeenKept of [-1, 1.5, "10", NaN]) {
      const options = { lastSeenKept: lastSeenKept as never, pubsub: memoryPubSub() };
      await expect(startAlone({}, options)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
  });
});
