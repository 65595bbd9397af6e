/**
 * A dot names one event: the `clock`-th of one replica. This file knows nothing of what the event was.
 */

/** One event of one replica, either a birth or a removal. Clocks count from 1. */
export interface Dot {
  readonly replica: string;
  readonly clock: number;
}

/** How an error message names a dot. */
export function describeDot(dot: Dot): string {
  return `clock ${dot.clock} of ${JSON.stringify(dot.replica)}`;
}

/**
 * A map with dots for keys. Two maps, one inside the other: a key glued together from text and number would
 * cost several times as much, and would have to be escaped.
 */
export class DotMap<T> {
  readonly #replicas = new Map<string, Map<number, T>>();

  get({ replica, clock }: Dot): T | undefined {
    return this.#replicas.get(replica)?.get(clock);
  }

  has({ replica, clock }: Dot): boolean {
    return this.#replicas.get(replica)?.has(clock) === true;
  }

  set({ replica, clock }: Dot, value: T): void {
    const clocks = this.#replicas.get(replica);
    if (clocks === undefined) this.#replicas.set(replica, new Map([[clock, value]]));
    else clocks.set(clock, value);
  }

  /** Whether the dot was there. */
  delete({ replica, clock }: Dot): boolean {
    return this.#replicas.get(replica)?.delete(clock) === true;
  }
}
