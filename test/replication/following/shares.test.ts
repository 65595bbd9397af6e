/** Shares by example: what the law does not look at. */
import { describe, expect, it } from "vitest";
import { refPrefixOf } from "../../../src/replication/life.js";
import { NO_LIMIT } from "../../../src/replication/following/message.js";
import { OwnEntries } from "../../../src/replication/following/own-entries.js";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { FOLLOWING_PROTOCOL, FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import type { FollowingProtocol } from "../../../src/replication/following/rules.js";
import { AuthoredShare } from "../../../src/replication/following/share-author.js";
import { FollowedShare } from "../../../src/replication/following/share-follower.js";
import type { Merged } from "../../../src/replication/following/merged.js";

const life = { name: "a", incarnation: "00000000000001" };
const owner = { ...life, departure: undefined };

function make(protocol: FollowingProtocol = FOLLOWING_PROTOCOL): {
  readonly own: OwnEntries;
  readonly authored: AuthoredShare;
  readonly followed: FollowedShare;
  readonly exchange: () => Merged;
} {
  const own = new OwnEntries(owner, life, protocol);
  const authored = new AuthoredShare(own, 1, () => undefined, protocol);
  const origin = { owner, shard: 0, refPrefix: refPrefixOf(life, 0) };
  const followed = new FollowedShare(origin, () => 1, protocol);
  const exchange = (): Merged => {
    const merged = followed.merge(authored.next());
    if (typeof merged === "string") throw new Error(merged);
    return merged;
  };
  authored.open("t", 1);
  return { own, authored, followed, exchange };
}

describe("a share", () => {
  it("tells an update as one change, with the ref of its author", () => {
    const { own, exchange } = make();
    const first = own.add("t", "k", "s", { n: 1 });
    exchange();
    const second = own.update(first, { n: 2 });
    const { change } = exchange();
    expect(change.updated.map(({ entry, previous }) => [previous.ref, entry.ref, entry.prevRef])).toEqual([
      [first.ref, second.ref, first.ref],
    ]);
    expect(change.added).toEqual([]);
    expect(change.removed).toEqual([]);
  });

  it("R66: is opened in the generation that its follower says itself, whatever was told of a later one", () => {
    const { authored } = make();
    authored.open("t", 1_000);
    authored.open("t", 1);
    expect(authored.generationOf("t")).toBe(1_000);
    authored.open("t", 1, NO_LIMIT, true);
    expect(authored.generationOf("t")).toBe(1);
  });

  it("R67: is asked for anew where its author has begun another one, though nothing is open in that", () => {
    const { own, followed, exchange } = make();
    own.add("t", "k", "s", {});
    exchange();
    followed.hearOf(2, 0);
    expect(followed.isBehind).toBe(true);
  });

  it("R67: is asked for anew no longer, as soon as its author sums up the one that is held", () => {
    const { own, authored, followed, exchange } = make();
    own.add("t", "k", "s", {});
    exchange();
    followed.hearOf(2, 1);
    expect(followed.compare(authored.summary)).toBe("equal");
    expect(followed.isBehind).toBe(false);
  });

  it("R88: says of a close whether a registrar has named its author since it was open", () => {
    for (const isListed of [false, true]) {
      const { own, authored, followed, exchange } = make();
      own.add("t", "k", "s", {});
      exchange();
      if (isListed) followed.listed("t");
      // It lasts until the close, whatever is opened meanwhile.
      authored.open("t", 2);
      exchange();
      authored.close("t");
      expect(exchange().closed).toEqual([["t", isListed]]);
    }
  });

  it("tells of all revisions how an entry ended", () => {
    const { own, exchange } = make();
    const closed = own.add("t", "closed", "s", {});
    const untracked = own.add("t", "untracked", "s", {});
    exchange();
    own.remove(own.update(closed, { n: 1 }), true);
    own.remove(own.update(untracked, { n: 1 }), false);
    const { removed } = exchange().change;
    expect(removed.map(({ entry, closed: isClosed }) => [entry.key, isClosed]).sort()).toEqual([
      ["closed", true],
      ["untracked", false],
    ]);
  });

  it.each([
    ["that overlaps with what is held", 1_000, false, true],
    ["of everything", 1_000, true, true],
    ["of everything, and not of who closed before what the author remembers", 2, true, false],
  ])(
    "R5: tells of who closed while its author was not heard, by an answer %s",
    (_, removalsKept, isAnew, is) => {
      const limits = { ...FOLLOWING_LIMITS, removalsKept };
      const { own, authored, followed, exchange } = make({ rules: FOLLOWING_RULES, limits });
      exchange();
      const before = followed.place;
      const [closed, untracked] = ["closed", "untracked"].map((key) => own.add("t", key, key, {}));
      exchange();
      own.remove(closed!, true);
      own.remove(untracked!, false);
      for (let i = 0; i < 10; i++) own.remove(own.add("elsewhere", "k", "s", {}), false);
      const merged = followed.merge(authored.answer(isAnew ? { ...before, stream: 9 } : before)!);
      const { removed } = typeof merged === "string" ? { removed: [] } : merged.change;
      expect(removed.map(({ entry, closed: isClosed }) => [entry.key, isClosed]).sort()).toEqual([
        ["closed", is],
        ["untracked", false],
      ]);
    },
  );

  it("is told whole to who asks from before what it has heard", () => {
    const { own, authored, followed, exchange } = make();
    exchange();
    const before = followed.place;
    authored.open("u", 1);
    own.add("u", "k", "s", {});
    exchange();
    expect(authored.answer(before)).toMatchObject({ isWhole: false, opens: [["u", 1]] });
    authored.stands(followed.place);
    expect(authored.answer(followed.place)).toBeUndefined();
    expect(authored.answer(before)).toMatchObject({
      isWhole: true,
      opens: [
        ["t", 1],
        ["u", 1],
      ],
    });
  });

  it("says nothing of what came and went between two frames", () => {
    const { own, authored, exchange } = make();
    exchange();
    own.remove(own.add("t", "k", "s", {}), false);
    const frame = authored.next();
    expect(frame.births).toEqual([]);
    expect(frame.removals).toEqual([]);
    expect(frame.upTo).toBe(2);
  });

  it("costs what has changed: other topics and what was told before are not in a frame", () => {
    const { own, authored, exchange } = make();
    for (let i = 0; i < 1_000; i++) own.add(i % 2 === 0 ? "t" : "other", `k${i}`, "s", {});
    exchange();
    own.add("t", "new", "s", {});
    own.add("other", "new", "s", {});
    expect(authored.next().births.map(({ key }) => key)).toEqual(["new"]);
  });

  it("lets go of what a follow held, and of who is forgotten", () => {
    const { own, authored, followed, exchange } = make();
    own.add("t", "k", "s", {});
    exchange();
    expect(followed.letGo("t", 1).map(({ key }) => key)).toEqual(["k"]);
    expect(followed.entries.size).toBe(0);
    expect(followed.openedIn("t")).toBe(1);
    expect(own.watchCount).toBe(1);
    authored.end();
    expect(own.watchCount).toBe(0);
  });

  it("R12: finds what was altered on its way, and heals by everything", () => {
    const { own, authored, followed } = make();
    own.add("t", "k", "s", { n: 1 });
    const frame = authored.next();
    followed.merge({ ...frame, births: frame.births.map((birth) => ({ ...birth, meta: { n: 666 } })) });
    expect(followed.compare(authored.summary)).toBe("diverged");
    const answer = authored.answer(followed.question);
    expect(answer?.isWhole).toBe(true);
    const merged = followed.merge(answer!);
    expect(
      typeof merged === "string" ? merged : merged.change.updated.map(({ entry }) => entry.meta),
    ).toEqual([{ n: 1 }]);
    expect(followed.compare(authored.summary)).toBe("equal");
    expect(followed.isBehind).toBe(false);
  });

  it("R12: heals when what was heard lies ahead of its author, or is of another stream", () => {
    for (const forged of [{ upTo: 1e9 }, { to: 1e9 }, { stream: 1e9 }]) {
      const { own, authored, followed } = make();
      own.add("t", "k", "s", { n: 1 });
      followed.merge({ ...authored.next(), ...forged });
      own.add("t", "l", "s", { n: 1 });
      followed.merge(authored.next());
      expect(followed.compare(authored.summary)).toBe("diverged");
      followed.merge(authored.answer(followed.question)!);
      expect(followed.compare(authored.summary)).toBe("equal");
      expect(followed.entries.size).toBe(2);
    }
  });

  it.each([
    ["R68: is doubted until it came whole", {}, true],
    ["is doubted for less where R68 is missed", { endsDoubt: () => true }, false],
  ])("%s", (_, rules, isBehind) => {
    const { own, authored, followed } = make({
      limits: FOLLOWING_LIMITS,
      rules: { ...FOLLOWING_RULES, ...rules },
    });
    own.add("t", "k", "s", { n: 1 });
    const frame = authored.next();
    followed.merge({ ...frame, births: [] });
    expect(followed.compare(authored.summary)).toBe("diverged");
    // The answer is on its way, and a change overtakes it.
    own.add("t", "l", "s", { n: 1 });
    followed.merge(authored.next());
    expect(followed.isBehind).toBe(isBehind);
  });
});
