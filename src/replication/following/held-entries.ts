/**
 * What is held of one author: its entries by clock, and their digest; and of each topic that it has opened to the present
 * follow, which of them are its. Changes both together. There are many topics with one entry, so none has an object of its own.
 * Knows no frame.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import { membersOf, sizeOf, withMember, withoutMember } from "./few.js";
import type { Few } from "./few.js";
import { sumOf } from "./sum.js";

export class HeldEntries {
  readonly #hashOf: (entry: ReplicatedEntry) => number;
  readonly #digest = new Digest();
  #byClock = new Map<number, ReplicatedEntry>();
  readonly #topics = new Map<string, Few<ReplicatedEntry>>();
  /** Those of topics that are told in stretches: to hash so many values again takes its time. */
  readonly #digests = new Map<string, Digest>();

  constructor(hashOf: (entry: ReplicatedEntry) => number) {
    this.#hashOf = hashOf;
  }

  get byClock(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#byClock;
  }

  get digest(): number {
    return this.#digest.value;
  }

  /** The topics that are open to the present follow, and what is held of each. */
  get topics(): ReadonlyMap<string, Few<ReplicatedEntry>> {
    return this.#topics;
  }

  /** What is held of a topic, as it is now. */
  of(topic: string): Iterable<ReplicatedEntry> {
    return membersOf(this.#topics.get(topic));
  }

  sizeOf(topic: string): number {
    return sizeOf(this.#topics.get(topic));
  }

  /** A topic is open from now on, or still is. */
  open(topic: string): void {
    if (!this.#topics.has(topic)) this.#topics.set(topic, undefined);
  }

  /** Sums up what is held of a topic by itself from now on; or no longer. */
  sumUp(topic: string, isApart: boolean): void {
    if (isApart) this.#digests.set(topic, sumOf(this.of(topic), this.#hashOf));
    else this.#digests.delete(topic);
  }

  /** Its topic is open. */
  hold(entry: ReplicatedEntry): void {
    const clock = ReplicatedEntry.clockOf(entry);
    const topic = ReplicatedEntry.topicOf(entry);
    const hash = this.#hashOf(entry);
    this.#byClock.set(clock, entry);
    this.#become(topic, withMember(this.#topics.get(topic), entry));
    this.#digest.add(clock, hash);
    this.#digests.get(topic)?.add(clock, hash);
  }

  drop(entry: ReplicatedEntry): void {
    const clock = ReplicatedEntry.clockOf(entry);
    const topic = ReplicatedEntry.topicOf(entry);
    const hash = this.#hashOf(entry);
    this.#byClock.delete(clock);
    this.#become(topic, withoutMember(this.#topics.get(topic), entry));
    this.#digest.subtract(clock, hash);
    this.#digests.get(topic)?.subtract(clock, hash);
  }

  /** A topic is open no longer. Returns all of it, which is held no longer. */
  close(topic: string): Iterable<ReplicatedEntry> {
    const entries = this.of(topic);
    const digest = this.#digests.get(topic);
    this.#topics.delete(topic);
    this.#digests.delete(topic);
    for (const entry of entries) {
      const clock = ReplicatedEntry.clockOf(entry);
      this.#byClock.delete(clock);
      if (digest === undefined) this.#digest.subtract(clock, this.#hashOf(entry));
    }
    if (digest !== undefined) this.#digest.subtractAll(digest);
    return entries;
  }

  /** Returns all, by clock and by topic, which is held no longer; the topics are open still. */
  takeAll(): { byClock: Map<number, ReplicatedEntry>; topics: [topic: string, Set<ReplicatedEntry>][] } {
    const byClock = this.#byClock;
    const topics: [string, Set<ReplicatedEntry>][] = [];
    for (const [topic, entries] of this.#topics) {
      topics.push([topic, entries instanceof Set ? entries : new Set(membersOf(entries))]);
      this.#topics.set(topic, undefined);
    }
    this.#byClock = new Map();
    this.#digests.clear();
    this.#digest.assume(new Digest());
    return { byClock, topics };
  }

  #become(topic: string, entries: Few<ReplicatedEntry>): void {
    if (this.#topics.get(topic) !== entries) this.#topics.set(topic, entries);
  }
}
