/**
 * The law of shares: whatever is lost, repeated, overtaken and asked for, what a follower holds is at any time what its
 * author had at one place, and in the end what it has. And each rule of its arithmetic is needed: without it the law fails.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import type { FollowingProtocol, FollowingRules } from "../../../src/replication/following/rules.js";
import { SharePair, anyDoing, anyLimitedDoing, type Doing } from "./share-pair.js";

const anyDoings = anyOf(anyDoing);
const anyLimitedDoings = anyOf(anyLimitedDoing);

function anyOf({ doings, most }: typeof anyDoing | typeof anyLimitedDoing): fc.Arbitrary<Doing[]> {
  return fc.array(fc.record({ what: fc.constantFrom(...doings), which: fc.nat({ max: most }) }), {
    minLength: 20,
    maxLength: 120,
    size: "max",
  });
}

function protocolOf(
  removalsKept: number,
  closesKept: number,
  rules: Partial<FollowingRules> = {},
  stretchBirths = FOLLOWING_LIMITS.stretchBirths,
  changesTold = 2 * stretchBirths,
): FollowingProtocol {
  return {
    rules: { ...FOLLOWING_RULES, ...rules },
    limits: {
      ...{ ...FOLLOWING_LIMITS, removalsKept, closesKept, stretchBirths, changesTold },
    },
  };
}

function findingsOf(doings: readonly Doing[], protocol: FollowingProtocol): readonly string[] {
  const pair = new SharePair(protocol);
  for (const doing of doings) {
    pair.do(doing);
    if (pair.wrong.length > 0) return pair.wrong;
  }
  pair.settle();
  return pair.wrong;
}

/** Whether the law finds it within so many sequences. */
function isFound(rules: Partial<FollowingRules>, found: RegExp): boolean {
  const result = fc.check(
    fc.property(
      anyDoings,
      (doings) => !findingsOf(doings, protocolOf(1_000, 100, rules)).some((each) => found.test(each)),
    ),
    { numRuns: 20_000, seed: 1, endOnFailure: true },
  );
  return result.failed;
}

function doingsOf(text: string): Doing[] {
  return text.split(", ").map((each) => {
    const [what, which] = [each.slice(0, each.lastIndexOf(" ")), each.slice(each.lastIndexOf(" ") + 1)];
    return { what: what as Doing["what"], which: Number(which) };
  });
}

/** What an author remembers, and how much it tells at once: removals, closes, births of a stretch, changes. */
const variants: [title: string, removals: number, closes: number, births: number, changes: number][] = [
  ["all removals and closes kept", 1_000, 100, 2_048, 4_096],
  ["few kept", 2, 1, 2_048, 4_096],
  ["told in stretches of two births", 1_000, 100, 2, 4],
  ["told in stretches of one, few kept", 2, 1, 1, 2],
  ["told a change at a time", 1_000, 100, 2_048, 1],
  ["told a change at a time, in stretches of two births", 1_000, 100, 2, 1],
];

describe("a share", () => {
  it.each(variants)(
    "is at any time what its author had at one place, and in the end what it has: %s",
    (_, removals, closes, births, changes) => {
      fc.assert(
        fc.property(anyDoings, (doings) => {
          expect(findingsOf(doings, protocolOf(removals, closes, {}, births, changes))).toEqual([]);
        }),
        { numRuns: 500 },
      );
    },
  );

  it.each(variants)(
    "is so too where its follows have limits, which change: %s",
    (_, removals, closes, births, changes) => {
      fc.assert(
        fc.property(anyLimitedDoings, (doings) => {
          expect(findingsOf(doings, protocolOf(removals, closes, {}, births, changes))).toEqual([]);
        }),
        { numRuns: 500 },
      );
    },
  );

  it("is told again from its beginning where its last stretch was lost, and there is nothing of it", () => {
    const doings =
      "track 8, follow 2, ask 0, wish 2, track 11, track 5, send 0, untrack 8, deliver 0, ask 0, answer 1, answer 0";
    expect(findingsOf(doingsOf(doings), protocolOf(1_000, 100, {}, 2))).toEqual([]);
  });

  it("keeps what was set aside where more of its topic is to be told after all", () => {
    const doings =
      "follow 23, track 11, catch up 0, limit 2, track 14, send 0, deliver 0, catch up 0, author forgets 0, limit 17, catch up 0";
    expect(findingsOf(doingsOf(doings), protocolOf(2, 1, {}, 1))).toEqual([]);
  });

  const place = /^after .*, held /;

  it("R63: joins on in both its numbers", () => {
    expect(isFound({ joinsOn: () => true }, place)).toBe(true);
    expect(isFound({ joinsOn: (frame, held) => frame.since <= held.clock }, place)).toBe(true);
    expect(isFound({ joinsOn: (frame, held) => frame.from <= held.version }, place)).toBe(true);
  });

  it("R64: lists everything of a topic that it opens", () => {
    expect(isFound({ diesByOpen: () => false }, place)).toBe(true);
  });

  it("R65: takes for dead what it covers and does not list, where it overlaps", () => {
    expect(isFound({ diesByOverlap: () => false }, place)).toBe(true);
    // And not in the topics that it opens, of which everything is listed anyway, nor before it begins.
    expect(isFound({ diesByOverlap: (_, __, isListed) => !isListed }, place)).toBe(true);
  });

  it("R66: counts in the present follow only", () => {
    expect(isFound({ isOfPresentFollow: (_, followed) => followed !== undefined }, place)).toBe(true);
  });

  it("R67: is not continued when it was begun anew", () => {
    expect(isFound({ isSameStream: () => true }, /held|at rest/)).toBe(true);
  });

  it("R69: is not compared while an open is ignored", () => {
    expect(isFound({ isComparable: () => true }, /divergence of nothing/)).toBe(true);
  });
});
