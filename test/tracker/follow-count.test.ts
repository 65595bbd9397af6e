/** How many entries a topic has, by handles: where nodes hold what they follow, and where they hold everything. */
import { describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Session } from "../../src/session.js";
import type { FollowCount, TopicCount } from "../../src/tracker/follow-count.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { Nodes } from "./virtual-nodes.js";

const notFollowed = expect.objectContaining({ code: "NOT_FOLLOWED" }) as unknown;

function told(handle: FollowCount): TopicCount[] {
  const counts: TopicCount[] = [];
  handle.on("change", (count) => void counts.push(count));
  return counts;
}

describe.each(["followed", "everything"] as const)(
  "a count where a node holds %s",
  { timeout: 10_000 },
  (holds) => {
    it("is the number of entries of all nodes, and tells each change", async () => {
      const nodes = new Nodes();
      const started = [];
      for (const name of ["a", "b", "c"]) started.push(await nodes.start(name, { holds }));
      const [a, b, c] = started as [(typeof started)[0], (typeof started)[0], (typeof started)[0]];
      const session = new Session();
      b.tracker.track(session, "lobby", "bob", {});
      b.tracker.track(session, "lobby", "bea", {});
      c.tracker.track(new Session(), "lobby", "cleo", {});
      a.tracker.track(new Session(), "lobby", "ann", {});
      await nodes.time.advance(10_000);
      const lobby = a.tracker.followCount("lobby");
      const counts = told(lobby);
      await nodes.time.advance(1_000);
      expect([lobby.topic, lobby.entries, lobby.settled, lobby.closed]).toEqual(["lobby", 4, true, false]);
      session.close();
      await nodes.time.advance(5_000);
      expect([lobby.entries, lobby.settled]).toEqual([2, true]);
      expect(counts.at(-1)).toEqual({ entries: 2, settled: true });
      const abe = new Session();
      a.tracker.track(abe, "lobby", "abe", {});
      await nodes.time.advance(5_000);
      a.tracker.update(abe, "lobby", "abe", { n: 1 });
      await nodes.time.advance(5_000);
      expect(counts.at(-1)).toEqual({ entries: 3, settled: true });
      expect(lobby.entries).toBe(3);
      // Each is another one than that before it.
      for (const [i, count] of counts.entries()) expect(count).not.toEqual(counts[i - 1]);
      expect([a.errors, b.errors, c.errors]).toEqual([[], [], []]);
    });

    it("loses the entries of a node that dies, when its death is noticed", async () => {
      const nodes = new Nodes();
      const [a, b, c] = [
        await nodes.start("a", { holds }),
        await nodes.start("b", { holds }),
        await nodes.start("c", { holds }),
      ];
      for (const { tracker } of [b, c]) tracker.track(new Session(), "lobby", "k", {});
      await nodes.time.advance(10_000);
      // Whoever of them counts: each dies once.
      for (const [dead, left] of [
        ["c", 1],
        ["b", 1],
      ] as const) {
        const lobby = a.tracker.followCount("lobby");
        await nodes.time.advance(3_000);
        expect([lobby.entries, lobby.settled]).toEqual([2, true]);
        nodes.silence(dead);
        await nodes.time.advance(25_000);
        expect([lobby.entries, lobby.settled], dead).toEqual([left, true]);
        nodes.mend();
        await nodes.time.advance(15_000);
        expect([lobby.entries, lobby.settled], dead).toEqual([2, true]);
        lobby.close();
      }
    });

    it("is of a topic that may have any name, and nothing in it", async () => {
      const nodes = new Nodes();
      const [a, b] = [await nodes.start("a", { holds }), await nodes.start("b", { holds })];
      b.tracker.track(new Session(), "__proto__", "constructor", {});
      await nodes.time.advance(10_000);
      const [odd, empty] = [a.tracker.followCount("__proto__"), a.tracker.followCount("empty")];
      await nodes.time.advance(1_000);
      expect([odd.entries, odd.settled, empty.entries, empty.settled]).toEqual([1, true, 0, true]);
    });

    it("is read until it is closed, by each handle", async () => {
      const nodes = new Nodes();
      const [a, b] = [await nodes.start("a", { holds }), await nodes.start("b", { holds })];
      b.tracker.track(new Session(), "lobby", "bob", {});
      await nodes.time.advance(10_000);
      const [one, other] = [a.tracker.followCount("lobby"), a.tracker.followCount("lobby")];
      const counts = told(one);
      await nodes.time.advance(1_000);
      one.close();
      one.close();
      expect(one.closed).toBe(true);
      expect(() => one.entries).toThrow(notFollowed);
      expect(() => one.settled).toThrow(notFollowed);
      expect(() => one.on("change", () => undefined)).toThrow(notFollowed);
      const before = counts.length;
      b.tracker.track(new Session(), "lobby", "bea", {});
      await nodes.time.advance(5_000);
      expect(other.entries).toBe(2);
      expect(counts.length).toBe(before);
      other[Symbol.dispose]();
      expect(other.closed).toBe(true);
      // One that begins anew is asked for anew.
      const again = a.tracker.followCount("lobby");
      await nodes.time.advance(1_000);
      expect([again.entries, again.settled]).toEqual([2, true]);
    });

    it("reports a listener that throws, and goes on; one may close its handle, or end its listening", async () => {
      const nodes = new Nodes();
      const [a, b] = [await nodes.start("a", { holds }), await nodes.start("b", { holds })];
      await nodes.time.advance(10_000);
      const [lobby, closing] = [a.tracker.followCount("lobby"), a.tracker.followCount("lobby")];
      await nodes.time.advance(5_000);
      let calls = 0;
      lobby.on("change", () => {
        throw new Error("no");
      });
      const counts = told(lobby);
      const end = lobby.on("change", () => void (calls += 1));
      closing.on("change", () => closing.close());
      closing.on("change", () => void (calls += 100));
      b.tracker.track(new Session(), "lobby", "bob", {});
      await nodes.time.advance(5_000);
      expect(counts).toEqual([{ entries: 1, settled: true }]);
      expect(a.errors).toEqual(["HANDLER_FAILED"]);
      expect(calls).toBe(1);
      end();
      b.tracker.track(new Session(), "lobby", "bea", {});
      await nodes.time.advance(5_000);
      expect([counts.length, calls]).toEqual([2, 1]);
    });

    it("refuses what is no topic, no event and no listener, and a tracker that was stopped", async () => {
      const nodes = new Nodes();
      const { tracker } = await nodes.start("a", { holds });
      const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" }) as unknown;
      for (const topic of [undefined, 7, "t".repeat(600)])
        expect(() => tracker.followCount(topic as string)).toThrow(invalid);
      const lobby = tracker.followCount("lobby");
      expect(() => lobby.on("changed" as "change", () => undefined)).toThrow(invalid);
      expect(() => lobby.on("change", 7 as never)).toThrow(invalid);
      tracker.track(new Session(), "lobby", "ann", {});
      await nodes.time.advance(10_000);
      const stopping = tracker.stop();
      await nodes.time.advance(1_000);
      await stopping;
      expect(lobby.entries).toBe(1);
      lobby.close();
      expect(() => tracker.followCount("lobby")).toThrow(
        expect.objectContaining({ code: "TRACKER_STOPPED" }) as unknown,
      );
    });
  },
);

describe("a count where nodes hold what they follow", { timeout: 10_000 }, () => {
  it("holds no entry, follows nothing, and is told to no one who does not want it", async () => {
    const nodes = new Nodes();
    const [a, b, c] = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
    for (let i = 0; i < 50; i++) b.tracker.track(new Session(), "lobby", `b${i}`, {});
    await nodes.time.advance(10_000);
    const lobby = a.tracker.followCount("lobby");
    await nodes.time.advance(5_000);
    expect(lobby.entries).toBe(50);
    const { replicas, following } = a.tracker.health();
    expect(replicas.map(({ entries }) => entries)).toEqual([0, 0]);
    expect(following).toMatchObject({ follows: 0, stakes: 0, counts: 1 });
    expect(() => a.tracker.list("lobby")).toThrow(notFollowed);
    expect(c.tracker.health().following).toMatchObject({ follows: 0, stakes: 0, counts: 0 });
    expect([a.diffs, a.tracker.topics()]).toEqual([[], []]);
    lobby.close();
    expect(a.tracker.health().following).toMatchObject({ counts: 0 });
  });

  it("takes countPeriodMs, and an everything-holding tracker does not", async () => {
    const nodes = new Nodes();
    const [a, b] = [
      await nodes.start("a", { countPeriodMs: 100 }),
      await nodes.start("b", { countPeriodMs: 100 }),
    ];
    const lobby = a.tracker.followCount("lobby");
    await nodes.time.advance(15_000);
    for (let i = 0; i < 5; i++) {
      b.tracker.track(new Session(), "lobby", `b${i}`, {});
      await nodes.time.advance(200);
      expect(lobby.entries).toBe(i + 1);
    }
    const options = { name: "rooms", pubsub: new MemoryHub().node("a") };
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" }) as unknown;
    for (const countPeriodMs of [-1, Number.NaN, Infinity, "7"])
      await expect(
        Tracker.start({}, { ...options, holds: "followed", countPeriodMs: countPeriodMs as number }),
      ).rejects.toEqual(invalid);
    await expect(Tracker.start({}, { ...options, countPeriodMs: 1_000 })).rejects.toEqual(invalid);
  });

  it("stands still while its node is not connected, and is settled again, and right, when it is", async () => {
    const nodes = new Nodes();
    const [{ tracker: a }, { tracker: b }] = [await nodes.start("a"), await nodes.start("b")];
    b.track(new Session(), "lobby", "bob", {});
    await nodes.time.advance(10_000);
    const lobby = a.followCount("lobby");
    const counts = told(lobby);
    await nodes.time.advance(5_000);
    expect(counts.at(-1)).toEqual({ entries: 1, settled: true });
    nodes.disconnect("a");
    await nodes.time.advance(2_000);
    expect([lobby.entries, lobby.settled]).toEqual([1, false]);
    expect(counts.at(-1)).toEqual({ entries: 1, settled: false });
    b.track(new Session(), "lobby", "bea", {});
    await nodes.time.advance(1_000);
    nodes.reconnect("a");
    await nodes.time.advance(10_000);
    expect([lobby.entries, lobby.settled]).toEqual([2, true]);
    expect(counts.at(-1)).toEqual({ entries: 2, settled: true });
  });
});
