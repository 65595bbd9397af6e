/**
 * Which version of the protocol this node speaks: the newest that all understand who are known, and are not leaving. It
 * begins with its oldest, speaks an older one as soon as somebody is heard who needs it, and a newer one once nobody has
 * been for a while. Healthy time comes in as an argument; knows no frame.
 */
import type { VersionRange } from "../message.js";
import { versionsOf, type Protocol } from "../rules.js";
import type { Peer } from "./peer.js";

export class Versions {
  readonly own: VersionRange;
  readonly #rules: Protocol["rules"];
  readonly #heartbeatPeriodMs: number;
  /** The newest version of each life that counts, and how many lives read no newer one than that. */
  readonly #newestOf = new Map<Peer, number>();
  readonly #counts = new Map<number, number>();
  /** Those that do not read all that this node can speak, and may have to be told of. */
  readonly #demanding = new Set<Peer>();
  readonly #leftOut: (peer: Peer) => void;
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
    const newest = Math.min(speaks.newest, this.own.newest);
    if (this.#newestOf.get(peer) === newest) return;
    this.#uncount(peer);
    this.#newestOf.set(peer, newest);
    this.#counts.set(newest, (this.#counts.get(newest) ?? 0) + 1);
    if (speaks.oldest > this.own.oldest) this.#demanding.add(peer);
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
      this.#leftOut(peer);
    }
  }

  #uncount(peer: Peer): boolean {
    const newest = this.#newestOf.get(peer);
    if (newest === undefined) return false;
    this.#newestOf.delete(peer);
    this.#demanding.delete(peer);
    const left = (this.#counts.get(newest) ?? 0) - 1;
    if (left > 0) this.#counts.set(newest, left);
    else this.#counts.delete(newest);
    return true;
  }

  #changed(healthyMs: number): void {
    const understood = this.#rules.spokenVersion(Math.min(...this.#counts.keys()), this.own);
    if (understood !== this.#understood) this.#understoodSinceMs = healthyMs;
    this.#understood = understood;
    this.#spoken = Math.min(this.#spoken, understood);
  }
}
