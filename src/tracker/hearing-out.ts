/**
 * Whether everybody who is there had the time to say so: a round of heartbeats after the start and after each
 * reconnect, or until all who are expected were heard. A connection that is lost again before the round is over does not
 * begin it anew: what it lasted counts, and two rounds in all are enough. One that lasted less than a fifth of a round counts
 * for nothing, as questions and answers were lost on the way. Time comes in as an argument.
 */
export class HearingOut {
  readonly #roundMs: number;
  readonly #longMs: number;
  readonly #expected: readonly string[] | undefined;
  readonly #isHeard: (name: string) => boolean;
  /** Those who are expected and were not heard yet; undefined if nobody knows whom to expect. */
  #unheard: Set<string> | undefined;
  #untilMs = Infinity;
  /** Since when there is a connection, and for how long there was one before without a round that ended. */
  #sinceMs = 0;
  #heardMs = 0;
  #lostAtMs: number | undefined;

  /**
   * @param longMs An outage of that length begins everything anew: others may have come meanwhile.
   * @param expected The names of the other nodes, if they are known.
   * @param isHeard Whether a node of that name was heard, and is there.
   */
  constructor(
    { roundMs, longMs }: { readonly roundMs: number; readonly longMs: number },
    expected: readonly string[] | undefined,
    isHeard: (name: string) => boolean,
  ) {
    this.#roundMs = roundMs;
    this.#longMs = longMs;
    this.#expected = expected;
    this.#isHeard = isHeard;
  }

  /** When the round ends. */
  get untilMs(): number {
    return this.#untilMs;
  }

  get #leastMs(): number {
    return this.#roundMs / 5;
  }

  begin(nowMs: number): void {
    this.#heardMs = 0;
    this.#listen(nowMs);
  }

  /** The connection is lost. */
  interrupt(nowMs: number): void {
    if (this.#lostAtMs !== undefined) return;
    const lastedMs = nowMs - this.#sinceMs;
    if (nowMs >= this.#untilMs) this.#heardMs = 0;
    else if (lastedMs >= this.#leastMs) this.#heardMs += lastedMs;
    this.#lostAtMs = nowMs;
    this.#untilMs = Infinity;
  }

  /** The connection is back. Returns whether it was away for so long that everything begins anew. */
  resume(nowMs: number): boolean {
    const isLong = nowMs - (this.#lostAtMs ?? -Infinity) >= this.#longMs;
    if (isLong) this.#heardMs = 0;
    this.#listen(nowMs);
    return isLong;
  }

  #listen(nowMs: number): void {
    this.#lostAtMs = undefined;
    this.#sinceMs = nowMs;
    const restMs = Math.max(this.#leastMs, 2 * this.#roundMs - this.#heardMs);
    this.#untilMs = nowMs + Math.min(this.#roundMs, restMs);
    this.#unheard = this.#expected === undefined ? undefined : new Set(this.#expected);
  }

  /** The names that are expected and were not heard; none if nobody knows whom to expect. */
  unheard(): readonly string[] {
    return [...(this.#unheard ?? [])].filter((name) => !this.#isHeard(name));
  }

  isOver(nowMs: number): boolean {
    if (nowMs >= this.#untilMs) return true;
    if (this.#unheard === undefined) return false;
    for (const name of this.#unheard) {
      if (!this.#isHeard(name)) return false;
      this.#unheard.delete(name);
    }
    return true;
  }
}
