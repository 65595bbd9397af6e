/**
 * A seeded random source: the same seed gives the same numbers, on every machine. It promises independent
 * streams by {@link SeededRandom.fork}, so that what one part of a simulation draws does not shift what another
 * part gets. It knows nothing of nodes, networks or time. Not for secrets.
 */

/** Spreads a step of the counter over all 32 bits. */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function hashText(text: string, start: number): number {
  let hash = start >>> 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = mix(Math.imul(hash, 31) + text.charCodeAt(index) + 1);
  }
  return hash;
}

export class SeededRandom {
  #counter: number;
  readonly #origin: number;

  /** @param seed any number, or a text. */
  constructor(seed: number | string) {
    this.#origin = hashText(String(seed), 0x9e3779b9);
    this.#counter = this.#origin;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#counter = (this.#counter + 0x9e3779b9) | 0;
    return mix(this.#counter) / 0x1_0000_0000;
  }

  /** A stream of its own, determined by this source's seed and the label, not by what was drawn so far. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#origin}/${label}`);
  }

  /** True with the given probability. Draws a number even for 0 and 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number from low to high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** One of the items. @throws RangeError if there is none. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("nothing to pick from");
    return items[Math.floor(this.next() * items.length)] as T;
  }

  /** Each item with the given probability, in the given order. */
  subset<T>(items: readonly T[], probability: number): T[] {
    const chosen: T[] = [];
    for (const item of items) if (this.chance(probability)) chosen.push(item);
    return chosen;
  }
}
