/** What a node knows of callers and of those that they name: hashes that mean one life, and who is asked for. */
import { describe, expect, it } from "vitest";
import { hashText } from "../../../src/replication/hash.js";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { Rolls } from "../../../src/replication/following/rolls.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { replicaOf } from "../../../src/replication/life.js";

const HEARTBEAT_MS = 2_000;
const self = { name: "self", incarnation: "00000000000001" };

interface One {
  readonly life: { readonly name: string; readonly incarnation: string };
}

function rollsOf(): Rolls<One> {
  return new Rolls<One>({
    self,
    holdsEverything: false,
    heartbeatPeriodMs: HEARTBEAT_MS,
    rules: FOLLOWING_RULES,
    limits: FOLLOWING_LIMITS,
  });
}

function one(number: number): One {
  return { life: { name: `n${number}`, incarnation: "00000000000002" } };
}

/** Two lives with one hash: of a hundred thousand some are. */
function twins(): readonly [One, One] {
  const byHash = new Map<number, number>();
  for (let number = 0; ; number++) {
    const hash = hashText(replicaOf(one(number).life));
    const other = byHash.get(hash);
    if (other !== undefined) return [one(other), one(number)];
    byHash.set(hash, number);
  }
}

describe("what is known of callers", () => {
  it("R95: there are callers from 64 nodes that are up until there are fewer than 48, the same for all", () => {
    const rolls = rollsOf();
    for (let number = 1; number < 63; number++) rolls.came(`n${number}`);
    expect(rolls.callers).toEqual([]);
    rolls.came("n63");
    const { callers } = rolls;
    expect(callers).toHaveLength(3);
    for (let number = 63; number > 47; number--) rolls.went(`n${number}`);
    expect(rolls.callers).toHaveLength(3);
    rolls.went("n47");
    expect(rolls.callers).toEqual([]);
    for (let number = 63; number > 46; number--) rolls.came(`n${number}`);
    expect(rolls.callers).toEqual(callers);
  });

  it("a hash that two share means neither, until one of them is gone", () => {
    const rolls = rollsOf();
    const [first, second] = twins();
    const hash = hashText(replicaOf(first.life));
    rolls.add(first);
    expect(rolls.meant(hash)).toBe(first);
    expect(rolls.isAmbiguous(first)).toBe(false);
    rolls.add(second);
    expect(rolls.meant(hash)).toBeUndefined();
    expect([first, second].map((each) => rolls.isAmbiguous(each))).toEqual([true, true]);
    rolls.delete(first);
    expect(rolls.meant(hash)).toBe(second);
    expect(rolls.isAmbiguous(second)).toBe(false);
  });

  it("an unknown hash is asked for once in two heartbeats, and of more than a frame holds none is remembered", () => {
    const rolls = rollsOf();
    expect(rolls.toBeAsked([1, rolls.ownHash], 0)).toEqual([1]);
    expect(rolls.toBeAsked([1, 2], HEARTBEAT_MS)).toEqual([2]);
    expect(rolls.toBeAsked([1], 2 * HEARTBEAT_MS)).toEqual([1]);
    const made = Array.from({ length: FOLLOWING_LIMITS.hashesAsked }, (_, i) => 10 + i);
    rolls.toBeAsked(made, 2 * HEARTBEAT_MS);
    expect(rolls.toBeAsked([1], 2 * HEARTBEAT_MS)).toEqual([1]);
  });

  it("R98: only a node's own callers tell it that it was heard", () => {
    const rolls = rollsOf();
    for (let number = 1; number < 70; number++) rolls.came(`n${number}`);
    const { callers } = rolls;
    const other = Array.from({ length: 69 }, (_, i) => `n${i + 1}`).find((name) => !callers.includes(name))!;
    rolls.named(other, 0);
    expect(rolls.speaksToAll(0)).toBe(true);
    rolls.named(
      callers.find((name) => name !== self.name)!,
      0,
    );
    expect(rolls.speaksToAll(2 * HEARTBEAT_MS)).toBe(false);
    expect(rolls.speaksToAll(2 * HEARTBEAT_MS + 1)).toBe(true);
    // One that others call upon is to be heard by all.
    rolls.called(0);
    expect(rolls.speaksToAll(0)).toBe(true);
  });
});
