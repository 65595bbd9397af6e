/**
 * Whether everybody who is there had the time to say so: a round of heartbeats after the start and after each
 * reconnect, or until all who are expected were heard. Time comes in as an argument.
 */
export class HearingOut {
  readonly #roundMs: number;
  readonly #expected: readonly string[] | undefined;
  readonly #isHeard: (name: string) => boolean;
  /** Those who are expected and were not heard yet; undefined if nobody knows whom to expect. */
  #unheard: Set<string> | undefined;
  #untilMs = Infinity;

  /**
   * @param expected The names of the other nodes, if they are known.
   * @param isHeard Whether a node of that name was heard, and is there.
   */
  constructor(roundMs: number, expected: readonly string[] | undefined, isHeard: (name: string) => boolean) {
    this.#roundMs = roundMs;
    this.#expected = expected;
    this.#isHeard = isHeard;
  }

  /** When the round ends. */
  get untilMs(): number {
    return this.#untilMs;
  }

  begin(nowMs: number): void {
    this.#untilMs = nowMs + this.#roundMs;
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
