/** Waiting that ends. */
import type { Runtime } from "../runtime.js";

/**
 * Resolves when `work` has, and after `timeoutMs` at the latest; says whether it has. `work` must not reject. The
 * process lives as long as this waits.
 */
export function settlesWithin(
  runtime: Pick<Runtime, "schedule">,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = runtime.schedule(timeoutMs, () => resolve(false), { keepsAlive: true });
    void work.then(() => {
      cancel();
      resolve(true);
    });
  });
}
