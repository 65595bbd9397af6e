/**
 * Who is alive: the table of lives, and the rules by which one becomes up, down, departing, gone or over.
 *
 * Time comes in as healthy time that has passed; what a change means for what is shown is the listener's
 * business. Knows no slice's content, no message's content and no pubsub.
 */
import { MAX_COUNTER_JUMP, MAX_KNOWN_LIVES, MAX_OVER_LIVES } from "./limits.js";
import type { Departure } from "./entry.js";
import type { Life } from "./life.js";
import { replicaOf } from "./life.js";
import { OverLives } from "./over-lives.js";
import { Replica } from "./replica.js";

export interface MembershipOptions {
  readonly self: Life;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
}

/** What membership finds out, in the order in which it does. */
export interface MembershipListener {
  /** A life is heard for the first time. */
  appeared(replica: Replica): void;
  /** Its entries are to be hidden. */
  wentDown(replica: Replica): void;
  /** It was heard after it went down; its entries stay hidden until it has caught up. */
  cameBack(replica: Replica): void;
  /** It ended, and its entries wait for their keys. */
  departs(replica: Replica): void;
  /** All about it is to be forgotten. */
  ended(replica: Replica): void;
  /** Two lives of one name are alive. */
  conflict(name: string, incarnations: readonly [string, string]): void;
}

/** Why a frame is not listened to. */
export type Deafness = "own" | "over" | "late" | "implausible" | "superseded" | "crowded";

/** A life that is not listened to, and speaks. */
interface Rival {
  heardSinceMs: number;
  heardLastMs: number;
  /** The highest that was heard of it. */
  counter: number;
  /** How often a higher one was heard. */
  frames: number;
  reported: boolean;
}

export class Membership {
  readonly #self: Life;
  readonly #downPeriodMs: number;
  readonly #permdownPeriodMs: number;
  readonly #listener: MembershipListener;
  /** The present life of every name. */
  readonly #present = new Map<string, Replica>();
  /** Lives that were replaced and whose window has not ended. */
  readonly #replaced = new Set<Replica>();
  readonly #over = new OverLives(MAX_OVER_LIVES);
  readonly #rivals = new Map<string, Rival>();
  /** Healthy time that has passed, in all. */
  #elapsedMs = 0;
  /**
   * Healthy time since the last `pass`. What is kept of a replica is as of then, so what begins now is kept
   * with this much less.
   */
  #sincePassMs = 0;

  constructor(options: MembershipOptions, listener: MembershipListener) {
    this.#self = options.self;
    this.#downPeriodMs = options.downPeriodMs;
    this.#permdownPeriodMs = options.permdownPeriodMs;
    this.#listener = listener;
  }

  /** How much healthy time has gone since the last `pass`: to be said before anything else happens. */
  setSincePass(elapsedMs: number): void {
    this.#sincePassMs = elapsedMs;
  }

  /** Healthy time since a replica was heard. */
  silenceOf(replica: Replica): number {
    return Math.max(0, replica.silentMs + this.#sincePassMs);
  }

  /** All lives that something is held of: present and replaced. */
  *replicas(): Generator<Replica> {
    yield* this.#present.values();
    yield* this.#replaced;
  }

  get size(): number {
    return this.#present.size + this.#replaced.size;
  }

  /** How many ended lives and rivals are remembered: bounded. */
  get remembered(): number {
    return this.#over.size + this.#rivals.size;
  }

  /**
   * A frame of a life was received. Gives its replica, which now counts as heard, or why it is not listened
   * to: then nothing has changed.
   */
  hear(life: Life, counter: number, direct: boolean): Replica | Deafness {
    if (life.name === this.#self.name) {
      if (life.incarnation !== this.#self.incarnation) this.#contend(life, counter, this.#self);
      return "own";
    }
    const present = this.#present.get(life.name);
    if (this.#over.has(life) || (present === undefined && this.#over.hasLater(life))) {
      if (present !== undefined && present.status !== "down") {
        this.#rival(life, counter, present);
        return "over";
      }
      if (this.#insistedMs(life, counter) <= this.#downPeriodMs) return "over";
      // It was taken for replaced, by a life that is heard no more, and it lives: see docs/decisions.
      this.#over.delete(life);
      for (const replaced of this.#replaced) if (replaced.id === replicaOf(life)) this.#forget(replaced);
      if (present !== undefined) this.#replace(present);
      return this.#listen(this.#appear(life), counter, direct);
    }
    if (present === undefined) {
      if (this.size >= MAX_KNOWN_LIVES) return "crowded";
      return this.#listen(this.#appear(life), counter, direct);
    }
    if (life.incarnation === present.life.incarnation) return this.#listen(present, counter, direct);
    if (life.incarnation < present.life.incarnation && present.status !== "down") {
      this.#rival(life, counter, present);
      return "superseded";
    }
    // A larger one is a restart; a smaller one beside a larger that is down is a restart after which the wall
    // clock stood further back.
    this.#replace(present);
    return this.#listen(this.#appear(life), counter, direct);
  }

  /** A life says that it ends; its entries may wait for their keys for that long, as far as silence may last. */
  goodbye(replica: Replica, windowMs: number): void {
    if (replica.status === "departing") return;
    // What is hidden already is not shown again.
    if (windowMs <= 0 || !replica.isShown) this.#end(replica, "departed");
    else this.#depart(replica, "departed", Math.min(windowMs, this.#permdownPeriodMs));
  }

  /** The pubsub knows that a node has ended: hides at once, as silence would. */
  gone(name: string): void {
    const replica = this.#present.get(name);
    if (replica?.status !== "up" && replica?.status !== "returning") return;
    replica.silentMs = Math.max(replica.silentMs, this.#downPeriodMs);
    this.#goDown(replica);
  }

  /** A returning replica has caught up. */
  caughtUp(replica: Replica): void {
    replica.status = "up";
  }

  /**
   * The pubsub is back: who was up could not be heard, so nobody's silence counts; nor does it tell that he lives,
   * so whoever was heard beside him is no proof of a conflict yet.
   */
  forgiveSilence(): void {
    this.#rivals.clear();
    for (const replica of this.#present.values()) {
      if (replica.status === "up" || replica.status === "returning") replica.silentMs = -this.#sincePassMs;
    }
  }

  /** Healthy time has passed. Without `hides` nobody goes down yet: what they have sent may be waiting. */
  pass(elapsedMs: number, hides = true): void {
    this.#elapsedMs += elapsedMs;
    this.#sincePassMs = 0;
    for (const replica of [...this.replicas()]) {
      if (replica.status === "departing") {
        replica.windowMs -= elapsedMs;
        if (replica.windowMs <= 0) this.#end(replica, replica.departure ?? "departed");
        continue;
      }
      replica.silentMs += elapsedMs;
      if (replica.status === "down") {
        if (replica.silentMs > this.#permdownPeriodMs) this.#forget(replica);
      } else if (hides && replica.silentMs > this.#downPeriodMs) this.#goDown(replica);
    }
    for (const [id, rival] of this.#rivals) {
      if (this.#elapsedMs - rival.heardLastMs > this.#downPeriodMs) this.#rivals.delete(id);
    }
  }

  #appear(life: Life): Replica {
    const replica = new Replica(life, replicaOf(this.#self));
    this.#rivals.delete(replica.id);
    this.#present.set(life.name, replica);
    this.#listener.appeared(replica);
    return replica;
  }

  #listen(replica: Replica, counter: number, direct: boolean): Replica | Deafness {
    const last = direct ? replica.directCounter : replica.broadcastCounter;
    if (counter <= last) return "late";
    const highest = Math.max(replica.directCounter, replica.broadcastCounter);
    if (highest > 0 && counter - highest > MAX_COUNTER_JUMP) return "implausible";
    if (direct) replica.directCounter = counter;
    else replica.broadcastCounter = counter;
    replica.silentMs = -this.#sincePassMs;
    if (replica.status === "down") {
      replica.status = "returning";
      replica.summedUp.clear();
      this.#listener.cameBack(replica);
    }
    return replica;
  }

  /** A newer life has the name: the older departs with what is left of its patience, and is over. */
  #replace(replica: Replica): void {
    this.#present.delete(replica.name);
    this.#over.add(replica.life);
    if (replica.status === "departing") {
      this.#replaced.add(replica);
      return;
    }
    const windowMs = this.#downPeriodMs - this.silenceOf(replica);
    if (replica.status !== "up" || windowMs <= 0) this.#end(replica, "replaced");
    else {
      this.#replaced.add(replica);
      this.#depart(replica, "replaced", windowMs);
    }
  }

  #depart(replica: Replica, departure: Departure, windowMs: number): void {
    replica.status = "departing";
    replica.departure = departure;
    replica.windowMs = windowMs + this.#sincePassMs;
    this.#listener.departs(replica);
  }

  #end(replica: Replica, departure: Departure): void {
    this.#over.add(replica.life);
    replica.departure = departure;
    this.#forget(replica);
  }

  #goDown(replica: Replica): void {
    const wasShown = replica.isShown;
    replica.status = "down";
    if (wasShown) this.#listener.wentDown(replica);
  }

  #forget(replica: Replica): void {
    if (this.#present.get(replica.name) === replica) this.#present.delete(replica.name);
    this.#replaced.delete(replica);
    this.#listener.ended(replica);
  }

  /** A life is heard beside the present one of its name. */
  #rival(life: Life, counter: number, present: Replica): void {
    // One that departs has ended: another beside it is its successor, whose clock stands further back.
    if (present.status === "departing") this.#insistedMs(life, counter);
    else this.#contend(life, counter, present.life);
  }

  /** A life is heard beside another of its name that is alive: a conflict, if it goes on. */
  #contend(life: Life, counter: number, other: Life): void {
    if (this.#insistedMs(life, counter) <= 2 * this.#downPeriodMs) return;
    const rival = this.#rivals.get(replicaOf(life));
    if (rival === undefined || rival.reported) return;
    rival.reported = true;
    this.#listener.conflict(life.name, [life.incarnation, other.incarnation]);
  }

  /**
   * For how long ever newer frames have been heard of a life that is not listened to. What one that has ended
   * left on the network comes to an end, so after `downPeriodMs` it is alive for certain. Another that has ended
   * counts as up for as long, so only after twice that time are there two.
   */
  #insistedMs(life: Life, counter: number): number {
    const id = replicaOf(life);
    const nowMs = this.#elapsedMs + this.#sincePassMs;
    const rival = this.#rivals.get(id);
    if (rival === undefined) {
      if (this.#rivals.size < MAX_OVER_LIVES) {
        this.#rivals.set(id, {
          heardSinceMs: nowMs,
          heardLastMs: nowMs,
          counter,
          frames: 0,
          reported: false,
        });
      }
      return 0;
    }
    if (counter <= rival.counter) return 0;
    rival.counter = counter;
    rival.heardLastMs = nowMs;
    rival.frames += 1;
    // No down period is shorter than three heartbeats: fewer frames are what a dead life left on the network.
    return rival.frames < 3 ? 0 : nowMs - rival.heardSinceMs;
  }
}
