/**
 * What each life's application has done, remembered in the plainest way: the model that the lists of a cluster
 * are compared with. It knows no replication; whoever runs the steps tells it what the application did.
 */

/** One entry as its application sees it. */
export interface ModelEntry {
  readonly node: string;
  readonly life: number;
  readonly session: string;
  readonly topic: string;
  readonly key: string;
  /** Grows with every meta that the life has given to any of its entries. */
  readonly version: number;
}

/** One entry's identity, as a text that is only compared. */
export function identityOf({ topic, session, key }: Pick<ModelEntry, "topic" | "session" | "key">): string {
  return JSON.stringify([topic, session, key]);
}

export class NaiveModel {
  readonly #present = new Map<string, ModelEntry>();
  readonly #removals = new Map<string, number>();
  readonly #lifeOfSession = new Map<string, number>();
  readonly #lastVersion = new Map<string, number>();
  #versions = 0;

  /** A version for the next meta. */
  nextVersion(): number {
    this.#versions += 1;
    return this.#versions;
  }

  has(entry: Pick<ModelEntry, "topic" | "session" | "key">): boolean {
    return this.#present.has(identityOf(entry));
  }

  /** Tracked, or updated. */
  put(entry: ModelEntry): void {
    const identity = identityOf(entry);
    this.#present.set(identity, entry);
    this.#lastVersion.set(identity, entry.version);
    this.#lifeOfSession.set(entry.session, entry.life);
  }

  /** Untracked, or its session closed: of a session, of one topic of it, or of one key there. */
  remove(session: string, topic?: string, key?: string): number {
    let removed = 0;
    for (const [identity, entry] of this.#present) {
      if (entry.session !== session) continue;
      if (topic !== undefined && entry.topic !== topic) continue;
      if (key !== undefined && entry.key !== key) continue;
      this.#present.delete(identity);
      this.#removals.set(identity, this.removalsOf(identity) + 1);
      removed += 1;
    }
    return removed;
  }

  /** How often the application has removed this entry. */
  removalsOf(identity: string): number {
    return this.#removals.get(identity) ?? 0;
  }

  /** The latest version that the application has given to this entry. */
  lastVersionOf(identity: string): number | undefined {
    return this.#lastVersion.get(identity);
  }

  /** Which life a session belongs to; undefined if it never held an entry. */
  lifeOf(session: string): number | undefined {
    return this.#lifeOfSession.get(session);
  }

  /** What a life's application has tracked now. */
  of(life: number): ModelEntry[] {
    return [...this.#present.values()].filter((entry) => entry.life === life);
  }
}
