/**
 * Nobody's entries are hidden or shown in one long turn: a step walks so many entries and no more, whatever a life has.
 * Each part is in the list and in the diff at once, and what is told of a life is told when all of it is done.
 */
import { describe, expect, it } from "vitest";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import type { Diff, LeaveReason } from "../../src/words.js";
import { Link, type LinkedNode } from "./two-nodes.js";

const perStep = 5;
const entries = 1_000;
const topics = 10;
const protocol: Protocol = { ...PROTOCOL, limits: { ...PROTOCOL.limits, entriesPerStep: perStep } };

interface Part {
  readonly atMs: number;
  readonly joins: number;
  readonly leaves: number;
  readonly reasons: ReadonlySet<LeaveReason>;
  readonly news: readonly string[];
}

/** Takes a node's diffs after each of its steps, and checks that they add up to its list. */
function watch(link: Link, { replicator }: LinkedNode): Part[] {
  const parts: Part[] = [];
  const folded = new Map<string, Set<string>>();
  const step = replicator.step.bind(replicator);
  replicator.step = (event, nowMs) => {
    const done = step(event, nowMs);
    const diff: Diff = replicator.view.takeDiff() ?? new Map();
    let [joins, leaves] = [0, 0];
    const reasons = new Set<LeaveReason>();
    for (const [topic, changes] of diff) {
      const refs = folded.get(topic) ?? new Set();
      folded.set(topic, refs);
      for (const { ref, reason } of changes.leaves) {
        if (!refs.delete(ref)) throw new Error(`${ref} leaves and was not there`);
        reasons.add(reason);
      }
      for (const { ref } of changes.joins) {
        if (refs.has(ref)) throw new Error(`${ref} joins twice`);
        refs.add(ref);
      }
      joins += changes.joins.length;
      leaves += changes.leaves.length;
    }
    for (const [topic, refs] of folded) {
      const listed = new Set(replicator.view.list(topic).map(({ ref }) => ref));
      expect(listed).toEqual(refs);
    }
    const news = done.effects.map(({ type }) => type).filter((type) => type.startsWith("replica"));
    if (joins + leaves + news.length > 0) parts.push({ atMs: link.nowMs, joins, leaves, reasons, news });
    return done;
  };
  return parts;
}

function countAll({ replicator: { view } }: LinkedNode): number {
  return view.topics().reduce((sum, topic) => sum + view.count(topic), 0);
}

/** Two nodes, of which one has many entries that the other lists. */
function prepare(): { link: Link; author: LinkedNode; observer: LinkedNode; parts: Part[] } {
  const link = new Link(protocol);
  const observer = link.start("observer");
  const parts = watch(link, observer);
  link.advance(1_000);
  const author = link.start("author");
  for (let i = 0; i < entries; i++)
    link.track(author, i % 4, `room:${i % topics}`, `user:${i}`, `session-${i}`);
  link.advance(5_000);
  expect(countAll(observer)).toBe(entries);
  parts.length = 0;
  return { link, author, observer, parts };
}

const sumOf = (parts: readonly Part[], what: "joins" | "leaves"): number =>
  parts.reduce((sum, part) => sum + part[what], 0);

describe("what a life has", () => {
  it("is hidden in parts, and told to be down after the last", () => {
    const { link, observer, parts } = prepare();
    link.step(observer, { type: "nodeGone", name: "author" });
    expect(countAll(observer)).toBe(entries - perStep);
    link.advance(10);
    expect(countAll(observer)).toBe(0);
    expect(Math.max(...parts.map(({ leaves }) => leaves))).toBe(perStep);
    expect(sumOf(parts, "leaves")).toBe(entries);
    expect(parts.flatMap(({ news }) => news)).toEqual(["replicaDown"]);
    expect(parts.findIndex(({ news }) => news.length > 0)).toBe(parts.length - 1);
    expect(parts.every(({ reasons }) => [...reasons].every((reason) => reason === "down"))).toBe(true);
  });

  it("is shown again in parts, and complete after the last", () => {
    const { link, observer, parts } = prepare();
    link.step(observer, { type: "nodeGone", name: "author" });
    while (countAll(observer) > 0) link.advance(0.1);
    link.advance(0.1);
    parts.length = 0;
    let wasComplete = false;
    for (let i = 0; i < 5_000 && countAll(observer) < entries; i++) {
      link.advance(1);
      const isUp = observer.replicator.membership.presentOf("author")?.status === "up";
      if (countAll(observer) < entries && isUp) wasComplete ||= observer.replicator.hasCaughtUp(link.nowMs);
    }
    expect(countAll(observer)).toBe(entries);
    expect(wasComplete).toBe(false);
    expect(observer.replicator.hasCaughtUp(link.nowMs)).toBe(true);
    expect(Math.max(...parts.map(({ joins }) => joins))).toBe(perStep);
    expect(sumOf(parts, "joins")).toBe(entries);
    expect(parts.at(-1)?.news).toEqual(["replicaUp"]);
    expect(parts.flatMap(({ news }) => news)).toEqual(["replicaUp"]);
  });

  it("goes on to change while it is hidden and while it is shown, and is told to have been down in between", () => {
    const { link, author, observer, parts } = prepare();
    const { view, membership } = observer.replicator;
    const metaOf = (entry: ReplicatedEntry): unknown =>
      view.getByKey(ReplicatedEntry.topicOf(entry), entry.key)[0]?.meta["page"];
    /** Of what is reached last, something changes, something goes, and something comes. */
    const change = (shard: number, page: string): ReplicatedEntry => {
      const own = [...author.replicator.shards[shard]!.entries.values()];
      link.step(author, { type: "remove", entry: own.at(-2)!, reason: "untracked" });
      link.track(author, shard, "room:new", `user:${page}`, `session-${page}`);
      return link.step(author, { type: "update", previous: own.at(-1)!, meta: { page } })!;
    };
    const first = change(3, "while it is hidden");
    link.advance(0.995);
    link.step(observer, { type: "nodeGone", name: "author" });
    link.advance(0.1);
    expect(membership.presentOf("author")?.status).toBe("returning");
    expect(countAll(observer)).toBeGreaterThan(0);
    while (membership.presentOf("author")?.isShownInPart !== true) link.advance(0.05);
    const second = change(2, "while it is shown");
    link.advance(1.1);
    expect(membership.presentOf("author")?.isShownInPart).toBe(true);
    link.advance(100);
    expect(countAll(observer)).toBe(entries);
    expect(metaOf(first)).toBe("while it is hidden");
    expect(metaOf(second)).toBe("while it is shown");
    expect(view.count("room:new")).toBe(2);
    expect(parts.flatMap((part) => part.news)).toEqual(["replicaDown", "replicaUp"]);
    expect(sumOf(parts, "joins")).toBe(sumOf(parts, "leaves"));
  });

  it("waits at a goodbye at no cost, and leaves in parts when the window ends", () => {
    const { link, author, observer, parts } = prepare();
    for (let i = 0; i < entries; i += 2)
      link.track(observer, i % 4, `room:${i % topics}`, `user:${i}`, `other-${i}`);
    link.advance(5_000);
    parts.length = 0;
    link.nodes.delete("author");
    link.step(author, { type: "goodbye", windowMs: 5_000 });
    author.wakeMs = -Infinity; // it has no turn any more
    link.advance(100);
    expect(parts).toEqual([]);
    // One that comes takes the place of one that waits; those who were there take nobody's.
    link.track(observer, 3, "room:9", "user:999", "moved");
    expect(parts.at(-1)).toMatchObject({ joins: 1, leaves: 1 });
    parts.length = 0;
    link.advance(4_900);
    const { membership, view } = observer.replicator;
    while (membership.presentOf("author") !== undefined) link.advance(0.05);
    expect(countAll(observer)).toBeGreaterThan(entries / 2 + 1);
    // The place of one that ends becomes free: it does not come back.
    const moved = view.getByKey("room:9", "user:999")[0]!;
    link.step(observer, { type: "remove", entry: moved, reason: "closed" });
    link.advance(10);
    expect(countAll(observer)).toBe(entries / 2);
    expect(sumOf(parts, "joins")).toBe(0);
    expect(Math.max(...parts.map(({ leaves }) => leaves))).toBe(perStep);
    expect(parts.flatMap(({ news }) => news)).toEqual(["replicaGone"]);
    expect(view.departingLives).toBe(0);
  });
});

describe("a flush", () => {
  it("of several shards is of no more dots in one turn than one of a single shard may be, and goes on in the next", () => {
    const link = new Link({ ...PROTOCOL, limits: { ...PROTOCOL.limits, pendingDots: 50 } });
    const author = link.start("author", 8);
    link.advance(1_000);
    const { replicator } = author;
    const clocks = (): number => replicator.shards.reduce((sum, { flushed }) => sum + flushed.clock, 0);
    const flushed: number[] = [];
    const step = replicator.step.bind(replicator);
    replicator.step = (event, nowMs) => {
      const before = clocks();
      const done = step(event, nowMs);
      if (clocks() > before) flushed.push(clocks() - before);
      return done;
    };
    for (let i = 0; i < 160; i++) link.track(author, i % 8, `room:${i % 8}`, `user:${i}`, `session-${i}`);
    expect(flushed).toEqual([]);
    link.advance(1);
    expect(flushed).toEqual([40, 40, 40, 40]);
  });
});
