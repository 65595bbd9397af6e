/** How many entries of others are kept: no more than there is room for, whoever sends them, and all when there is. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { TrackerError } from "../../src/errors.js";
import type { DeltaMessage, Message, WireBirth } from "../../src/replication/message.js";
import { Session } from "../../src/session.js";
import { LIMITS } from "../../src/replication/limits.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { PROTOCOL, RULES, type Protocol } from "../../src/replication/rules.js";
import { codesOf, Lanes, track, type LaneNode } from "../support/lanes.js";
import { lifeOf, Link, type LinkedNode } from "./two-nodes.js";

const withoutR59: Protocol = { ...PROTOCOL, rules: { ...RULES, hasRoom: () => true } };

function birth(clock: number): WireBirth {
  return { clock, topic: "t", key: `k${clock}`, session: "s", meta: {} };
}

function delta(since: number, upTo: number, change: Partial<DeltaMessage> = {}): DeltaMessage {
  const births = Array.from({ length: upTo - since }, (_, i) => birth(since + 1 + i));
  return { type: "delta", shard: 0, since, upTo, part: 1, parts: 1, births, removed: [], ...change };
}

/** A frame in the name of a node that runs, later than all that it has sent. */
function frameOf(name: string, message: Message): string {
  return encodeFrame({ from: lifeOf(name), to: undefined, counter: 500, message });
}

function kept({ replicator }: LinkedNode): number {
  let entries = 0;
  for (const { held } of replicator.membership.replicas()) {
    let counted = 0;
    for (const slice of held.slices.values()) {
      entries += slice.weight;
      counted += slice.counted;
    }
    expect(held.counted).toBe(counted);
  }
  return entries;
}

function lists(node: LaneNode): string[] {
  return node.tracker
    .list("room")
    .map(({ key }) => key)
    .sort();
}

function stateOf({ tracker }: LaneNode): unknown {
  const { complete, replicas } = tracker.health();
  return { complete, waitsFor: replicas.map((replica) => replica.waitsFor) };
}

const keysOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(3, "0")}`);

describe("R59: the room for what others have", () => {
  const ways = {
    "deltas of many lives": (link: Link, node: LinkedNode, i: number) =>
      link.forge(`p${i}`, node, delta(0, 40)),
    "deltas of one life": (link: Link, node: LinkedNode, i: number) =>
      link.forge("p", node, delta(40 * i, 40 * i + 40)),
    "deltas that wait for one before them": (link: Link, node: LinkedNode, i: number) =>
      link.forge(`p${i % 20}`, node, delta(1_000 + 40 * i, 1_040 + 40 * i, { shard: i % 4 })),
    "parts of deltas that never end": (link: Link, node: LinkedNode, i: number) =>
      link.forge("p", node, {
        ...delta(40 * i, 40 * i + 40),
        since: 0,
        upTo: 1_000_000,
        part: i + 1,
        parts: 1_000,
      }),
    "deltas that say that they remove as much": (link: Link, node: LinkedNode, i: number) => {
      const removed = Array.from({ length: i === 0 ? 0 : 40 }, (_, k) => ({
        clock: 80 * i + 41 + k,
        removed: 1,
        closed: false,
      }));
      link.forge("p", node, { ...delta(80 * i, 80 * i + 40), upTo: 80 * i + 80, removed });
    },
  };

  for (const [what, send] of Object.entries(ways)) {
    it(`R59: is not exceeded by ${what}`, () => {
      const most = (protocol: Protocol): number => {
        const link = new Link(protocol, 100);
        const node = link.start("a");
        let found = 0;
        for (let i = 0; i < 200; i++) {
          send(link, node, i);
          found = Math.max(found, kept(node));
        }
        return found;
      };
      expect(most(PROTOCOL)).toBeLessThanOrEqual(100);
      expect(most(PROTOCOL)).toBeGreaterThan(60);
      expect(most(withoutR59)).toBeGreaterThan(100);
    });
  }

  it("R59: counts what is refused, and refuses nothing of this node's own", () => {
    const link = new Link(PROTOCOL, 10);
    const node = link.start("a");
    for (let i = 0; i < 50; i++) link.track(node, 0, "t", `own${i}`, "s");
    link.forge("p", node, delta(0, 8));
    link.forge("q", node, delta(0, 5));
    expect(node.replicator.counters.entriesCrowded).toBe(5);
    expect(node.replicator.view.count("t")).toBe(58);
  });

  it("R59: what makes room is taken, where there is none", () => {
    const link = new Link(PROTOCOL, 10);
    const node = link.start("a");
    link.forge("p", node, delta(0, 10));
    const removed = [1, 2, 3].map((dot, i) => ({ clock: 14 + i, removed: dot, closed: false }));
    link.forge("p", node, { ...delta(10, 13), upTo: 16, removed });
    expect(node.replicator.view.count("t")).toBe(10);
    expect(node.replicator.counters.entriesCrowded).toBe(0);
  });

  it("a node that has no room for all says so once a minute, is not complete, and is when there is room", async () => {
    const lanes = new Lanes(1);
    const [a, b] = [await lanes.start("a"), await lanes.start("b")];
    track(a, ...keysOf("a", 40));
    track(b, ...keysOf("b", 40));
    await lanes.advance(3_000);
    const c = await lanes.start("c", { maxEntries: 60 });
    await lanes.advance(180_000);
    expect(lists(c).length).toBeLessThanOrEqual(60);
    expect(c.tracker.health()).toMatchObject({ complete: false, ready: false });
    expect(c.tracker.health().replicas.map(({ waitsFor }) => waitsFor)).toContain("room");
    const errors = c.events
      .filter(({ event }) => event === "error")
      .map(({ detail }) => detail as TrackerError);
    expect(new Set(codesOf(c))).toEqual(new Set(["CROWDED"]));
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(errors.length).toBeLessThanOrEqual(4);
    expect(errors[0]?.details).toMatchObject({ table: "entries", limit: 60 });
    expect(errors[0]?.message).toMatch(/maxEntries/);
    // It costs next to nothing to wait: what does not fit is not asked for.
    const before = c.tracker.health().counters;
    await lanes.advance(60_000);
    expect(c.tracker.health().counters.requestsSent - before.requestsSent).toBeLessThan(4);
    // The others list all, whatever one of them has room for.
    expect(lists(a)).toEqual([...keysOf("a", 40), ...keysOf("b", 40)]);
    await a.stop(0);
    await lanes.advance(5_000);
    expect(lists(c)).toEqual(keysOf("b", 40));
    expect(stateOf(c)).toEqual({ complete: true, waitsFor: [undefined] });
  });

  it("a node that had all and has no room for more keeps what it had, and says that it is not complete", async () => {
    const lanes = new Lanes(2);
    const a = await lanes.start("a");
    const c = await lanes.start("c", { maxEntries: 10, downPeriodMs: 8_000 });
    track(a, ...keysOf("a", 10));
    await lanes.advance(10_000);
    expect(stateOf(c)).toEqual({ complete: true, waitsFor: [undefined] });
    track(a, ...keysOf("b", 30));
    await lanes.advance(10_000);
    expect(stateOf(c)).toEqual({ complete: false, waitsFor: ["room"] });
    expect(c.tracker.health().ready).toBe(true);
    expect(lists(c).length).toBe(10);
    let error: TrackerError | undefined;
    c.tracker.whenComplete({ timeoutMs: 500 }).catch((failure: TrackerError) => (error = failure));
    await lanes.advance(1_000);
    expect(error?.message).toMatch(/of a are missing, and there is no room for them$/);
  });

  it("room is made by forgetting who has been silent the longest", async () => {
    const lanes = new Lanes(3);
    const [a, b] = [await lanes.start("a"), await lanes.start("b")];
    const c = await lanes.start("c", { maxEntries: 60 });
    track(a, ...keysOf("a", 25));
    track(b, ...keysOf("b", 25));
    await lanes.advance(3_000);
    a.kill();
    await lanes.advance(10_000);
    b.kill();
    await lanes.advance(10_000);
    expect(c.tracker.health().replicas.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "b down",
      "a down",
    ]);
    const d = await lanes.start("d");
    track(d, ...keysOf("d", 30));
    await lanes.advance(5_000);
    expect(lists(c)).toEqual(keysOf("d", 30));
    expect(c.tracker.health().replicas.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "b down",
      "d up",
    ]);
    expect(stateOf(c)).toMatchObject({ complete: true });
  });

  it("is looked for once in a heartbeat, whose shards may all claim too much, and in no slice", () => {
    const link = new Link(PROTOCOL, 100);
    const node = link.start("a");
    for (const name of ["p", "q"]) link.forge(name, node, delta(0, 20));
    link.advance(10_000);
    const { membership } = node.replicator;
    const silent = [...membership.silent()];
    expect(silent).toHaveLength(2);
    const asked = vi.spyOn(membership, "silent");
    const walked = silent.map(({ held }) => vi.spyOn(held.slices, "values"));
    const claims = (count: number): Message => {
      const shards = Array.from({ length: 64 }, () => ({ clock: 1, count, digest: 0 }));
      return { type: "heartbeat", poolSize: 64, firstShard: 0, shards };
    };
    const crowdedOf = (): number =>
      [...membership.presentOf("r")!.held.slices.values()].filter(({ isCrowded }) => isCrowded).length;
    // There is room for 60, and for 100 without the silent.
    for (const [count, times, crowded] of [
      [101, 1, 64],
      [100, 1, 0],
      [60, 0, 0],
    ] as const) {
      asked.mockClear();
      link.forge("r", node, claims(count));
      expect(asked).toHaveBeenCalledTimes(times);
      expect(crowdedOf()).toBe(crowded);
    }
    for (const walk of walked) expect(walk).not.toHaveBeenCalled();
  });

  it("R59: is not exceeded by pages, and what has come of them is let go", () => {
    const limits = { ...LIMITS, deltaDots: 8, pageItems: 10 };
    const link = new Link({ ...PROTOCOL, limits }, 50);
    const author = link.start("b", 1);
    const entries = keysOf("k", 80).map((key) => link.track(author, 0, "t", key, "s"));
    link.advance(3_000);
    const node = link.start("a", 1);
    let most = 0;
    const watch = (ms: number): void => {
      for (let passedMs = 0; passedMs < ms; passedMs += 10) {
        link.advance(10);
        most = Math.max(most, kept(node));
      }
    };
    // It says that it has fewer than it has: so it is asked, and its pages tell the truth.
    const { flushed } = author.replicator.shards[0]!;
    const summary = { ...flushed, count: 20 };
    link.advance(100);
    const payload = frameOf("b", { type: "heartbeat", poolSize: 1, firstShard: 0, shards: [summary] });
    link.step(node, { type: "frame", payload, way: "broadcasts" });
    watch(2_000);
    expect(most).toBeGreaterThan(20);
    expect(most).toBeLessThanOrEqual(50);
    expect(node.replicator.view.count("t")).toBe(0);
    expect(node.replicator.counters.entriesCrowded).toBeGreaterThan(0);
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(false);
    for (const entry of entries.slice(0, 40))
      link.step(author, { type: "remove", entry, reason: "untracked" });
    watch(8_000);
    expect(most).toBeLessThanOrEqual(50);
    expect(node.replicator.view.count("t")).toBe(40);
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(true);
  });

  it("nobody is forgotten for a number that a life only tells", () => {
    const link = new Link(PROTOCOL, 10);
    const node = link.start("a");
    link.forge("p", node, delta(0, 10));
    link.advance(20_000);
    const summary = { clock: 9, count: 9, digest: 1 };
    link.forge("q", node, { type: "heartbeat", poolSize: 1, firstShard: 0, shards: [summary] });
    expect(node.replicator.membership.presentOf("p")?.status).toBe("down");
    expect(node.replicator.membership.presentOf("p")?.isEmpty).toBe(false);
  });

  it("whatever nodes have, in whatever order it comes and goes, no more is kept; and with room again all is listed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ node: fc.nat(1), grows: fc.boolean(), count: fc.integer({ min: 1, max: 30 }) }),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        fc.integer({ min: 5, max: 60 }),
        fc.nat(),
        async (steps, maxEntries, seed) => {
          const lanes = new Lanes(seed);
          const authors = [await lanes.start("a"), await lanes.start("b")];
          const c = await lanes.start("c", { maxEntries });
          const has = authors.map(() => new Map<string, Session>());
          const close = (own: Map<string, Session>, count: number): void => {
            for (const [key, session] of [...own].slice(0, count)) {
              session.close();
              own.delete(key);
            }
          };
          let next = 0;
          for (const { node, grows, count } of steps) {
            const own = has[node]!;
            if (!grows) close(own, count);
            for (let i = 0; grows && i < count; i++) {
              const session = new Session();
              const key = `key${next++}`;
              authors[node]!.tracker.track(session, "room", key, {});
              own.set(key, session);
            }
            await lanes.advance(1_700);
            const { replicas } = c.tracker.health();
            expect(replicas.reduce((sum, { entries }) => sum + entries, 0)).toBeLessThanOrEqual(maxEntries);
          }
          for (const own of has) close(own, own.size - Math.floor(maxEntries / 2));
          await lanes.advance(12_000);
          expect(lists(c)).toEqual(has.flatMap((own) => [...own.keys()]).sort());
          expect(c.tracker.health().complete).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});
