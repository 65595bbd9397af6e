/**
 * The entry as replication holds it: the public entry, and beside it, hidden from users, where it belongs.
 * The set, the view by topic and the index by session hold this same object.
 *
 * One class with fields assigned in one order, sealed before anyone sees it: what `list` hands out cannot be
 * changed by who gets it.
 */
import type { AnyMeta, Entry } from "../words.js";
import { chainText, hashJson, mix } from "./hash.js";

/** Why a life departs, and with what reason its entries leave. */
export type Departure = "departed" | "replaced";

/** What one life contributes, as far as an entry needs to know it. */
export interface EntryOwner {
  readonly name: string;
  /** Set while the life departs: each of its entries is shown until another has come in its place. */
  readonly departure: Departure | undefined;
}

/** What the entries of one slice have in common: held once, not in each. */
export interface EntryOrigin {
  readonly owner: EntryOwner;
  readonly shard: number;
  /** What their refs begin with; the clock follows. */
  readonly refPrefix: string;
}

/** Entries whose sessions have closed and that stay for a while: few, so that others need no place for it. */
const leavingEntries = new WeakSet<ReplicatedEntry>();

/**
 * Refs are made when they are read: two texts that are kept would be a quarter of an entry. They are properties of each
 * entry all the same, not of the class, so that copies and JSON have them. One object for all, as V8 then shares the
 * shape and keeps nothing per entry.
 */
const REF: PropertyDescriptor = {
  enumerable: true,
  get(this: ReplicatedEntry) {
    return ReplicatedEntry.refOf(this);
  },
};
const PREVIOUS_REF: PropertyDescriptor = {
  enumerable: true,
  get(this: ReplicatedEntry) {
    return ReplicatedEntry.previousRefOf(this);
  },
};

/** In the place of the clock of what an entry replaced, as long as that is not known. To ask V8 costs a call. */
const UNSEALED = -1;

export class ReplicatedEntry implements Entry {
  readonly key: string;
  readonly meta: Readonly<AnyMeta>;
  declare readonly ref: string;
  declare readonly prevRef?: string | undefined;
  readonly node: string;
  readonly session: string;
  readonly #topic: string;
  readonly #clock: number;
  readonly #origin: EntryOrigin;
  /** The clock of the revision that this one replaced, of the same slice; 0 if there was none. Written by `seal`. */
  #previousClock = UNSEALED;

  constructor(
    origin: EntryOrigin,
    clock: number,
    topic: string,
    key: string,
    session: string,
    meta: Readonly<AnyMeta>,
  ) {
    this.key = key;
    this.meta = meta;
    Object.defineProperty(this, "ref", REF);
    this.node = origin.owner.name;
    this.session = session;
    this.#topic = topic;
    this.#clock = clock;
    this.#origin = origin;
  }

  /** Whether its session has closed, and a grace period lasts. */
  get leaving(): boolean {
    return leavingEntries.has(this);
  }

  static markLeaving(entry: ReplicatedEntry): void {
    leavingEntries.add(entry);
  }

  /** Says what the entry replaced, and ends all change. What was sealed before stays as it is. */
  static seal(entry: ReplicatedEntry, previous: ReplicatedEntry | undefined): void {
    if (ReplicatedEntry.isSealed(entry)) return;
    entry.#previousClock = previous === undefined ? 0 : previous.#clock;
    if (previous !== undefined) {
      // Only here, as it costs as much as all else that makes an entry, and most entries replace none.
      Object.defineProperty(entry, "prevRef", PREVIOUS_REF);
    }
    Object.freeze(entry);
  }

  /** Whether it may have been seen: until what it replaced is known, nobody may. */
  static isSealed(entry: ReplicatedEntry): boolean {
    return entry.#previousClock !== UNSEALED;
  }

  static refOf(entry: ReplicatedEntry): string {
    return entry.#origin.refPrefix + entry.#clock;
  }

  static previousRefOf(entry: ReplicatedEntry): string | undefined {
    return entry.#previousClock <= 0 ? undefined : entry.#origin.refPrefix + entry.#previousClock;
  }

  /** What `console.log` shows: the texts, where it would say that there are getters. */
  [Symbol.for("nodejs.util.inspect.custom")](): Entry {
    return { ...this };
  }

  /** Whether an entry has this identity. */
  static isOf(entry: ReplicatedEntry, topic: string, key: string, session: string): boolean {
    return entry.#topic === topic && entry.key === key && entry.session === session;
  }

  /** A hash of all that travels of an entry but its dot. */
  static hashOf(this: void, entry: ReplicatedEntry): number {
    const hash = chainText(chainText(hashJson(entry.meta), entry.#topic), entry.key);
    return mix(chainText(hash, entry.session));
  }

  static topicOf(entry: ReplicatedEntry): string {
    return entry.#topic;
  }

  static shardOf(entry: ReplicatedEntry): number {
    return entry.#origin.shard;
  }

  /** What names the slice: the same for all entries of a life under one topic, whichever object stands for the life. */
  static sliceOf(entry: ReplicatedEntry): string {
    return entry.#origin.refPrefix;
  }

  static clockOf(entry: ReplicatedEntry): number {
    return entry.#clock;
  }

  static ownerOf(entry: ReplicatedEntry): EntryOwner {
    return entry.#origin.owner;
  }

  /** Whether its life departs. */
  static departs(entry: ReplicatedEntry): boolean {
    return entry.#origin.owner.departure !== undefined;
  }
}
