/**
 * What one set tells another: deltas, and what merging one changed. Types, and the check that a part keeps
 * the laws that one part can be held to. The laws themselves are told in `orswot.ts`.
 */
import type { Dot } from "./dot.js";

/** An element that came into being and is alive as far as the sender knows. */
export interface Birth<V> {
  /** The clock of the birth; the replica is that of the part. */
  readonly clock: number;
  readonly value: V;
  /**
   * For the outcome of an update, the clock of the birth that the chain of updates began with. Lets a receiver
   * that holds any earlier revision report an update, however many updates it missed.
   */
  readonly origin?: number;
  /** Whose birth the origin was, if not one of the replica of the part. */
  readonly originReplica?: string;
}

/** A removal: the clock of its own dot (of the replica of the part), and the birth that it removed. */
export interface Removal {
  readonly clock: number;
  readonly dot: Dot;
}

/**
 * The changes of one replica above clock `since`, up to clock `upTo`. Any other dot of that range is a birth that
 * is dead by now, or the removal of one that the range of some part covers.
 */
export interface Part<V> {
  readonly replica: string;
  readonly since: number;
  readonly upTo: number;
  /** By ascending clock, all within the range. */
  readonly births: readonly Birth<V>[];
  /** By ascending clock, all within the range; what they removed may be a birth of any replica. */
  readonly removed: readonly Removal[];
}

/**
 * A small set with a context. A replica has several parts where its range has gaps; its parts do not overlap
 * and stand in ascending order.
 */
export interface Delta<V> {
  readonly parts: readonly Part<V>[];
}

/** An element of a set: a value, and the dot of its birth. */
export interface Element<V> {
  readonly dot: Dot;
  readonly value: V;
}

/** An element whose value changed, and its value before. */
export interface UpdatedElement<V> extends Element<V> {
  readonly previous: Element<V>;
}

/** The changes that a merge made. An element is in at most one of the three. */
export interface Change<V> {
  readonly added: readonly Element<V>[];
  readonly updated: readonly UpdatedElement<V>[];
  readonly removed: readonly Element<V>[];
}

/** Returns the fault in the numbers of a part; `undefined` if there is none. */
export function faultOf(part: Part<unknown>): string | undefined {
  const { replica, since, upTo } = part;
  if (!isClock(since) || !isClock(upTo) || since > upTo) {
    return `the range (${since}, ${upTo}] of ${JSON.stringify(replica)} is not one of ascending clocks`;
  }
  return faultOfBirths(part) ?? faultOfRemovals(part);
}

function faultOfBirths({ replica, since, upTo, births }: Part<unknown>): string | undefined {
  let previous = since;
  for (const { clock, value, origin, originReplica } of births) {
    if (!isClock(clock) || clock <= previous || clock > upTo) {
      return `birth ${clock} of ${JSON.stringify(replica)} is out of order or outside (${since}, ${upTo}]`;
    }
    if (value === undefined) return `birth ${clock} of ${JSON.stringify(replica)} has no value`;
    if (origin === undefined ? originReplica !== undefined : !isClock(origin) || origin < 1) {
      return `birth ${clock} of ${JSON.stringify(replica)} has no proper origin: ${origin}`;
    }
    if (origin !== undefined && (originReplica ?? replica) === replica && origin >= clock) {
      return `birth ${clock} of ${JSON.stringify(replica)} comes before its origin ${origin}`;
    }
    previous = clock;
  }
  return undefined;
}

function faultOfRemovals({ replica, since, upTo, births, removed }: Part<unknown>): string | undefined {
  let previous = since;
  let nextBirth = 0;
  for (const { clock, dot } of removed) {
    if (!isClock(clock) || clock <= previous || clock > upTo) {
      return `removal ${clock} of ${JSON.stringify(replica)} is out of order or outside (${since}, ${upTo}]`;
    }
    if (!isClock(dot.clock) || dot.clock < 1 || (dot.replica === replica && dot.clock >= clock)) {
      return `removal ${clock} of ${JSON.stringify(replica)} names no earlier birth: ${dot.clock}`;
    }
    for (
      let birth = births[nextBirth];
      birth !== undefined && birth.clock <= clock;
      birth = births[++nextBirth]
    ) {
      if (birth.clock === clock)
        return `dot ${clock} of ${JSON.stringify(replica)} is both birth and removal`;
    }
    previous = clock;
  }
  return undefined;
}

/** Whether a number can be a clock; 0 stands for "before the first". */
function isClock(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
