import type { Runtime } from "../../src/runtime.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

/** A runtime whose time passes only when a test says so. */
export function virtualRuntime(): { time: VirtualTime; runtime: Runtime } {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const runtime: Runtime = {
    monotonicMs: () => time.nowMs,
    wallClockMs: () => 1_700_000_000_000 + time.nowMs,
    random: () => random.next(),
    schedule(delayMs, callback) {
      return time.at(time.nowMs + delayMs, () => {
        callback();
        time.promisesMayBePending();
      });
    },
  };
  return { time, runtime };
}
