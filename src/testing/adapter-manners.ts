/**
 * How a user's adapter may treat its caller, whatever the interface says: it throws where it should reject, returns
 * what is no promise, or never comes to an end. It knows no network.
 */

/**
 * - `throws`: broadcasting and sending throw at once, and so does unsubscribing.
 * - `returnsTrue`: they return a boolean, as the `write` of a socket does.
 * - `returnsThenable`: they return something that has a `then` and nothing else, and rejects.
 * - `throwsInThen`: they return something whose `then` throws.
 * - `hangs`: they return promises that never settle, and so does unsubscribing.
 */
export const adapterManners = ["throws", "returnsTrue", "returnsThenable", "throwsInThen", "hangs"] as const;
export type AdapterManner = "fine" | (typeof adapterManners)[number];

function never(): Promise<void> {
  return new Promise<void>(() => undefined);
}

/** What a call comes to whose work is `publish`. */
export function misbehave(manner: AdapterManner, publish: () => void): void | Promise<void> {
  if (manner === "throws") throw new Error("the adapter is not connected");
  publish();
  switch (manner) {
    case "returnsTrue":
      return true as unknown as Promise<void>;
    case "returnsThenable": {
      const then = (_: unknown, reject?: (cause: Error) => void): void => reject?.(new Error("not today"));
      return { then } as unknown as Promise<void>;
    }
    case "throwsInThen": {
      const then = (): never => {
        throw new Error("not even a promise");
      };
      return { then } as unknown as Promise<void>;
    }
    case "hangs":
      return never();
    case "fine":
  }
}

/** What an unsubscribe comes to. */
export function misbehaveAtEnd(manner: AdapterManner): void | Promise<void> {
  if (manner === "throws") throw new Error("the adapter is not connected");
  if (manner === "hangs") return never();
}
