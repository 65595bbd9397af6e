/**
 * What a merge changed, paired by identity: an entry that went and one that came of the same session, topic and
 * key are an update. Every entry is looked at once, whatever its session, topic or key has in common with others.
 */
import { ReplicatedEntry } from "../entry.js";

/** An entry that went, and whether its session closed. */
export interface Gone {
  readonly entry: ReplicatedEntry;
  readonly closed: boolean;
  /** Whether it is there still, and no longer among those that a follow with a limit holds. */
  readonly limited?: boolean | undefined;
}

export interface SliceChange {
  readonly added: readonly ReplicatedEntry[];
  readonly updated: readonly { readonly entry: ReplicatedEntry; readonly previous: ReplicatedEntry }[];
  readonly removed: readonly Gone[];
}

export const NO_CHANGE: SliceChange = { added: [], updated: [], removed: [] };

/** Finds the updates, and seals the entries that came, each with the one that it replaced. */
export function pairByIdentity(added: readonly ReplicatedEntry[], removed: readonly Gone[]): SliceChange {
  if (removed.length === 0) {
    for (const entry of added) ReplicatedEntry.seal(entry, undefined);
    return added.length === 0 ? NO_CHANGE : { added, updated: [], removed: [] };
  }
  if (added.length === 0) return { added: [], updated: [], removed };
  const gone = new GoneByIdentity(removed);
  const updated: { entry: ReplicatedEntry; previous: ReplicatedEntry }[] = [];
  const joined: ReplicatedEntry[] = [];
  const replaced = new Set<Gone>();
  for (const entry of added) {
    const found = gone.find(entry);
    // A second entry of one identity, which no author has, is one that joined.
    const previous = found === undefined || replaced.has(found) ? undefined : found;
    ReplicatedEntry.seal(entry, previous?.entry);
    if (previous === undefined) joined.push(entry);
    else {
      replaced.add(previous);
      updated.push({ entry, previous: previous.entry });
    }
  }
  return { added: joined, updated, removed: removed.filter((each) => !replaced.has(each)) };
}

/** Session, topic and key as one text, which is only compared. */
export function identityText(entry: ReplicatedEntry): string {
  return JSON.stringify([entry.session, ReplicatedEntry.topicOf(entry), entry.key]);
}

type ByTopic = Map<string, Map<string, Gone>>;

/** What went, by session, topic and key. Most sessions have one entry, so maps are made only for the second. */
export class GoneByIdentity {
  readonly #bySession = new Map<string, Gone | ByTopic>();

  constructor(removed: Iterable<Gone> = []) {
    for (const gone of removed) this.put(gone);
  }

  *[Symbol.iterator](): Generator<Gone> {
    for (const found of this.#bySession.values()) {
      if (!(found instanceof Map)) yield found;
      else for (const byKey of found.values()) yield* byKey.values();
    }
  }

  delete(entry: ReplicatedEntry): void {
    const found = this.#bySession.get(entry.session);
    if (found instanceof Map) found.get(ReplicatedEntry.topicOf(entry))?.delete(entry.key);
    else this.#bySession.delete(entry.session);
  }

  find(entry: ReplicatedEntry): Gone | undefined {
    const found = this.#bySession.get(entry.session);
    if (found === undefined) return undefined;
    const topic = ReplicatedEntry.topicOf(entry);
    if (found instanceof Map) return found.get(topic)?.get(entry.key);
    return ReplicatedEntry.isOf(found.entry, topic, entry.key, entry.session) ? found : undefined;
  }

  put(gone: Gone): void {
    const { session } = gone.entry;
    const present = this.#bySession.get(session);
    if (present === undefined) this.#bySession.set(session, gone);
    else if (present instanceof Map) putByTopic(present, gone);
    else {
      const byTopic: ByTopic = new Map();
      putByTopic(byTopic, present);
      putByTopic(byTopic, gone);
      this.#bySession.set(session, byTopic);
    }
  }
}

function putByTopic(byTopic: ByTopic, gone: Gone): void {
  const topic = ReplicatedEntry.topicOf(gone.entry);
  const byKey = byTopic.get(topic);
  if (byKey === undefined) byTopic.set(topic, new Map([[gone.entry.key, gone]]));
  else byKey.set(gone.entry.key, gone);
}
