/**
 * Runs tasks one after another, also those that return a promise. A task that comes while none runs is run at
 * once, in the caller's turn, so that synchronous handlers cost no round through the event loop and keep the
 * order of what they answer. Promises that no task ever overlaps another, and that a task that throws or
 * rejects costs nobody else's turn. Knows nothing of what the tasks do.
 */

/** A piece of work; a promise holds the next ones back until it settles. */
export type Task = () => unknown;

/** What is told by a queue. Must not throw. */
export interface TaskOwner<Load> {
  /** A task threw or rejected. */
  taskFailed(error: unknown): void;
  /** A task waits, or its promise is waited for: its load stays in memory. Told once per task. */
  loadHeld(load: Load): void;
  /** The task is done or forgotten, and its load with it. */
  loadReleased(load: Load): void;
}

interface WaitingTask<Load> {
  readonly task: Task;
  /** What the task keeps in memory. */
  readonly load: Load | undefined;
}

export class SerialQueue<Load> {
  readonly #owner: TaskOwner<Load>;
  /** Made by the first task that has to wait: most queues never need it. */
  #waiting: WaitingTask<Load>[] | undefined;
  #running = false;
  #onIdle: (() => void)[] | undefined;

  constructor(owner: TaskOwner<Load>) {
    this.#owner = owner;
  }

  /** How many tasks wait, the running one not counted. */
  get length(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Whether a task that comes now is run at once. */
  get isIdle(): boolean {
    return !this.#running;
  }

  /** Adds a task that keeps a load in memory until it is done. */
  push(task: Task, load?: Load): void {
    if (!this.#running) return this.#drain(task, load);
    (this.#waiting ??= []).push({ task, load });
    if (load !== undefined) this.#owner.loadHeld(load);
  }

  /** Runs a task before all that wait. */
  pushFirst(task: Task): void {
    if (this.#running) (this.#waiting ??= []).unshift({ task, load: undefined });
    else this.#drain(task, undefined);
  }

  /** Forgets the tasks that wait; the running one goes on. */
  clear(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const { load } of waiting) this.#release(load);
  }

  /** Resolves when nothing runs or waits; `undefined` if that is so already. */
  whenIdle(): Promise<void> | undefined {
    if (!this.#running) return undefined;
    return new Promise((resolve) => (this.#onIdle ??= []).push(resolve));
  }

  /** Runs a task that has not waited, and goes on with those that do. */
  #drain(task: Task, load: Load | undefined): void {
    this.#running = true;
    const promise = this.#start(task);
    if (promise === undefined) return this.#drainWaiting();
    if (load !== undefined) this.#owner.loadHeld(load);
    this.#goOnAfter(promise, load);
  }

  /** Runs those that wait, up to one that returns a promise; that one's end goes on from there. */
  #drainWaiting(): void {
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      const promise = this.#start(next.task);
      if (promise !== undefined) return this.#goOnAfter(promise, next.load);
      this.#release(next.load);
    }
    this.#running = false;
    const listeners = this.#onIdle;
    this.#onIdle = undefined;
    if (listeners) for (const listener of listeners) listener();
  }

  #goOnAfter(promise: PromiseLike<unknown>, load: Load | undefined): void {
    const proceed = (): void => {
      this.#release(load);
      this.#drainWaiting();
    };
    promise.then(proceed, (error: unknown) => {
      this.#owner.taskFailed(error);
      proceed();
    });
  }

  #release(load: Load | undefined): void {
    if (load !== undefined) this.#owner.loadReleased(load);
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
