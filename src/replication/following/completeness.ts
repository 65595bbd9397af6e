/**
 * Whether followed topics are complete, and whether this node knows, as a registrar, of all that have a stake: both are concluded
 * from what others have answered (R78, R79). Time comes in as an argument; tells nobody anything.
 */
import { replicaOf, type Life } from "../life.js";
import type { Follows } from "./follows.js";
import type { LimitedFollows } from "./limited-follows.js";
import type { Meetings } from "./meetings.js";
import { HAS } from "./message.js";
import type { Member, MemberList } from "./message.js";
import type { Pair } from "./pair.js";
import type { Registrar } from "./registrar.js";
import type { FollowingProtocol } from "./rules.js";
import { WaitingTopics } from "./waiting-topics.js";

export interface CompletenessOf {
  readonly life: Life;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly protocol: FollowingProtocol;
  readonly follows: Follows;
  readonly limited: LimitedFollows;
  readonly meetings: Meetings;
  readonly registrar: Registrar;
  /** The pair of a life, unless that has ended. */
  readonly pairOf: (life: Life) => Pair | undefined;
  readonly isUp: (pair: Pair) => boolean;
  readonly pairs: () => Iterable<Pair>;
  /** A life may have something in a topic. */
  readonly meet: (member: Member, topic: string) => void;
}

export class Completeness {
  readonly #of: CompletenessOf;
  readonly #id: string;
  /** Followed topics that may not be complete. */
  readonly #waiting: WaitingTopics;
  /** Pairs whose other side has not told yet which stakes it has here. */
  readonly #unheard = new Set<Pair>();
  /** When somebody was up no longer, or this node began to hear. */
  #goneMs: number;
  /** Since when it hears others, without a break. */
  #hearsSinceMs: number;
  /** How long it has heard them in earlier connections, each of them too short, since the last one that was long enough. */
  #heardBeforeMs = 0;

  constructor(of: CompletenessOf, nowMs: number) {
    this.#of = of;
    this.#id = replicaOf(of.life);
    this.#waiting = new WaitingTopics(Math.ceil(of.downPeriodMs / of.heartbeatPeriodMs));
    this.#goneMs = nowMs;
    this.#hearsSinceMs = nowMs;
  }

  /** Nobody could be heard before, so this node does not know yet who is there. */
  begin(nowMs: number): void {
    this.#goneMs = nowMs;
    this.#hearsSinceMs = nowMs;
    this.#heardBeforeMs = 0;
  }

  /** Nothing is heard until `resumed`. */
  paused(nowMs: number): void {
    const heardMs = nowMs - this.#hearsSinceMs;
    this.#heardBeforeMs = this.#isUnheardAwaited(heardMs, 0) ? this.#heardBeforeMs + heardMs : 0;
  }

  /** Nothing was heard for a while, and others are again. */
  resumed(nowMs: number): void {
    this.#hearsSinceMs = nowMs;
  }

  /** A topic may not be complete any more. */
  doubt(topic: string): void {
    this.#waiting.add(topic);
  }

  /** No followed topic may be. Where hundreds come at once, all wait with the first of them. */
  doubtAll(): void {
    if (this.#waiting.size === this.#of.follows.size) return;
    for (const topic of this.#of.follows.topics()) this.#waiting.add(topic);
  }

  /** A follow has ended. */
  end(topic: string): void {
    this.#waiting.delete(topic);
  }

  /** Somebody is up no longer. */
  went(nowMs: number): void {
    this.#goneMs = nowMs;
  }

  /** A life has not told which stakes it has here. */
  unheard(pair: Pair): void {
    this.#unheard.add(pair);
  }

  /** It has, or is not waited for. Returns whether it was. */
  heard(pair: Pair): boolean {
    return this.#unheard.delete(pair);
  }

  /** Asks for what is not complete: those that are listed and have not answered, and registrars. Once per heartbeat. */
  pursue(nowMs: number): void {
    const { limited, meetings, meet } = this.#of;
    const awaited = this.#awaited();
    for (const topic of this.#waiting.nextRound()) {
      limited.pursue(topic);
      const known = this.#knownOf(topic, nowMs);
      if (this.isComplete(topic, nowMs, awaited)) {
        // One that has reached its limit may fall below it again: then it matters who there is.
        if (known.isSettled) this.#waiting.delete(topic);
        continue;
      }
      if (!known.isSettled) meetings.askAgain(topic);
      for (const member of known.members) meet(member, topic);
    }
  }

  /**
   * Whether all followed topics are complete, but for what is known to be missing of an author: all that there were when
   * this was asked first, and from then on all that have waited for a down period.
   */
  areComplete(nowMs: number): boolean {
    const awaited = this.#awaited();
    return this.#waiting.areOver((topic) => this.isComplete(topic, nowMs, awaited));
  }

  /**
   * Whether all is held that is to be, of what anybody who is up has in a followed topic.
   *
   * @param awaited are those who may not have answered something; for many topics they are looked for once.
   */
  isComplete(topic: string, nowMs: number, awaited?: Iterable<Pair>): boolean {
    const { follows, limited, meetings, pairOf, isUp } = this.#of;
    const generation = follows.generationOf(topic);
    if (generation === undefined) return false;
    if (!limited.haveAnswered(topic)) return false;
    if (limited.isReached(topic)) return true;
    // Less is listed than is wanted: one of these is chosen next.
    if (limited.doOthersOffer(topic)) return false;
    const { isSettled, members } = this.#knownOf(topic, nowMs);
    if (!isSettled) return false;
    const isUnheardAwaited = this.#isUnheardAwaited(nowMs - this.#hearsSinceMs, this.#heardBeforeMs);
    // A life that is known and not up is not waited for.
    const isAwaited = (pair: Pair): boolean =>
      isUp(pair) && !pair.hasAnswered(topic, { generation, limit: limited.wantedOf(pair, topic) });
    for (const { life, stake } of members) {
      if ((stake.roles & HAS) === 0 || replicaOf(life) === this.#id) continue;
      const pair = pairOf(life);
      if (pair === undefined ? isUnheardAwaited && meetings.isHinted(life, topic) : isAwaited(pair))
        return false;
    }
    // Who came after the list was told has opened the topic itself, and is asked for more where more is wanted since.
    for (const pair of awaited ?? this.#awaited())
      if (pair.followed.openedIn(topic) === generation && isAwaited(pair)) return false;
    return true;
  }

  #isUnheardAwaited(sinceHearingMs: number, heardBeforeMs: number): boolean {
    const { heartbeatPeriodMs, protocol } = this.#of;
    const inAllMs = heardBeforeMs + sinceHearingMs;
    return protocol.rules.isWaitedForUnheard(sinceHearingMs, inAllMs, heartbeatPeriodMs, protocol.limits);
  }

  #awaited(): Pair[] {
    return [...this.#of.pairs()].filter((pair) => pair.isAwaited);
  }

  /** Whom this node knows of a topic, as its registrar. */
  listOf(topic: string, nowMs: number): MemberList {
    const members = this.#of.registrar.membersOf(topic);
    return { topic, isSettled: this.isSettled(topic, nowMs), members };
  }

  /** Whether this node, as a registrar, knows of all that have a stake in a topic. */
  isSettled(topic: string, nowMs: number): boolean {
    const { life, meetings } = this.#of;
    return meetings.isRegistrar(life.name, topic) && this.knowsAll(nowMs);
  }

  /** Whether this node knows of all stakes of which it is a registrar. */
  knowsAll(nowMs: number): boolean {
    const { heartbeatPeriodMs, protocol, isUp } = this.#of;
    let unheard = 0;
    for (const pair of this.#unheard) if (isUp(pair)) unheard += 1;
    return protocol.rules.isSettled(unheard, nowMs - this.#goneMs, heartbeatPeriodMs, protocol.limits);
  }

  /** Whom any registrar of a topic knows, and whether one of them knows all that there are. */
  #knownOf(
    topic: string,
    nowMs: number,
  ): { readonly isSettled: boolean; readonly members: readonly Member[] } {
    const { life, meetings } = this.#of;
    const members: Member[] = [];
    let isSettled = false;
    for (const registrar of meetings.registrarsOf(topic)) {
      const isOwn = registrar === life.name;
      const list = isOwn ? this.listOf(topic, nowMs) : meetings.listOf(topic, registrar);
      if (list === undefined) continue;
      isSettled ||= list.isSettled;
      members.push(...list.members);
    }
    return { isSettled, members };
  }
}
