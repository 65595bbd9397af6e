/**
 * The longest that a tracker kept the event loop in one go: timed around everything that calls it. What else
 * delays an event loop, such as other processes on the same cores, does not count.
 */
import { nodeRuntime, type Runtime } from "../../src/runtime.js";

export class Turns {
  longestMs = 0;
  /** A runtime whose timers are timed. */
  readonly runtime: Runtime = {
    ...nodeRuntime,
    schedule: (delayMs, callback) => nodeRuntime.schedule(delayMs, () => this.time(callback)),
  };

  /** Times one turn. */
  time(turn: () => void): void {
    const before = process.cpuUsage();
    turn();
    // Processor time, because a turn that is interrupted by another process is not longer for it. It includes
    // what the garbage collector's threads do at the same time.
    const { user, system } = process.cpuUsage(before);
    this.longestMs = Math.max(this.longestMs, (user + system) / 1_000);
  }

  take(): number {
    const { longestMs } = this;
    this.longestMs = 0;
    return longestMs;
  }
}
