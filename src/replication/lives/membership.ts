/**
 * Who is alive: the table of lives, and the rules by which one becomes up, down, departing, gone or over.
 *
 * Time comes in as an argument, and silence is measured in healthy time; what a change means for what is shown is the
 * listener's business. Knows no slice's content, no message's content and no pubsub.
 */
import type { Departure } from "../entry.js";
import type { HealthyTime } from "./healthy-time.js";
import { Insistence } from "./insistence.js";
import { replicaOf, type Life } from "../life.js";
import type { MembershipListener } from "./membership-listener.js";
import type { MembershipOptions } from "./membership-options.js";
import { OverLives } from "./over-lives.js";
import type { Peer } from "./peer.js";
import { PROTOCOL, type Protocol } from "../rules.js";

/** Why nothing that a frame says is listened to. */
export type Refusal = "over" | "late" | "implausible" | "superseded" | "crowded";

/** What a frame is by its sender: of a life that now counts as heard, of this node's own name, late, or refused. */
export type Hearing<P extends Peer> =
  | { readonly type: "heard" | "late"; readonly replica: P }
  | { readonly type: "own" | Exclude<Refusal, "late"> };

export class Membership<P extends Peer = Peer> {
  readonly #options: MembershipOptions<P>;
  readonly #downPeriodMs: number;
  readonly #healthy: HealthyTime;
  readonly #listener: MembershipListener<P>;
  /** The present life of every name. */
  readonly #present = new Map<string, P>();
  /** Lives that were replaced and whose window has not ended. */
  readonly #replaced = new Set<P>();
  readonly #over: OverLives;
  /** Who is not listened to, and goes on. */
  readonly #insistence: Insistence;
  readonly #protocol: Protocol;
  /** The lives of nodes that hold otherwise, where this node speaks with them apart. */
  others: Pick<Membership, "supersedes" | "replace"> | undefined;
  /** Whom to forget when room is needed, the last first: found once between two passes. */
  #spare: P[] | undefined;

  constructor(options: MembershipOptions<P>, listener: MembershipListener<P>, protocol: Protocol = PROTOCOL) {
    this.#protocol = protocol;
    this.#over = new OverLives(protocol.limits.livesOver, protocol.rules);
    this.#insistence = new Insistence(protocol.limits.livesOver);
    this.#options = options;
    this.#downPeriodMs = options.downPeriodMs;
    this.#healthy = options.healthy;
    this.#listener = listener;
  }

  /** The present life of a name. */
  presentOf(name: string): P | undefined {
    return this.#present.get(name);
  }

  /** After how much silence a replica goes down: by its own heartbeats, if they are rarer, until it is forgotten. */
  downPeriodOf(periodMs: number | undefined): number {
    return this.#protocol.rules.downPeriodOf(periodMs, this.#downPeriodMs, this.#options.permdownPeriodMs);
  }

  /** Healthy time since a replica was heard. */
  silenceOf(replica: P, nowMs: number): number {
    return this.#healthy.at(nowMs) - replica.heardHealthyMs;
  }

  /** How much is left of the window of a departing life. */
  windowOf(replica: P, nowMs: number): number {
    return Math.max(0, replica.endsHealthyMs - this.#healthy.at(nowMs));
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
   * A frame of a life was received, which may tell how often it sends a heartbeat. Unless its replica is heard,
   * nothing has changed.
   */
  hear(life: Life, counter: number, direct: boolean, nowMs: number, periodMs?: number): Hearing<P> {
    const { rules } = this.#protocol;
    const patienceMs = this.downPeriodOf(periodMs);
    if (rules.isOwn(life.name, this.#options.self.name)) {
      if (life.incarnation !== this.#options.self.incarnation)
        this.#contend(life, this.#insistedMs(replicaOf(life), counter, patienceMs, nowMs), undefined);
      return { type: "own" };
    }
    if (rules.isOneLife(this.others?.supersedes(life) === true)) return { type: "superseded" };
    const present = this.#present.get(life.name);
    const isOver = rules.isOver(this.#over.has(life), this.#over.hasLater(life), present === undefined);
    const isSuperseded =
      present !== undefined && rules.isSuperseded(life.incarnation, present.life.incarnation);
    if (isOver || isSuperseded) {
      if (!this.#prevails(life, counter, patienceMs, present, nowMs))
        return { type: isOver ? "over" : "superseded" };
      if (present === undefined && this.#isCrowded(1, nowMs)) return { type: "crowded" };
      // It was taken for replaced, by a life that is heard no more, and it lives: see docs/decisions.
      this.#over.delete(life);
      for (const replaced of this.#replaced) if (replaced.id === replicaOf(life)) this.#forget(replaced);
      // One that never sent an entry has none that could wait.
      if (present?.isEmpty === true) this.#end(present, present.departure ?? "replaced", nowMs);
      else if (present !== undefined) this.#replace(present, nowMs);
      return this.#listen(this.#appear(life, nowMs), counter, direct, nowMs);
    }
    if (present === undefined) {
      if (this.#isCrowded(1, nowMs)) return { type: "crowded" };
      return this.#listen(this.#appear(life, nowMs), counter, direct, nowMs);
    }
    if (life.incarnation === present.life.incarnation) return this.#listen(present, counter, direct, nowMs);
    // A larger one is a restart.
    this.#replace(present, nowMs);
    return this.#listen(this.#appear(life, nowMs), counter, direct, nowMs);
  }

  /** A caller has heard a newer frame of a life than this node has. Returns whether that can have sent so many. */
  hearOf(replica: P, counter: number, nowMs: number): boolean {
    const sinceMs = Math.max(0, nowMs - replica.heardAtMs);
    if (this.#protocol.rules.isImplausible(counter, replica.highestCounter, sinceMs)) return false;
    replica.relayed(counter, this.#healthy.at(nowMs));
    // Of one that departs its own frames tell whether it does.
    if (replica.status === "departing") return true;
    replica.heard(nowMs, this.#healthy.at(nowMs));
    this.#isBack(replica, nowMs);
    return true;
  }

  /** A life says that it ends; its entries may wait for their keys for that long, as far as silence may last. */
  goodbye(replica: P, windowMs: number, nowMs: number): void {
    const { rules } = this.#protocol;
    const grantedMs = rules.windowMs(windowMs, this.#options.permdownPeriodMs);
    if (!rules.countsGoodbye(replica.status === "departing")) {
      replica.endsHealthyMs = rules.endsMs(replica.endsHealthyMs, this.#healthy.at(nowMs) + grantedMs);
      return;
    }
    // What is hidden already is not shown again.
    if (grantedMs <= 0 || !replica.isShown) this.#end(replica, "departed", nowMs);
    else this.#depart(replica, "departed", grantedMs, nowMs);
  }

  /** The pubsub knows that a node has ended: hides at once, as silence would. */
  gone(name: string, nowMs: number): void {
    const replica = this.#present.get(name);
    if (replica?.status !== "up" && replica?.status !== "returning") return;
    const silentSinceMs = this.#healthy.at(nowMs) - this.#downPeriodMs;
    replica.heardHealthyMs = Math.min(replica.heardHealthyMs, silentSinceMs);
    replica.forgivenMs = 0;
    this.#goDown(replica, nowMs);
  }

  /** Whether a life of which a frame came among others is up here, or superseded by one that is. */
  supersedes(life: Life): boolean {
    const present = this.#present.get(life.name);
    if (present?.isAlive !== true) return false;
    const { incarnation } = present.life;
    return (
      incarnation === life.incarnation || this.#protocol.rules.isSuperseded(life.incarnation, incarnation)
    );
  }

  /** A life is heard among others: who has its name here is replaced by it, and was never there if it is the same. */
  replace(life: Life, nowMs: number): void {
    const present = this.#present.get(life.name);
    if (present?.id === replicaOf(life)) this.#end(present, "replaced", nowMs);
    else if (present !== undefined) this.#replace(present, nowMs);
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
   * The pubsub is back: who was up could not be heard, so nobody's silence counts. But only once: who has not been heard
   * since is asked instead, or the dead would live for as long as the connection comes and goes.
   */
  forgiveSilence(nowMs: number): void {
    for (const replica of this.#present.values()) {
      if (replica.status !== "up" && replica.status !== "returning") continue;
      if (!this.#protocol.rules.isForgiven(replica.forgivenMs)) this.#listener.missed(replica, nowMs);
      else {
        replica.forgivenMs = this.silenceOf(replica, nowMs);
        replica.missed = 0;
      }
    }
  }

  /** Time has passed. Without `hides` nobody goes down yet; `graceMs` is added to everybody's down period. */
  pass(nowMs: number, hides = true, graceMs = 0): void {
    const { rules } = this.#protocol;
    const healthyMs = this.#healthy.at(nowMs);
    this.#spare = undefined;
    const replicas = [...this.replicas()];
    // In the order in which their windows ended: what waits for one of them does not come back for a later one.
    const ended = replicas
      .filter(
        ({ status, endsHealthyMs }) => status === "departing" && rules.hasEnded(endsHealthyMs - healthyMs),
      )
      .sort((one, other) => one.endsHealthyMs - other.endsHealthyMs);
    for (const replica of ended) this.#end(replica, replica.departure ?? "departed", nowMs);
    const isOver = new Set(ended);
    for (const replica of replicas) {
      if (isOver.has(replica)) continue;
      if (replica.status === "departing" && !rules.isJudged(replica.outlivesGoodbye)) continue;
      const silentMs = healthyMs - replica.heardHealthyMs - (replica.forgivenMs ?? 0);
      const downPeriodMs = this.downPeriodOf(replica.heartbeatPeriodMs);
      if (replica.status === "down") {
        if (rules.isForgotten(silentMs, this.#options.permdownPeriodMs)) this.#forget(replica);
      } else if (rules.isSilent(silentMs, downPeriodMs)) {
        if (!hides || !rules.isSilent(silentMs, downPeriodMs + graceMs)) continue;
        if (replica.status === "departing") this.#stays(replica, nowMs);
        this.#goDown(replica, nowMs);
      } else if (rules.isMissed(silentMs, downPeriodMs, replica.missed)) {
        // Half of its time is over, and then three quarters: its broadcasts may be lost where an answer is not.
        replica.missed += 1;
        this.#listener.missed(replica, nowMs);
      }
    }
    this.#insistence.pass(healthyMs);
  }

  #appear(life: Life, nowMs: number): P {
    if (this.#protocol.rules.isOneLife(true)) this.others?.replace(life, nowMs);
    const replica = this.#options.makePeer(life);
    replica.heardHealthyMs = this.#healthy.at(nowMs);
    this.#insistence.forget(replica.id);
    // A life that is heard after later lives of its name have ended was not before them.
    if (this.#over.overtake(life)) this.#listener.clockAhead(life);
    this.#present.set(life.name, replica);
    this.#listener.appeared(replica, nowMs);
    return replica;
  }

  #listen(replica: P, counter: number, direct: boolean, nowMs: number): Hearing<P> {
    const { rules } = this.#protocol;
    const last = rules.lastCounter(direct, replica.directCounter, replica.broadcastCounter);
    const unheard = direct ? replica.unheardDirect : replica.unheardBroadcasts;
    const highest = replica.heardCounter;
    const sinceMs = Math.max(0, nowMs - replica.heardAtMs);
    const isAhead = rules.isImplausible(counter, highest, sinceMs);
    if (rules.isLate(counter, last) || isAhead) {
      // Not what a life would send now; but if it goes on, what was heard before was not of that life.
      if (!isAhead && !unheard.take(counter)) return { type: "late", replica };
      const who = `${replica.id} ${isAhead ? "ahead" : direct ? "direct" : "broadcast"}`;
      const patienceMs = this.downPeriodOf(replica.heartbeatPeriodMs);
      const insistedMs = this.#insistedMs(who, counter, patienceMs, nowMs);
      // What was sent before the first that was heard was sent before the goodbye.
      const mayOutlive = !isAhead && replica.status === "departing" && counter > replica.metCounter;
      const sinceGoodbyeMs = mayOutlive ? nowMs - replica.departsAtMs : 0;
      if (rules.outlives(sinceGoodbyeMs, this.#options.delayMs?.() ?? Infinity)) {
        replica.outlivesGoodbye = true;
        replica.heardHealthyMs = this.#healthy.at(nowMs);
      }
      if (!rules.goesOn(insistedMs, patienceMs))
        return isAhead ? { type: "implausible" } : { type: "late", replica };
      this.#insistence.forget(who);
      unheard.goOn(last, counter);
      this.#goesOn(replica, nowMs);
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
    replica.heard(nowMs, this.#healthy.at(nowMs));
    if (replica.status === "departing" && counter > replica.goodbyeCounter) {
      const patienceMs = this.downPeriodOf(replica.heartbeatPeriodMs);
      const insistedMs = this.#insistedMs(replica.id, counter, patienceMs, nowMs);
      replica.outlivesGoodbye = true;
      if (rules.hasNotEnded(insistedMs, this.#downPeriodMs)) this.#goesOn(replica, nowMs);
    }
    this.#isBack(replica, nowMs);
    return { type: "heard", replica };
  }

  #isBack(replica: P, nowMs: number): void {
    if (replica.status !== "down") return;
    replica.status = "returning";
    this.#listener.cameBack(replica, nowMs);
  }

  /** What was heard in the name of a life was not its own: neither its counters nor, where it departs, its goodbye. */
  #goesOn(replica: P, nowMs: number): void {
    if (replica.status === "departing") this.#stays(replica, nowMs);
    this.#listener.insisted(replica, nowMs);
  }

  #stays(replica: P, nowMs: number): void {
    this.#insistence.forget(replica.id);
    replica.status = "up";
    replica.departure = undefined;
    this.#listener.stays(replica, nowMs);
  }

  /** A newer life has the name: the older departs with what is left of its patience, and is over. */
  #replace(replica: P, nowMs: number): void {
    this.#present.delete(replica.name);
    this.#isOver(replica, nowMs);
    if (replica.status === "departing") {
      // It needs a place beside the one that comes.
      if (this.#isCrowded(2, nowMs)) this.#end(replica, replica.departure ?? "departed", nowMs);
      else this.#replaced.add(replica);
      return;
    }
    const patienceMs = this.downPeriodOf(replica.heartbeatPeriodMs) + (replica.forgivenMs ?? 0);
    const windowMs = this.#protocol.rules.restOfWindowMs(patienceMs, this.silenceOf(replica, nowMs));
    if (replica.status !== "up" || windowMs <= 0 || this.#isCrowded(2, nowMs))
      this.#end(replica, "replaced", nowMs);
    else {
      this.#replaced.add(replica);
      this.#depart(replica, "replaced", windowMs, nowMs);
    }
  }

  #depart(replica: P, departure: Departure, windowMs: number, nowMs: number): void {
    replica.status = "departing";
    replica.departure = departure;
    replica.endsHealthyMs = this.#healthy.at(nowMs) + windowMs;
    replica.goodbyeCounter = replica.heardCounter;
    replica.outlivesGoodbye = false;
    replica.departsAtMs = nowMs;
    this.#listener.departs(replica, nowMs);
  }

  #end(replica: P, departure: Departure, nowMs: number): void {
    this.#isOver(replica, nowMs);
    replica.departure = departure;
    this.#forget(replica);
  }

  #goDown(replica: P, nowMs: number): void {
    const wasShown = replica.isShown;
    replica.status = "down";
    this.#listener.wentDown(replica, nowMs, wasShown);
  }

  #forget(replica: P): void {
    if (this.#present.get(replica.name) === replica) this.#present.delete(replica.name);
    this.#replaced.delete(replica);
    this.#listener.ended(replica);
  }

  #isOver({ life, isEmpty }: P, nowMs: number): void {
    const healthyMs = this.#healthy.at(nowMs);
    const endedMs = this.#over.add(life, healthyMs, isEmpty);
    // A frame of what ended lately may still be under way, and would bring it back.
    if (endedMs !== undefined && healthyMs - endedMs <= 2 * this.#downPeriodMs) {
      this.#listener.crowded("livesOver", nowMs);
    }
  }

  /**
   * Whether no further lives fit, and no room can be made: by forgetting those that never sent an entry, first the
   * ones that are down or have ended, then the ones that have been silent for half their time. Reports it.
   */
  #isCrowded(needed: number, nowMs: number): boolean {
    if (this.size + needed <= this.#protocol.limits.knownLives) return false;
    this.#spare ??= [...this.replicas()]
      .filter((replica) => this.#isSpare(replica, nowMs))
      .sort((a, b) => Number(b.isAlive) - Number(a.isAlive) || b.heardHealthyMs - a.heardHealthyMs);
    for (let spare = this.#spare.pop(); spare !== undefined; spare = this.#spare.pop()) {
      const isKnown = this.#present.get(spare.name) === spare || this.#replaced.has(spare);
      if (!isKnown || !this.#isSpare(spare, nowMs)) continue;
      if (spare.status === "departing") this.#end(spare, spare.departure ?? "departed", nowMs);
      else this.#forget(spare);
      return false;
    }
    this.#listener.crowded("lives", nowMs);
    return true;
  }

  #isSpare(replica: P, nowMs: number): boolean {
    const { isEmpty, isAlive, heartbeatPeriodMs } = replica;
    const silentMs = this.silenceOf(replica, nowMs);
    return this.#protocol.rules.isSpare(isEmpty, isAlive, silentMs, this.downPeriodOf(heartbeatPeriodMs));
  }

  /**
   * Whether a life that is not listened to is heard from now on: it insists, and no other of its name is heard,
   * whatever that has said of its period or its window.
   */
  #prevails(life: Life, counter: number, patienceMs: number, present: P | undefined, nowMs: number): boolean {
    const { rules } = this.#protocol;
    const insistedMs = this.#insistedMs(replicaOf(life), counter, patienceMs, nowMs);
    if (present !== undefined && present.status !== "down") {
      const silentMs = this.silenceOf(present, nowMs) - (present.forgivenMs ?? 0);
      if (!rules.yields(silentMs, this.#downPeriodMs)) {
        // One that departs has ended: another beside it is its successor, whose clock stands further back.
        if (present.status !== "departing") this.#contend(life, insistedMs, present);
        return false;
      }
    }
    return rules.insists(insistedMs, this.#downPeriodMs);
  }

  /**
   * A life is heard beside another of its name, or of this node's: a conflict, if it goes on, and the other was
   * heard meanwhile as well. What is left of a life that has ended is heard for a shorter time.
   */
  #contend(life: Life, insistedMs: number, other: P | undefined): void {
    if (!this.#protocol.rules.isConflict(insistedMs, this.#downPeriodMs)) return;
    const who = replicaOf(life);
    if (other !== undefined) {
      const heardMs = other.heardHealthyMs;
      if (heardMs - (this.#insistence.since(who) ?? heardMs) <= this.#downPeriodMs) return;
    }
    const { incarnation } = other?.life ?? this.#options.self;
    if (this.#insistence.report(who)) this.#listener.conflict(life.name, [life.incarnation, incarnation]);
  }

  /** For how long ever newer frames have been heard of what is not listened to. */
  #insistedMs(who: string, counter: number, patienceMs: number, nowMs: number): number {
    return this.#insistence.insistedMs(who, counter, this.#healthy.at(nowMs), patienceMs);
  }
}
