/**
 * What is heard of others, where nodes follow: each message goes where it belongs, and tells how frames get through between
 * its sender and this node. Time comes in as an argument; sends nothing.
 */
import type { Counters } from "./counters.js";
import type { Beat, FollowingFrame, Letters, PairMessage } from "./following/message.js";
import type { HealthyTime } from "./lives/healthy-time.js";
import type { Heard } from "./lives/link.js";
import type { Membership } from "./lives/membership.js";
import type { Partner } from "./partner.js";
import type { Reading } from "./reading.js";
import type { Rules } from "./rules.js";
import type { Effects } from "./step.js";

/** The parts of replication that a message concerns. */
export interface Listeners {
  readonly membership: Membership<Partner>;
  readonly reading: Reading;
  readonly healthy: HealthyTime;
  readonly counters: Counters;
  readonly effects: Effects;
  readonly heartbeatPeriodMs: number;
}

export class Listening {
  readonly #listeners: Listeners;
  readonly #rules: Rules;

  constructor(listeners: Listeners, rules: Rules) {
    this.#listeners = listeners;
    this.#rules = rules;
  }

  /** A frame was heard that is for this life, or for all. Returns whether letters were read, which may want an answer. */
  hear(partner: Partner, { from, to, counter, message }: FollowingFrame, nowMs: number): boolean {
    const { membership, effects } = this.#listeners;
    if (message.type === "pair")
      return partner.status !== "departing" && this.#readPair(partner, message, counter, nowMs);
    // A beat that comes directly is for a caller, and stands for one that all hear.
    const isForAll = to === undefined || message.type === "beat";
    this.#gotThrough(partner, isForAll ? "broadcast" : "question", nowMs);
    if (message.type === "beat") this.#readBeat(partner, message);
    else if (message.type === "evict") effects.add({ type: "evict", by: from, eviction: message });
    else if (message.type === "goodbye") membership.goodbye(partner, message.windowMs, nowMs);
    return false;
  }

  /** A caller has heard it, and said so: that stands for its own word to all. */
  heardThroughRoll(partner: Partner, nowMs: number): void {
    this.#gotThrough(partner, "broadcast", nowMs);
  }

  /** Letters were sent: what is not answered tells how frames get through. */
  said({ link, heartbeatPeriodMs }: Partner, letters: Letters, nowMs: number): void {
    if (!isQuestion(letters)) return;
    const { counters, healthy, membership } = this.#listeners;
    counters.requestsSent += 1;
    link.ask(healthy.at(nowMs), membership.downPeriodOf(heartbeatPeriodMs), false);
  }

  /** Nodes of different periods are judged each by its own, and reported, for it is seldom meant. */
  #readBeat(partner: Partner, { periodMs, lateMs, version }: Beat): void {
    const isNew = partner.heartbeatPeriodMs === undefined;
    partner.heartbeatPeriodMs = periodMs + lateMs;
    partner.version = version ?? partner.version;
    const { effects, heartbeatPeriodMs } = this.#listeners;
    if (isNew && this.#rules.isOtherPeriod(periodMs, heartbeatPeriodMs))
      effects.add({ type: "trouble", trouble: { kind: "period", life: partner.life, periodMs } });
  }

  #readPair(partner: Partner, message: PairMessage, counter: number, nowMs: number): boolean {
    const { reading } = this.#listeners;
    if (message.parts > 1 && !reading.admitsPiece(message.letters, partner, nowMs)) return false;
    const letters = partner.assembly.add(message, counter);
    reading.count(partner);
    const isAnswered = letters !== undefined && isAnswer(letters);
    this.#gotThrough(partner, isAnswered ? "answer" : "question", nowMs);
    if (letters !== undefined) reading.read(partner, letters, nowMs);
    return letters !== undefined;
  }

  #gotThrough(partner: Partner, what: Heard, nowMs: number): void {
    if (!partner.isAlive) return;
    const { healthy, membership, effects } = this.#listeners;
    const { life, heartbeatPeriodMs } = partner;
    const patienceMs = membership.downPeriodOf(heartbeatPeriodMs);
    const changed = partner.link.heard(what, healthy.at(nowMs), patienceMs);
    if (changed === undefined) return;
    effects.add({ type: "replicaLink", life, link: changed });
    if (changed !== "whole") effects.add({ type: "trouble", trouble: { kind: "link", life, link: changed } });
  }
}

/** Whether letters are such as their receiver answers. */
function isQuestion({ greeting, stakes, wishes, counts, question }: Letters): boolean {
  return [greeting, stakes, wishes, counts, question].some((letter) => letter !== undefined);
}

/** Whether letters are such as only one sends that has heard. */
function isAnswer({ members, wishesHeard, countsHeard, stands }: Letters): boolean {
  return [members, wishesHeard, countsHeard, stands].some((letter) => letter !== undefined);
}
