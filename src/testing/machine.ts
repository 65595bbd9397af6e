/**
 * The machine under one life of a node: its clocks, its random, its timers, and the event loop that can stall.
 * While it is stalled its timers and arrivals wait; afterwards they run in the order in which Node runs them.
 * Once it has ended nothing of it runs again. It knows no tracker and no network.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { SeededRandom } from "./random.js";
import type { VirtualTime } from "./virtual-time.js";

/** The wall clock at the beginning of every simulation: 2026-01-01T00:00:00Z. */
const wallClockOriginMs = Date.UTC(2026, 0, 1);
/** A timer of Node fires up to this much after its time. */
const timerLatenessMs = 1.5;

/**
 * What runs first when a stalled event loop goes on. Node runs due timers first if the stall was in an arrival
 * or an immediate, and arrivals first if it was in a timer.
 */
export type StallOrder = "timers" | "arrivals";

/** A stretch of time in which the machine did nothing. */
export interface Stall {
  readonly fromMs: number;
  untilMs: number;
  readonly first: StallOrder;
}

interface Task {
  readonly atMs: number;
  readonly run: () => void;
}

export interface MachineOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  /** How far its wall clock is off. */
  readonly clockOffsetMs: number;
  /** Called after each task that ran. */
  readonly afterTask: () => void;
  /** Runs each task: what a turn costs can be measured there. Default: it is run. */
  readonly aroundTask?: ((run: () => void) => void) | undefined;
}

export class Machine {
  readonly runtime: Runtime;
  /** All stalls so far, in order. */
  readonly stalls: Stall[] = [];
  readonly #time: VirtualTime;
  readonly #afterTask: () => void;
  readonly #aroundTask: ((run: () => void) => void) | undefined;
  #ended = false;
  #waitingTimers: Task[] = [];
  #waitingArrivals: Task[] = [];

  constructor({ time, random, clockOffsetMs, afterTask, aroundTask }: MachineOptions) {
    this.#time = time;
    this.#afterTask = afterTask;
    this.#aroundTask = aroundTask;
    // Monotonic clocks of two machines have nothing to do with each other.
    const monotonicOriginMs = Math.floor(random.between(0, 1e9));
    const lateness = random.fork("timers");
    this.runtime = {
      monotonicMs: () => monotonicOriginMs + time.nowMs,
      wallClockMs: () => Math.floor(wallClockOriginMs + clockOffsetMs + time.nowMs),
      random: () => random.next(),
      schedule: (delayMs, callback) => {
        const lateMs = delayMs > 0 ? lateness.between(0, timerLatenessMs) : 0;
        return this.#schedule(time.nowMs + Math.max(0, delayMs) + lateMs, callback);
      },
    };
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it does nothing at the moment. */
  get stalled(): boolean {
    const last = this.stalls.at(-1);
    return last !== undefined && last.untilMs > this.#time.nowMs;
  }

  /** Milliseconds of stall between the given time and now. */
  stalledMsSince(sinceMs: number): number {
    let total = 0;
    for (const { fromMs, untilMs } of this.stalls) {
      total += Math.max(0, Math.min(untilMs, this.#time.nowMs) - Math.max(fromMs, sinceMs));
    }
    return total;
  }

  /** By how much it may say that it is often late, once it stood still twice: by its second-longest stall at the most. */
  get oftenLateMs(): number {
    const [, secondMs = 0] = this.stalls.map(({ fromMs, untilMs }) => untilMs - fromMs).sort((a, b) => b - a);
    return secondMs;
  }

  /** Runs something that comes from outside, now or when the stall is over. */
  arrive(run: () => void): void {
    if (this.#ended) return;
    if (this.stalled) this.#waitingArrivals.push({ atMs: this.#time.nowMs, run });
    else this.#run(run);
  }

  /** Does nothing for `durationMs`. A stall during a stall prolongs it. */
  stall(durationMs: number, first: StallOrder = "timers"): void {
    if (this.#ended) return;
    const untilMs = this.#time.nowMs + durationMs;
    const last = this.stalls.at(-1);
    if (last !== undefined && last.untilMs > this.#time.nowMs) {
      if (untilMs <= last.untilMs) return;
      last.untilMs = untilMs;
    } else {
      this.stalls.push({ fromMs: this.#time.nowMs, untilMs, first });
    }
    this.#time.at(untilMs, () => this.#wake());
  }

  /** The process is gone: no timer fires and nothing arrives any more. */
  end(): void {
    this.#ended = true;
    this.#waitingTimers = [];
    this.#waitingArrivals = [];
  }

  #schedule(atMs: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const run = (): void => {
      if (!cancelled) callback();
    };
    const cancelEvent = this.#time.at(atMs, () => {
      if (this.#ended || cancelled) return;
      if (this.stalled) this.#waitingTimers.push({ atMs, run });
      else this.#run(run);
    });
    return () => {
      cancelled = true;
      cancelEvent();
    };
  }

  #wake(): void {
    const last = this.stalls.at(-1);
    if (this.#ended || last === undefined || this.stalled) return;
    const timers = this.#waitingTimers.sort((a, b) => a.atMs - b.atMs);
    const arrivals = this.#waitingArrivals;
    this.#waitingTimers = [];
    this.#waitingArrivals = [];
    const tasks = last.first === "timers" ? [...timers, ...arrivals] : [...arrivals, ...timers];
    // Each task is an event of its own at this instant, so that promises settle in between.
    for (const task of tasks) {
      this.#time.at(this.#time.nowMs, () => {
        if (!this.#ended) this.#run(task.run);
      });
    }
  }

  #run(task: () => void): void {
    if (this.#aroundTask === undefined) task();
    else this.#aroundTask(task);
    this.#afterTask();
  }
}
