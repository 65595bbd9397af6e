/**
 * What is held of one author: its entries by clock, and their digest; and of each topic that is open, which of them are its.
 * Changes both together. Knows no frame.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import type { Cut } from "./message.js";

/** A topic that an author has opened. There are many with one entry, so a set is made only for the second. */
export class Opening {
  generation: number;
  /** What was born above it is told. */
  floor = 0;
  /** Whether a registrar has named the author since it was opened. */
  isListed = false;
  /** What of it is told, where the follow has a limit. */
  cut: Cut | undefined;
  /** That of what is held of it, if it is told in stretches: to hash so many values again takes its time. */
  digest: Digest | undefined;
  #bucket: ReplicatedEntry | Set<ReplicatedEntry> | undefined;

  constructor(generation: number) {
    this.generation = generation;
  }

  /** What is held of the topic: nothing, if the open is ignored. */
  get entries(): Iterable<ReplicatedEntry> {
    if (this.#bucket === undefined) return [];
    return this.#bucket instanceof Set ? this.#bucket : [this.#bucket];
  }

  get size(): number {
    return this.#bucket instanceof Set ? this.#bucket.size : this.#bucket === undefined ? 0 : 1;
  }

  add(entry: ReplicatedEntry): void {
    if (this.#bucket instanceof Set) this.#bucket.add(entry);
    else if (this.#bucket === undefined) this.#bucket = entry;
    else this.#bucket = new Set([this.#bucket, entry]);
  }

  delete(entry: ReplicatedEntry): void {
    if (this.#bucket instanceof Set) this.#bucket.delete(entry);
    else if (this.#bucket === entry) this.#bucket = undefined;
  }

  /** Gives all away. */
  takeAll(): Set<ReplicatedEntry> {
    const taken = this.#bucket instanceof Set ? this.#bucket : new Set(this.entries);
    this.#bucket = undefined;
    this.digest = undefined;
    return taken;
  }
}

export class HeldEntries {
  readonly #hashOf: (entry: ReplicatedEntry) => number;
  readonly #digest = new Digest();
  #byClock = new Map<number, ReplicatedEntry>();

  constructor(hashOf: (entry: ReplicatedEntry) => number) {
    this.#hashOf = hashOf;
  }

  get byClock(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#byClock;
  }

  get size(): number {
    return this.#byClock.size;
  }

  get digest(): number {
    return this.#digest.value;
  }

  has(clock: number): boolean {
    return this.#byClock.has(clock);
  }

  get(clock: number): ReplicatedEntry | undefined {
    return this.#byClock.get(clock);
  }

  hold(entry: ReplicatedEntry, opening: Opening): void {
    const clock = ReplicatedEntry.clockOf(entry);
    const hash = this.#hashOf(entry);
    this.#byClock.set(clock, entry);
    opening.add(entry);
    this.#digest.add(clock, hash);
    opening.digest?.add(clock, hash);
  }

  drop(entry: ReplicatedEntry, opening: Opening | undefined): void {
    const clock = ReplicatedEntry.clockOf(entry);
    const hash = this.#hashOf(entry);
    this.#byClock.delete(clock);
    opening?.delete(entry);
    this.#digest.subtract(clock, hash);
    opening?.digest?.subtract(clock, hash);
  }

  /** Returns all of a topic, which is held no longer. */
  dropAll(opening: Opening): Iterable<ReplicatedEntry> {
    const { digest } = opening;
    const entries = opening.takeAll();
    for (const entry of entries) {
      const clock = ReplicatedEntry.clockOf(entry);
      this.#byClock.delete(clock);
      if (digest === undefined) this.#digest.subtract(clock, this.#hashOf(entry));
    }
    if (digest !== undefined) this.#digest.subtractAll(digest);
    return entries;
  }

  /** Returns all by clock, which is held no longer, and leaves it to the caller: the sets of the topics have to follow. */
  takeAll(): Map<number, ReplicatedEntry> {
    const taken = this.#byClock;
    this.#byClock = new Map();
    this.#digest.assume(new Digest());
    return taken;
  }

  /** The digest of a topic that is told in stretches, from what is held of it. */
  digestOf(entries: Iterable<ReplicatedEntry>): Digest {
    const digest = new Digest();
    for (const entry of entries) digest.add(ReplicatedEntry.clockOf(entry), this.#hashOf(entry));
    return digest;
  }
}
