/**
 * Asks the user's `fetch` for what belongs to some keys, and never fails: what throws, rejects, is no Map, or
 * takes too long is reported, and the presences go out plain.
 *
 * It promises that fetch starts at once, is never asked about no keys, and that no answer comes
 * synchronously. It knows no tracker and no subscriber.
 */
import { Durations } from "../durations.js";
import { TrackerError } from "../errors.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Reporter } from "../reports.js";

/**
 * Finds what belongs to keys beside their metas, such as the name and picture of a user: one query for all
 * of them. `keys` is never empty and names each key once. A key that is missing in the answer, and every
 * key when it throws or rejects, goes out with its metas alone. Properties must be JSON values to reach a
 * client; one named `metas` is ignored.
 */
export type Fetch<X extends object> = (
  topic: string,
  keys: readonly string[],
) => ReadonlyMap<string, X> | Promise<ReadonlyMap<string, X>>;

export interface FetcherOptions<X extends object> {
  readonly fetch: Fetch<X> | undefined;
  readonly fetchTimeoutMs: number;
  readonly runtime: Runtime;
  readonly reporter: Reporter;
}

const late: unique symbol = Symbol("late");

export class Fetcher<X extends object> {
  readonly #options: FetcherOptions<X>;
  readonly #running = new Set<Promise<ReadonlyMap<string, X>>>();
  /** How long fetches took, those that failed or took too long among them. */
  readonly durations = new Durations();
  /** Fetches that threw, rejected, returned no Map or took too long. */
  failures = 0;

  constructor(options: FetcherOptions<X>) {
    this.#options = options;
  }

  /** Whether there is anything to ask. */
  get enabled(): boolean {
    return this.#options.fetch !== undefined;
  }

  /** What `fetch` knows of the keys; nothing if it fails. Never rejects. */
  fetch(topic: string, keys: readonly string[]): Promise<ReadonlyMap<string, X>> {
    const { fetch } = this.#options;
    if (fetch === undefined || keys.length === 0) return Promise.resolve(new Map<string, X>());
    const running = this.#ask(fetch, topic, keys).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when no fetch is running any more, `fetchTimeoutMs` from the last one at the latest. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #ask(fetch: Fetch<X>, topic: string, keys: readonly string[]): Promise<ReadonlyMap<string, X>> {
    const { fetchTimeoutMs, runtime, reporter } = this.#options;
    let cancelTimer: CancelTimer | undefined;
    const beganMs = runtime.monotonicMs();
    try {
      const answer = fetch(topic, keys);
      if (answer instanceof Map) return answer;
      const timeout = new Promise<typeof late>((resolve) => {
        // Whoever asked for a list, or for the end of the presence, waits for this.
        cancelTimer = runtime.schedule(fetchTimeoutMs, () => resolve(late), { keepsAlive: true });
      });
      // The race handles a rejection of the answer that comes after the timeout, too.
      const extras = await Promise.race([answer, timeout]);
      if (extras instanceof Map) return extras;
      this.failures += 1;
      reporter.error(
        extras === late ? tookTooLong(topic, keys, fetchTimeoutMs) : gaveNoMap(topic, keys, extras),
      );
    } catch (cause) {
      this.failures += 1;
      const message = "fetch failed; the presences go out without what it adds";
      reporter.error(new TrackerError("HANDLER_FAILED", message, { what: "fetch", topic, keys }, { cause }));
    } finally {
      cancelTimer?.();
      this.durations.add(runtime.monotonicMs() - beganMs);
    }
    return new Map<string, X>();
  }
}

function tookTooLong(topic: string, keys: readonly string[], fetchTimeoutMs: number): TrackerError {
  const message = `fetch took longer than fetchTimeoutMs (${fetchTimeoutMs}); the presences go out without what it adds`;
  return new TrackerError("TIMEOUT", message, { what: "fetch", topic, keys, fetchTimeoutMs });
}

function gaveNoMap(topic: string, keys: readonly string[], value: unknown): TrackerError {
  const message = "fetch gave no Map; the presences go out without what it adds";
  return new TrackerError("HANDLER_FAILED", message, { what: "fetch", topic, keys, value });
}
