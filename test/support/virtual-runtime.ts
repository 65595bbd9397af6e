import type { Runtime } from "../../src/runtime.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

export interface VirtualRuntimeOptions {
  /** Shared by the nodes of one test. Default: a time of its own. */
  readonly time?: VirtualTime;
  /** Default: the same random numbers in every test. */
  readonly random?: SeededRandom;
  /** What the wall clock shows at the time 0. */
  readonly wallClockOriginMs?: number;
}

export interface Virtual {
  readonly time: VirtualTime;
  readonly runtime: Runtime;
  readonly timers: ReadonlySet<object>;
}

/** A runtime whose time passes only when a test says so, and that knows which timers wait. */
export function virtualRuntime({
  time = new VirtualTime(),
  random = new SeededRandom(1),
  wallClockOriginMs = 1_700_000_000_000,
}: VirtualRuntimeOptions = {}): Virtual {
  const timers = new Set<object>();
  const runtime: Runtime = {
    monotonicMs: () => time.nowMs,
    wallClockMs: () => wallClockOriginMs + Math.floor(time.nowMs),
    random: () => random.next(),
    schedule(delayMs, callback) {
      const timer = {};
      timers.add(timer);
      const cancel = time.at(time.nowMs + Math.max(0, delayMs), () => {
        timers.delete(timer);
        time.promisesMayBePending();
        callback();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
  return { time, runtime, timers };
}
