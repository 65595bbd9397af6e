/**
 * Two deltas made one, without any set at hand.
 */
import { Context } from "./context.js";
import type { Birth, Delta, Part, Removal } from "./delta.js";
import { type Dot, DotMap } from "./dot.js";

/** A delta taken apart. */
interface Told {
  readonly covered: Context;
  readonly born: DotMap<true>;
  readonly buried: DotMap<true>;
}

/**
 * One delta that tells what both tell: merging it equals merging the two. Its parts are as few as can be, in
 * an order that depends only on what they cover, so joining is commutative, associative and idempotent.
 * Costs what the deltas list, whatever they cover.
 */
export function join<V>(a: Delta<V>, b: Delta<V>): Delta<V> {
  const toldByA = takeApart(a);
  const toldByB = takeApart(b);
  const covered = new Context();
  for (const { replica, since, upTo } of [...a.parts, ...b.parts]) covered.of(replica).take(since, upTo);

  const isBuried = (dot: Dot): boolean => toldByA.buried.has(dot) || toldByB.buried.has(dot);
  const births = new Map<string, Map<number, Birth<V>>>();
  const removals = new Map<string, Map<number, Removal>>();
  for (const [delta, other] of [
    [a, toldByB],
    [b, toldByA],
  ] as const) {
    for (const { replica, births: ofPart, removed } of delta.parts) {
      for (const birth of ofPart) {
        const dot = { replica, clock: birth.clock };
        const isDeadThere = other.covered.includes(dot) && !other.born.has(dot);
        if (!isDeadThere && !isBuried(dot)) groupOf(births, replica).set(birth.clock, birth);
      }
      for (const removal of removed) {
        // A birth that is covered and not listed is dead anyway.
        if (!covered.includes(removal.dot)) groupOf(removals, replica).set(removal.clock, removal);
      }
    }
  }

  const parts: Part<V>[] = [];
  for (const replica of [...covered.replicas()].sort()) {
    const seen = covered.of(replica);
    const bornHere = ascending(births.get(replica));
    const removedHere = ascending(removals.get(replica));
    for (const { since, upTo } of seen.within(0, seen.highest)) {
      parts.push({ replica, since, upTo, births: bornHere(upTo), removed: removedHere(upTo) });
    }
  }
  return { parts };
}

function takeApart(delta: Delta<unknown>): Told {
  const covered = new Context();
  const born = new DotMap<true>();
  const buried = new DotMap<true>();
  for (const { replica, since, upTo, births, removed } of delta.parts) {
    covered.of(replica).take(since, upTo);
    for (const { clock } of births) born.set({ replica, clock }, true);
    for (const { dot } of removed) buried.set(dot, true);
  }
  return { covered, born, buried };
}

function groupOf<T>(groups: Map<string, Map<number, T>>, replica: string): Map<number, T> {
  let group = groups.get(replica);
  if (group === undefined) {
    group = new Map();
    groups.set(replica, group);
  }
  return group;
}

/** Returns a function that hands out the values by ascending clock: each time those up to a limit that are left. */
function ascending<T>(group: ReadonlyMap<number, T> = new Map()): (upTo: number) => T[] {
  const sorted = [...group].sort(([one], [other]) => one - other);
  let next = 0;
  return (upTo) => {
    const taken: T[] = [];
    for (let pair = sorted[next]; pair !== undefined && pair[0] <= upTo; pair = sorted[++next])
      taken.push(pair[1]);
    return taken;
  };
}
