/** For what is to come about soon, on machines that are slow too. */
import { expect } from "vitest";

export function soon<Value>(look: () => Value, timeoutMs = 10_000): ReturnType<typeof expect.poll<Value>> {
  return expect.poll<Value>(look, { timeout: timeoutMs });
}
