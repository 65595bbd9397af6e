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
  readonly reason: "untracked" | "closed" | "evicted";
  /** Removals of its life since that of the revision in question, with those that updates spend. */
  readonly removalsSince: number;
}

/** One stay of an entry: from `track` over all updates to its end. */
export interface Stay {
  readonly life: number;
  /** How it ended, if it has. */
  readonly reason: Ending["reason"] | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One revision of an entry. */
interface Revision {
  readonly stay: Mutable<Stay>;
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
  /** Who was to go, as somebody has said. */
  readonly #unwanted = new Set<string>();
  /** In whose place, or in that of one of whom, an entry has come on its node. */
  readonly #predecessors = new Map<string, Set<string>>();
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

  /** Entries have ended by themselves, together: their grace was over, or they were evicted. */
  ended(reason: Ending["reason"], identities: ReadonlySet<string>): void {
    this.#end(reason, (_, identity) => identities.has(identity));
  }

  /** Somebody asks for the end of an entry. */
  want(identity: string): void {
    this.#unwanted.add(identity);
  }

  /** An entry has come in the place of another, whose session had closed. */
  succeeds(identity: string, before: string): void {
    const predecessors = this.#predecessors.get(identity) ?? new Set();
    this.#predecessors.set(identity, predecessors.add(before));
  }

  /** Whether somebody asked for the end of an entry, or of one in whose place it has come. */
  isUnwanted(identity: string, seen = new Set<string>()): boolean {
    if (this.#unwanted.has(identity)) return true;
    seen.add(identity);
    for (const before of this.#predecessors.get(identity) ?? []) {
      if (!seen.has(before) && this.isUnwanted(before, seen)) return true;
    }
    return false;
  }

  /** The stay in which an entry had the meta of this version. */
  stayOf(version: number): Stay | undefined {
    return this.#revisions.get(version)?.stay;
  }

  /** Untracked: of a session, of one topic of it, or of one key there. Returns how many. */
  remove(session: string, topic?: string, key?: string): number {
    return this.#end(
      "untracked",
      (entry) =>
        entry.session === session &&
        (topic === undefined || entry.topic === topic) &&
        (key === undefined || entry.key === key),
    );
  }

  /** The session has closed. Returns how many entries it had. */
  close(session: string): number {
    return this.#end("closed", (entry) => entry.session === session);
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

  #end(reason: Ending["reason"], ends: (entry: ModelEntry, identity: string) => boolean): number {
    const ending = [...this.#present].filter(([identity, entry]) => ends(entry, identity));
    // Of those that end together any may be removed first. They are of one life.
    const endedAt = 1 + (this.#removalsOfLife.get(ending[0]?.[1].life ?? 0) ?? 0);
    for (const [identity, entry] of ending) {
      this.#present.delete(identity);
      this.#removals.set(identity, this.removalsOf(identity) + 1);
      this.#countRemoval(entry.life);
      const revision = this.#revisions.get(entry.version);
      if (revision === undefined) continue;
      revision.stay.reason = reason;
      revision.removedAt = endedAt;
    }
    return ending.length;
  }

  #countRemoval(life: number): void {
    this.#removalsOfLife.set(life, (this.#removalsOfLife.get(life) ?? 0) + 1);
  }
}
