/**
 * Runs tasks one after another, also those that return a promise. A task that comes while none runs is run at
 * once, in the caller's turn, so that synchronous handlers cost no round through the event loop and keep the
 * order of what they answer. Promises that no task ever overlaps another, and that a task that throws or
 * rejects costs nobody else's turn. Knows nothing of what the tasks do.
 */

/** A piece of work; a promise holds the next ones back until it settles. */
export type Task = () => unknown;

/** Told about every task that threw or rejected. Must not throw. */
export interface TaskOwner {
  taskFailed(error: unknown): void;
}

export class SerialQueue {
  readonly #owner: TaskOwner;
  #waiting: Task[] = [];
  #running = false;
  #onIdle: (() => void)[] | undefined;

  constructor(owner: TaskOwner) {
    this.#owner = owner;
  }

  /** How many tasks wait, the running one not counted. */
  get length(): number {
    return this.#waiting.length;
  }

  get running(): boolean {
    return this.#running;
  }

  push(task: Task): void {
    this.#waiting.push(task);
    if (!this.#running) this.#drain();
  }

  /** Runs a task before all that wait. */
  pushFirst(task: Task): void {
    this.#waiting.unshift(task);
    if (!this.#running) this.#drain();
  }

  /** Forgets the tasks that wait; the running one goes on. */
  clear(): void {
    this.#waiting = [];
  }

  /** Resolves when nothing runs or waits; `undefined` if that is so already. */
  whenIdle(): Promise<void> | undefined {
    if (!this.#running) return undefined;
    return new Promise((resolve) => (this.#onIdle ??= []).push(resolve));
  }

  #drain(): void {
    this.#running = true;
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) {
      let result: unknown;
      try {
        result = task();
      } catch (error) {
        this.#owner.taskFailed(error);
        continue;
      }
      if (isThenable(result)) {
        const proceed = (): void => this.#drain();
        result.then(proceed, (error: unknown) => {
          this.#owner.taskFailed(error);
          proceed();
        });
        return;
      }
    }
    this.#running = false;
    const listeners = this.#onIdle;
    this.#onIdle = undefined;
    if (listeners) for (const listener of listeners) listener();
  }
}

/** Whether a value is a promise, of this realm or of any library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
