/**
 * How nodes that follow tell each other that they are there: in a small cluster each tells all; in a large one it tells
 * three callers, which tell all by rolls. What a roll says of a life is that its counter has grown, which its owner alone
 * can do; nobody speaks for another.
 *
 * Time comes in as an argument. Who is up or down is the membership's business.
 */
import type { Beats } from "./beats.js";
import type { FollowingOutbox } from "./following/outbox.js";
import { MAX_FRAME_NAMES } from "./following/limits.js";
import type { FollowingFrame, Names, Roll } from "./following/message.js";
import { COUNTER_SPAN, counterOf } from "./following/roll-text.js";
import type { Rolls } from "./following/rolls.js";
import type { FollowingRules } from "./following/rules.js";
import type { Life } from "./life.js";
import type { Listening } from "./listening.js";
import type { Connection } from "./lives/connection.js";
import type { Membership } from "./lives/membership.js";
import type { Refusals } from "./lives/refusals.js";
import type { Partner } from "./partner.js";

export interface RollingParts {
  readonly self: Life;
  readonly rolls: Rolls<Partner>;
  readonly rules: FollowingRules;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly beats: Beats;
  readonly outbox: FollowingOutbox;
  readonly connection: Connection;
  readonly membership: Membership<Partner>;
  readonly listening: Listening;
  readonly refusals: Refusals;
  /** A caller has heard this life, as it was at this counter. */
  readonly named: (counter: number, nowMs: number) => void;
}

export class Rolling {
  readonly #parts: RollingParts;
  #tickedHealthyMs: number;

  constructor(parts: RollingParts) {
    this.#parts = parts;
    this.#tickedHealthyMs = parts.connection.healthy.passedMs;
  }

  /** Says that this node is there, if that is due. Returns whether it was. */
  advance(nowMs: number): boolean {
    const { rolls, beats, connection, membership } = this.#parts;
    if (!connection.takeHeartbeat(nowMs)) return false;
    beats.beat(rolls.speaksToAll(nowMs));
    for (const name of rolls.callers) {
      const caller = membership.presentOf(name);
      if (caller?.isAlive === true) beats.tell(caller.life);
    }
    if (rolls.isCaller(nowMs)) this.#call(nowMs);
    return true;
  }

  /** Time has passed: it does not count for those of whom a caller tells that does not call. */
  tick(nowMs: number): void {
    const { rules, heartbeatPeriodMs, downPeriodMs, connection, membership } = this.#parts;
    const healthyMs = connection.healthy.at(nowMs);
    const passedMs = healthyMs - this.#tickedHealthyMs;
    const sinceAnyRollMs = nowMs - this.#lastRollMs(nowMs);
    this.#tickedHealthyMs = healthyMs;
    for (const partner of membership.replicas()) {
      const { namedBy } = partner;
      if (namedBy === undefined || !partner.isAlive) continue;
      const { rolledMs, heardAtMs } = namedBy;
      const [sinceRollMs, afterRollMs] = [nowMs - rolledMs, heardAtMs - rolledMs];
      const hasCeased = rules.hasCeasedToCall(sinceRollMs, afterRollMs, heartbeatPeriodMs, downPeriodMs);
      const isCaller = rules.speaksForItself(nowMs - partner.rolledMs, downPeriodMs);
      if (!namedBy.isAlive || hasCeased || isCaller) partner.namedBy = undefined;
      else if (!rules.countsUnnamed(nowMs - namedBy.calledMs, sinceAnyRollMs, heartbeatPeriodMs))
        partner.excuse(passedMs);
    }
  }

  /** When anybody that is to call the roll has called it last, in time. */
  #lastRollMs(nowMs: number): number {
    const { self, rolls, membership } = this.#parts;
    let lastMs = -Infinity;
    for (const name of rolls.calling) {
      const calledMs = name === self.name ? nowMs : membership.presentOf(name)?.calledMs;
      lastMs = Math.max(lastMs, calledMs ?? -Infinity);
    }
    return lastMs;
  }

  /** A frame for this life, or for all, was heard. */
  hear(sender: Partner, { to, counter, message }: FollowingFrame, nowMs: number): void {
    this.#compare(sender, counter, nowMs);
    switch (message.type) {
      case "beat":
        sender.namedBy = undefined;
        if (to !== undefined) this.#parts.rolls.called(nowMs);
        break;
      case "roll":
        this.#hearRoll(sender, message, nowMs);
        break;
      case "who":
        this.#answer(sender, new Set(message.hashes));
        break;
      case "names":
        for (const [life, counter] of message.lives) this.#hearName(sender, life, counter, nowMs);
        break;
      default:
        break;
    }
  }

  #call(nowMs: number): void {
    const { rolls, rules, heartbeatPeriodMs, outbox, membership } = this.#parts;
    const isLate = rolls.says(nowMs);
    const calls: { hash: number; end: number }[] = [];
    const named: (readonly [Life, number])[] = [];
    for (const partner of membership.replicas()) {
      const counter = partner.heardCounter;
      if (!partner.isAlive || partner.pair.holdsEverything || counter <= partner.calledCounter) continue;
      if (!rules.isToldOf(nowMs - partner.heardAtMs, heartbeatPeriodMs)) continue;
      partner.calledCounter = counter;
      const hash = rolls.hashOf(partner);
      if (hash === undefined || rolls.isAmbiguous(partner)) named.push([partner.life, counter]);
      else calls.push({ hash, end: counter % COUNTER_SPAN });
    }
    outbox.sendMany(calls, (some): Roll => ({ type: "roll", isLate, calls: some }));
    this.#sendNames(named);
  }

  #hearRoll(caller: Partner, { isLate, calls }: Roll, nowMs: number): void {
    const { rolls, outbox, rules } = this.#parts;
    caller.rolledMs = nowMs;
    if (rules.provesSilence(isLate)) caller.calledMs = nowMs;
    const unknown: number[] = [];
    for (const { hash, end } of calls) {
      const partner = rolls.meant(hash);
      if (partner !== undefined) this.#hearOf(caller, partner, counterOf(end, partner.highestCounter), nowMs);
      else if (hash === rolls.ownHash) this.#hearOfSelf(caller, counterOf(end, outbox.counter), nowMs);
      else unknown.push(hash);
    }
    const asked = rolls.toBeAsked(unknown, nowMs);
    if (asked.length > 0) outbox.sendMany(asked, (hashes) => ({ type: "who", hashes }), caller.life);
  }

  #answer(asking: Partner, hashes: ReadonlySet<number>): void {
    const { rolls, membership } = this.#parts;
    const lives: (readonly [Life, number])[] = [];
    for (const partner of membership.replicas()) {
      const hash = rolls.hashOf(partner);
      if (partner.isAlive && !partner.pair.holdsEverything && hash !== undefined && hashes.has(hash))
        lives.push([partner.life, partner.heardCounter]);
    }
    const heard = lives.filter(([, counter]) => counter > 0);
    this.#sendNames(heard, asking.life);
  }

  #sendNames(lives: Names["lives"], to?: Life): void {
    const make = (some: Names["lives"]): Names => ({ type: "names", lives: some });
    if (lives.length > 0) this.#parts.outbox.sendMany(lives, make, to, MAX_FRAME_NAMES);
  }

  #hearName(caller: Partner, life: Life, counter: number, nowMs: number): void {
    const { self, membership, refusals } = this.#parts;
    if (life.name === self.name) {
      if (life.incarnation === self.incarnation) this.#hearOfSelf(caller, counter, nowMs);
      return;
    }
    const present = membership.presentOf(life.name);
    if (present?.life.incarnation === life.incarnation) return this.#hearOf(caller, present, counter, nowMs);
    const hearing = membership.hear(life, counter, false, nowMs);
    if (hearing.type === "heard") {
      const { replica } = hearing;
      replica.namedBy = caller;
      // Of what it has not heard itself this node tells nothing.
      replica.calledCounter = counter;
      replica.relayed(counter, this.#parts.connection.healthy.at(nowMs));
      replica.broadcastCounter = 0;
    } else if (hearing.type !== "own") refusals.refused(hearing.type, life, nowMs);
  }

  #hearOf(caller: Partner, partner: Partner, counter: number, nowMs: number): void {
    const { membership, listening, refusals, rules } = this.#parts;
    if (!rules.isHeardThroughRoll(counter, partner.highestCounter)) return;
    if (!membership.hearOf(partner, counter, nowMs))
      return refusals.refused("implausible", partner.life, nowMs);
    partner.namedBy = caller;
    listening.heardThroughRoll(partner, nowMs);
  }

  /** What callers have told of a life may be ahead of all that it sends: then it counts no longer. */
  #compare(partner: Partner, counter: number, nowMs: number): void {
    const { connection, downPeriodMs, refusals, rules } = this.#parts;
    const sinceToldMs = connection.healthy.at(nowMs) - partner.relayedHealthyMs;
    if (!rules.wasMadeUp(counter, partner.relayedCounter, sinceToldMs, downPeriodMs)) return;
    partner.relayedCounter = 0;
    refusals.refused("implausible", partner.life, nowMs);
  }

  #hearOfSelf(caller: Partner, counter: number, nowMs: number): void {
    const { self, rolls, outbox, refusals, named } = this.#parts;
    // What this life has not sent yet, somebody made up.
    if (counter > outbox.counter) return refusals.refused("implausible", self, nowMs);
    rolls.named(caller.name, nowMs);
    named(counter, nowMs);
  }
}
