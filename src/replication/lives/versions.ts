/**
 * Which version of the protocol this node speaks: the newest that all understand who are known, and are not leaving. It
 * begins with its oldest. It speaks an older one as soon as somebody is heard who reads no newer one, and a newer one as
 * soon as somebody is heard who reads no older one, else once nobody has been heard for a while who would not understand
 * it. Healthy time comes in as an argument; knows no frame.
 */
import type { VersionRange } from "../message.js";
import { versionsOf, type Protocol } from "../rules.js";
import type { Peer } from "./peer.js";

export class Versions {
  readonly own: VersionRange;
  readonly #rules: Protocol["rules"];
  readonly #heartbeatPeriodMs: number;
  readonly #leftOut: (peer: Peer) => void;
  /** What each life reads that counts, and of how many lives either end is the same. */
  readonly #reads = new Map<Peer, VersionRange>();
  readonly #oldest = new Tally();
  readonly #newest = new Tally();
  /** Those that do not read all that this node can speak, and may have to be told of. */
  readonly #demanding = new Set<Peer>();
  readonly #told = new WeakSet<Peer>();
  #spoken: number;
  /** What all understand: spoken from now on if it is older, and later if it is newer. */
  #understood: number;
  #understoodSinceMs: number;

  /** `leftOut` is told once of each life that does not read what has to be spoken because of another. */
  constructor(
    protocol: Protocol,
    heartbeatPeriodMs: number,
    healthyMs: number,
    leftOut: (peer: Peer) => void,
  ) {
    this.#leftOut = leftOut;
    this.#rules = protocol.rules;
    this.#heartbeatPeriodMs = heartbeatPeriodMs;
    this.own = versionsOf(protocol);
    this.#spoken = this.#rules.versionAtStart(this.own);
    this.#understood = this.own.newest;
    this.#understoodSinceMs = healthyMs;
  }

  /** The version that this node speaks at present. */
  get spoken(): number {
    return this.#spoken;
  }

  /** A life has said which versions it speaks; one of them at least is spoken here. */
  learn(peer: Peer, speaks: VersionRange, healthyMs: number): void {
    peer.speaks = speaks;
    if (peer.status === "departing") return;
    // What lies beyond its own versions is all the same to this node.
    const oldest = Math.max(speaks.oldest, this.own.oldest);
    const newest = Math.min(speaks.newest, this.own.newest);
    const before = this.#reads.get(peer);
    if (before?.oldest === oldest && before.newest === newest) return;
    this.#uncount(peer);
    this.#reads.set(peer, { oldest, newest });
    this.#oldest.add(oldest);
    this.#newest.add(newest);
    if (oldest > this.own.oldest && !this.#told.has(peer)) this.#demanding.add(peer);
    this.#changed(healthyMs);
  }

  /** A life that has ended, or is forgotten, need not understand anything. */
  forget(peer: Peer, healthyMs: number): void {
    if (this.#uncount(peer)) this.#changed(healthyMs);
  }

  /** Speaks a newer version, if all understand it by now. To be called once a tick. */
  advance(healthyMs: number): void {
    if (this.#understood !== this.#spoken) {
      if (!this.#rules.goesUp(healthyMs - this.#understoodSinceMs, this.#heartbeatPeriodMs)) return;
      this.#spoken = this.#understood;
    }
    for (const peer of this.#demanding) {
      if (peer.speaks === undefined || peer.speaks.oldest <= this.#spoken) continue;
      this.#demanding.delete(peer);
      this.#told.add(peer);
      this.#leftOut(peer);
    }
  }

  #uncount(peer: Peer): boolean {
    const reads = this.#reads.get(peer);
    if (reads === undefined) return false;
    this.#reads.delete(peer);
    this.#oldest.remove(reads.oldest);
    this.#newest.remove(reads.newest);
    this.#demanding.delete(peer);
    return true;
  }

  #changed(healthyMs: number): void {
    const understood = this.#rules.spokenVersion(this.#newest.lowest, this.own);
    if (understood !== this.#understood) this.#understoodSinceMs = healthyMs;
    this.#understood = understood;
    this.#spoken = Math.min(understood, this.#rules.neededVersion(this.#spoken, this.#oldest.highest));
  }
}

/** How many there are of each of a few numbers. */
class Tally {
  readonly #counts = new Map<number, number>();

  get lowest(): number {
    return Math.min(...this.#counts.keys());
  }

  get highest(): number {
    return Math.max(...this.#counts.keys());
  }

  add(number: number): void {
    this.#counts.set(number, (this.#counts.get(number) ?? 0) + 1);
  }

  remove(number: number): void {
    const left = (this.#counts.get(number) ?? 0) - 1;
    if (left > 0) this.#counts.set(number, left);
    else this.#counts.delete(number);
  }
}
