/**
 * The edge to the machine: the only place of the library, beside the adapters, that knows time, random and
 * timers. Everything else gets them from here, so that a test can run a whole cluster on virtual time.
 */

/** The timers of Node and of browsers cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Ends a timer. Calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** How a timer is to be held. */
export interface TimerOptions {
  /** Whether the process lives until the timer has fired or was cancelled: somebody waits for it. Default false. */
  readonly keepsAlive?: boolean | undefined;
}

/**
 * The parts of the machine that a tracker needs. Pass your own as the `runtime` option to run a tracker on virtual
 * time; the default is {@link nodeRuntime}.
 */
export interface Runtime {
  /** Milliseconds that never go back, from any origin. */
  monotonicMs(): number;
  /** Milliseconds since 1970 by the wall clock. Used once per life, to order incarnations, and for `lastSeen`. */
  wallClockMs(): number;
  /** A number in [0, 1). */
  random(): number;
  /**
   * Calls back once, after `delayMs`; at 0 or less in the next macrotask. Keeps the process alive only if
   * `options` ask for it, and never calls back before it has returned.
   */
  schedule(delayMs: number, callback: () => void, options?: TimerOptions): CancelTimer;
  /** Tells the people who run the process of an error that nobody listened to. Absent: they are not told. */
  warn?: ((message: string, code: string) => void) | undefined;
}

/**
 * The machine itself: the monotonic and the wall clock, `Math.random`, and timers that do not keep Node alive
 * unless they are asked to.
 */
export const nodeRuntime: Runtime = {
  monotonicMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  random: () => Math.random(),
  schedule(delayMs, callback, { keepsAlive = false } = {}) {
    if (delayMs <= 0 && typeof setImmediate === "function") {
      // Not unreferenced: the event loop would wait for something else before it calls back. It keeps the
      // process alive for one turn only.
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    if (delayMs <= 0 && typeof MessageChannel === "function") return nextTask(callback);
    if (delayMs > LONGEST_TIMER_MS) return inSteps(delayMs, callback, { keepsAlive });
    const timer = setTimeout(callback, delayMs);
    // A browser's timer is a number and has no `unref`.
    if (!keepsAlive && typeof timer === "object") timer.unref();
    return () => clearTimeout(timer);
  },
  warn(message, code) {
    if (typeof process === "object") process.emitWarning(message, { type: "RollcallWarning", code });
  },
};

/** A timer that is asked to wait longer than it can does not wait at all. */
function inSteps(delayMs: number, callback: () => void, options: TimerOptions): CancelTimer {
  let cancel = nodeRuntime.schedule(
    LONGEST_TIMER_MS,
    () => (cancel = nodeRuntime.schedule(delayMs - LONGEST_TIMER_MS, callback, options)),
    options,
  );
  return () => cancel();
}

/**
 * Calls back in the next task where there is no `setImmediate`: in browsers, whose timers a hidden page gets once a
 * minute. Messages are not held back, so such a page still answers others.
 */
function nextTask(callback: () => void): CancelTimer {
  const { port1, port2 } = new MessageChannel();
  const cancel = (): void => {
    port1.onmessage = null;
    port1.close();
  };
  port1.onmessage = () => {
    cancel();
    callback();
  };
  port2.postMessage(undefined);
  return cancel;
}

/** A short text of random letters and digits: 36^length possibilities. */
export function randomText(length: number, random: () => number = Math.random): string {
  let text = "";
  while (text.length < length) text += Math.floor(random() * 36).toString(36);
  return text;
}
