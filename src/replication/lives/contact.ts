/**
 * How this node reaches the other lives: what it asks of them goes out here, directly or aloud, and what is heard
 * of them tells how frames get through. Reports what is wrong. Knows no slice; time comes in as an argument.
 */
import { Greetings } from "./greetings.js";
import type { HealthyTime } from "./healthy-time.js";
import type { Life } from "../life.js";
import { ONE_WAY_TRIES_PER_HEARTBEAT } from "../limits.js";
import { Link, type Heard } from "./link.js";
import type { Refusal } from "./membership.js";
import {
  expectedWithinMs,
  WHETHER_THERE,
  type Heartbeat,
  type Message,
  type SliceRequest,
} from "../message.js";
import type { Outbox } from "../wire/outbox.js";
import type { Counters } from "../counters.js";
import type { ReplicatorOptions } from "../options.js";
import type { Peer } from "./peer.js";
import { Refusals } from "./refusals.js";
import type { Rules } from "../rules.js";
import type { Effects, Trouble } from "../step.js";

export class Contact {
  readonly #options: ReplicatorOptions;
  readonly #healthy: HealthyTime;
  readonly #effects: Effects;
  readonly #outbox: Outbox;
  readonly #counters: Counters;
  readonly #rules: Rules;
  /** How many lives that are down are asked in one tick: invented ones cost no more, however many. */
  readonly #downPerTick: number;
  /** Those whose link may be in doubt, some of them down; the one that was asked last is last. */
  readonly #doubted = new Set<Peer>();
  /** Who is to be asked whether it is there. */
  readonly #missed: Greetings;
  /** When one that does not hear this node was tried last, in healthy time. */
  #triedMs = -Infinity;
  readonly #refusals: Refusals;

  constructor(
    options: ReplicatorOptions,
    effects: Effects,
    outbox: Outbox,
    counters: Counters,
    healthy: HealthyTime,
  ) {
    const { rules, limits } = options.protocol;
    this.#rules = rules;
    this.#downPerTick = Math.ceil(limits.slowRequests / 4);
    this.#options = options;
    this.#healthy = healthy;
    this.#effects = effects;
    this.#outbox = outbox;
    this.#counters = counters;
    this.#refusals = new Refusals(effects, counters);
    this.#missed = new Greetings(options.random, rules);
  }

  /** Asks for what is missing. */
  ask(replica: Peer, request: SliceRequest, nowMs: number): void {
    this.#ask(replica, request, nowMs, true);
  }

  #ask(replica: Peer, request: SliceRequest, nowMs: number, isMissing: boolean): void {
    const aloud = replica.link.ask(this.#healthy.at(nowMs), this.#patienceMs(replica), isMissing);
    this.#doubted.add(replica);
    this.#counters.requestsSent += 1;
    if (aloud) this.#outbox.send({ ...request, aloud }, { ...replica.life, aloud });
    else this.#outbox.send(request, replica.life);
  }

  /** It has not been heard for a while: it is to be asked whether it is there. */
  missed(replica: Peer, nowMs: number): void {
    this.#effects.wakeAt(this.#missed.want(replica, nowMs));
  }

  /** Asks those that are due; returns when to call again, `Infinity` if never. */
  advance(nowMs: number): number {
    return this.#missed.advance(nowMs, (replica) => {
      // A node that is asked for what is held already answers with a heartbeat.
      if (replica.isAlive) this.#ask(replica, WHETHER_THERE, nowMs, false);
    });
  }

  /**
   * Asks those whose link is in doubt, and those that went down while it was: they may live, and nothing but an answer
   * can tell. To be called once a tick.
   */
  tryDoubted(nowMs: number): void {
    const healthyMs = this.#healthy.at(nowMs);
    let downLeft = this.#downPerTick;
    for (const replica of [...this.#doubted]) {
      const { link, isAlive } = replica;
      const isDown = replica.status === "down";
      if (isAlive ? link.isClear : !isDown) this.#doubted.delete(replica);
      else if (!isDown || downLeft > 0) {
        const patienceMs = this.#patienceMs(replica);
        if (isAlive && !link.isDoubted(healthyMs, patienceMs)) continue;
        if (!link.isToBeTried(isDown, healthyMs, patienceMs)) continue;
        if (isAlive && link.status === "oneWay") {
          // They may be many, and invented. One that hears this node again says so itself.
          if (healthyMs - this.#triedMs < this.#options.heartbeatPeriodMs / ONE_WAY_TRIES_PER_HEARTBEAT)
            continue;
          this.#triedMs = healthyMs;
        }
        if (isDown) downLeft -= 1;
        this.#doubted.delete(replica);
        this.#ask(replica, WHETHER_THERE, nowMs, false);
      }
    }
  }

  /** Its silence has been noticed. How frames got through means nothing any more, but that they may still do. */
  wentDown(replica: Peer, nowMs: number): void {
    const isDoubted = replica.link.isDoubted(this.#healthy.at(nowMs), this.#patienceMs(replica));
    this.drop(replica);
    if (isDoubted) this.#doubted.add(replica);
  }

  /** It is heard again: what it did not answer until now tells nothing. */
  cameBack(replica: Peer): void {
    replica.link = new Link(this.#rules);
  }

  /** It has ended, or is forgotten. */
  drop(replica: Peer): void {
    this.#missed.drop(replica);
    this.#doubted.delete(replica);
    replica.link = new Link(this.#rules);
  }

  /** A frame of it was heard, to this life alone or to all: what gets through may have changed. */
  heard(replica: Peer, message: Message, direct: boolean, nowMs: number): void {
    if (!replica.isAlive) return;
    const { link, life } = replica;
    const kind = direct ? this.#kindOf(message) : "broadcast";
    const changed = link.heard(kind, this.#healthy.at(nowMs), this.#patienceMs(replica));
    if (changed !== undefined) {
      this.#effects.add({ type: "replicaLink", life, link: changed });
      if (changed !== "whole") this.#tell({ kind: "link", life, link: changed });
    }
    if (!link.isClear) this.#doubted.add(replica);
  }

  /** Nodes of different periods are judged each by its own, and reported, for it is seldom meant. */
  learnPeriod(replica: Peer, heartbeat: Heartbeat): void {
    const { periodMs } = heartbeat;
    if (periodMs === undefined) return;
    const isNew = replica.heartbeatPeriodMs === undefined;
    replica.heartbeatPeriodMs = expectedWithinMs(heartbeat);
    if (!isNew || !this.#rules.isOtherPeriod(periodMs, this.#options.heartbeatPeriodMs)) return;
    this.#tell({ kind: "period", life: replica.life, periodMs });
  }

  /** It does not read what is spoken here, as another node reads nothing newer. */
  isLeftOut({ life, speaks }: Peer, spoken: number): void {
    if (speaks === undefined) return;
    this.#tell({ kind: "version", life, speaks, spoken: { oldest: spoken, newest: spoken } });
  }

  /** A frame was not listened to. */
  refused(why: Refusal, life: Life, nowMs: number): void {
    this.#refusals.refused(why, life, nowMs);
  }

  /** Reports one of its kind now and then: who sends one such frame may send many. */
  reportRefusal(trouble: Trouble, nowMs: number): void {
    this.#refusals.report(trouble, nowMs);
  }

  #tell(trouble: Trouble): void {
    this.#effects.add({ type: "trouble", trouble });
  }

  #kindOf(message: Message): Heard {
    if (!this.#rules.isAnswer(message)) return "question";
    return message.type === "heartbeat" ? "heartbeat" : "answer";
  }

  #patienceMs({ heartbeatPeriodMs }: Peer): number {
    const { downPeriodMs, permdownPeriodMs } = this.#options;
    return this.#rules.downPeriodOf(heartbeatPeriodMs, downPeriodMs, permdownPeriodMs);
  }
}
