/**
 * When each item is due: one time for each, the soonest that was asked for. Costs the logarithm of how many wait, because with
 * a thousand peers one is due every millisecond. Time comes in as an argument.
 */

interface Due<T> {
  readonly item: T;
  readonly atMs: number;
}

export class Agenda<T> {
  readonly #times = new Map<T, number>();
  /** A binary heap, the soonest first. What has another time by now, or none, is passed over when it comes up. */
  readonly #heap: Due<T>[] = [];

  get size(): number {
    return this.#times.size;
  }

  /** When an item is due next; `Infinity` if none is. */
  get nextMs(): number {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#times.get(first.item) === first.atMs) return first.atMs;
      this.#pop();
    }
    return Infinity;
  }

  /** It is due at that time, or when it was to be before, if that is sooner. */
  at(item: T, atMs: number): void {
    if (atMs === Infinity || atMs >= (this.#times.get(item) ?? Infinity)) return;
    this.#times.set(item, atMs);
    this.#push({ item, atMs });
  }

  drop(item: T): void {
    this.#times.delete(item);
  }

  /** Takes the item that is due first, if any is. */
  take(nowMs: number): T | undefined {
    if (this.nextMs > nowMs) return undefined;
    const item = this.#pop()?.item;
    if (item !== undefined) this.#times.delete(item);
    return item;
  }

  #push(due: Due<T>): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(due);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (heap[above]!.atMs <= due.atMs) break;
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = due;
  }

  #pop(): Due<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below + 1 < heap.length && heap[below + 1]!.atMs < heap[below]!.atMs) below += 1;
      if (below >= heap.length || heap[below]!.atMs >= last.atMs) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}
