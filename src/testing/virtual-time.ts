/**
 * Virtual time: a queue of events that run in the order of their times, and at one time in the order in which
 * they were scheduled. Nothing waits for a clock: an hour passes as fast as its events run. It promises that
 * every promise that can settle without virtual time has settled between two events, so that the same events
 * give the same run. It knows nothing of nodes, stalls or messages.
 */

/** An event that waits for its time. */
interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets every promise job run that can run by itself: a macrotask comes after all of them. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Scheduled[] = [];
  #promisesPending = false;
  #running = false;

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have been scheduled so far: a measure of work. */
  get scheduledCount(): number {
    return this.#order;
  }

  /** Runs an event once, when virtual time has reached `atMs`; at once (but not synchronously) if it has. */
  at(atMs: number, run: () => void): () => void {
    const event: Scheduled = {
      atMs: Math.max(atMs, this.#nowMs),
      order: (this.#order += 1),
      run,
      cancelled: false,
    };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /**
   * Says that an event left promises behind. Only then is the macrotask waited for that lets them settle:
   * doing so after each event would cost more than the events.
   */
  promisesMayBePending(): void {
    this.#promisesPending = true;
  }

  /** Runs all that is due within the next `durationMs`, then stands at the end of it. */
  async advance(durationMs: number): Promise<void> {
    if (this.#running) throw new Error("virtual time is being advanced already: await the first advance");
    this.#running = true;
    try {
      const untilMs = this.#nowMs + durationMs;
      await settlePromises();
      for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
        this.#pop();
        if (next.cancelled) continue;
        this.#nowMs = next.atMs;
        next.run();
        if (this.#promisesPending) {
          this.#promisesPending = false;
          await settlePromises();
        }
      }
      this.#nowMs = untilMs;
      await settlePromises();
    } finally {
      this.#running = false;
    }
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}
