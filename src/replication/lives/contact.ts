/**
 * How this node reaches the other lives: what it asks of them goes out here, directly or aloud, and what is heard
 * of them tells how frames get through. Reports what is wrong. Knows no slice; time comes in as an argument.
 */
import { Greetings } from "./greetings.js";
import type { Life } from "../life.js";
import { ONE_WAY_TRIES_PER_HEARTBEAT, REFUSAL_REPORT_MS } from "../limits.js";
import { Link } from "./link.js";
import type { Deafness, Membership } from "./membership.js";
import { WHETHER_THERE } from "../message.js";
import type { DeltaRequest, PageRequest } from "../message.js";
import type { Outbox } from "../wire/outbox.js";
import type { Counters, ReplicatorOptions, ReplicatorPort, Trouble } from "../port.js";
import type { Peer } from "./peer.js";
import type { Rules } from "../rules.js";

export class Contact {
  readonly #heartbeatPeriodMs: number;
  readonly #port: ReplicatorPort;
  readonly #outbox: Outbox;
  readonly #counters: Counters;
  readonly #rules: Rules;
  /** Who is to be asked whether it is there. */
  readonly #missed: Greetings;
  /** When one that does not hear this node was tried last, in healthy time. */
  #triedMs = -Infinity;
  /** When which kind of refusal was reported last. */
  readonly #reportedMs = new Map<string, number>();

  constructor(
    options: ReplicatorOptions,
    port: ReplicatorPort,
    outbox: Outbox,
    counters: Counters,
    rules: Rules,
  ) {
    this.#rules = rules;
    this.#heartbeatPeriodMs = options.heartbeatPeriodMs;
    this.#port = port;
    this.#outbox = outbox;
    this.#counters = counters;
    this.#missed = new Greetings(options.random, rules);
  }

  /** Asks for what is missing. */
  ask(replica: Peer, request: DeltaRequest | PageRequest, membership: Membership<Peer>): void {
    this.#ask(replica, request, membership, true);
  }

  #ask(
    replica: Peer,
    request: DeltaRequest | PageRequest,
    membership: Membership<Peer>,
    isMissing: boolean,
  ): void {
    const patienceMs = membership.downPeriodOf(replica.heartbeatPeriodMs);
    const aloud = replica.link.ask(membership.healthyMs, patienceMs, isMissing);
    this.#counters.requestsSent += 1;
    if (aloud) this.#outbox.send({ ...request, aloud }, { ...replica.life, aloud });
    else this.#outbox.send(request, replica.life);
  }

  /** It has not been heard for a while: it is to be asked whether it is there. */
  missed(replica: Peer, nowMs: number): void {
    this.#port.wakeAt(this.#missed.want(replica, nowMs));
  }

  /** Asks whoever is due; returns when to call again, `Infinity` if never. */
  advance(nowMs: number, membership: Membership<Peer>): number {
    return this.#missed.advance(nowMs, (replica) => this.#askWhetherThere(replica, membership));
  }

  /** Its silence has been noticed, or it is forgotten: how frames got through means nothing any more. */
  drop(replica: Peer): void {
    this.#missed.drop(replica);
    replica.link = new Link(this.#rules);
  }

  /** A frame of it was heard. What gets through may have changed, and what was lost may get through again. */
  heard(replica: Peer, direct: boolean, membership: Membership<Peer>): void {
    if (!replica.isAlive) return;
    const { link, life } = replica;
    const { healthyMs } = membership;
    const patienceMs = membership.downPeriodOf(replica.heartbeatPeriodMs);
    const changed = link.heard(direct, healthyMs, patienceMs);
    if (changed !== undefined) {
      this.#port.replicaLink({ ...life, link: changed });
      if (changed !== "whole") this.#port.trouble({ kind: "link", life, link: changed });
    }
    if (!link.isToBeTried(healthyMs, patienceMs)) return;
    if (link.status === "oneWay") {
      // They may be many, and invented. Whoever hears this node again says so itself.
      if (healthyMs - this.#triedMs < this.#heartbeatPeriodMs / ONE_WAY_TRIES_PER_HEARTBEAT) return;
      this.#triedMs = healthyMs;
    }
    this.#askWhetherThere(replica, membership);
  }

  /** Nodes of different periods are judged each by its own, and reported, for it is seldom meant. */
  learnPeriod(replica: Peer, periodMs: number | undefined): void {
    if (periodMs === undefined) return;
    const isNew = replica.heartbeatPeriodMs === undefined;
    replica.heartbeatPeriodMs = periodMs;
    if (!isNew || !this.#rules.isOtherPeriod(periodMs, this.#heartbeatPeriodMs)) return;
    this.#port.trouble({ kind: "period", life: replica.life, periodMs });
  }

  /** A frame was not listened to. */
  refused(why: Deafness, life: Life, nowMs: number): void {
    const counters = this.#counters;
    if (why === "late") counters.framesLate += 1;
    else if (why === "over") counters.framesOver += 1;
    else if (why === "superseded") counters.framesSuperseded += 1;
    else if (why === "crowded") counters.framesCrowded += 1;
    else if (why === "implausible") {
      counters.framesImplausible += 1;
      this.reportRefusal({ kind: "implausible", life }, nowMs);
    }
  }

  /** Reports one of its kind now and then: whoever sends one such frame may send many. */
  reportRefusal(trouble: Trouble, nowMs: number): void {
    const lastMs = this.#reportedMs.get(trouble.kind) ?? -Infinity;
    if (nowMs - lastMs < REFUSAL_REPORT_MS) return;
    this.#reportedMs.set(trouble.kind, nowMs);
    this.#port.trouble(trouble);
  }

  /** Whoever is asked for what is held already answers with a heartbeat. */
  #askWhetherThere(replica: Peer, membership: Membership<Peer>): void {
    if (!replica.isAlive) return;
    this.#ask(replica, WHETHER_THERE, membership, false);
  }
}
