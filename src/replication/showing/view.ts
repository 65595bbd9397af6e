/**
 * What this node shows: the visible entries by topic and key, and what of it changed since the last delivery.
 *
 * The view is the gate through which every change passes, so a join is in a diff only if the entry was not
 * shown before, and a leave only if it was. It also hands off and back: where somebody waits for a departing node, the
 * places of that key say who is hidden. They are kept only where others are under the key as well: a key without them
 * has entries of lives that stay, or of one life that departs. A goodbye itself hides nobody, so it is noted under a key
 * only before something changes there, and costs nothing for all others. Knows no slice, no time and no handler.
 */
import type { Diff, LeaveReason } from "../../words.js";
import { ReplicatedEntry, type EntryOwner } from "../entry.js";
import { bucketOf, entriesOf, insert, remove, type Topics } from "./buckets.js";
import { PendingDiff } from "./pending-diff.js";
import { Places, type Stage } from "./places.js";
import { RULES, type Rules } from "../rules.js";

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
  /** The lives that depart, by the numbers of their goodbyes and in their order. */
  readonly #goodbyes = new Map<EntryOwner, number>();
  #goodbyeCount = 0;
  /** Up to which goodbye it is noted who was there, by the places of a key or, without any, by all that it has. */
  #noted = new WeakMap<Places | Set<ReplicatedEntry>, number>();
  /** The lives whose entries are about to leave, whatever places are free, and why. */
  readonly #ending = new Map<EntryOwner, LeaveReason>();
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
    this.#bringUp(entry);
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
    this.#bringUp(entry);
    this.#leave(entry, reason);
  }

  #leave(entry: ReplicatedEntry, reason: LeaveReason): void {
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

  /** A life begins to depart: what it has is shown until others come. */
  depart(owner: EntryOwner): void {
    this.#goodbyes.set(owner, ++this.#goodbyeCount);
  }

  /** A life that was to depart goes on: of each of its entries `stay` is to be told. */
  stays(owner: EntryOwner): void {
    this.#goodbyes.delete(owner);
    if (this.#goodbyes.size === 0) this.#noted = new WeakMap();
  }

  /** An entry of a life that was to depart waits for nobody: what others have hidden under its key is shown. */
  stay(entry: ReplicatedEntry): void {
    const places = this.#placesOf(entry);
    if (places?.stay(ReplicatedEntry.ownerOf(entry), this.#stage) === true) this.#settle(places, entry);
  }

  /** A life ends: of each of its entries `end` is to be told, and `hasEnded` of the last. */
  ends(owner: EntryOwner, reason: LeaveReason): void {
    this.stays(owner);
    this.#ending.set(owner, reason);
  }

  /** An entry leaves whose life ends; where some of that life wait for their places, all of them under its key. */
  end(entry: ReplicatedEntry): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    this.leave(entry, this.#ending.get(owner) ?? "down");
  }

  hasEnded(owner: EntryOwner): void {
    this.#ending.delete(owner);
  }

  /** How many entries of a departing life are hidden, because others have come in their places. */
  hiddenCount(owner: EntryOwner): number {
    return this.#hiddenCounts.get(owner) ?? 0;
  }

  /** A topic is shown from now on. */
  beginTopic(topic: string): void {
    this.#changes.begin(topic);
  }

  /**
   * All of a topic leaves that is shown no longer, in one step; where somebody waits there for a place, each is to leave by
   * itself. Returns whether it did.
   */
  dropTopic(topic: string): boolean {
    if (this.#places.has(topic)) return false;
    this.#topics.delete(topic);
    return true;
  }

  /** A topic of which all has left is shown no longer: that it has is told as its end. */
  endTopic(topic: string): void {
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

  /**
   * To be called before something changes under a key. Who waits there for a life that has ended meanwhile leaves: no
   * place that becomes free shows it again. And who is there at the goodbyes since the last change is noted.
   */
  #bringUp(entry: ReplicatedEntry): void {
    if (this.#ending.size > 0) {
      for (const [owner, reason] of this.#ending) {
        for (const waiting of [...(this.#placesOf(entry)?.waiting(owner) ?? [])])
          this.#leave(waiting, reason);
      }
    }
    if (this.#goodbyes.size > 0) this.#noteGoodbyes(entry);
  }

  /** Looks through the key once, however many goodbyes there were and entries of one life. */
  #noteGoodbyes(entry: ReplicatedEntry): void {
    const bucket = bucketOf(this.#topics, entry);
    let places = this.#placesOf(entry);
    const where = places ?? bucket;
    // Who is alone under a key meets nobody yet.
    if (!(where instanceof Places || where instanceof Set)) return;
    const noted = this.#noted.get(where) ?? 0;
    if (noted === this.#goodbyeCount) return;
    this.#noted.set(where, this.#goodbyeCount);
    const departing = new Map<EntryOwner, ReplicatedEntry[]>();
    for (const each of entriesOf(bucket)) {
      const owner = ReplicatedEntry.ownerOf(each);
      if ((this.#goodbyes.get(owner) ?? 0) <= noted || places?.waiting(owner) !== undefined) continue;
      const own = departing.get(owner);
      if (own === undefined) departing.set(owner, [each]);
      else own.push(each);
    }
    if (departing.size === 0) return;
    for (const owner of this.#goodbyes.keys()) {
      const own = departing.get(owner);
      if (own === undefined) continue;
      if (places !== undefined) {
        places.depart(own, []);
        continue;
      }
      const others = [...entriesOf(bucket)].filter((each) => ReplicatedEntry.ownerOf(each) !== owner);
      if (others.length === 0) return;
      places = this.#makePlaces(entry);
      this.#noted.set(places, this.#goodbyeCount);
      places.depart(own, others);
    }
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
