/**
 * Whether everybody who is there had the time to say so: a round of heartbeats after the start and after each
 * reconnect, or until all who are expected were heard. A connection that is lost again before the round is over does not
 * begin it anew: what it lasted counts, and two rounds in all are enough. One that lasted less than a fifth of a round counts
 * for less, the shorter it was, as more of the questions and answers were lost on the way. Time comes in as an argument.
 */
/** A connection is short that lasts less than a round divided by this. */
const SHORTS_PER_ROUND = 5;

export class HearingOut {
  readonly #roundMs: number;
  readonly #longMs: number;
  readonly #slowMs: () => number;
  readonly #expected: readonly string[] | undefined;
  readonly #isHeard: (name: string) => boolean;
  /** Those who are expected and were not heard yet; undefined if nobody knows whom to expect. */
  #unheard: Set<string> | undefined;
  #untilMs = Infinity;
  /** Since when there is a connection, and for how long there was one before without a round that ended. */
  #sinceMs = 0;
  #heardMs = 0;
  #lostAtMs: number | undefined;
  /** Whether it was seen that the round has ended. */
  #wasOver = false;

  /**
   * @param longMs An outage of that length begins everything anew: others may have come meanwhile.
   * @param slowMs How long a question and its answer take, where that is long: the round is longer by that.
   * @param expected The names of the other nodes, if they are known.
   * @param isHeard Whether a node of that name was heard, and is there.
   */
  constructor(
    {
      roundMs,
      longMs,
      slowMs,
    }: { readonly roundMs: number; readonly longMs: number; readonly slowMs: () => number },
    expected: readonly string[] | undefined,
    isHeard: (name: string) => boolean,
  ) {
    this.#roundMs = roundMs;
    this.#longMs = longMs;
    this.#slowMs = slowMs;
    this.#expected = expected;
    this.#isHeard = isHeard;
  }

  /** When the round ends. */
  get untilMs(): number {
    return this.#untilMs;
  }

  begin(nowMs: number): void {
    this.#heardMs = 0;
    this.#listen(nowMs);
  }

  /** The connection is lost. */
  interrupt(nowMs: number): void {
    if (this.#lostAtMs !== undefined) return;
    const lastedMs = nowMs - this.#sinceMs;
    // A round that has ended counts until somebody has seen that it has: nobody may, who does not hear itself.
    if (this.#wasOver || nowMs - this.#untilMs >= this.#roundMs) this.#heardMs = 0;
    else this.#heardMs += lastedMs * Math.min(1, (SHORTS_PER_ROUND * lastedMs) / this.#roundMs);
    this.#lostAtMs = nowMs;
    this.#untilMs = Infinity;
    this.#wasOver = false;
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
    const restMs = Math.min(this.#roundMs, Math.max(0, 2 * this.#roundMs - this.#heardMs));
    this.#untilMs = nowMs + restMs;
    this.#unheard = this.#expected === undefined ? undefined : new Set(this.#expected);
  }

  /** The names that are expected and were not heard; none if nobody knows whom to expect. */
  unheard(): readonly string[] {
    return [...(this.#unheard ?? [])].filter((name) => !this.#isHeard(name));
  }

  /** Whether it is worth while to ask: until the round is over each change of an entry comes by here. */
  mayBeOver(nowMs: number): boolean {
    return this.#wasOver || nowMs >= this.#untilMs || this.#unheard !== undefined;
  }

  isOver(nowMs: number): boolean {
    this.#wasOver ||= nowMs >= this.#untilMs + this.#slowMs() || this.#hasHeardAll();
    return this.#wasOver;
  }

  #hasHeardAll(): boolean {
    if (this.#unheard === undefined) return false;
    for (const name of this.#unheard) {
      if (!this.#isHeard(name)) return false;
      this.#unheard.delete(name);
    }
    return true;
  }
}
