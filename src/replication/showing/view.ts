/**
 * What this node shows: the visible entries by topic and key, and what of it changed since the last delivery.
 *
 * The view is the gate through which every change passes, so a join is in a diff only if the entry was not
 * shown before, and a leave only if it was. It also hands off and back: where somebody waits for a departing node, the
 * places of that key say who is hidden. They are kept only where others are under the key as well: a key without them
 * has entries of lives that stay, or of one life that departs. Knows no slice, no time and no handler.
 */
import type { Diff, LeaveReason } from "../../words.js";
import { ReplicatedEntry, type EntryOwner } from "../entry.js";
import { PendingDiff } from "./pending-diff.js";
import { Places, type Stage } from "./places.js";
import { RULES, type Rules } from "../rules.js";

/** The entries of one key: nearly always one, so a set is made only for the second. */
type Bucket = ReplicatedEntry | Set<ReplicatedEntry>;

interface Topic {
  count: number;
  readonly keys: Map<string, Bucket>;
}

type Topics = Map<string, Topic>;

interface Wanted {
  readonly topic: string;
  readonly key: string;
  readonly sessions: Set<string>;
}

export class View {
  readonly #rules: Rules;
  readonly #topics: Topics = new Map();
  readonly #changes = new PendingDiff();
  /** By topic and key, where departing lives and others meet: empty while nobody departs. */
  readonly #places = new Map<string, Map<string, Places>>();
  /** How many entries of each departing life are hidden. */
  readonly #hiddenCounts = new Map<EntryOwner, number>();
  readonly #stage: Stage = {
    show: (entry) => {
      this.#countHidden(entry, -1);
      this.#show(entry);
    },
    hide: (entry) => {
      if (this.#wanted !== undefined) this.#lookIfWanted(entry);
      const { departure } = ReplicatedEntry.ownerOf(entry);
      this.#countHidden(entry, 1);
      if (remove(this.#topics, entry)) {
        this.#changes.leave(ReplicatedEntry.topicOf(entry), entry, departure ?? "departed");
      }
    },
  };
  /** Whether an entry may be shown; if anybody is to be asked. */
  accepts: ((entry: ReplicatedEntry) => boolean) | undefined;
  /** Those that may not. Made for the first. */
  #refused: WeakSet<ReplicatedEntry> | undefined;
  /** Entries that somebody wants to end: they leave as evicted. Made for the first. */
  #evicted: WeakSet<ReplicatedEntry> | undefined;
  /** Sessions under a key whose entries are still to be looked for there: before one of them comes, or any goes. */
  #wanted: Wanted | undefined;
  /** Told of each entry that was tracked, here or elsewhere, when it is shown for the first time; if anybody asks. */
  tracked: ((entry: ReplicatedEntry) => void) | undefined;
  /** How many lives are departing: with none, a join has nobody to look for. */
  departingLives = 0;

  constructor(rules: Rules = RULES) {
    this.#rules = rules;
  }

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  list(topic: string): ReplicatedEntry[] {
    const found = this.#topics.get(topic);
    if (found === undefined) return [];
    const { count, keys } = found;
    const entries = new Array<ReplicatedEntry>(count);
    let next = 0;
    // As many entries as keys: then no bucket is a set, and none has to be looked at.
    const areSingle = count === keys.size;
    for (const bucket of keys.values()) {
      if (areSingle) entries[next++] = bucket as ReplicatedEntry;
      else if (bucket instanceof Set) for (const entry of bucket) entries[next++] = entry;
      else entries[next++] = bucket;
    }
    return entries;
  }

  getByKey(topic: string, key: string): ReplicatedEntry[] {
    const bucket = this.#topics.get(topic)?.keys.get(key);
    if (bucket === undefined) return [];
    return bucket instanceof Set ? [...bucket] : [bucket];
  }

  countByKey(topic: string, key: string): number {
    const bucket = this.#topics.get(topic)?.keys.get(key);
    return bucket instanceof Set ? bucket.size : bucket === undefined ? 0 : 1;
  }

  count(topic: string): number {
    return this.#topics.get(topic)?.count ?? 0;
  }

  countKeys(topic: string): number {
    return this.#topics.get(topic)?.keys.size ?? 0;
  }

  has(topic: string, key: string): boolean {
    return this.#topics.get(topic)?.keys.has(key) ?? false;
  }

  /** Shows an entry that was tracked, unless its life departs and its place is taken. */
  join(entry: ReplicatedEntry): void {
    if (this.#refuses(entry)) return;
    this.#join(entry);
    if (this.tracked !== undefined && this.#rules.stays(entry)) this.tracked(entry);
  }

  /** The same for one that was known, and hidden because its node was silent. */
  joinAgain(entry: ReplicatedEntry): void {
    if (this.#refused?.has(entry) !== true) this.#join(entry);
  }

  #join(entry: ReplicatedEntry): void {
    if (this.#wanted !== undefined && this.#wanted.sessions.has(entry.session)) this.#lookIfWanted(entry);
    // With nobody departing, a join has nobody to look for.
    const places = this.departingLives > 0 ? this.#placesFor(entry) : undefined;
    if (places === undefined) return this.#show(entry);
    if (this.#isHere(entry) || places.isHidden(entry)) return;
    if (places.add(entry, entriesOf(bucketOf(this.#topics, entry)))) this.#show(entry);
    else this.#countHidden(entry, 1);
    this.#settle(places, entry);
  }

  /** An entry is to leave as evicted. */
  evict(entry: ReplicatedEntry): void {
    (this.#evicted ??= new WeakSet()).add(entry);
  }

  /** The same for those of these sessions under a key: all are looked for at once, before one of them comes or goes. */
  evictSessions(topic: string, key: string, sessions: readonly string[]): void {
    if (!this.isLookedThrough(topic, key)) {
      this.#lookForWanted();
      this.#wanted = { topic, key, sessions: new Set() };
    }
    for (const session of sessions) this.#wanted?.sessions.add(session);
  }

  /** Whether a key is about to be looked through anyway, so that further sessions cost no further look. */
  isLookedThrough(topic: string, key: string): boolean {
    const wanted = this.#wanted;
    if (wanted?.topic !== topic || wanted.key !== key) return false;
    return wanted.sessions.size < this.countByKey(topic, key);
  }

  #lookForWanted(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    this.#wanted = undefined;
    const bucket = this.#topics.get(wanted.topic)?.keys.get(wanted.key);
    for (const entry of entriesOf(bucket)) if (wanted.sessions.has(entry.session)) this.evict(entry);
  }

  #lookIfWanted(entry: ReplicatedEntry): void {
    const { topic, key } = this.#wanted ?? {};
    if (key === entry.key && topic === ReplicatedEntry.topicOf(entry)) this.#lookForWanted();
  }

  /** Hides an entry, if it is shown; whose place it had taken is shown again. */
  leave(entry: ReplicatedEntry, reason: LeaveReason): void {
    if (this.#wanted !== undefined) this.#lookIfWanted(entry);
    const places = this.#placesOf(entry);
    if (places?.isHidden(entry) === true) this.#countHidden(entry, -1);
    else {
      if (!remove(this.#topics, entry)) return;
      const isEnded = reason === "closed" || reason === "untracked";
      const isEvicted = isEnded && this.#evicted?.has(entry) === true;
      this.#changes.leave(ReplicatedEntry.topicOf(entry), entry, isEvicted ? "evicted" : reason);
    }
    if (places === undefined) return;
    places.remove(entry);
    this.#settle(places, entry);
  }

  /** Puts a revision in the place of the one before, if that is shown. */
  update(entry: ReplicatedEntry, previous: ReplicatedEntry): void {
    if (this.#evicted?.has(previous) === true) this.#evicted.add(entry);
    if (this.#refused?.has(previous) === true) return this.join(entry);
    if (this.#refuses(entry)) return this.leave(previous, "untracked");
    const places = this.#placesOf(previous);
    if (places !== undefined) {
      const wasHidden = places.isHidden(previous);
      if (!places.update(entry, previous)) {
        this.leave(previous, "untracked");
        return this.join(entry);
      }
      if (wasHidden) return;
    }
    const name = ReplicatedEntry.topicOf(entry);
    const keys = this.#topics.get(name)?.keys;
    if (keys?.get(entry.key) === previous) keys.set(entry.key, entry);
    else {
      if (!remove(this.#topics, previous)) return;
      insert(this.#topics, entry);
    }
    this.#changes.update(name, entry, previous);
  }

  /**
   * A life begins to depart: what it has is shown until others come. Looks at each key once, however many entries the
   * life has there.
   */
  depart(entries: Iterable<ReplicatedEntry>): void {
    const seen = new Set<Bucket>();
    for (const entry of entries) {
      const owner = ReplicatedEntry.ownerOf(entry);
      const bucket = bucketOf(this.#topics, entry);
      if (bucket === undefined || seen.has(bucket)) continue;
      let places = this.#placesOf(entry);
      if (places === undefined && !(bucket instanceof Set)) continue;
      seen.add(bucket);
      const own: ReplicatedEntry[] = [];
      const others: ReplicatedEntry[] = [];
      for (const each of entriesOf(bucket)) {
        if (ReplicatedEntry.ownerOf(each) === owner) own.push(each);
        else if (places === undefined) others.push(each);
      }
      if (own.length === 0 || (places === undefined && others.length === 0)) continue;
      places ??= this.#makePlaces(entry);
      places.depart(own, others);
    }
  }

  /** A life that was to depart goes on: what others have hidden of it is shown. */
  stay(entries: Iterable<ReplicatedEntry>): void {
    for (const entry of entries) {
      const places = this.#placesOf(entry);
      if (places?.stay(ReplicatedEntry.ownerOf(entry), this.#stage) === true) this.#settle(places, entry);
    }
  }

  /** How many entries of a departing life are hidden, because others have come in their places. */
  hiddenCount(owner: EntryOwner): number {
    return this.#hiddenCounts.get(owner) ?? 0;
  }

  /** A topic is shown from now on. */
  begin(topic: string): void {
    this.#changes.begin(topic);
  }

  /** A topic of which all has left is shown no longer: that it has is told as its end. */
  end(topic: string): void {
    this.#changes.end(topic);
  }

  /** The changes since the last call, if there are any. */
  takeDiff(): Diff | undefined {
    return this.#changes.take();
  }

  /** Forgets the changes since the last call, where nobody wants them. */
  dropDiff(): void {
    this.#changes.drop();
  }

  /** Asks whether an entry may be shown, and remembers if not. */
  #refuses(entry: ReplicatedEntry): boolean {
    if (this.accepts === undefined || this.accepts(entry)) return false;
    (this.#refused ??= new WeakSet()).add(entry);
    return true;
  }

  #show(entry: ReplicatedEntry): void {
    if (insert(this.#topics, entry)) this.#changes.join(ReplicatedEntry.topicOf(entry), entry);
  }

  #countHidden(entry: ReplicatedEntry, by: 1 | -1): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    const count = this.hiddenCount(owner) + by;
    if (count === 0) this.#hiddenCounts.delete(owner);
    else this.#hiddenCounts.set(owner, count);
  }

  #isHere(entry: ReplicatedEntry): boolean {
    const bucket = bucketOf(this.#topics, entry);
    return bucket instanceof Set ? bucket.has(entry) : bucket === entry;
  }

  #placesOf(entry: ReplicatedEntry): Places | undefined {
    if (this.#places.size === 0) return undefined;
    return this.#places.get(ReplicatedEntry.topicOf(entry))?.get(entry.key);
  }

  /** The places that an entry which comes needs: those that there are, or new ones where it meets another life. */
  #placesFor(entry: ReplicatedEntry): Places | undefined {
    const present = this.#placesOf(entry);
    const bucket = bucketOf(this.#topics, entry);
    if (present !== undefined || bucket === undefined) return present;
    const [other] = entriesOf(bucket);
    if (other === undefined || ReplicatedEntry.ownerOf(other) === ReplicatedEntry.ownerOf(entry))
      return undefined;
    const otherStays = this.#rules.stays(other);
    if (otherStays && this.#rules.stays(entry)) return undefined;
    const places = this.#makePlaces(entry);
    // Then all that is here is of the one life that departs, and nobody else was here when it said goodbye.
    if (!otherStays) places.depart([...entriesOf(bucket)], []);
    return places;
  }

  #makePlaces(entry: ReplicatedEntry): Places {
    const topic = ReplicatedEntry.topicOf(entry);
    const places = new Places(this.#rules);
    const byKey = this.#places.get(topic);
    if (byKey === undefined) this.#places.set(topic, new Map([[entry.key, places]]));
    else byKey.set(entry.key, places);
    return places;
  }

  #settle(places: Places, entry: ReplicatedEntry): void {
    places.settle(this.#stage);
    if (!places.isEmpty) return;
    const topic = ReplicatedEntry.topicOf(entry);
    const byKey = this.#places.get(topic);
    byKey?.delete(entry.key);
    if (byKey?.size === 0) this.#places.delete(topic);
  }
}

/** What stands under the topic and key of an entry. */
function bucketOf(topics: Topics, entry: ReplicatedEntry): Bucket | undefined {
  return topics.get(ReplicatedEntry.topicOf(entry))?.keys.get(entry.key);
}

function entriesOf(bucket: Bucket | undefined): Iterable<ReplicatedEntry> {
  if (bucket === undefined) return [];
  return bucket instanceof Set ? bucket : [bucket];
}

/** Whether the entry was not there. */
function insert(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  let topic = topics.get(name);
  if (topic === undefined) {
    topic = { count: 0, keys: new Map() };
    topics.set(name, topic);
  }
  const bucket = topic.keys.get(entry.key);
  if (bucket === undefined) topic.keys.set(entry.key, entry);
  else if (bucket instanceof Set) {
    if (bucket.has(entry)) return false;
    bucket.add(entry);
  } else if (bucket === entry) return false;
  else topic.keys.set(entry.key, new Set([bucket, entry]));
  topic.count += 1;
  return true;
}

/** Whether the entry was there. */
function remove(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  const topic = topics.get(name);
  const bucket = topic?.keys.get(entry.key);
  if (topic === undefined || bucket === undefined) return false;
  if (bucket instanceof Set) {
    if (!bucket.delete(entry)) return false;
    if (bucket.size === 1) for (const last of bucket) topic.keys.set(entry.key, last);
  } else if (bucket === entry) topic.keys.delete(entry.key);
  else return false;
  topic.count -= 1;
  if (topic.count === 0) topics.delete(name);
  return true;
}
