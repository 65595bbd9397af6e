/**
 * Calls back when something ends: when a signal aborts, or a source emits an event. There is one listener per
 * source and event, however many wait for it: a client that follows fifty topics on one signal, or a socket with
 * a session per room, would otherwise cost fifty listeners, and a warning of Node's.
 */

/** Anything that emits: a Node emitter or a DOM event target. */
export type EndSource =
  | { once(event: string, listener: () => void): unknown }
  | { addEventListener(event: string, listener: () => void, options: { once: boolean }): unknown };

/** Those who wait for one event of one source. */
interface Waiting {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const waitingBySource = new WeakMap<object, Map<string, Waiting>>();

/** Calls back once when the signal aborts; never if it has aborted already. Otherwise as {@link onEnd}. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  return onEnd(signal, "abort", callback);
}

/**
 * Calls back once, when the source emits the event for the first time from now on. The callbacks must not throw.
 *
 * @returns what ends the waiting; calling it twice does nothing. Nothing is left on a source that nobody waits
 *   for, or one listener if the source has no way to take it off.
 */
export function onEnd(source: EndSource, event: string, callback: () => void): () => void {
  const known = waitingBySource.get(source)?.get(event);
  const waiting = known ?? newWaiting(source, event);
  const { callbacks, listener } = waiting;
  // A callback of its own, so that the same function may wait twice.
  const waiter = (): void => callback();
  callbacks.add(waiter);
  try {
    // The application may have taken off all listeners meanwhile, this one included.
    if (known === undefined || mayBeGone(source, event, listener)) listen(source, event, listener);
  } catch (error) {
    callbacks.delete(waiter);
    if (callbacks.size === 0) forget(source, event, waiting);
    throw error;
  }
  return () => {
    if (!callbacks.delete(waiter) || callbacks.size > 0) return;
    if (stopListening(source, event, listener)) forget(source, event, waiting);
  };
}

function newWaiting(source: EndSource, event: string): Waiting {
  const callbacks = new Set<() => void>();
  const waiting: Waiting = {
    callbacks,
    listener: () => {
      forget(source, event, waiting);
      for (const each of callbacks) {
        callbacks.delete(each);
        each();
      }
    },
  };
  const byEvent = waitingBySource.get(source);
  if (byEvent === undefined) waitingBySource.set(source, new Map([[event, waiting]]));
  else byEvent.set(event, waiting);
  return waiting;
}

/** A later wait listens anew: this listener was called, or taken off. */
function forget(source: EndSource, event: string, waiting: Waiting): void {
  const byEvent = waitingBySource.get(source);
  if (byEvent?.get(event) !== waiting) return;
  byEvent.delete(event);
  if (byEvent.size === 0) waitingBySource.delete(source);
}

function listen(source: EndSource, event: string, listener: () => void): void {
  if (hasFunction(source, "once")) {
    // One that takes its time may fail. It will tell of no end then, so this is it.
    whenItFails(source, source.once(event, listener), listener);
  } else if (hasFunction(source, "addEventListener"))
    source.addEventListener(event, listener, { once: true });
}

/**
 * Whether a listener that was put on has to be put on again. An event target cannot say, and takes the same listener only
 * once; an emitter that cannot say is believed to have it.
 */
function mayBeGone(source: EndSource, event: string, listener: () => void): boolean {
  if (!hasFunction(source, "once")) return true;
  for (const way of ["rawListeners", "listeners"]) {
    if (!hasFunction(source, way)) continue;
    const listeners = source[way]?.(event);
    if (Array.isArray(listeners)) return !listeners.some((each) => isOrWraps(each, listener));
  }
  return hasFunction(source, "listenerCount") && source.listenerCount(event) === 0;
}

/** Emitters put what is called once into a function that names it as `listener` or as `fn`. */
function isOrWraps(put: unknown, listener: () => void): boolean {
  const { listener: wrapped, fn } = Object(put) as { readonly listener?: unknown; readonly fn?: unknown };
  return put === listener || wrapped === listener || fn === listener;
}

/** Takes a listener off, in the way in which it was put on; says whether there was one. */
function stopListening(source: EndSource, event: string, listener: () => void): boolean {
  const ways = hasFunction(source, "once") ? (["off", "removeListener"] as const) : ["removeEventListener"];
  for (const way of ways) {
    if (!hasFunction(source, way)) continue;
    try {
      whenItFails(source, source[way]?.(event, listener), () => undefined);
    } catch {
      return false; // It stays, as on a source that takes none off: who ends the waiting shall not pay for it.
    }
    return true;
  }
  return false;
}

/** Whether a value has a method of that name. */
export function hasFunction<Name extends string>(
  value: object,
  name: Name,
): value is Record<Name, (...input: unknown[]) => unknown> {
  return typeof (value as Record<string, unknown>)[name] === "function";
}

/** What a method of a source returned may be a promise; most return the source. */
function whenItFails(source: EndSource, returned: unknown, callback: () => void): void {
  if (returned !== undefined && returned !== source) Promise.resolve(returned).catch(callback);
}
