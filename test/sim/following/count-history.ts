/** How many entries each life has had in each topic, at any time: what a count that says it is settled may be. */

interface Size {
  readonly atMs: number;
  readonly size: number;
}

export class CountHistory {
  /** By topic and life. */
  readonly #sizes = new Map<string, Map<string, Size[]>>();
  /** Until when nobody who counts may have heard of a life, whatever it has. */
  readonly #unheardUntilMs = new Map<string, number>();

  /** From now on a life has so many entries in a topic. */
  note(life: string, topic: string, size: number, nowMs: number): void {
    const lives = this.#sizes.get(topic) ?? new Map<string, Size[]>();
    this.#sizes.set(topic, lives);
    const sizes = lives.get(life) ?? [];
    lives.set(life, sizes);
    sizes.push({ atMs: nowMs, size });
  }

  /** Nobody who counts has to know of a life until then; of several times the earliest holds. */
  unheard(life: string, untilMs: number): void {
    this.#unheardUntilMs.set(life, Math.min(untilMs, this.#unheardUntilMs.get(life) ?? Infinity));
  }

  /** A life has ended. */
  ended(life: string, nowMs: number): void {
    for (const lives of this.#sizes.values()) lives.get(life)?.push({ atMs: nowMs, size: 0 });
  }

  /** The fewest and the most entries that all lives had in a topic since then, each at a time of its own. */
  rangeOf(topic: string, sinceMs: number): { readonly fewest: number; readonly most: number } {
    let fewest = 0;
    let most = 0;
    for (const [life, sizes] of this.#sizes.get(topic) ?? []) {
      let before = 0;
      const since: number[] = [];
      for (const { atMs, size } of sizes) {
        if (atMs < sinceMs) before = size;
        else since.push(size);
      }
      if (sinceMs >= (this.#unheardUntilMs.get(life) ?? -Infinity)) fewest += Math.min(before, ...since);
      most += Math.max(before, ...since);
    }
    return { fewest, most };
  }
}
