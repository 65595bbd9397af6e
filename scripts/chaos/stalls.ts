/** Notices when the event loop of this process stood still: a timer that comes late tells it. */
import { machineMs } from "./messages.js";

const beatMs = 50;
/** A delay below this is the machine's ordinary unrest. */
const noticedMs = 100;

/** Calls back after each stall with its begin and end. Returns what ends the watch. */
export function watchStalls(stalled: (fromMs: number, untilMs: number) => void): () => void {
  let dueMs = machineMs() + beatMs;
  const timer = setInterval(() => {
    const nowMs = machineMs();
    if (nowMs - dueMs > noticedMs) stalled(dueMs, nowMs);
    dueMs = nowMs + beatMs;
  }, beatMs);
  timer.unref();
  return () => clearInterval(timer);
}
