/**
 * Who is alive: the table of lives, and the rules by which one becomes up, down, departing, gone or over.
 *
 * Time comes in as healthy time that has passed; what a change means for what is shown is the listener's
 * business. Knows no slice's content, no message's content and no pubsub.
 */
import type { Departure } from "../entry.js";
import { Insistence } from "./insistence.js";
import type { Life } from "../life.js";
import { replicaOf } from "../life.js";
import { OverLives } from "./over-lives.js";
import type { Peer } from "./peer.js";
import { PROTOCOL } from "../rules.js";
import type { Protocol } from "../rules.js";

export interface MembershipOptions<P extends Peer> {
  readonly self: Life;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** Makes what stands for a life that is heard for the first time. */
  readonly makePeer: (life: Life) => P;
}

/** What membership finds out, in the order in which it does. */
export interface MembershipListener<P extends Peer> {
  /** A life is heard for the first time. */
  appeared(replica: P): void;
  /** Its entries are to be hidden. */
  wentDown(replica: P): void;
  /** It was heard after it went down; its entries stay hidden until it has caught up. */
  cameBack(replica: P): void;
  /** It ended, and its entries wait for their keys. */
  departs(replica: P): void;
  /** All about it is to be forgotten. */
  ended(replica: P): void;
  /** It has not been heard for so long that it is to be asked whether it is there. */
  missed(replica: P): void;
  /** What was heard of a life before was not its own: its counters are believed anew. */
  insisted(replica: P): void;
  /** Two lives of one name are alive. */
  conflict(name: string, incarnations: readonly [string, string]): void;
  /** An earlier life of the name had a clock that was ahead of this one's. */
  clockAhead(life: Life): void;
  /** A table of lives is full of lives that cannot be forgotten yet. */
  crowded(table: "lives" | "livesOver"): void;
}

/** Why a frame is not listened to. */
export type Deafness = "own" | "over" | "late" | "implausible" | "superseded" | "crowded";

export class Membership<P extends Peer = Peer> {
  readonly #self: Life;
  readonly #downPeriodMs: number;
  readonly #permdownPeriodMs: number;
  readonly #listener: MembershipListener<P>;
  readonly #makePeer: (life: Life) => P;
  /** The present life of every name. */
  readonly #present = new Map<string, P>();
  /** Lives that were replaced and whose window has not ended. */
  readonly #replaced = new Set<P>();
  readonly #over: OverLives;
  /** Who is not listened to, and goes on. */
  readonly #insistence: Insistence;
  readonly #protocol: Protocol;
  /** Whom to forget when room is needed, the last first: found once between two passes. */
  #spare: P[] | undefined;
  /** The time by the clock, which also goes on while nothing is heard. */
  #nowMs = 0;
  /** Healthy time that has passed, in all. */
  #elapsedMs = 0;
  /**
   * Healthy time since the last `pass`. What is kept of a replica is as of then, so what begins now is kept
   * with this much less.
   */
  #sincePassMs = 0;

  constructor(options: MembershipOptions<P>, listener: MembershipListener<P>, protocol: Protocol = PROTOCOL) {
    this.#protocol = protocol;
    this.#over = new OverLives(protocol.limits.livesOver);
    this.#insistence = new Insistence(protocol.limits.livesOver);
    this.#self = options.self;
    this.#downPeriodMs = options.downPeriodMs;
    this.#permdownPeriodMs = options.permdownPeriodMs;
    this.#makePeer = options.makePeer;
    this.#listener = listener;
  }

  /** How much healthy time has gone since the last `pass`: to be said before anything else happens. */
  setSincePass(elapsedMs: number): void {
    this.#sincePassMs = elapsedMs;
  }

  /** The present life of a name. */
  presentOf(name: string): P | undefined {
    return this.#present.get(name);
  }

  /** What time it is, by a clock that stands for nobody's health. */
  setNow(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Healthy time that has passed, in all. */
  get healthyMs(): number {
    return this.#elapsedMs + this.#sincePassMs;
  }

  /**
   * After how much silence a replica goes down: by its own heartbeats, if they come less often than those of this
   * node, but never later than it is forgotten.
   */
  downPeriodOf(periodMs: number | undefined): number {
    return this.#protocol.rules.downPeriodOf(periodMs, this.#downPeriodMs, this.#permdownPeriodMs);
  }

  /** Healthy time since a replica was heard. */
  silenceOf(replica: P): number {
    return Math.max(0, replica.silentMs + this.#sincePassMs);
  }

  /** How much is left of the window of a departing life. */
  windowOf(replica: P): number {
    return Math.max(0, replica.windowMs - this.#sincePassMs);
  }

  /** All lives that something is held of: present and replaced. */
  *replicas(): Generator<P> {
    yield* this.#present.values();
    yield* this.#replaced;
  }

  get size(): number {
    return this.#present.size + this.#replaced.size;
  }

  /** How many ended lives and rivals are remembered: bounded. */
  get remembered(): number {
    return this.#over.size + this.#insistence.size;
  }

  /**
   * A frame of a life was received, which may tell how often it sends a heartbeat. Returns its replica, which now
   * counts as heard, or why it is not listened to: then nothing has changed.
   */
  hear(life: Life, counter: number, direct: boolean, periodMs?: number): P | Deafness {
    const { rules } = this.#protocol;
    const patienceMs = this.downPeriodOf(periodMs);
    if (rules.isOwn(life.name, this.#self.name)) {
      if (life.incarnation !== this.#self.incarnation) this.#contend(life, counter, patienceMs, undefined);
      return "own";
    }
    const present = this.#present.get(life.name);
    if (rules.isOver(this.#over.has(life), this.#over.hasLater(life), present === undefined)) {
      if (present !== undefined && present.status !== "down") {
        this.#rival(life, counter, patienceMs, present);
        return "over";
      }
      const insistedMs = this.#insistedMs(replicaOf(life), counter, patienceMs);
      if (!rules.insists(insistedMs, this.#downPeriodMs)) return "over";
      // It was taken for replaced, by a life that is heard no more, and it lives: see docs/decisions.
      this.#over.delete(life);
      for (const replaced of this.#replaced) if (replaced.id === replicaOf(life)) this.#forget(replaced);
      if (present !== undefined) this.#replace(present);
      return this.#listen(this.#appear(life), counter, direct);
    }
    if (present === undefined) {
      if (this.#isCrowded(1)) return "crowded";
      return this.#listen(this.#appear(life), counter, direct);
    }
    if (life.incarnation === present.life.incarnation) return this.#listen(present, counter, direct);
    const { incarnation } = present.life;
    if (rules.isSuperseded(life.incarnation, { incarnation, isDown: present.status === "down" })) {
      this.#rival(life, counter, patienceMs, present);
      return "superseded";
    }
    // A larger one is a restart; a smaller one beside a larger that is down is a restart after which the wall
    // clock stood further back.
    this.#replace(present);
    return this.#listen(this.#appear(life), counter, direct);
  }

  /** A life says that it ends; its entries may wait for their keys for that long, as far as silence may last. */
  goodbye(replica: P, windowMs: number): void {
    if (replica.status === "departing") return;
    const { rules } = this.#protocol;
    const grantedMs = rules.windowMs(windowMs, this.#permdownPeriodMs);
    // What is hidden already is not shown again.
    if (grantedMs <= 0 || !replica.isShown) this.#end(replica, "departed");
    else this.#depart(replica, "departed", grantedMs);
  }

  /** The pubsub knows that a node has ended: hides at once, as silence would. */
  gone(name: string): void {
    const replica = this.#present.get(name);
    if (replica?.status !== "up" && replica?.status !== "returning") return;
    replica.silentMs = Math.max(replica.silentMs, this.#downPeriodMs);
    replica.forgivenMs = 0;
    this.#goDown(replica);
  }

  /** Those that are down. */
  *silent(): Generator<P> {
    for (const replica of this.#present.values()) if (replica.status === "down") yield replica;
  }

  /** One that is down is forgotten before its time. */
  forgetSilent(replica: P): void {
    if (replica.status === "down") this.#forget(replica);
  }

  /** A returning replica has caught up. */
  caughtUp(replica: P): void {
    replica.status = "up";
  }

  /**
   * The pubsub is back: who was up could not be heard, so nobody's silence counts. But only once: who has not been
   * heard since the silence was forgiven is asked instead, or the dead would live for as long as the connection
   * comes and goes.
   */
  forgiveSilence(): void {
    for (const replica of this.#present.values()) {
      if (replica.status !== "up" && replica.status !== "returning") continue;
      if (!this.#protocol.rules.isForgiven(replica.forgivenMs)) this.#listener.missed(replica);
      else {
        replica.forgivenMs = this.silenceOf(replica);
        replica.missed = 0;
      }
    }
  }

  /**
   * Healthy time has passed. Without `hides` nobody goes down yet: what they have sent may be waiting. `graceMs` is added
   * to everybody's down period.
   */
  pass(elapsedMs: number, hides = true, graceMs = 0): void {
    const { rules } = this.#protocol;
    this.#elapsedMs += elapsedMs;
    this.#sincePassMs = 0;
    this.#spare = undefined;
    for (const replica of [...this.replicas()]) {
      if (replica.status === "departing") {
        replica.windowMs -= elapsedMs;
        if (rules.hasEnded(replica.windowMs)) this.#end(replica, replica.departure ?? "departed");
        continue;
      }
      replica.silentMs += elapsedMs;
      const silentMs = replica.silentMs - (replica.forgivenMs ?? 0);
      const downPeriodMs = this.downPeriodOf(replica.heartbeatPeriodMs);
      if (replica.status === "down") {
        if (rules.isForgotten(silentMs, this.#permdownPeriodMs)) this.#forget(replica);
      } else if (rules.isSilent(silentMs, downPeriodMs)) {
        if (hides && rules.isSilent(silentMs, downPeriodMs + graceMs)) this.#goDown(replica);
      } else if (rules.isMissed(silentMs, downPeriodMs, replica.missed)) {
        // Half of its time is over, and then three quarters: its broadcasts may be lost where an answer is not.
        replica.missed += 1;
        this.#listener.missed(replica);
      }
    }
    this.#insistence.pass(this.#elapsedMs);
  }

  #appear(life: Life): P {
    const replica = this.#makePeer(life);
    this.#insistence.forget(replica.id);
    // Whoever is heard after later lives of its name have ended was not before them.
    if (this.#over.overtake(life)) this.#listener.clockAhead(life);
    this.#present.set(life.name, replica);
    this.#listener.appeared(replica);
    return replica;
  }

  #listen(replica: P, counter: number, direct: boolean): P | Deafness {
    const { rules } = this.#protocol;
    const last = rules.lastCounter(direct, replica.directCounter, replica.broadcastCounter);
    const unheard = direct ? replica.unheardDirect : replica.unheardBroadcasts;
    const highest = Math.max(replica.directCounter, replica.broadcastCounter);
    const sinceMs = Math.max(0, this.#nowMs - replica.heardAtMs);
    const isAhead = rules.isImplausible(counter, highest, sinceMs);
    if (rules.isLate(counter, last) || isAhead) {
      // Not what a life would send now; but if it goes on, what was heard before was not of that life.
      if (!isAhead && !unheard.take(counter)) return "late";
      const who = `${replica.id} ${isAhead ? "ahead" : direct ? "direct" : "broadcast"}`;
      const patienceMs = this.downPeriodOf(replica.heartbeatPeriodMs);
      const insistedMs = this.#insistedMs(who, counter, patienceMs);
      if (!rules.goesOn(insistedMs, patienceMs)) return isAhead ? "implausible" : "late";
      this.#insistence.forget(who);
      unheard.clear();
      this.#listener.insisted(replica);
    } else {
      unheard.passOver(last, counter);
      if (this.#insistence.size > 0) {
        this.#insistence.forget(`${replica.id} ${direct ? "direct" : "broadcast"}`);
        this.#insistence.forget(`${replica.id} ahead`);
      }
    }
    if (highest === 0 || replica.status === "down") replica.metCounter = counter;
    if (direct) replica.directCounter = counter;
    else replica.broadcastCounter = counter;
    replica.heard(this.#nowMs, this.#sincePassMs);
    if (replica.status === "down") {
      replica.status = "returning";
      this.#listener.cameBack(replica);
    }
    return replica;
  }

  /** A newer life has the name: the older departs with what is left of its patience, and is over. */
  #replace(replica: P): void {
    this.#present.delete(replica.name);
    this.#isOver(replica);
    if (replica.status === "departing") {
      // It needs a place beside the one that comes.
      if (this.#isCrowded(2)) this.#end(replica, replica.departure ?? "departed");
      else this.#replaced.add(replica);
      return;
    }
    const patienceMs = this.downPeriodOf(replica.heartbeatPeriodMs) + (replica.forgivenMs ?? 0);
    const windowMs = this.#protocol.rules.restOfWindowMs(patienceMs, this.silenceOf(replica));
    if (replica.status !== "up" || windowMs <= 0 || this.#isCrowded(2)) this.#end(replica, "replaced");
    else {
      this.#replaced.add(replica);
      this.#depart(replica, "replaced", windowMs);
    }
  }

  #depart(replica: P, departure: Departure, windowMs: number): void {
    replica.status = "departing";
    replica.departure = departure;
    replica.windowMs = windowMs + this.#sincePassMs;
    this.#listener.departs(replica);
  }

  #end(replica: P, departure: Departure): void {
    this.#isOver(replica);
    replica.departure = departure;
    this.#forget(replica);
  }

  #goDown(replica: P): void {
    const wasShown = replica.isShown;
    replica.status = "down";
    if (wasShown) this.#listener.wentDown(replica);
  }

  #forget(replica: P): void {
    if (this.#present.get(replica.name) === replica) this.#present.delete(replica.name);
    this.#replaced.delete(replica);
    this.#listener.ended(replica);
  }

  #isOver({ life, isEmpty }: P): void {
    const endedMs = this.#over.add(life, this.healthyMs, isEmpty);
    // A frame of what ended lately may still be under way, and would bring it back.
    if (endedMs !== undefined && this.healthyMs - endedMs <= 2 * this.#downPeriodMs) {
      this.#listener.crowded("livesOver");
    }
  }

  /**
   * Whether no further lives fit, and no room can be made: by forgetting those that never sent an entry, first the
   * ones that are down or have ended, then the ones that have been silent for half their time. Reports it.
   */
  #isCrowded(needed: number): boolean {
    if (this.size + needed <= this.#protocol.limits.knownLives) return false;
    this.#spare ??= [...this.replicas()]
      .filter((replica) => this.#isSpare(replica))
      .sort((a, b) => Number(b.isAlive) - Number(a.isAlive) || this.silenceOf(a) - this.silenceOf(b));
    for (let spare = this.#spare.pop(); spare !== undefined; spare = this.#spare.pop()) {
      const isKnown = this.#present.get(spare.name) === spare || this.#replaced.has(spare);
      if (!isKnown || !this.#isSpare(spare)) continue;
      if (spare.status === "departing") this.#end(spare, spare.departure ?? "departed");
      else this.#forget(spare);
      return false;
    }
    this.#listener.crowded("lives");
    return true;
  }

  #isSpare(replica: P): boolean {
    const { isEmpty, isAlive, heartbeatPeriodMs } = replica;
    const silentMs = this.silenceOf(replica);
    return this.#protocol.rules.isSpare(isEmpty, isAlive, silentMs, this.downPeriodOf(heartbeatPeriodMs));
  }

  /** A life is heard beside the present one of its name. */
  #rival(life: Life, counter: number, patienceMs: number, present: P): void {
    // One that departs has ended: another beside it is its successor, whose clock stands further back.
    if (present.status === "departing") this.#insistedMs(replicaOf(life), counter, patienceMs);
    else this.#contend(life, counter, patienceMs, present);
  }

  /**
   * A life is heard beside another of its name, or of this node's: a conflict, if it goes on, and the other was
   * heard meanwhile as well. What is left of a life that has ended is heard for a shorter time.
   */
  #contend(life: Life, counter: number, patienceMs: number, other: P | undefined): void {
    const who = replicaOf(life);
    const insistedMs = this.#insistedMs(who, counter, patienceMs);
    if (!this.#protocol.rules.isConflict(insistedMs, this.#downPeriodMs)) return;
    if (other !== undefined) {
      const heardMs = this.healthyMs - this.silenceOf(other);
      if (heardMs - (this.#insistence.since(who) ?? heardMs) <= this.#downPeriodMs) return;
    }
    const { incarnation } = other?.life ?? this.#self;
    if (this.#insistence.report(who)) this.#listener.conflict(life.name, [life.incarnation, incarnation]);
  }

  /** For how long ever newer frames have been heard of what is not listened to. */
  #insistedMs(who: string, counter: number, patienceMs: number): number {
    return this.#insistence.insistedMs(who, counter, this.healthyMs, patienceMs);
  }
}
