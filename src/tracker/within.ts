/** Waiting that ends. */
import type { Runtime } from "../runtime.js";

/** Resolves when `work` has, and after `timeoutMs` at the latest; says whether it has. `work` must not reject. */
export function settlesWithin(runtime: Runtime, timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = runtime.schedule(timeoutMs, () => resolve(false));
    void work.then(() => {
      cancel();
      resolve(true);
    });
  });
}
