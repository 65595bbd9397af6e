/** Nobody costs others their turn: neither deaf peers nor invented lives, neither by what they lack nor by asking. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/replication/limits.js";
import type { Heartbeat } from "../../src/replication/message.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { lifeOf, Link, type LinkedNode } from "./two-nodes.js";

/** Says that a life has nine entries in each of its shards, which nobody can send. */
function claim(poolSize: number): Heartbeat {
  const shards = Array.from({ length: poolSize }, () => ({ clock: 9, count: 9, digest: 9 }));
  return { type: "heartbeat", poolSize, firstShard: 0, shards };
}

function keepClaiming(link: Link, names: readonly string[], to: LinkedNode, poolSize: number): void {
  const said = claim(poolSize);
  const say = (): void => {
    for (const name of names) link.forge(name, to, said);
    link.at(link.nowMs + 2_000, say);
  };
  say();
}

function trackMany(link: Link, node: LinkedNode, count: number): void {
  for (let i = 0; i < count; i++) {
    link.track(node, i % 4, `room:${i % 40}`, `user:${i}`, `s-${i}`, { page: "x" });
  }
}

/** How long it takes until a node that starts beside them has sent all that it has. */
function msUntilHeld(link: Link, holder: LinkedNode, entries: number, withinMs: number): number {
  const fromMs = link.nowMs;
  const good = link.start("good");
  trackMany(link, good, entries);
  while (link.nowMs - fromMs < withinMs) {
    link.advance(50);
    const replica = holder.replicator.membership.presentOf("good");
    let held = 0;
    for (const slice of replica?.held.slices.values() ?? []) held += slice.entries.size;
    if (held === entries && replica?.held.isComplete === true) break;
  }
  return link.nowMs - fromMs;
}

describe("a node that answers", () => {
  it("is caught up with at once beside sixty that do not hear", () => {
    const link = new Link();
    const a = link.start("a");
    link.advance(1_000);
    keepClaiming(
      link,
      Array.from({ length: 60 }, (_, i) => `deaf-${i}`),
      a,
      4,
    );
    link.advance(20_000);
    // The broadcasts of its start are lost: it is fetched in pages.
    const lost = link.nodes.get("a")!;
    link.nodes.delete("a");
    const good = link.start("good");
    link.advance(100);
    trackMany(link, good, 6_000);
    link.advance(200);
    link.nodes.set("a", lost);
    const fromMs = link.nowMs;
    let held = 0;
    while (held < 6_000 && link.nowMs - fromMs < 60_000) {
      link.advance(50);
      held = 0;
      const replica = a.replicator.membership.presentOf("good");
      for (const slice of replica?.held.slices.values() ?? []) held += slice.entries.size;
    }
    expect(held).toBe(6_000);
    expect(link.nowMs - fromMs).toBeLessThan(4_000);
    expect(a.replicator.counters.pagesMerged).toBeGreaterThan(8);
  });

  it("is caught up with at once beside ten invented lives of a thousand shards", () => {
    const link = new Link();
    const a = link.start("a");
    link.advance(1_000);
    keepClaiming(
      link,
      Array.from({ length: 10 }, (_, i) => `invented-${i}`),
      a,
      1_000,
    );
    link.advance(500);
    expect(msUntilHeld(link, a, 200, 60_000)).toBeLessThan(2_500);
  });
});

describe("those that do not answer", () => {
  it("are asked for a few slices a second, however many they claim to have", () => {
    const link = new Link();
    const a = link.start("a");
    link.advance(1_000);
    const names = Array.from({ length: 100 }, (_, i) => `invented-${i}`);
    keepClaiming(link, names, a, 100);
    link.advance(30_000); // each has failed twice
    const before = a.slicesAsked;
    link.advance(30_000);
    const perSecond = (a.slicesAsked - before) / 30;
    expect(perSecond).toBeGreaterThan(1);
    expect(perSecond).toBeLessThan(10);
  });
});

describe("those that ask without end", () => {
  it("are told little more than there is, and others are answered beside them", () => {
    const link = new Link();
    const a = link.start("a");
    const entries = 2_000;
    trackMany(link, a, entries);
    link.advance(1_000);
    const names = Array.from({ length: 20 }, (_, i) => `asks-${i}`);
    const flood = (): void => {
      for (const [i, name] of names.entries()) {
        const page = { type: "pageRequest", shard: i % 4, rebuild: 1, base: 0, from: 0, until: 0 } as const;
        link.forge(name, a, page);
      }
      link.at(link.nowMs + 5, flood);
    };
    flood();
    const seconds = 20;
    link.advance(500);
    // Pages of 500 entries, measured where nothing is limited yet.
    const bytesPerItem = pageBytesPerItem(entries);
    expect(msUntilHeld(link, a, 10, 10_000)).toBeLessThan(3_000);
    link.advance(2_000);
    const good = link.nodes.get("good")!;
    let heldThere = 0;
    for (const slice of good.replicator.membership.presentOf("a")?.held.slices.values() ?? []) {
      heldThere += slice.entries.size;
    }
    link.advance(seconds * 1_000);
    expect(heldThere).toBe(entries);
    const most =
      LIMITS.answerCreditItems +
      2 * entries +
      (LIMITS.answerItemsPerSecond + entries / LIMITS.answerRefillSeconds) * (link.nowMs / 1_000) +
      500;
    for (const name of names) {
      const items = (a.sentTo.get(name) ?? 0) / bytesPerItem;
      expect(items, name).toBeGreaterThan(entries);
      expect(items, name).toBeLessThan(most);
    }
  });

  it("are answered again when their counters were ahead for a while", () => {
    const link = new Link();
    const a = link.start("a");
    trackMany(link, a, 10);
    link.advance(1_000);
    const ask = (counter: number): void =>
      link.forge("asks", a, { type: "deltaRequest", shard: 0, clock: 0 }, counter);
    ask(1);
    ask(500_000);
    link.advance(100);
    const told = a.sentTo.get("asks") ?? 0;
    for (let counter = 2; counter < 40; counter += 1) {
      ask(counter);
      link.advance(500);
    }
    expect(a.sentTo.get("asks") ?? 0).toBeGreaterThan(told + 5 * 100);
  });

  it("are not answered what they asked before their newest question, and that is counted", () => {
    const link = new Link();
    const a = link.start("a");
    const question = { type: "deltaRequest", shard: 0, clock: 0 } as const;
    link.forge("asks", a, question, 5);
    const frame = { from: lifeOf("asks"), to: lifeOf("a").incarnation, counter: 4, message: question };
    link.step(a, { type: "frame", payload: encodeFrame(frame), way: "inbox" });
    expect(a.replicator.counters.framesLate).toBe(1);
  });

  it("are refused a shard that there is not", () => {
    const link = new Link();
    const a = link.start("a");
    link.advance(10);
    link.forge("asks", a, { type: "deltaRequest", shard: 4, clock: 0 });
    expect(a.replicator.counters.framesRefused).toBe(1);
  });
});

/** The fewest bytes that one entry of a page takes here, so that bytes count as too many items rather than too few. */
function pageBytesPerItem(entries: number): number {
  const link = new Link();
  const a = link.start("a");
  trackMany(link, a, entries);
  link.advance(1_000);
  link.forge("asks", a, { type: "pageRequest", shard: 0, rebuild: 1, base: 0, from: 0, until: 0 });
  const greeted = a.sentTo.get("asks") ?? 0;
  link.advance(10);
  return ((a.sentTo.get("asks") ?? 0) - greeted) / 500;
}
