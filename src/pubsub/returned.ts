/** What a user's function returned: it may be anything, whatever its type says. */

/**
 * A promise that settles as the returned value does, if that can settle at all; `undefined` for a value that is
 * there already, such as the boolean of `emitter.emit`. A value whose `then` throws is a rejection.
 */
export function promiseOf(returned: unknown): Promise<unknown> | undefined {
  if (returned === undefined || isPromise(returned)) return returned;
  const mayBeThenable = (typeof returned === "object" && returned !== null) || typeof returned === "function";
  return mayBeThenable ? new Promise((resolve) => resolve(returned)) : undefined;
}

/** An object may throw when it is looked at. */
function isPromise(returned: unknown): returned is Promise<unknown> {
  try {
    return returned instanceof Promise;
  } catch {
    return false;
  }
}
