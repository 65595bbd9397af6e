/**
 * The lives that are over, as far as they are remembered: never listened to again. Bounded; the names whose last
 * life ended the longest ago are forgotten first. Knows neither time nor what a life has left behind.
 */
import type { Life } from "./life.js";

export class OverLives {
  readonly #limit: number;
  /** Per name its incarnations; the name that was added to last stands last. */
  readonly #incarnations = new Map<string, Set<string>>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many lives are remembered: at most the limit. */
  get size(): number {
    return this.#size;
  }

  has(life: Life): boolean {
    return this.#incarnations.get(life.name)?.has(life.incarnation) === true;
  }

  /** Whether a later life of the same name is over: then this one was before it, if clocks are right. */
  hasLater(life: Life): boolean {
    for (const incarnation of this.#incarnations.get(life.name) ?? []) {
      if (incarnation > life.incarnation) return true;
    }
    return false;
  }

  add(life: Life): void {
    const incarnations = this.#incarnations.get(life.name) ?? new Set<string>();
    this.#incarnations.delete(life.name);
    this.#incarnations.set(life.name, incarnations);
    if (!incarnations.has(life.incarnation)) this.#size += 1;
    incarnations.add(life.incarnation);
    if (this.#size > this.#limit) this.forgetFirst();
  }

  delete(life: Life): void {
    const incarnations = this.#incarnations.get(life.name);
    if (incarnations?.delete(life.incarnation) !== true) return;
    this.#size -= 1;
    if (incarnations.size === 0) this.#incarnations.delete(life.name);
  }

  /** Forgets the life that ended first of the name that stands first. */
  forgetFirst(): void {
    for (const [name, incarnations] of this.#incarnations) {
      for (const incarnation of incarnations) {
        this.delete({ name, incarnation });
        return;
      }
    }
  }
}
