/** How many entries a step may still touch: what is more waits for the next one, so that no turn is long. */
export class Allowance {
  readonly #perStep: number;
  #left: number;

  constructor(perStep: number) {
    this.#perStep = perStep;
    this.#left = perStep;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  spend(entries: number): void {
    this.#left -= entries;
  }

  /** Another step begins. */
  renew(): void {
    this.#left = this.#perStep;
  }
}
