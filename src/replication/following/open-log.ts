/**
 * At which versions of a share topics were opened and closed, as far as its follower may ask: what it has heard it does not
 * ask for again, and of closes no more than so many are kept. So a topic that has been open for a while costs nothing here.
 *
 * Knows no frame and no entry.
 */
export class OpenLog {
  readonly #closesKept: number;
  /** Both in the order of their versions. */
  readonly #opened = new Map<string, number>();
  readonly #closed = new Map<string, number>();
  #reach = 0;

  constructor(closesKept: number) {
    this.#closesKept = closesKept;
  }

  /** From this version on all is known. */
  get reach(): number {
    return this.#reach;
  }

  opened(topic: string, version: number): void {
    this.#closed.delete(topic);
    this.#opened.delete(topic);
    this.#opened.set(topic, version);
  }

  closed(topic: string, version: number): void {
    this.#opened.delete(topic);
    this.#closed.delete(topic);
    this.#closed.set(topic, version);
    if (this.#closed.size > this.#closesKept)
      for (const oldest of this.#closed.values()) return this.forget(oldest);
  }

  /** The follower has come to this version, or is told everything if it has not. */
  forget(version: number): void {
    if (version <= this.#reach) return;
    this.#reach = version;
    for (const log of [this.#opened, this.#closed])
      for (const [topic, loggedAt] of log) {
        if (loggedAt > version) break;
        log.delete(topic);
      }
  }

  /** Whether a topic that is open was so at a version, which is not below the reach. */
  wasOpen(topic: string, version: number): boolean {
    return (this.#opened.get(topic) ?? 0) <= version;
  }

  /** The topics that were opened after a version. */
  openedSince(version: number): string[] {
    return since(this.#opened, version);
  }

  /** The topics that were closed after a version, and are not open. */
  closedSince(version: number): string[] {
    return since(this.#closed, version);
  }
}

function since(log: ReadonlyMap<string, number>, from: number): string[] {
  return Array.from(log).flatMap(([topic, version]) => (version > from ? [topic] : []));
}
