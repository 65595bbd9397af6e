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
  /** Made by the first task that has to wait: most queues never need it. */
  #waiting: Task[] | undefined;
  #running = false;
  #onIdle: (() => void)[] | undefined;

  constructor(owner: TaskOwner) {
    this.#owner = owner;
  }

  /** How many tasks wait, the running one not counted. */
  get length(): number {
    return this.#waiting?.length ?? 0;
  }

  push(task: Task): void {
    if (this.#running) (this.#waiting ??= []).push(task);
    else this.#drain(task);
  }

  /** Runs a task before all that wait. */
  pushFirst(task: Task): void {
    if (this.#running) (this.#waiting ??= []).unshift(task);
    else this.#drain(task);
  }

  /** Forgets the tasks that wait; the running one goes on. */
  clear(): void {
    this.#waiting = undefined;
  }

  /** Resolves when nothing runs or waits; `undefined` if that is so already. */
  whenIdle(): Promise<void> | undefined {
    if (!this.#running) return undefined;
    return new Promise((resolve) => (this.#onIdle ??= []).push(resolve));
  }

  /** Runs a task and then those that wait, up to one that gives a promise; that one's end goes on from there. */
  #drain(first: Task | undefined): void {
    this.#running = true;
    for (let task = first; task !== undefined; task = this.#waiting?.shift()) {
      const promise = this.#start(task);
      if (promise === undefined) continue;
      const proceed = (): void => this.#drain(this.#waiting?.shift());
      promise.then(proceed, (error: unknown) => {
        this.#owner.taskFailed(error);
        proceed();
      });
      return;
    }
    this.#running = false;
    const listeners = this.#onIdle;
    this.#onIdle = undefined;
    if (listeners) for (const listener of listeners) listener();
  }

  #start(task: Task): PromiseLike<unknown> | undefined {
    try {
      const result = task();
      return isThenable(result) ? result : undefined;
    } catch (error) {
      this.#owner.taskFailed(error);
      return undefined;
    }
  }
}

/** Whether a value is a promise, of this realm or of any library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
