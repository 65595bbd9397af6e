/**
 * Calls back when a signal aborts, with one listener per signal however many wait for it: a client that
 * follows fifty topics on one signal would otherwise cost fifty listeners, and a warning of Node's.
 */

const waiting = new WeakMap<
  AbortSignal,
  { readonly callbacks: Set<() => void>; readonly listener: () => void }
>();

/**
 * Calls back once when the signal aborts; never if it has aborted already. The callbacks must not throw.
 *
 * @returns what ends the waiting; calling it twice does nothing. Nothing is left on a signal that nobody waits for.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let entry = waiting.get(signal);
  if (entry === undefined) {
    const callbacks = new Set<() => void>();
    const listener = (): void => {
      waiting.delete(signal);
      for (const each of callbacks) each();
    };
    entry = { callbacks, listener };
    waiting.set(signal, entry);
    signal.addEventListener("abort", listener, { once: true });
  }
  const { callbacks, listener } = entry;
  // A callback of its own, so that the same function may wait twice.
  const waiter = (): void => callback();
  callbacks.add(waiter);
  return () => {
    if (!callbacks.delete(waiter) || callbacks.size > 0) return;
    signal.removeEventListener("abort", listener);
    waiting.delete(signal);
  };
}
