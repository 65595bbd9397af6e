/**
 * What each life's application has done, remembered in the plainest way: the model that the lists of a cluster
 * are compared with. It knows no replication; the code that runs the steps tells it what the application did.
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
  /** When it got this meta. Default 0. */
  readonly atMs?: number;
}

/** How the application ended an entry. */
export interface Ending {
  readonly reason: "untracked" | "closed";
  /** Removals of its life since that of the revision in question, with those that updates spend. */
  readonly removalsSince: number;
}

/** One stay of an entry: from `track` over all updates to its end. */
interface Stay {
  readonly life: number;
  reason: Ending["reason"] | undefined;
}

/** One revision of an entry. */
interface Revision {
  readonly stay: Stay;
  /** How many removals its life had had when this one was updated, or ended. */
  removedAt: number;
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
  readonly #revisions = new Map<number, Revision>();
  readonly #metas = new Map<number, unknown>();
  readonly #removalsOfLife = new Map<number, number>();
  #versions = 0;

  /** A version for the next meta. */
  nextVersion(): number {
    this.#versions += 1;
    return this.#versions;
  }

  has(entry: Pick<ModelEntry, "topic" | "session" | "key">): boolean {
    return this.#present.has(identityOf(entry));
  }

  /** Tracked, or updated; with the meta it was given. */
  put(entry: ModelEntry, meta?: unknown): void {
    const identity = identityOf(entry);
    const before = this.#present.get(identity);
    const replaced = before === undefined ? undefined : this.#revisions.get(before.version);
    if (before !== undefined) this.#countRemoval(entry.life);
    if (replaced !== undefined) replaced.removedAt = this.#removalsOfLife.get(entry.life) ?? 0;
    const stay = replaced?.stay ?? { life: entry.life, reason: undefined };
    this.#revisions.set(entry.version, { stay, removedAt: 0 });
    if (meta !== undefined) this.#metas.set(entry.version, meta);
    this.#present.set(identity, entry);
    this.#lastVersion.set(identity, entry.version);
    this.#lifeOfSession.set(entry.session, entry.life);
  }

  /** A `put` was refused: the entry is again what it was before, or nothing. */
  takeBack(entry: Pick<ModelEntry, "topic" | "session" | "key">, before: ModelEntry | undefined): void {
    const identity = identityOf(entry);
    if (before === undefined) this.#present.delete(identity);
    else this.#present.set(identity, before);
  }

  /** The meta that was tracked as this version, if it was told. */
  metaOf(version: number): unknown {
    return this.#metas.get(version);
  }

  /** Untracked: of a session, of one topic of it, or of one key there. Returns how many. */
  remove(session: string, topic?: string, key?: string): number {
    return this.#end("untracked", session, topic, key);
  }

  /** The session has closed. Returns how many entries it had. */
  close(session: string): number {
    return this.#end("closed", session);
  }

  /** How often the application has removed this entry. */
  removalsOf(identity: string): number {
    return this.#removals.get(identity) ?? 0;
  }

  /** How the stay ended in which an entry had the meta of this version; undefined if it goes on. */
  endingOf(version: number): Ending | undefined {
    const revision = this.#revisions.get(version);
    if (revision?.stay.reason === undefined) return undefined;
    const removals = this.#removalsOfLife.get(revision.stay.life) ?? 0;
    return { reason: revision.stay.reason, removalsSince: removals - revision.removedAt };
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

  /** The entry as it is now, if it is there. */
  find(entry: Pick<ModelEntry, "topic" | "session" | "key">): ModelEntry | undefined {
    return this.#present.get(identityOf(entry));
  }

  #end(reason: Ending["reason"], session: string, topic?: string, key?: string): number {
    let removed = 0;
    // Of those that end together any may be removed first. A session has one life.
    const endedAt = 1 + (this.#removalsOfLife.get(this.lifeOf(session) ?? 0) ?? 0);
    for (const [identity, entry] of this.#present) {
      if (entry.session !== session) continue;
      if (topic !== undefined && entry.topic !== topic) continue;
      if (key !== undefined && entry.key !== key) continue;
      this.#present.delete(identity);
      this.#removals.set(identity, this.removalsOf(identity) + 1);
      this.#countRemoval(entry.life);
      const revision = this.#revisions.get(entry.version);
      if (revision !== undefined) {
        revision.stay.reason = reason;
        revision.removedAt = endedAt;
      }
      removed += 1;
    }
    return removed;
  }

  #countRemoval(life: number): void {
    this.#removalsOfLife.set(life, (this.#removalsOfLife.get(life) ?? 0) + 1);
  }
}
