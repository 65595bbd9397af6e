/** A tracker that holds what it follows: reading, diffs, completeness and ends, between real trackers in virtual time. */
import { describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { Nodes } from "./virtual-nodes.js";

const notFollowed = expect.objectContaining({ code: "NOT_FOLLOWED" }) as unknown;

describe("a tracker that holds what it follows", { timeout: 10_000 }, () => {
  it("lists what others have in a followed topic, and nothing of others", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    const session = new Session();
    b.tracker.track(session, "room:1", "bob", { n: 1 });
    b.tracker.track(session, "room:2", "bob", { n: 2 });
    await nodes.time.advance(10_000);
    const room = a.tracker.follow("room:1");
    await nodes.time.advance(50);
    expect(room.complete).toBe(true);
    expect(room.list().map(({ key, node, meta }) => [key, node, meta])).toEqual([["bob", "b", { n: 1 }]]);
    expect(a.tracker.list("room:1")).toEqual(room.list());
    expect([room.count(), room.countKeys(), room.has("bob"), room.getByKey("bob").length]).toEqual([
      1,
      1,
      true,
      1,
    ]);
    expect(a.tracker.topics()).toEqual(["room:1"]);
    expect(a.tracker.health().replicas.map(({ entries }) => entries)).toEqual([1]);
    expect(a.errors).toEqual([]);
  });

  it("tracks and lists what is its own without a follow, and refuses to read the rest at once", async () => {
    const nodes = new Nodes();
    const { tracker, diffs } = await nodes.start("a");
    const session = new Session();
    const ref = tracker.track(session, "room:1", "ann", { n: 1 });
    expect(tracker.listOwn("room:1").map((entry) => entry.ref)).toEqual([ref]);
    expect(tracker.listOwn("room:2")).toEqual([]);
    for (const read of ["list", "count", "countKeys", "entries"] as const)
      expect(() => tracker[read]("room:1"), read).toThrow(notFollowed);
    for (const read of ["has", "getByKey", "explain", "evict"] as const)
      expect(() => tracker[read]("room:1", "ann"), read).toThrow(notFollowed);
    expect(tracker.topics()).toEqual([]);
    expect(tracker.untrack(session)).toBe(1);
    expect(diffs).toEqual([]);
  });

  it("is not complete without anybody where a subscription took long: nobody was heard until then (R79, R115)", async () => {
    const nodes = new Nodes();
    const others = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
    for (const { tracker } of others) tracker.track(new Session(), "room:1", tracker.nodeName, {});
    await nodes.time.advance(10_000);
    nodes.subscribeMs = 4_500;
    const { tracker } = await nodes.start("late");
    const room = tracker.follow("room:1");
    const listed: number[] = [];
    for (let waitedMs = 0; waitedMs < 500; waitedMs += 1) {
      if (room.complete) listed.push(room.count());
      await nodes.time.advance(1);
    }
    expect([...new Set(listed)]).toEqual([3]);
  });

  it("tells by a diff that a follow begins, with what is its own, and that it ends, without leaves", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { followLingerMs: 5_000 }), await nodes.start("b")];
    a.tracker.track(new Session(), "room:1", "ann", {});
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(5_000);
    const room = a.tracker.follow("room:1");
    expect(a.diffs.map((diff) => diff.get("room:1"))).toEqual([
      expect.objectContaining({ began: true, joins: [expect.objectContaining({ key: "ann" })], leaves: [] }),
    ]);
    await nodes.time.advance(1_000);
    expect(a.fold.count("room:1")).toBe(2);
    room.close();
    room.close();
    expect(room.closed).toBe(true);
    for (const read of ["list", "count", "countKeys"] as const)
      expect(() => room[read]()).toThrow(notFollowed);
    expect(() => a.tracker.list("room:1")).toThrow(notFollowed);
    b.tracker.track(new Session(), "room:1", "bea", {});
    await nodes.time.advance(2_000);
    // It lingers: whoever folds is still told.
    expect(a.fold.count("room:1")).toBe(3);
    await nodes.time.advance(5_000);
    expect(a.diffs.at(-1)?.get("room:1")).toEqual({ ended: true, joins: [], updates: [], leaves: [] });
    expect(a.fold.topics()).toEqual([]);
    expect(a.tracker.health().replicas.map(({ entries }) => entries)).toEqual([0]);
    expect([...a.wrong, ...b.wrong]).toEqual([]);
  });

  it("counts handles, and follows anew what lingers without a gap", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { followLingerMs: 5_000 }), await nodes.start("b")];
    b.tracker.track(new Session(), "room:1", "bob", {});
    const [one, other] = [a.tracker.follow("room:1"), a.tracker.follow("room:1")];
    await nodes.time.advance(10_000);
    one.close();
    expect(a.tracker.count("room:1")).toBe(1);
    expect(other.count()).toBe(1);
    other.close();
    await nodes.time.advance(3_000);
    const again = a.tracker.follow("room:1");
    expect([again.count(), again.complete]).toEqual([1, true]);
    await nodes.time.advance(10_000);
    expect(again.count()).toBe(1);
    expect(a.diffs.flatMap((diff) => [...diff.values()]).filter(({ began }) => began === true)).toHaveLength(
      1,
    );
  });

  it("lets a topic go that lingers when it has cost as much as it would to fetch it anew", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    for (const room of ["quiet", "busy", "calm"])
      for (let user = 0; user < 10; user++) b.tracker.track(new Session(), room, `u${user}`, {});
    const follows = ["quiet", "busy", "calm", "empty"].map((room) => a.tracker.follow(room));
    await nodes.time.advance(10_000);
    for (const follow of follows) follow.close();
    const held = (): number => a.tracker.health().following?.follows ?? 0;
    const session = new Session();
    let changes = 0;
    const change = (room: string): void => {
      changes += 1;
      b.tracker.set(session, room, "ann", { changes });
    };
    const ended = (): string[] =>
      a.diffs.flatMap((diff) => [...diff].filter(([, each]) => each.ended).map(([topic]) => topic));
    for (let second = 0; second < 29; second++) {
      change("busy");
      await nodes.time.advance(1_000);
    }
    change("calm");
    expect(held()).toBe(4);
    await nodes.time.advance(2_000);
    expect(ended().sort()).toEqual(["busy", "empty"]);
    // Nine more make ten: as many as it had entries.
    for (let second = 0; second < 9; second++) {
      expect(ended()).not.toContain("calm");
      change("calm");
      await nodes.time.advance(1_000);
    }
    expect(ended().at(-1)).toBe("calm");
    await nodes.time.advance(555_000);
    expect(held()).toBe(1);
    await nodes.time.advance(10_000);
    expect([held(), ended().at(-1)]).toEqual([0, "quiet"]);
    expect(a.wrong).toEqual([]);
  });

  it("waits for a topic, and says when it was not complete in time", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(10_000);
    const room = a.tracker.follow("room:1");
    expect(room.complete).toBe(false);
    const waits = room.whenComplete();
    await nodes.time.advance(100);
    await waits;
    expect(room.count()).toBe(1);
    const lonely = new Nodes();
    const alone = await lonely.start("c");
    // A first node does not know for two heartbeats that it is the only one.
    const lost = alone.tracker.follow("room:1").whenComplete({ timeoutMs: 1_000 });
    const refused = expect(lost).rejects.toMatchObject({ code: "TIMEOUT" });
    await lonely.time.advance(2_000);
    await refused;
  });

  it("is complete as a whole when all that it follows is", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    b.tracker.track(new Session(), "room:1", "bob", {});
    a.tracker.follow("room:1");
    const waits = a.tracker.whenComplete({ timeoutMs: 20_000 });
    await nodes.time.advance(10_000);
    await waits;
    expect(a.tracker.count("room:1")).toBe(1);
    expect(a.tracker.health()).toMatchObject({
      complete: true,
      following: { follows: 1, stakes: 1, peers: 1 },
    });
  });

  it("evicts in a followed topic, also where the owner does not follow it", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    const session = new Session();
    const evicted: string[] = [];
    b.tracker.on("evicted", ({ key, reason, by }) => void evicted.push(`${key} ${reason} ${by}`));
    b.tracker.track(session, "room:1", "bob", {});
    await nodes.time.advance(10_000);
    a.tracker.follow("room:1");
    await nodes.time.advance(1_000);
    expect(a.tracker.evict("room:1", "bob", "banned")).toBe(1);
    await nodes.time.advance(1_000);
    expect(evicted).toEqual(["bob banned a"]);
    expect(a.tracker.count("room:1")).toBe(0);
    expect(
      a.diffs
        .at(-1)
        ?.get("room:1")
        ?.leaves.map(({ reason }) => reason),
    ).toEqual(["evicted"]);
  });

  it("hands off by a goodbye: a user who moves to another node leaves no list", async () => {
    const nodes = new Nodes();
    const [a, b, c] = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
    const room = a.tracker.follow("room:1");
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(10_000);
    const stopping = b.tracker.stop();
    await nodes.time.advance(1_000);
    await stopping;
    expect(room.has("bob")).toBe(true);
    c.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(20_000);
    expect(room.getByKey("bob").map(({ node }) => node)).toEqual(["c"]);
    const gone = a.diffs.filter((diff) => diff.get("room:1")?.leaves.some(() => !room.has("bob")));
    expect(gone).toEqual([]);
    expect(a.wrong).toEqual([]);
  });

  it("ends an entry in a grace when its user comes back on the node, though nobody follows there", async () => {
    const nodes = new Nodes();
    const { tracker } = await nodes.start("a");
    const session = new Session();
    tracker.track(session, "room:1", "ann", {});
    session.close({ graceMs: 60_000 });
    expect(tracker.listOwn("room:1")).toHaveLength(1);
    const ref = tracker.track(new Session(), "room:1", "ann", {});
    await nodes.time.advance(10);
    expect(tracker.listOwn("room:1").map((entry) => entry.ref)).toEqual([ref]);
  });

  it("is complete while topics are followed all the time, and not while one has waited for long", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b")];
    for (let room = 0; room < 400; room++) b.tracker.track(new Session(), `room:${room}`, "bob", {});
    a.tracker.follow("room:0");
    await nodes.time.advance(10_000);
    expect(a.tracker.health()).toMatchObject({ ready: true, complete: true });
    for (let room = 1; room < 400; room++) {
      const follow = a.tracker.follow(`room:${room}`);
      expect([a.tracker.health().complete, follow.complete], `room ${room}`).toEqual([true, false]);
      await nodes.time.advance(25);
    }
    b.tracker.track(new Session(), "room:400", "bob", {});
    await nodes.time.advance(5_000);
    nodes.dropDirect(["b", "a"]);
    const follow = a.tracker.follow("room:400");
    await nodes.time.advance(4_000);
    expect([a.tracker.health().complete, follow.complete]).toEqual([true, false]);
    await nodes.time.advance(8_000);
    expect([a.tracker.health().complete, follow.complete]).toEqual([false, false]);
    nodes.mend();
    await nodes.time.advance(10_000);
    expect([a.tracker.health().complete, follow.complete, follow.count()]).toEqual([true, true, 1]);
  });

  it("is ready only when the topics that it follows at first are complete", async () => {
    const nodes = new Nodes();
    const b = await nodes.start("b");
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(10_000);
    const a = await nodes.start("a");
    const room = a.tracker.follow("room:1");
    nodes.dropDirect(["b", "a"]);
    await nodes.time.advance(7_000);
    expect([room.complete, a.tracker.health().ready]).toEqual([false, false]);
    nodes.mend();
    await nodes.time.advance(20_000);
    expect([room.complete, room.count(), a.tracker.health().ready]).toEqual([true, 1, true]);
  });

  it("reads the same by a handle where everything is held", async () => {
    const nodes = new Nodes();
    const holds = { holds: "everything" } as const;
    const [a, b] = [await nodes.start("a", holds), await nodes.start("b", holds)];
    b.tracker.track(new Session(), "room:1", "bob", {});
    const room = a.tracker.follow("room:1");
    await nodes.time.advance(10_000);
    expect([room.complete, room.count(), a.tracker.count("room:1")]).toEqual([true, 1, 1]);
    expect(b.tracker.listOwn("room:1")).toHaveLength(1);
    expect(a.tracker.listOwn("room:1")).toEqual([]);
    room.close();
    expect(() => room.list()).toThrow(notFollowed);
    expect(a.tracker.count("room:1")).toBe(1);
    expect(a.diffs.flatMap((diff) => [...diff.values()]).some(({ began, ended }) => began ?? ended)).toBe(
      false,
    );
    expect(a.tracker.health().following).toBeUndefined();
  });

  it.each([
    [{ poolSize: 2 }, "poolSize"],
    [{ observer: true }, "observer"],
    [{ holds: "all" as "followed" }, "holds"],
    [{ followLingerMs: -1 }, "followLingerMs"],
    [{ followLingerMs: "long" as "auto" }, "followLingerMs"],
    [{ holds: "everything" as const, followLingerMs: 1 }, "followLingerMs"],
  ])("refuses %o", async (options, option) => {
    const pubsub = new MemoryHub().node("a");
    await expect(
      Tracker.start({}, { name: "rooms", pubsub, holds: "followed", ...options }),
    ).rejects.toMatchObject({
      code: "INVALID_OPTION",
      details: { option },
    });
  });
});
