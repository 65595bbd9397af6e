/**
 * Counts failures per caller and says when there were too many. Each node counts for itself, so a cluster of
 * n nodes lets n times as many through: still far too few to guess a password.
 */
export interface AttemptLimits {
  readonly failures: number;
  readonly windowMs: number;
}

/** Callers remembered at most; the ones that failed first are forgotten first. */
const maxCallers = 10_000;

export class Attempts {
  readonly #limits: AttemptLimits;
  readonly #callers = new Map<string, { failures: number; endsMs: number }>();

  constructor(limits: AttemptLimits) {
    this.#limits = limits;
  }

  /** How long the caller has to wait, in milliseconds; 0 if it may try. */
  waitMs(caller: string, nowMs: number): number {
    const record = this.#callers.get(caller);
    if (record === undefined || record.failures < this.#limits.failures) return 0;
    return Math.max(0, record.endsMs - nowMs);
  }

  failed(caller: string, nowMs: number): void {
    const record = this.#callers.get(caller);
    if (record !== undefined && record.endsMs > nowMs) {
      record.failures += 1;
      return;
    }
    this.#callers.delete(caller);
    this.#callers.set(caller, { failures: 1, endsMs: nowMs + this.#limits.windowMs });
    if (this.#callers.size > maxCallers) {
      const [oldest] = this.#callers.keys();
      if (oldest !== undefined) this.#callers.delete(oldest);
    }
  }

  succeeded(caller: string): void {
    this.#callers.delete(caller);
  }
}
