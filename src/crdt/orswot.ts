/**
 * The set: an ORSWOT, an observed-remove set without tombstones. Several replicas of it are changed without
 * asking each other, exchange their changes whenever they can, in any order and any number of times, and hold
 * the same elements as soon as each has heard all.
 *
 * The one question. Two replicas, A and B, compare what they hold. An element is present in A and absent in B.
 * Has B not yet seen that it was added? Or has B seen it, and removed it, and A does not know yet? In the first
 * case the merged set must hold it, in the second it must not, and the elements alone look the same.
 *
 * The answer. Each addition is one event, named by a dot: the replica that did it, and a number that counts
 * the events of that replica. The element keeps the dot of its birth. And each replica keeps its context: the
 * dots of which it has heard. Now B can be asked: is the birth dot in your context? If not, B has not seen
 * it: add it. If it is, B had it and holds it no more: it was removed. So a removed element leaves nothing
 * behind (no tombstone), because "seen, and not here" is all there is to say; and a context is small, because
 * events are heard of mostly in order, so that one number per replica stands for all of them.
 *
 *     A: { "ann" born (A,1) }   context A:1        B: { }   context A:0   =>  B has yet to see "ann": present
 *     A: { "ann" born (A,1) }   context A:1        B: { }   context A:1   =>  B knows that "ann" left: absent
 *
 * A removal takes only births that its replica has seen. If one replica removes "ann" while another adds "ann"
 * again, the second birth has a dot of its own, which the removal does not name: the addition wins.
 *
 * Nobody sends a whole set to tell one change. A delta covers ranges of dots, (since, upTo] of a replica, and
 * says of them what the whole set would: which births are alive. Hearing of ranges out of order is what the
 * cloud of the context is for. To make this work, a removal is an event with a dot too, or no replica could tell
 * whether it has heard of it. Two laws follow. Sets that break one of them merge well in most orders, and in
 * the others never agree again.
 *
 * 1. A dot is a birth or a removal, never both. An update removes the old element and gives birth to the new
 *    one, so it spends two dots. Say that it spent one, (A,2), both the birth of "ann, away" and the removal
 *    of (A,1), "ann". A replica that has missed it hears next that (A,3) removed (A,2). It notes that it has
 *    now seen (A,2), as it must, or a late birth would bring it to life. But with that it also claims to know
 *    the removal of (A,1), which it does not: nobody will ever tell it, and "ann" lives there for ever.
 *
 * 2. A delta is self-contained. Over its ranges it lists the births alive and, for every removal dot in them,
 *    the birth that was removed, unless that birth lies in a range itself, where being unlisted says the same.
 *    Say that "ann" (A,1) was updated by (A,2) and (A,3) and removed by (A,4), and that the delta over (1, 4]
 *    left these out, since all that was born in it is dead. A replica that holds (A,1) would take the range as
 *    seen, keep "ann", and again nobody would ever tell it.
 *
 * The structure, and why it converges:
 *   - A. Bieniusa, M. Zawirski, N. Preguiça, M. Shapiro, C. Baquero, V. Balegas, S. Duarte: "An optimized
 *     conflict-free replicated set", INRIA research report 8083, 2012.
 *   - P. S. Almeida, A. Shoker, C. Baquero: "Efficient state-based CRDTs by delta-mutation", NETYS 2015, and
 *     "Delta state replicated data types", Journal of Parallel and Distributed Computing 111, 2018.
 *
 * Costs: a change of one element costs the same at any size of the set; making or merging a delta costs what
 * the delta covers anew, never what the set holds. The set knows no time, network, topic or user. Nothing here
 * calls back, and equal calls in equal order have equal results.
 */
import { type Tally, changeOf } from "./change.js";
import { Context, type ContextView, type Range } from "./context.js";
import {
  type Birth,
  type Change,
  type Delta,
  type Element,
  type Part,
  type Removal,
  faultOf,
} from "./delta.js";
import type { ValueHash } from "./digest.js";
import { type Dot, describeDot } from "./dot.js";
import { KeptRemovals } from "./removals.js";
import { Slice } from "./slice.js";

export interface OrswotOptions<V = unknown> {
  /**
   * How many removals are kept per replica, so that `delta(since)` can be small: at least so many, and at most
   * 1,000 more (twice as many, if that is less). Where they do not reach back, deltas are full; nothing else changes.
   * An update removes too. 0 for a set that only listens. Default 10,000: at 16 to 24 bytes each, no replica costs
   * more than 270 kB, and a peer may miss 10,000 removals before it has to be told everything.
   */
  readonly removalsKept?: number | undefined;
  /**
   * Hashes a value, to a safe integer: the same for equal values on every replica and at any time. It must
   * not throw. With it digests also tell apart sets whose dots agree and whose values do not, as after damage;
   * each addition and each removal costs one call more. Default: the digest is of the dots alone, which stand for
   * one value each.
   */
  readonly hash?: ((value: V) => number) | undefined;
}

const removalsKeptByDefault = 10_000;

export class Orswot<V> implements Iterable<Element<V>> {
  /** Who speaks here: the replica whose dots `add`, `update` and `remove` spend. */
  readonly replica: string;
  readonly #removalsKept: number;
  readonly #hash: ValueHash<V> | undefined;
  readonly #context: Context;
  readonly #slices = new Map<string, Slice<V>>();
  readonly #own: Slice<V>;
  #size = 0;

  /**
   * An empty set. Each of the sets that exchange deltas needs a `replica` of its own, and one that is made
   * anew needs a name never used before: a dot that names two events cannot be merged.
   *
   * @throws TypeError if `replica` is not a string or `hash` not a function, RangeError if `removalsKept` is not an
   *   integer of 0 or more.
   */
  constructor(replica: string, options: OrswotOptions<V> = {}) {
    const { removalsKept = removalsKeptByDefault, hash } = options;
    if (typeof replica !== "string") throw new TypeError(`replica must be a string, got ${typeof replica}`);
    if (!Number.isSafeInteger(removalsKept) || removalsKept < 0) {
      throw new RangeError(`removalsKept must be an integer of 0 or more, got ${removalsKept}`);
    }
    if (hash !== undefined && typeof hash !== "function") {
      throw new TypeError(`hash must be a function, got ${typeof hash}`);
    }
    this.replica = replica;
    this.#removalsKept = removalsKept;
    this.#hash = hash;
    this.#context = new Context();
    this.#own = this.#sliceOf(replica);
  }

  /** How many elements the set holds. */
  get size(): number {
    return this.#size;
  }

  /** The dots that the set has seen. It follows the set; take a `clone()` of it to remember a moment. */
  get context(): ContextView {
    return this.#context;
  }

  /**
   * Adds an element. Equal values are different elements if their dots differ.
   *
   * @throws TypeError if `value` is `undefined`, which stands for "not there".
   */
  add(value: V): Dot {
    requireValue(value);
    const clock = this.#spendDot();
    this.#own.insert(clock, value);
    this.#size++;
    return { replica: this.replica, clock };
  }

  /**
   * Puts another value in the place of an element of any replica: a removal and a birth, whose dot is
   * returned. If another replica updates the same element at the same time, both outcomes stay.
   *
   * @throws RangeError if the set does not hold the dot, TypeError if `value` is `undefined`.
   */
  update(dot: Dot, value: V): Dot {
    requireValue(value);
    const slice = this.#slices.get(dot.replica);
    if (slice === undefined || !slice.live.has(dot.clock)) {
      throw new RangeError(`update of an element that the set does not hold: ${describeDot(dot)}`);
    }
    this.#requireClocks(2);
    const origin = slice.originOf(dot.clock);
    this.remove(dot);
    const clock = this.#spendDot();
    this.#own.insert(clock, value, origin);
    this.#size++;
    return { replica: this.replica, clock };
  }

  /** Removes an element of any replica. Returns whether it was there; if not, nothing happens. */
  remove(dot: Dot): boolean {
    const slice = this.#slices.get(dot.replica);
    if (slice === undefined || !slice.live.has(dot.clock)) return false;
    const clock = this.#spendDot();
    slice.delete(dot.clock);
    this.#size--;
    this.#own.removals.keep(clock, { replica: slice.replica, clock: dot.clock });
    return true;
  }

  /** The value born with that dot, if it is still there. */
  get(dot: Dot): V | undefined {
    return this.#slices.get(dot.replica)?.live.get(dot.clock);
  }

  /** All elements, in no promised order. Elements may be removed on the way. */
  *[Symbol.iterator](): IterableIterator<Element<V>> {
    for (const { replica, live } of this.#slices.values()) {
      for (const [clock, value] of live) yield { dot: { replica, clock }, value };
    }
  }

  /**
   * Returns all that a set with the context `since` lacks; without `since`, everything. Where the kept removals do not
   * reach back to `since` it is everything too, which is larger, but as right. Dots in the cloud of `since` are told
   * again. The cost is that of the changes after `since`.
   */
  delta(since?: ContextView): Delta<V> {
    const clockOf =
      since !== undefined && this.#reaches(since) ? (replica: string) => since.clock(replica) : () => 0;
    const isCovered = (dot: Dot): boolean => dot.clock > clockOf(dot.replica);
    const parts: Part<V>[] = [];
    for (const slice of this.#slices.values()) {
      for (const range of slice.seen.within(clockOf(slice.replica), slice.seen.highest)) {
        parts.push(partOf(slice, range, isCovered));
      }
    }
    return { parts };
  }

  /**
   * Returns the changes of one replica after its clock `since`, as far as they were heard of without a gap; an empty part
   * if there are none. `undefined` where the kept removals do not reach back.
   *
   * Dots of other replicas that this one removed are named in it, so it is a whole delta by itself.
   *
   * @throws RangeError if `since` is not an integer of 0 or more.
   */
  part(replica: string, since: number): Part<V> | undefined {
    if (!Number.isSafeInteger(since) || since < 0) {
      throw new RangeError(`since must be an integer of 0 or more, got ${since}`);
    }
    const slice = this.#slices.get(replica);
    const upTo = slice?.seen.clock ?? 0;
    if (slice === undefined || since >= upTo) return { replica, since: upTo, upTo, births: [], removed: [] };
    if (since < slice.removals.reach) return undefined;
    return partOf(slice, { since, upTo }, (dot) => dot.replica === replica && dot.clock > since);
  }

  /**
   * Takes in what another set tells. Any delta may come in any order, any number of times. Returns what
   * changed here, compared before and after: nothing that was known already, and an element that was updated
   * since it was last seen here is `updated`, however often it was.
   *
   * @throws RangeError if the delta contradicts itself; then nothing was merged.
   */
  merge(delta: Delta<V>): Change<V> {
    for (const part of delta.parts) requireSound(part);
    const tally: Tally<V> = { born: [], died: [] };
    for (const part of delta.parts) this.#take(part, tally);
    return changeOf(tally);
  }

  /** Merges a delta of one part. */
  mergePart(part: Part<V>): Change<V> {
    requireSound(part);
    const tally: Tally<V> = { born: [], died: [] };
    this.#take(part, tally);
    return changeOf(tally);
  }

  /** The birth that a removal took away, as far as removals are kept. */
  removedBy({ replica, clock }: Dot): Dot | undefined {
    return this.#slices.get(replica)?.removals.at(clock);
  }

  /** The elements born at one replica, by the clock of their birth, in the order in which they came. Follows the set. */
  live(replica: string): ReadonlyMap<number, V> {
    return this.#slices.get(replica)?.live ?? new Map<number, V>();
  }

  /** How many elements born at one replica the set holds. */
  count(replica: string): number {
    return this.#slices.get(replica)?.live.size ?? 0;
  }

  /**
   * A hash of {@link live}, kept up to date by every change: from 0, for none, to 2^53 - 1. Of its dots, and of its
   * values with the option `hash`.
   */
  digest(replica: string): number {
    return this.#slices.get(replica)?.digest ?? 0;
  }

  /**
   * A copy that shares nothing with this set but the values. Give it another `replica` if both are going to
   * change.
   */
  clone(replica: string = this.replica): Orswot<V> {
    const options: OrswotOptions<V> = { removalsKept: this.#removalsKept };
    return new Orswot<V>(replica, this.#hash ? { ...options, hash: this.#hash } : options).#assume(this);
  }

  /**
   * Whether both hold the same elements and have seen the same dots. Values are not compared: a dot stands for
   * one value for ever.
   */
  equals(other: Orswot<V>): boolean {
    if (this.#size !== other.#size || !this.#context.equals(other.#context)) return false;
    for (const [replica, { live }] of this.#slices) {
      const others = other.live(replica);
      if (live.size !== others.size) return false;
      for (const clock of live.keys()) if (!others.has(clock)) return false;
    }
    return true;
  }

  #sliceOf(replica: string): Slice<V> {
    let slice = this.#slices.get(replica);
    if (slice === undefined) {
      const removals = new KeptRemovals(this.#removalsKept, replica);
      slice = new Slice(replica, this.#context.of(replica), removals, this.#hash);
      this.#slices.set(replica, slice);
    }
    return slice;
  }

  /** Takes over all that another set holds; for a set that is still empty. */
  #assume(original: Orswot<V>): this {
    for (const slice of original.#slices.values()) {
      this.#sliceOf(slice.replica).assume(slice);
    }
    this.#size = original.#size;
    return this;
  }

  #spendDot(): number {
    this.#requireClocks(1);
    const { seen } = this.#own;
    seen.advance();
    return seen.highest;
  }

  #requireClocks(count: number): void {
    if (this.#own.seen.highest <= Number.MAX_SAFE_INTEGER - count) return;
    throw new RangeError(`replica ${JSON.stringify(this.replica)} has no clocks left`);
  }

  /** Whether every removal that `since` lacks is known. */
  #reaches(since: ContextView): boolean {
    for (const { replica, seen, removals } of this.#slices.values()) {
      const clock = since.clock(replica);
      if (clock < removals.reach && clock < seen.highest) return false;
    }
    return true;
  }

  /** Merges one part whose numbers are in order. */
  #take(part: Part<V>, tally: Tally<V>): void {
    const { replica, since, upTo, births, removed } = part;
    const slice = this.#sliceOf(replica);
    const { seen } = slice;
    // The part speaks of dots; each one of them that is new here and never spoken of may be a removal.
    let unspoken = upTo - since;
    const seenBefore = seen.within(since, upTo);
    if (seenBefore.length > 0) {
      for (const range of seenBefore) unspoken -= range.upTo - range.since;
      this.#dropUnlisted(slice, seenBefore, births, tally);
    }
    for (const { clock, value, origin, originReplica } of births) {
      if (seen.includes(clock)) continue;
      unspoken--;
      const root = origin === undefined ? undefined : { replica: originReplica ?? replica, clock: origin };
      slice.insert(clock, value, root);
      this.#size++;
      const dot = { replica, clock };
      tally.born.push({ element: { dot, value }, origin: root ?? dot });
    }
    for (const { clock, dot } of removed) {
      if (!seen.includes(clock)) {
        unspoken--;
        slice.removals.keep(clock, { replica: dot.replica, clock: dot.clock });
      }
      this.#bury(dot, tally);
    }
    seen.take(since, upTo);
    if (unspoken > 0) slice.removals.missUpTo(upTo);
  }

  /** A birth that was seen here, and that a range covers without listing it, is dead. */
  #dropUnlisted(
    slice: Slice<V>,
    ranges: readonly Range[],
    births: readonly Birth<V>[],
    tally: Tally<V>,
  ): void {
    const listed = new Set<number>();
    for (const { clock } of births) listed.add(clock);
    for (const range of ranges) {
      for (const clock of slice.liveWithin(range)) if (!listed.has(clock)) this.#drop(slice, clock, tally);
    }
  }

  /** A birth that was removed: it goes if it is here, and is not let in if it comes later. */
  #bury({ replica, clock }: Dot, tally: Tally<V>): void {
    const slice = this.#sliceOf(replica);
    this.#drop(slice, clock, tally);
    slice.seen.take(clock - 1, clock);
  }

  #drop(slice: Slice<V>, clock: number, tally: Tally<V>): void {
    const value = slice.live.get(clock);
    if (value === undefined) return;
    const origin = slice.originOf(clock);
    slice.delete(clock);
    this.#size--;
    tally.died.push({ element: { dot: { replica: slice.replica, clock }, value }, origin });
  }
}

/** A part over a range of a slice, by the second law: it names each removed birth that the delta does not cover. */
function partOf<V>(slice: Slice<V>, range: Range, isCovered: (dot: Dot) => boolean): Part<V> {
  const removed: Removal[] = [];
  for (const removal of slice.removals.within(range)) if (!isCovered(removal.dot)) removed.push(removal);
  const { replica } = slice;
  return { replica, since: range.since, upTo: range.upTo, births: slice.birthsWithin(range), removed };
}

function requireValue(value: unknown): void {
  if (value === undefined) throw new TypeError("undefined cannot be an element of a set");
}

function requireSound(part: Part<unknown>): void {
  const fault = faultOf(part);
  if (fault !== undefined) throw new RangeError(`cannot merge: ${fault}`);
}
