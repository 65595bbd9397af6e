/**
 * The entries that this node owns, by session: what `track` must not repeat and `close` has to end.
 *
 * A session nearly always has one entry, so maps are made only for the second. Knows no set and no view.
 */
import { ReplicatedEntry } from "../replication/entry.js";
import type { Session } from "./session.js";

type ByTopic = Map<string, Map<string, ReplicatedEntry>>;

export class OwnedEntries {
  readonly #sessions = new Map<Session, ReplicatedEntry | ByTopic>();

  find(session: Session, topic: string, key: string): ReplicatedEntry | undefined {
    const owned = this.#sessions.get(session);
    if (owned === undefined) return undefined;
    if (owned instanceof Map) return owned.get(topic)?.get(key);
    return owned.key === key && ReplicatedEntry.topicOf(owned) === topic ? owned : undefined;
  }

  /** The entries of a session, or those of one topic. */
  entries(session: Session, topic?: string): ReplicatedEntry[] {
    const owned = this.#sessions.get(session);
    if (owned === undefined) return [];
    if (owned instanceof Map) {
      if (topic !== undefined) return [...(owned.get(topic)?.values() ?? [])];
      const all: ReplicatedEntry[] = [];
      for (const ofTopic of owned.values()) for (const entry of ofTopic.values()) all.push(entry);
      return all;
    }
    return topic === undefined || ReplicatedEntry.topicOf(owned) === topic ? [owned] : [];
  }

  /** Adds an entry, or puts it in the place of the one of its topic and key. Says whether the session is new. */
  put(session: Session, entry: ReplicatedEntry): boolean {
    const owned = this.#sessions.get(session);
    if (owned === undefined) {
      this.#sessions.set(session, entry);
      return true;
    }
    if (owned instanceof Map) putByTopic(owned, entry);
    else if (owned.key === entry.key && ReplicatedEntry.topicOf(owned) === ReplicatedEntry.topicOf(entry)) {
      this.#sessions.set(session, entry);
    } else {
      const byTopic: ByTopic = new Map();
      putByTopic(byTopic, owned);
      putByTopic(byTopic, entry);
      this.#sessions.set(session, byTopic);
    }
    return false;
  }

  /** Takes an entry out. Says whether it was the session's last. */
  delete(session: Session, entry: ReplicatedEntry): boolean {
    const owned = this.#sessions.get(session);
    if (owned instanceof Map) {
      const topic = ReplicatedEntry.topicOf(entry);
      const ofTopic = owned.get(topic);
      ofTopic?.delete(entry.key);
      if (ofTopic?.size === 0) owned.delete(topic);
      if (owned.size > 0) return false;
    }
    return this.#sessions.delete(session);
  }

  sessions(): Iterable<Session> {
    return this.#sessions.keys();
  }
}

function putByTopic(byTopic: ByTopic, entry: ReplicatedEntry): void {
  const topic = ReplicatedEntry.topicOf(entry);
  const ofTopic = byTopic.get(topic);
  if (ofTopic === undefined) byTopic.set(topic, new Map([[entry.key, entry]]));
  else ofTopic.set(entry.key, entry);
}
