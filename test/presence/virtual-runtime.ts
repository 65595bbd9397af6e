import type { Runtime } from "../../src/runtime.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

/** A runtime whose time passes only when a test says so, and that knows which timers wait. */
export function virtualRuntime(): { time: VirtualTime; runtime: Runtime; timers: ReadonlySet<object> } {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const timers = new Set<object>();
  const runtime: Runtime = {
    monotonicMs: () => time.nowMs,
    wallClockMs: () => 1_700_000_000_000 + time.nowMs,
    random: () => random.next(),
    schedule(delayMs, callback) {
      const timer = {};
      timers.add(timer);
      const cancel = time.at(time.nowMs + delayMs, () => {
        timers.delete(timer);
        callback();
        time.promisesMayBePending();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
  return { time, runtime, timers };
}
