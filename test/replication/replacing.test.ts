/**
 * A slice that was built anew takes its place at once, and what this changed is told in parts: no step touches more
 * entries than it may. Whatever happens meanwhile, the diffs add up to the list, each identity is listed once, and in
 * the end all that the author has is listed.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Allowance } from "../../src/replication/allowance.js";
import { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { Rebuild } from "../../src/replication/holding/rebuild.js";
import { Replacement } from "../../src/replication/holding/replacement.js";
import { refPrefixOf } from "../../src/replication/life.js";
import { Replica } from "../../src/replication/replica.js";
import { PROTOCOL, RULES, type Protocol } from "../../src/replication/rules.js";
import { ShownLives } from "../../src/replication/shown-lives.js";
import { View } from "../../src/replication/showing/view.js";
import { Effects } from "../../src/replication/step.js";
import type { Diff } from "../../src/words.js";
import { lifeOf, Link, type LinkedNode } from "./two-nodes.js";

const topics = 4;

function smallBy(entriesPerStep: number): Protocol {
  const limits = { entriesPerStep, removalsKept: 3, deltaDots: 4, pageItems: 5 };
  return { ...PROTOCOL, limits: { ...PROTOCOL.limits, ...limits } };
}

interface Told {
  joins: number;
  updates: number;
  leaves: number;
  /** Changes in the diff of each step that had one. */
  readonly parts: number[];
}

/** Takes what a view has to tell, and checks that it adds up to its list, of one entry per identity. */
class Fold {
  readonly told: Told = { joins: 0, updates: 0, leaves: 0, parts: [] };
  readonly #view: View;
  readonly #refs = new Map<string, Map<string, string>>();

  constructor(view: View) {
    this.#view = view;
  }

  take(): void {
    let changes = 0;
    const diff: Diff = this.#view.takeDiff() ?? new Map();
    for (const [topic, { joins, updates, leaves }] of diff) {
      const refs = this.#refs.get(topic) ?? new Map<string, string>();
      this.#refs.set(topic, refs);
      for (const { session, key, ref } of leaves) {
        if (refs.get(`${session} ${key}`) !== ref) throw new Error(`${ref} leaves and was not there`);
        refs.delete(`${session} ${key}`);
      }
      for (const { session, key, ref, prevRef } of updates) {
        if (refs.get(`${session} ${key}`) !== prevRef) throw new Error(`${ref} replaces what was not there`);
        refs.set(`${session} ${key}`, ref);
      }
      for (const { session, key, ref } of joins) {
        if (refs.has(`${session} ${key}`)) throw new Error(`${ref} joins beside another revision`);
        refs.set(`${session} ${key}`, ref);
      }
      this.told.joins += joins.length;
      this.told.updates += updates.length;
      this.told.leaves += leaves.length;
      changes += joins.length + updates.length + leaves.length;
    }
    if (changes > 0) this.told.parts.push(changes);
    for (const [topic, refs] of this.#refs) {
      const listed = this.#view.list(topic).map(({ session, key, ref }) => [`${session} ${key}`, ref]);
      expect(listed.sort()).toEqual([...refs].sort());
    }
  }
}

function watch({ replicator }: LinkedNode): Told {
  const fold = new Fold(replicator.view);
  const step = replicator.step.bind(replicator);
  replicator.step = (event, nowMs) => {
    const done = step(event, nowMs);
    fold.take();
    return done;
  };
  return fold.told;
}

/** All that a node lists, or has authored, as texts. */
const textOf = ({ session, key, ref, meta }: ReplicatedEntry): string =>
  `${session} ${key} ${ref} ${JSON.stringify(meta)}`;
const listOf = ({ replicator: { view } }: LinkedNode): string[] =>
  view
    .topics()
    .flatMap((topic) => view.list(topic).map(textOf))
    .sort();
const ownOf = ({ replicator }: LinkedNode): ReplicatedEntry[] =>
  replicator.shards.flatMap(({ entries }) => [...entries.values()]);

/** An author whose changes another node misses, until it is heard again. */
class Pair {
  readonly link: Link;
  readonly author: LinkedNode;
  readonly observer: LinkedNode;
  readonly told: Told;
  #tracked = 0;

  constructor(entriesPerStep: number, entries: number) {
    this.link = new Link(smallBy(entriesPerStep));
    this.observer = this.link.start("observer", 2);
    this.told = watch(this.observer);
    this.link.advance(1_000);
    this.author = this.link.start("author", 2);
    for (let i = 0; i < entries; i++) this.add();
    this.link.advance(10_000);
    this.forget();
  }

  add(): void {
    const i = this.#tracked++;
    this.link.track(this.author, i % 2, `room:${i % topics}`, `user:${i}`, `session-${i}`, { v: 0 });
  }

  cut(): void {
    this.link.nodes.delete("observer");
  }

  heal(): void {
    this.link.nodes.set("observer", this.observer);
  }

  get replica() {
    return this.observer.replicator.membership.presentOf("author");
  }

  get isReplacing(): boolean {
    return [...(this.replica?.held.slices.values() ?? [])].some((slice) => slice.isReplacing);
  }

  untilReplacing(): void {
    for (let i = 0; i < 20_000 && !this.isReplacing; i++) this.link.advance(0.5);
    expect(this.isReplacing).toBe(true);
  }

  forget(): void {
    Object.assign(this.told, { joins: 0, updates: 0, leaves: 0 });
    this.told.parts.length = 0;
  }
}

describe("what a rebuild has changed", () => {
  const entries = 200;

  /** All was updated but what has gone, and some has come, while nothing was heard. */
  function missed(perStep: number): Pair {
    const pair = new Pair(perStep, entries);
    pair.cut();
    for (const entry of ownOf(pair.author).slice(0, 20))
      pair.link.step(pair.author, { type: "remove", entry, reason: "closed" });
    for (const previous of ownOf(pair.author))
      pair.link.step(pair.author, { type: "update", previous, meta: { v: 1 } });
    for (let i = 0; i < 20; i++) pair.add();
    pair.link.advance(3_000);
    pair.heal();
    return pair;
  }

  it("is told in parts: updates as updates, and no step tells more than it may", () => {
    const pair = missed(7);
    const before = pair.observer.replicator.counters.rebuilds;
    pair.link.advance(10_000);
    expect(listOf(pair.observer)).toEqual(ownOf(pair.author).map(textOf).sort());
    expect(pair.told).toMatchObject({ joins: 20, updates: entries - 20, leaves: 20 });
    expect(Math.max(...pair.told.parts)).toBeLessThanOrEqual(7);
    expect(pair.observer.replicator.counters.rebuilds - before).toBe(2);
    expect(pair.replica?.held.isComplete).toBe(true);
  });

  it("is told in one diff where it is no more than a step may touch", () => {
    const pair = missed(10_000);
    pair.link.advance(10_000);
    expect(listOf(pair.observer)).toEqual(ownOf(pair.author).map(textOf).sort());
    expect(pair.told.parts).toHaveLength(2); // one for each shard
  });

  it("counts as caught up with when all of it is told, and what comes meanwhile waits and is not asked for", () => {
    const pair = missed(1);
    pair.untilReplacing();
    const { slices } = pair.replica!.held;
    const slice = [...slices.values()].find(({ isReplacing }) => isReplacing)!;
    const goal = slice.clock;
    expect([slice.hasReached(goal), slice.caughtUp, pair.replica?.held.isComplete]).toEqual([
      false,
      false,
      false,
    ]);
    const asked = pair.observer.slicesAsked;
    for (const own of ownOf(pair.author).slice(0, 5))
      pair.link.step(pair.author, { type: "update", previous: own, meta: { v: 2 } });
    pair.link.advance(1);
    expect(slice.nextRequest()).toBeUndefined();
    expect(slice.isReplacing).toBe(true);
    while (slice.isReplacing) {
      expect(slice.hasReached(goal)).toBe(false);
      pair.link.advance(0.1);
    }
    expect(slice.hasReached(goal)).toBe(true);
    pair.link.advance(10_000);
    // The other shard has its own rebuild; of this one nothing was asked for again.
    expect(pair.observer.slicesAsked - asked).toBeLessThan(60);
    expect(listOf(pair.observer)).toEqual(ownOf(pair.author).map(textOf).sort());
  });

  it("is shown whole before its life departs", () => {
    const pair = missed(1);
    pair.untilReplacing();
    pair.link.step(pair.author, { type: "goodbye", windowMs: 60_000 });
    pair.link.nodes.delete("author");
    pair.author.wakeMs = -Infinity; // it has no turn any more
    pair.link.advance(1.1);
    expect(pair.replica?.status).toBe("departing");
    expect(pair.isReplacing).toBe(false);
    pair.link.advance(1_000);
    expect(pair.replica?.status).toBe("departing");
  });

  it("leaves nothing where its life ends meanwhile", () => {
    const pair = missed(1);
    pair.untilReplacing();
    pair.link.step(pair.author, { type: "goodbye", windowMs: 0 });
    pair.link.nodes.delete("author");
    pair.author.wakeMs = -Infinity;
    pair.link.advance(100);
    expect(listOf(pair.observer)).toEqual([]);
    expect(pair.isReplacing).toBe(false);
  });
});

/** One slice and what is shown of it, where each step is taken by hand. */
class Shown {
  readonly replica = new Replica(lifeOf("a"), "b@1");
  readonly #author = new AuthoredShard(
    { name: "a", departure: undefined },
    this.replica.id,
    0,
    refPrefixOf(lifeOf("a"), 0),
  );
  readonly #slice = this.replica.held.slice(0);
  readonly view = new View();
  readonly #allowance: Allowance;
  readonly #shown: ShownLives;
  readonly #fold = new Fold(this.view);
  #counter = 0;
  #tracked = 0;
  /** Whether a delta got lost since the last rebuild. */
  #isLost = false;

  constructor(perStep: number) {
    this.#allowance = new Allowance(perStep);
    this.#shown = new ShownLives(this.view, new Effects(), this.#allowance);
  }

  get #own(): ReplicatedEntry[] {
    return [...this.#author.entries.values()];
  }

  add(): void {
    const i = this.#tracked++;
    this.#author.add(`room:${i % topics}`, `user:${i % 6}`, `session-${i}`, {});
  }

  update(at: number): void {
    const own = this.#own;
    if (own.length > 0) this.#author.update(own[at % own.length]!, { v: at });
  }

  remove(at: number): ReplicatedEntry | undefined {
    const own = this.#own;
    const entry = own[at % own.length];
    if (entry !== undefined) this.#author.remove(entry, at % 2 === 0);
    return entry;
  }

  /** An entry goes and comes back with the same session, topic and key. */
  again(at: number): void {
    const entry = this.remove(at);
    if (entry !== undefined)
      this.#author.add(ReplicatedEntry.topicOf(entry), entry.key, entry.session, { v: at });
  }

  /** What waits is said; it may get lost. */
  flush(isHeard: boolean): void {
    const delta = this.#author.flush();
    if (delta === undefined) return;
    if (!isHeard) {
      this.#isLost = true;
      return;
    }
    const outcome = this.#slice.receiveDelta(delta, ++this.#counter, false);
    if (outcome.type !== "taken") throw new Error(outcome.type);
    this.#shown.changed(this.replica, outcome.change);
  }

  rebuild(): void {
    this.#author.flush();
    this.#isLost = false;
    this.#slice.startRebuild(++this.#counter, this.#counter % 3 === 0);
    for (let left = 100; left > 0; left--) {
      const request = this.#slice.nextRequest();
      if (request?.type !== "pageRequest") break;
      const outcome = this.#slice.receivePage(this.#author.page(request, 4), ++this.#counter);
      if (outcome.type !== "taken") throw new Error(outcome.type);
      this.#shown.changed(this.replica, outcome.change);
    }
  }

  hide(): void {
    if (this.replica.status !== "up") return;
    this.replica.status = "down";
    this.#shown.wentDown(this.replica);
  }

  show(): void {
    if (this.replica.status !== "down") return;
    this.replica.status = "up";
    this.#shown.returned(this.replica);
  }

  end(): void {
    this.hide();
    this.#shown.ended(this.replica);
    while (!this.#shown.isDone) this.step(() => this.#shown.advance());
    expect(this.view.topics()).toEqual([]);
  }

  turn(): void {
    this.#shown.advance();
    while (this.#slice.isReplacing && !this.#allowance.isSpent)
      this.#shown.changed(this.replica, this.#slice.tellMore(this.#allowance));
  }

  step(does: () => void): void {
    this.#allowance.renew();
    does();
    this.#fold.take();
  }

  /** All is heard, told and shown. */
  settle(): void {
    this.step(() => this.show());
    for (let left = 1_000; left > 0 && (this.#slice.isReplacing || !this.#shown.isDone); left--)
      this.step(() => this.turn());
    this.step(() => this.flush(true));
    const { clock } = this.#author.flushed;
    if (!this.#isLost) expect(this.#slice.clock).toBe(clock);
    if (this.#slice.clock < clock) this.step(() => this.rebuild());
    for (let left = 1_000; left > 0 && this.#slice.isReplacing; left--) this.step(() => this.turn());
    const listed = this.view.topics().flatMap((topic) => this.view.list(topic));
    expect(listed.map(textOf).sort()).toEqual(this.#own.map(textOf).sort());
  }
}

describe("what is shown of a slice that is replaced", () => {
  it("adds up in any order of what happens meanwhile, and is in the end what the author has", () => {
    const what = fc.constantFrom(
      ...(["add", "update", "update", "remove", "again", "heard", "lost"] as const),
      ...(["rebuild", "hide", "show", "turn", "turn", "turn"] as const),
    );
    const steps = fc.array(fc.tuple(what, fc.nat(1_000), fc.integer({ min: 1, max: 6 })), {
      minLength: 15,
      maxLength: 60,
    });
    let replacing = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, fc.boolean(), (perStep, all, ends) => {
        const shown = new Shown(perStep);
        shown.step(() => {
          for (let i = 0; i < 9; i++) shown.add();
          shown.flush(true);
        });
        for (const [action, at, times] of all) {
          if (shown.replica.held.slice(0).isReplacing) replacing += 1;
          for (let i = 0; i < times; i++) {
            shown.step(() => {
              if (action === "heard" || action === "lost") shown.flush(action === "heard");
              else shown[action](at + i);
            });
            if (action === "rebuild") break;
          }
        }
        if (ends) shown.end();
        else shown.settle();
      }),
      { numRuns: 600 },
    );
    expect(replacing).toBeGreaterThan(500);
  });
});

describe("a part of a replacement", () => {
  const origin = { owner: { name: "a", departure: undefined }, shard: 0, refPrefix: "r." };
  const make = (clock: number, i: number): ReplicatedEntry =>
    new ReplicatedEntry(origin, clock, "t", `k${i}`, `s${i}`, {});

  /** Counts how often an entry is looked up or walked to. */
  class Counted extends Map<number, ReplicatedEntry> {
    static touched = 0;
    override get(clock: number): ReplicatedEntry | undefined {
      Counted.touched += 1;
      return super.get(clock);
    }
  }

  it("touches so many entries and no more, whatever there is", () => {
    const size = 5_000;
    const before = new Counted(Array.from({ length: size }, (_, i) => [i + 1, make(i + 1, i)]));
    const after = new Counted(Array.from({ length: size }, (_, i) => [size + i + 1, make(size + i + 1, i)]));
    const rebuild = new Rebuild(1, false, false, 0, RULES);
    const replacement = new Replacement(before, size, after, rebuild, RULES);
    let updated = 0;
    let parts = 0;
    while (!replacement.isTold) {
      Counted.touched = 0;
      const part = replacement.tell(new Allowance(100));
      expect(Counted.touched).toBeLessThanOrEqual(100);
      expect(part.updated.length).toBeLessThanOrEqual(100);
      expect([part.added, part.removed]).toEqual([[], []]);
      updated += part.updated.length;
      parts += 1;
    }
    expect(updated).toBe(size);
    expect(parts).toBeGreaterThanOrEqual((2 * size) / 100);
    expect(parts).toBeLessThanOrEqual((2 * size) / 100 + 1);
  });

  it("lets further entries of one identity leave, which no author has", () => {
    const before = new Map([1, 2, 3].map((clock) => [clock, make(clock, 0)]));
    const entry = make(9, 0);
    const rebuild = new Rebuild(1, false, false, 0, RULES);
    const replacement = new Replacement(before, 3, new Map([[9, entry]]), rebuild, RULES);
    const { added, updated, removed } = replacement.tell(new Allowance(Infinity));
    expect([added, updated.map(({ previous }) => previous.ref)]).toEqual([[], ["r.1"]]);
    expect(removed.map(({ entry: { ref } }) => ref)).toEqual(["r.2", "r.3"]);
  });
});
