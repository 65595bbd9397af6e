/** Samples of what an author has, and what it tells a follow with a limit of it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReplicatedEntry } from "../../../src/replication/entry.js";
import { OFFER_ONLY } from "../../../src/replication/following/message.js";
import { OwnEntries } from "../../../src/replication/following/own-entries.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { samplesOf, TopicSamples } from "../../../src/replication/following/samples.js";
import { AuthoredShare } from "../../../src/replication/following/share-author.js";

const LIFE = { name: "a", incarnation: "00000000000001" };

function authorOf(entries: number): { own: OwnEntries; share: AuthoredShare } {
  const own = new OwnEntries({ ...LIFE, departure: undefined }, LIFE);
  for (let i = 0; i < entries; i++) own.add("t", `k${i}`, "one session", { i });
  return { own, share: new AuthoredShare(own, 1, () => undefined) };
}

/** The sample that a share tells of the topic, and how many entries are in it. */
function toldBy(share: AuthoredShare): { readonly sample: number; readonly count: number } {
  if (share.isPending) share.next();
  const [[, , cut] = []] = [...share.opened()];
  return { sample: cut?.sample ?? 0, count: share.summary.count };
}

describe("samples", () => {
  it("are halves of each other, though all entries are of one session, or of one key", () => {
    for (const of of [
      Array.from({ length: 40_000 }, (_, i) => ({ session: "one", key: `user:${i}` })),
      Array.from({ length: 40_000 }, (_, i) => ({ session: `session-${i}`, key: "guest" })),
    ]) {
      for (let sample = 0; sample < 8; sample++) {
        const count = of.filter((each) => samplesOf(each) >= sample).length;
        expect(Math.abs(count / (40_000 / 2 ** sample) - 1), `sample ${sample}`).toBeLessThan(0.15);
      }
    }
  });

  it("R104: of an author reach the limit, and exceed twice of it only where half would not reach it", () => {
    fc.assert(
      fc.property(fc.nat({ max: 400 }), fc.integer({ min: 1, max: 60 }), (entries, limit) => {
        const { own, share } = authorOf(entries);
        share.open("t", 1, limit);
        const { sample, count } = toldBy(share);
        const samples = new TopicSamples(() => own.of("t"));
        expect(count).toBe(sample === 0 ? entries : samples.count(sample));
        expect(count).toBeGreaterThanOrEqual(Math.min(entries, limit));
        if (count > 2 * limit) expect(samples.count(sample + 1)).toBeLessThan(limit);
        if (sample > 0) expect(entries).toBeGreaterThan(2 * limit);
      }),
    );
  });

  it("are kept up to date, whoever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 100, maxLength: 600 }), (doings) => {
        const entries = new Map(
          Array.from({ length: 300 }, (_, i) => [i, { session: `s${i}`, key: `k${i}` } as ReplicatedEntry]),
        );
        const samples = new TopicSamples(() => entries.values());
        for (const which of doings) {
          const entry = entries.get(which);
          if (entry !== undefined) {
            entries.delete(which);
            samples.delete(entry);
          } else {
            const come = { session: `s${which}`, key: `k${which}` } as ReplicatedEntry;
            entries.set(which, come);
            samples.add(come);
          }
        }
        for (let sample = 1; sample < 10; sample++) {
          const should = [...entries.values()].filter((each) => samplesOf(each) >= sample);
          expect(new Set(samples.of(sample))).toEqual(new Set(should));
          expect(samples.count(sample)).toBe(should.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("stay the same while nothing but metas changes, and change once where users come and go at a border", () => {
    const { own, share } = authorOf(100);
    share.open("t", 1, 10);
    const before = toldBy(share);
    for (const entry of [...own.of("t")]) own.update(entry, { changed: true });
    expect(toldBy(share)).toEqual(before);
    const { version } = share;
    // One who is in the sample goes and comes, until a smaller one is due, and then again.
    for (let round = 0; round < 40; round++) {
      const [entry] = [...own.of("t")].filter((each) => samplesOf(each) >= before.sample);
      if (entry === undefined) throw new Error("there is nobody in the sample");
      own.remove(entry, false);
      toldBy(share);
      own.add("t", entry.key, entry.session, {});
      toldBy(share);
    }
    expect(share.version - version).toBeLessThanOrEqual(1);
  });

  it("R105: an author that only offers tells its number again when it is of another order", () => {
    const { own, share } = authorOf(0);
    share.open("t", 1, OFFER_ONLY);
    const told: (number | undefined)[] = [];
    const note = (): void => {
      if (share.isPending) for (const [, , cut] of share.next().opens) told.push(cut?.entries);
    };
    note();
    for (let i = 0; i < 100; i++) {
      own.add("t", `k${i}`, "s", {});
      note();
    }
    expect(told).toEqual([0, 1, 3, 7, 15, 31, 63]);
    expect(share.summary.count).toBe(0);
    for (const entry of [...own.of("t")]) {
      own.remove(entry, false);
      note();
    }
    // That there is nothing any more is told when the topic is closed.
    expect(told.slice(7)).toEqual([31, 15, 7, 3, 1]);
    expect(FOLLOWING_RULES.isOfferedAnew(0, 1)).toBe(false);
  });
});
