/**
 * What this node has, follows and knows as a registrar; and what it says to whom because of that. It keeps no pair and
 * decides nothing about who is alive: that it asks its port.
 *
 * Time comes in as an argument; knows no frame and nothing of what is shown.
 */
import type { AnyMeta } from "../../words.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOwner } from "../entry.js";
import { replicaOf, type Life } from "../life.js";
import { Counts } from "./counts.js";
import { Follows } from "./follows.js";
import type { InterestsOptions, InterestsPort } from "./interests-port.js";
import { Meetings } from "./meetings.js";
import { FOLLOWS, HAS } from "./message.js";
import type { Member, MemberList, Members, Said, Stake, Wish } from "./message.js";
import { OwnEntries } from "./own-entries.js";
import type { Pair } from "./pair.js";
import { Registrar } from "./registrar.js";
import { GENERATION_OF_EVERYTHING, SHARD_OF_EVERYTHING } from "./limits.js";
import type { FollowingProtocol } from "./rules.js";
import { WaitingTopics } from "./waiting-topics.js";

export class Interests {
  readonly own: OwnEntries;
  readonly follows: Follows;
  readonly meetings: Meetings;
  readonly registrar: Registrar;
  readonly counts: Counts;
  readonly #options: InterestsOptions;
  readonly #protocol: FollowingProtocol;
  readonly #port: InterestsPort;
  readonly #id: string;
  /** How long a stake without an entry is kept. */
  readonly #stakeLingerMs: number;
  /** Topics whose last entry has left, and when the stake in them ends, in that order. */
  readonly #lingering = new Map<string, number>();
  /** Followed topics that may not be complete. */
  readonly #waiting: WaitingTopics;
  /** Pairs whose other side has not told yet which stakes it has here. */
  readonly #unheard = new Set<Pair>();
  /** How many stakes are to be enlisted again: less than one, between two ticks. */
  #renewals = 0;
  /** When somebody was up no longer, or this node began. */
  #goneMs: number;
  /** Whether this node was settled as a registrar at the last tick. */
  #wasSettled = false;

  constructor(
    owner: EntryOwner,
    options: InterestsOptions,
    port: InterestsPort,
    protocol: FollowingProtocol,
    nowMs: number,
  ) {
    const { life, lingering, heartbeatPeriodMs, downPeriodMs, holdsEverything } = options;
    this.#waiting = new WaitingTopics(Math.ceil(downPeriodMs / heartbeatPeriodMs));
    this.#options = options;
    this.#port = port;
    this.#protocol = protocol;
    this.#id = replicaOf(life);
    this.#goneMs = nowMs;
    const shard = holdsEverything ? SHARD_OF_EVERYTHING : 0;
    this.own = new OwnEntries(owner, life, protocol, shard, options.begun?.clock);
    this.follows = new Follows(lingering, protocol.limits);
    this.#stakeLingerMs = lingering === "auto" ? protocol.limits.stakeLingerMs : lingering;
    this.meetings = new Meetings(
      life.name,
      {
        enlist: (registrar, topic, stake, again) => this.#enlist(registrar, topic, stake, again),
        meet: (member, topic) => this.#meet(member, topic),
      },
      protocol,
      protocol.rules.mayRegister(holdsEverything),
    );
    this.registrar = new Registrar((of, topic, stake) => this.counts.enlisted(of, topic, stake));
    this.counts = new Counts(
      { ...options, ownName: life.name, rules: protocol.rules },
      {
        membersOf: (topic) => this.registrar.membersOf(topic),
        pairOf: (of) => this.#pairOf(of),
        presentOf: (name) => port.pairOf(name),
        isUp: (pair) => port.isUp(pair),
        isOwn: ({ name }) => name === life.name,
        ownEntriesOf: (topic) => this.own.of(topic).size,
        isSettled: (topic, timeMs) => this.#isSettled(topic, timeMs),
        changed: (topic) => port.countChanged(topic),
      },
      this.meetings,
    );
  }

  // What this node does.

  add(topic: string, key: string, session: string, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = this.own.add(topic, key, session, meta);
    this.counts.changed(topic);
    this.#lingering.delete(topic);
    if ((this.meetings.stakeIn(topic).roles & HAS) !== 0) return entry;
    this.#restake(topic);
    // Who wished for it when there was something was told that there is nothing any more.
    for (const pair of this.#port.pairs()) {
      const wish = pair.wishesHeard.get(topic) ?? 0;
      if (wish > 0) pair.authored.open(topic, wish);
      this.#openUnasked(pair, topic);
    }
    return entry;
  }

  remove(entry: ReplicatedEntry, closed: boolean, nowMs: number): void {
    const topic = ReplicatedEntry.topicOf(entry);
    this.own.remove(entry, closed);
    this.counts.changed(topic);
    if (this.own.of(topic).size === 0) this.#lingering.set(topic, nowMs + this.#stakeLingerMs);
  }

  /** One more handle of a topic. Returns whether its follow has begun with it. */
  follow(topic: string): boolean {
    if (!this.follows.open(topic)) return false;
    this.#waiting.add(topic);
    this.#restake(topic);
    return true;
  }

  /** One handle less of a topic that has so many entries in all. */
  unfollow(topic: string, entries: number, nowMs: number): void {
    this.follows.close(topic, entries - this.own.of(topic).size, nowMs);
  }

  /** A follow has ended; and with it a stake that has had no entry for a while, so that both are taken back at once. */
  unfollowed(topic: string, nowMs: number): void {
    this.#waiting.delete(topic);
    const endsMs = this.#lingering.get(topic) ?? Infinity;
    if (nowMs >= endsMs - Math.max(0, this.#stakeLingerMs - this.#protocol.limits.lingerMinMs))
      this.#endStake(topic);
    for (const pair of this.#port.pairs()) {
      const generation = Math.max(pair.wishes.get(topic) ?? 0, pair.followed.openedIn(topic) ?? 0);
      if (generation > 0) this.#wish(pair, topic, -generation);
    }
    this.#restake(topic);
  }

  /** Ends the stakes whose time has come. */
  endStakes(nowMs: number): void {
    for (const [topic, endsMs] of this.#lingering) {
      if (endsMs > nowMs) break;
      this.#endStake(topic);
      this.#restake(topic);
    }
  }

  #endStake(topic: string): void {
    this.#lingering.delete(topic);
    for (const pair of this.#port.pairs()) pair.authored.close(topic);
  }

  /** Enlists some of the stakes again, as so much time has passed. */
  renew(elapsedMs: number): void {
    const { rules, limits } = this.#protocol;
    this.#renewals += rules.renewals(this.meetings.size, elapsedMs, limits);
    const count = Math.floor(this.#renewals);
    this.#renewals -= count;
    this.meetings.renew(count);
  }

  /** Looks after what only time changes. Once per tick. */
  pass(nowMs: number): void {
    const isSettled = this.#knowsAll(nowMs);
    this.counts.pass(nowMs, isSettled !== this.#wasSettled);
    this.#wasSettled = isSettled;
  }

  /** Asks for what is not complete: those that are listed and have not answered, and registrars. Once per heartbeat. */
  pursue(nowMs: number): void {
    for (const topic of this.#waiting.nextRound()) {
      if (this.isComplete(topic, nowMs)) {
        this.#waiting.delete(topic);
        continue;
      }
      const known = this.#knownOf(topic, nowMs);
      if (!known.isSettled) this.meetings.askAgain(topic);
      for (const member of known.members) this.#meet(member, topic, false);
    }
  }

  /**
   * Whether all followed topics are complete, but for what is known to be missing of an author: all that there were when
   * this was asked first, and from then on all that have waited for a down period.
   */
  areComplete(nowMs: number): boolean {
    return this.#waiting.areOver((topic) => this.isComplete(topic, nowMs));
  }

  /** Whether all is held that anybody who is up has in a followed topic. */
  isComplete(topic: string, nowMs: number): boolean {
    const generation = this.follows.generationOf(topic);
    if (generation === undefined) return false;
    const { isSettled, members } = this.#knownOf(topic, nowMs);
    if (!isSettled) return false;
    return members.every(({ life, stake }) => {
      if ((stake.roles & HAS) === 0 || replicaOf(life) === this.#id) return true;
      const pair = this.#pairOf(life);
      // A life that is not up is not waited for, nor is one that was not heard yet.
      return pair === undefined || !this.#port.isUp(pair) || pair.hasAnswered(topic, generation);
    });
  }

  // What others say.

  /** A life is heard for the first time, or goes on after a goodbye in its name. */
  appeared(pair: Pair): void {
    this.#unheard.add(pair);
    for (const topic of pair.stakesHeard.topics())
      this.registrar.enlist(pair.life, topic, pair.stakesHeard.get(topic));
    this.meetings.appeared(pair.life);
    this.counts.appeared(pair);
    if (pair.holdsEverything) {
      for (const topic of this.own.topics()) this.#openUnasked(pair, topic);
      // Who comes back to one of these is told to those to whom it is open.
      for (const topic of this.#lingering.keys()) this.#openUnasked(pair, topic);
    }
    this.#allWait();
  }

  came({ life, holdsEverything }: Pair): void {
    const mayRegister = this.#protocol.rules.mayRegister(holdsEverything);
    if (mayRegister) this.meetings.came(life.name);
    this.counts.came(life.name, mayRegister);
    this.#allWait();
  }

  went({ life }: Pair, nowMs: number): void {
    this.#goneMs = nowMs;
    this.meetings.went(life.name);
    this.counts.went(life.name);
    this.#allWait();
  }

  /**
   * Nothing was heard for a while: who has come to which topic meanwhile is known again when registrars have said so
   * anew, and all that are up have told their stakes here anew.
   */
  resumed(): void {
    for (const pair of this.#port.pairs()) {
      pair.isIntroduced = false;
      this.#unheard.add(pair);
    }
    for (const topic of this.follows.topics()) {
      this.meetings.doubtLists(topic);
      this.meetings.askAgain(topic);
      this.#waiting.add(topic);
    }
    this.counts.resumed();
  }

  /** A life has said goodbye, and may go on nevertheless: until then it has no stake. */
  departed(pair: Pair): void {
    this.#unheard.delete(pair);
    for (const topic of pair.stakesHeard.topics()) this.registrar.enlist(pair.life, topic, undefined);
  }

  /** A life has ended, or is forgotten: nothing is told to it any more. Only what may come back is remembered. */
  forget(pair: Pair, isOver: boolean): void {
    this.departed(pair);
    if (!isOver) {
      const { life, holdsEverything } = pair;
      for (const [topic, generation] of holdsEverything ? [] : pair.authored.opened())
        this.meetings.hint(life, topic, { roles: FOLLOWS, generation });
      for (const [topic, wish] of pair.wishes)
        if (wish > 0) this.meetings.hint(life, topic, { roles: HAS, generation: 0 });
    }
    pair.authored.end();
    this.counts.forget(pair);
  }

  heardStakes(pair: Pair, said: Said<Stake>): void {
    const hearing = pair.stakesHeard.hear(said, (topic, stake) => {
      this.registrar.enlist(pair.life, topic, stake);
      if (stake !== undefined && this.meetings.stakeIn(topic).roles !== 0)
        this.#meet({ life: pair.life, stake }, topic);
    });
    if (hearing !== "gap") {
      pair.isIntroduced = true;
      if (this.#unheard.delete(pair)) this.counts.sums.recheck();
    }
    const isAnswered = this.#protocol.rules.isAnsweredAgain(hearing);
    const topics = isAnswered ? said.items.filter(([, { roles }]) => roles !== 0) : [];
    const isAwaited = hearing === "gap" || topics.length > 0 || said.items.length === 0;
    pair.owesMembers(
      topics.map(([topic]) => topic),
      isAwaited,
    );
  }

  heardMembers(pair: Pair, members: Members): void {
    pair.stakes.confirm(members);
    for (const list of members.lists) {
      this.meetings.listed(pair.life.name, list, pair.stakes.isKnown(list.topic));
      if (this.follows.generationOf(list.topic) !== undefined) this.#waiting.add(list.topic);
    }
  }

  heardWishes(pair: Pair, said: Said<Wish>): void {
    const hearing = pair.wishesHeard.hear(said, (topic, wish) => {
      if (wish !== undefined && wish > 0) pair.authored.open(topic, wish);
      else if (wish === undefined || (pair.authored.generationOf(topic) ?? Infinity) <= -wish)
        pair.authored.close(topic);
    });
    const isAwaited = said.items.length === 0 || said.items.some(([, wish]) => wish > 0);
    pair.owesWishesHeard(hearing === "gap" || isAwaited);
  }

  /** The author has nothing in a topic any more; if a registrar has named it since it had, it may have again. */
  closed(pair: Pair, topic: string, isListed: boolean): void {
    const generation = this.follows.generationOf(topic);
    if (generation === undefined) return;
    if (this.#protocol.rules.isAskedAgain(isListed)) this.#wish(pair, topic, generation);
    else this.meetings.left(pair.life, topic);
    this.#waiting.add(topic);
  }

  /** The author opened a topic in another generation than the present one: it is told which that is. */
  ignored(pair: Pair, topic: string, generation: number): void {
    this.#wish(pair, topic, this.follows.generationOf(topic) ?? -generation);
  }

  /** Whom this node knows of a topic, as its registrar. */
  listOf(topic: string, nowMs: number): MemberList {
    return { topic, isSettled: this.#isSettled(topic, nowMs), members: this.registrar.membersOf(topic) };
  }

  // Inside.

  /** No followed topic is known to be complete. Where hundreds come at once, all wait with the first of them. */
  #allWait(): void {
    if (this.#waiting.size === this.follows.size) return;
    for (const topic of this.follows.topics()) this.#waiting.add(topic);
  }

  #openUnasked(pair: Pair, topic: string): void {
    if (this.#protocol.rules.isOpenUnasked(pair.holdsEverything))
      pair.authored.open(topic, GENERATION_OF_EVERYTHING);
  }

  #restake(topic: string): void {
    const has = this.own.of(topic).size > 0 || this.#lingering.has(topic);
    const generation = this.follows.generationOf(topic);
    const roles = (has ? HAS : 0) | (generation === undefined ? 0 : FOLLOWS);
    this.meetings.set(topic, { roles, generation: generation ?? 0 });
  }

  #enlist(registrar: string, topic: string, stake: Stake, again: boolean): void {
    const { life } = this.#options;
    if (registrar === life.name) {
      this.registrar.enlist(life, topic, stake);
      if (stake.roles !== 0) for (const member of this.registrar.membersOf(topic)) this.#meet(member, topic);
      return;
    }
    const pair = this.#port.pairOf(registrar);
    if (pair === undefined) return;
    const told = pair.stakes.get(topic);
    if (told === undefined ? stake.roles === 0 : !again && isSame(told, stake)) return;
    pair.stakes.set(topic, stake, again || isMore(told, stake));
    this.#port.hasNews(pair);
  }

  /**
   * Contacts a life that has a stake in a topic of this node; `isNew`: that is told now. Returns whether it is known.
   */
  #meet({ life, stake }: Member, topic: string, isNew = true): boolean {
    if (life.name === this.#options.life.name) return true;
    const pair = this.#port.pairOf(life.name);
    if (pair === undefined) return this.#port.isSuperseded(life);
    if (pair.life.incarnation < life.incarnation) return false;
    if (pair.life.incarnation > life.incarnation) return true;
    if ((stake.roles & FOLLOWS) !== 0 && (this.meetings.stakeIn(topic).roles & HAS) !== 0)
      pair.authored.open(topic, stake.generation);
    const generation = this.follows.generationOf(topic);
    if ((stake.roles & HAS) === 0 || generation === undefined) return true;
    if (pair.wishes.get(topic) === generation) return true;
    if (pair.followed.openedIn(topic) !== generation) this.#wish(pair, topic, generation);
    else if (isNew) pair.followed.listed(topic);
    return true;
  }

  #wish(pair: Pair, topic: string, wish: Wish): void {
    pair.wishes.set(topic, wish, wish > 0);
    this.#port.hasNews(pair);
  }

  #pairOf(life: Life): Pair | undefined {
    const pair = this.#port.pairOf(life.name);
    return pair?.life.incarnation === life.incarnation ? pair : undefined;
  }

  /** Whom any registrar of a topic knows, and whether one of them knows all that there are. */
  #knownOf(
    topic: string,
    nowMs: number,
  ): { readonly isSettled: boolean; readonly members: readonly Member[] } {
    const members: Member[] = [];
    let isSettled = false;
    for (const registrar of this.meetings.registrarsOf(topic)) {
      const isOwn = registrar === this.#options.life.name;
      const list = isOwn ? this.listOf(topic, nowMs) : this.meetings.listOf(topic, registrar);
      if (list === undefined) continue;
      isSettled ||= list.isSettled;
      members.push(...list.members);
    }
    return { isSettled, members };
  }

  /** Whether this node, as a registrar, knows of all that have a stake in a topic. */
  #isSettled(topic: string, nowMs: number): boolean {
    const { life } = this.#options;
    return this.meetings.isRegistrar(life.name, topic) && this.#knowsAll(nowMs);
  }

  /** Whether this node knows of all stakes of which it is a registrar. */
  #knowsAll(nowMs: number): boolean {
    const { heartbeatPeriodMs } = this.#options;
    let unheard = 0;
    for (const pair of this.#unheard) if (this.#port.isUp(pair)) unheard += 1;
    const { rules, limits } = this.#protocol;
    return rules.isSettled(unheard, nowMs - this.#goneMs, heartbeatPeriodMs, limits);
  }
}

/** Whether a stake is more than what was told before: only then somebody waits for what comes of it. */
function isMore(told: Stake | undefined, { roles, generation }: Stake): boolean {
  if (told === undefined || (roles & ~told.roles) !== 0) return true;
  return (roles & FOLLOWS) !== 0 && generation !== told.generation;
}

function isSame(one: Stake, other: Stake): boolean {
  return one.roles === other.roles && one.generation === other.generation;
}
