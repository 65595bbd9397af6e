/** Who waits for the tracker to be complete, each for a goal of its own that stands still. */
import { TrackerError } from "../errors.js";
import type { Goal } from "../replication/machine.js";
import type { Runtime } from "../runtime.js";

interface Waiter {
  /** The connection since which the others are to be heard out. */
  since: number;
  /** Unknown until this node has heard the others out. */
  goal: Goal | undefined;
  readonly resolve: () => void;
  readonly reject: (error: TrackerError) => void;
}

/** Why a wait was not over in time. */
export interface NotComplete {
  readonly text: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export class Readiness {
  readonly #runtime: Runtime;
  readonly #waiters = new Set<Waiter>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Tells once when this node has heard the others out and caught up with them, whether or not it says so itself just then. */
  tellFirst(reached: () => void): void {
    this.#waiters.add({ since: 0, goal: undefined, resolve: reached, reject: () => undefined });
  }

  /**
   * Resolves when the goal is reached; rejects with `TIMEOUT` and what `why` then returns. The process lives as long as
   * a wait that has a timeout.
   */
  async wait(
    since: number,
    goal: Goal | undefined,
    timeoutMs: number | undefined,
    why: () => NotComplete,
  ): Promise<void> {
    let waiter: Waiter | undefined;
    let cancel: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { since, goal, resolve, reject };
        this.#waiters.add(waiter);
        if (timeoutMs === undefined) return;
        const timedOut = (): void => {
          const { text, details } = why();
          const because = text === "" ? "" : `: ${text}`;
          const message = `Not complete within ${timeoutMs} ms${because}`;
          reject(new TrackerError("TIMEOUT", message, { timeoutMs, ...details }));
        };
        cancel = this.#runtime.schedule(timeoutMs, timedOut, { keepsAlive: true });
      });
    } finally {
      cancel?.();
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  /** Ends the waits whose goal is reached; `begin`, if it is time to, makes a goal for those that have none. */
  look(begin: ((since: number) => Goal) | undefined): void {
    for (const waiter of this.#waiters) {
      waiter.goal ??= begin?.(waiter.since);
      if (waiter.goal?.isReached !== true) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** After a long outage others are there, who have to be heard out first. */
  startAnew(since: number): void {
    for (const waiter of this.#waiters) {
      waiter.since = since;
      waiter.goal = undefined;
    }
  }

  stop(): void {
    for (const { reject } of this.#waiters) {
      reject(new TrackerError("TRACKER_STOPPED", "The tracker was stopped"));
    }
  }
}
