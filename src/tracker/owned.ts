/**
 * The entries that this node owns, by session: `track` must not repeat them, and `close` has to end them. They are
 * kept with the session. A session nearly always has one entry, so maps are made only for the second.
 *
 * Knows no set and no view.
 */
import { ReplicatedEntry } from "../replication/entry.js";
import type { Session, SessionOwner } from "../session.js";
import { countOf, type ByTopic } from "./closings.js";

export class OwnedEntries implements SessionOwner {
  /**
   * Each knows its place here: a list costs a quarter of what a set takes for each track, and fewer bytes. Who leaves is
   * replaced by the last.
   */
  readonly #sessions: Session[] = [];
  /** The same by id: made when somebody asks for the first, as most applications never do. */
  #byId: Map<string, Session> | undefined;
  #close: ((session: Session, graceMs: number) => void) | undefined;
  #entries = 0;

  /** `close` is told when a session with entries closes, and for how long they are to stay. */
  constructor(close: (session: Session, graceMs: number) => void) {
    this.#close = close;
  }

  /**
   * Nothing is owned any more, and nobody told. Sessions that live on hold this object until they are used again
   * or close, and through it nothing of the tracker.
   */
  end(): void {
    this.#close = undefined;
    this.#sessions.length = 0;
    this.#byId = undefined;
    this.#entries = 0;
  }

  /** How many sessions own something. */
  get sessions(): number {
    return this.#sessions.length;
  }

  /** How many entries are owned. */
  get size(): number {
    return this.#entries;
  }

  get ended(): boolean {
    return this.#close === undefined;
  }

  sessionClosed(session: Session, graceMs: number): void {
    this.#close?.(session, graceMs);
  }

  /** The session of this id, if it has an entry. */
  session(id: string): Session | undefined {
    if (this.#byId === undefined) {
      this.#byId = new Map();
      for (const session of this.#sessions) this.#byId.set(session.id, session);
    }
    return this.#byId.get(id);
  }

  find(session: Session, topic: string, key: string): ReplicatedEntry | undefined {
    const owned = this.#of(session);
    if (owned === undefined) return undefined;
    if (owned instanceof Map) return owned.get(topic)?.get(key);
    return ReplicatedEntry.isOf(owned, topic, key, session.id) ? owned : undefined;
  }

  /** The entries of a session, or those of one topic. */
  entries(session: Session, topic?: string): ReplicatedEntry[] {
    const owned = this.#of(session);
    if (owned === undefined) return [];
    if (owned instanceof Map) {
      if (topic !== undefined) return [...(owned.get(topic)?.values() ?? [])];
      const all: ReplicatedEntry[] = [];
      for (const ofTopic of owned.values()) for (const entry of ofTopic.values()) all.push(entry);
      return all;
    }
    return topic === undefined || ReplicatedEntry.topicOf(owned) === topic ? [owned] : [];
  }

  /**
   * Takes out all entries of a session, or those of one topic, if they are more than so many: as they are kept, so that
   * it costs the number of their topics.
   */
  takeMany(session: Session, topic: string | undefined, least: number): ByTopic | undefined {
    const owned = this.#of(session);
    if (!(owned instanceof Map)) return undefined;
    const ofTopic = topic === undefined ? undefined : owned.get(topic);
    if (topic === undefined || (ofTopic !== undefined && owned.size === 1)) {
      const count = countOf(owned);
      if (count <= least) return undefined;
      this.#entries -= count;
      this.#letGo(session);
      return owned;
    }
    if (ofTopic === undefined || ofTopic.size <= least) return undefined;
    this.#entries -= ofTopic.size;
    owned.delete(topic);
    return new Map([[topic, ofTopic]]);
  }

  /** Adds an entry, or puts it in the place of the one of its topic and key. */
  put(session: Session, entry: ReplicatedEntry): void {
    const owned = this.#of(session);
    if (owned === undefined) {
      session.hold(this, entry);
      session.stand(this, this.#sessions.length);
      this.#sessions.push(session);
      this.#byId?.set(session.id, session);
      this.#entries += 1;
    } else if (owned instanceof Map) {
      if (putByTopic(owned, entry)) this.#entries += 1;
    } else if (ReplicatedEntry.isOf(owned, ReplicatedEntry.topicOf(entry), entry.key, entry.session)) {
      session.hold(this, entry);
    } else {
      const byTopic: ByTopic = new Map();
      putByTopic(byTopic, owned);
      putByTopic(byTopic, entry);
      session.hold(this, byTopic);
      this.#entries += 1;
    }
  }

  /** Takes an entry out; lets go of the session with its last. */
  delete(session: Session, entry: ReplicatedEntry): void {
    const owned = this.#of(session);
    this.#entries -= 1;
    if (owned instanceof Map) {
      const topic = ReplicatedEntry.topicOf(entry);
      const ofTopic = owned.get(topic);
      ofTopic?.delete(entry.key);
      if (ofTopic?.size === 0) owned.delete(topic);
      if (owned.size > 0) return;
    }
    this.#letGo(session);
  }

  #letGo(session: Session): void {
    const place = session.placeWith(this);
    session.release(this);
    if (this.#sessions[place] === session) this.#takeOut(place);
    if (this.#byId?.get(session.id) === session) this.#byId.delete(session.id);
  }

  #takeOut(place: number): void {
    const last = this.#sessions.pop();
    if (last === undefined || place === this.#sessions.length) return;
    this.#sessions[place] = last;
    last.stand(this, place);
  }

  /** What `put` left there. */
  #of(session: Session): ReplicatedEntry | ByTopic | undefined {
    return session.heldBy(this) as ReplicatedEntry | ByTopic | undefined;
  }
}

/** Returns whether there was none of its topic and key. */
function putByTopic(byTopic: ByTopic, entry: ReplicatedEntry): boolean {
  const topic = ReplicatedEntry.topicOf(entry);
  const ofTopic = byTopic.get(topic);
  const isNew = ofTopic?.has(entry.key) !== true;
  if (ofTopic === undefined) byTopic.set(topic, new Map([[entry.key, entry]]));
  else ofTopic.set(entry.key, entry);
  return isNew;
}
