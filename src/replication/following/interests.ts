/**
 * What this node has, follows and knows as a registrar; and what it says to whom because of that. It keeps no pair and
 * decides nothing about who is alive: that it asks its port.
 *
 * Time comes in as an argument; knows no frame and nothing of what is shown.
 */
import type { AnyMeta } from "../../words.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOwner } from "../entry.js";
import type { Life } from "../life.js";
import { Completeness } from "./completeness.js";
import { Counts } from "./counts.js";
import { Follows } from "./follows.js";
import type { InterestsOptions, InterestsPort } from "./interests-port.js";
import { LimitedFollows } from "./limited-follows.js";
import { Meetings } from "./meetings.js";
import { FOLLOWS, HAS, NO_LIMIT } from "./message.js";
import type { Member, Members, Said, Stake, Stakes, Wish } from "./message.js";
import { OwnEntries } from "./own-entries.js";
import type { Pair } from "./pair.js";
import { Registrar } from "./registrar.js";
import { GENERATION_OF_EVERYTHING, SHARD_OF_EVERYTHING } from "./limits.js";
import type { FollowingProtocol } from "./rules.js";
import type { Merged } from "./merged.js";
import { isMore, isSame } from "./stakes.js";

export class Interests {
  readonly own: OwnEntries;
  readonly follows: Follows;
  readonly meetings: Meetings;
  readonly registrar: Registrar;
  readonly counts: Counts;
  /** The followed topics of which not all is held. */
  readonly limited: LimitedFollows;
  readonly completeness: Completeness;
  readonly #options: InterestsOptions;
  readonly #protocol: FollowingProtocol;
  readonly #port: InterestsPort;
  /** How long a stake without an entry is kept. */
  readonly #stakeLingerMs: number;
  /** Topics whose last entry has left, and when the stake in them ends, in that order. */
  readonly #lingering = new Map<string, number>();
  /** How many stakes are to be enlisted again: less than one, between two ticks. */
  #renewals = 0;
  /** Whether this node was settled as a registrar at the last tick. */
  #wasSettled = false;

  constructor(
    owner: EntryOwner,
    options: InterestsOptions,
    port: InterestsPort,
    protocol: FollowingProtocol,
    nowMs: number,
  ) {
    const { life, lingering, holdsEverything } = options;
    this.#options = options;
    this.#port = port;
    this.#protocol = protocol;
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
        isSettled: (topic, timeMs) => this.completeness.isSettled(topic, timeMs),
        changed: (topic) => port.countChanged(topic),
      },
      this.meetings,
    );
    this.limited = new LimitedFollows(
      life.name,
      {
        pairs: () => port.pairs(),
        isUp: (pair) => port.isUp(pair),
        ownEntriesOf: (topic) => this.own.of(topic).size,
        generationOf: this.follows.generationOf,
        wish: (pair, topic, generation) => this.#wishIfOther(pair, topic, generation),
        restake: (topic) => this.#restake(topic),
        lacks: (topic) => this.completeness.doubt(topic),
      },
      protocol.rules,
    );
    const { follows, limited, meetings, registrar } = this;
    this.completeness = new Completeness(
      {
        ...options,
        ...{ protocol, follows, limited, meetings, registrar },
        pairOf: (of) => this.#pairOf(of),
        isUp: (pair) => port.isUp(pair),
        pairs: () => port.pairs(),
        meet: (member, topic) => void this.#meet(member, topic, false),
      },
      nowMs,
    );
  }

  // What this node does.

  add(topic: string, key: string, session: string, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = this.own.add(topic, key, session, meta);
    this.#changed(topic);
    this.#lingering.delete(topic);
    if ((this.meetings.stakeIn(topic).roles & HAS) !== 0) return entry;
    this.#restake(topic);
    // Who wished for it when there was something was told that there is nothing any more.
    for (const pair of this.#port.pairs()) {
      const wish = pair.wishesHeard.get(topic);
      if (wish !== undefined) pair.authored.open(topic, wish.generation, wish.limit, true);
      this.#openUnasked(pair, topic);
    }
    return entry;
  }

  remove(entry: ReplicatedEntry, closed: boolean, nowMs: number): void {
    const topic = ReplicatedEntry.topicOf(entry);
    this.own.remove(entry, closed);
    this.#changed(topic);
    if (this.own.of(topic).size === 0) this.#lingering.set(topic, nowMs + this.#stakeLingerMs);
  }

  /** One more handle of a topic. Returns whether its follow has begun with it. */
  follow(topic: string, limit: number, nowMs: number): boolean {
    const opened = this.follows.open(topic, limit, nowMs);
    if (opened === "same") return false;
    this.completeness.doubt(topic);
    if (opened === "raised") {
      this.limited.set(topic, limit);
      return false;
    }
    this.limited.begin(topic, limit);
    this.#restake(topic);
    return true;
  }

  /** One handle less of a topic that has so many entries in all. */
  unfollow(topic: string, limit: number, entries: number, nowMs: number): void {
    this.follows.close(topic, limit, entries - this.own.of(topic).size, nowMs);
  }

  /** Lowers the limits whose time has come. */
  lowerLimits(nowMs: number): void {
    for (const topic of this.follows.takeLowered(nowMs)) {
      this.completeness.doubt(topic);
      this.limited.set(topic, this.follows.limitOf(topic));
    }
  }

  /** A follow has ended; and with it a stake that has had no entry for a while, so that both are taken back at once. */
  unfollowed(topic: string, nowMs: number): void {
    this.completeness.end(topic);
    this.limited.end(topic);
    const endsMs = this.#lingering.get(topic) ?? Infinity;
    if (nowMs >= endsMs - Math.max(0, this.#stakeLingerMs - this.#protocol.limits.lingerMinMs))
      this.#endStake(topic);
    for (const pair of this.#port.pairs()) {
      const wished = pair.wishes.get(topic)?.generation ?? 0;
      const generation = Math.max(wished, pair.followed.openedIn(topic) ?? 0);
      if (generation > 0) this.#wish(pair, topic, { generation: -generation, limit: NO_LIMIT });
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
    const isSettled = this.completeness.knowsAll(nowMs);
    this.counts.pass(nowMs, isSettled !== this.#wasSettled);
    this.#wasSettled = isSettled;
  }

  // What others say.

  /** A life is heard for the first time, or goes on after a goodbye in its name. */
  appeared(pair: Pair): void {
    this.completeness.unheard(pair);
    for (const topic of pair.stakesHeard.topics())
      this.registrar.enlist(pair.life, topic, pair.stakesHeard.get(topic));
    this.meetings.appeared(pair.life);
    this.counts.appeared(pair);
    if (pair.holdsEverything) {
      for (const topic of this.own.topics()) this.#openUnasked(pair, topic);
      // Who comes back to one of these is told to those to whom it is open.
      for (const topic of this.#lingering.keys()) this.#openUnasked(pair, topic);
    }
    this.completeness.doubtAll();
  }

  came({ life, holdsEverything }: Pair): void {
    const mayRegister = this.#protocol.rules.mayRegister(holdsEverything);
    if (mayRegister) this.meetings.came(life.name);
    this.counts.came(life.name, mayRegister);
    this.limited.regroup();
    this.completeness.doubtAll();
  }

  went({ life }: Pair, nowMs: number): void {
    this.completeness.went(nowMs);
    this.meetings.went(life.name);
    this.counts.went(life.name);
    this.limited.regroup();
    this.completeness.doubtAll();
  }

  /**
   * Nothing was heard for a while: who has come to which topic meanwhile is known again when registrars have said so
   * anew, and all that are up have told their stakes here anew.
   */
  resumed(nowMs: number): void {
    this.completeness.resumed(nowMs);
    for (const pair of this.#port.pairs()) {
      pair.hasToldStakes = false;
      this.completeness.unheard(pair);
    }
    for (const topic of this.follows.topics()) {
      this.meetings.doubtLists(topic);
      this.meetings.askAgain(topic);
      this.completeness.doubt(topic);
    }
    this.counts.resumed();
  }

  /** A life has said goodbye, and may go on nevertheless: until then it has no stake. */
  departed(pair: Pair): void {
    this.completeness.heard(pair);
    for (const topic of pair.stakesHeard.topics()) this.registrar.enlist(pair.life, topic, undefined);
  }

  /** A life has ended, or is forgotten: nothing is told to it any more. Only what may come back is remembered. */
  forget(pair: Pair, isOver: boolean): void {
    this.departed(pair);
    if (!isOver) {
      const { life, holdsEverything } = pair;
      for (const [topic, generation, cut] of holdsEverything ? [] : pair.authored.opened())
        this.meetings.hint(life, topic, { roles: FOLLOWS, generation, limit: cut?.limit });
      for (const [topic, wish] of pair.wishes)
        if (wish.generation > 0) this.meetings.hint(life, topic, { roles: HAS, generation: 0 });
    }
    this.limited.forget(pair);
    pair.authored.end();
    this.counts.forget(pair);
  }

  heardStakes(pair: Pair, said: Stakes): void {
    pair.toldStakes(said);
    const hearing = pair.stakesHeard.hear(said, (topic, stake) => {
      this.registrar.enlist(pair.life, topic, stake);
      if (stake !== undefined && this.meetings.stakeIn(topic).roles !== 0)
        this.#meet({ life: pair.life, stake }, topic);
    });
    if (hearing !== "gap") {
      pair.hasToldStakes = true;
      if (this.completeness.heard(pair)) this.counts.sums.recheck();
    }
    const isAnswered = this.#protocol.rules.isAnsweredAgain(hearing);
    const topics = isAnswered ? said.items.filter(([, { roles }]) => roles !== 0) : [];
    const isAwaited = hearing === "gap" || topics.length > 0 || said.items.length === 0;
    pair.owesMembers(
      topics.map(([topic]) => topic),
      isAwaited,
    );
  }

  /** Returns whether there was room for all lists. */
  heardMembers(pair: Pair, members: Members): boolean {
    const lists = pair.listed(members);
    if (lists === undefined) return true;
    let areKept = true;
    pair.stakes.confirm(members);
    for (const list of lists) {
      areKept = this.meetings.listed(pair.life.name, list, pair.stakes.isKnown(list.topic)) && areKept;
      if (this.follows.generationOf(list.topic) !== undefined) this.completeness.doubt(list.topic);
    }
    return areKept;
  }

  heardWishes(pair: Pair, said: Said<Wish>): void {
    const hearing = pair.wishesHeard.hear(said, (topic, wish) => {
      const { generation = -Infinity, limit } = wish ?? {};
      if (generation > 0) pair.authored.open(topic, generation, limit, true);
      else if ((pair.authored.generationOf(topic) ?? Infinity) <= -generation) pair.authored.close(topic);
    });
    const isAwaited = said.items.length === 0 || said.items.some(([, { generation }]) => generation > 0);
    pair.owesWishesHeard(hearing === "gap" || isAwaited);
  }

  /** The author has nothing in a topic any more; if a registrar has named it since it had, it may have again. */
  closed(pair: Pair, topic: string, isListed: boolean): void {
    const generation = this.follows.generationOf(topic);
    if (generation === undefined) return;
    const isAsked = pair.wishes.get(topic)?.generation === generation && !pair.wishes.isKnown(topic);
    if (this.#protocol.rules.isAskedAgain(isListed)) this.#wishAnew(pair, topic, generation);
    // One that is being asked since answers, whatever it has closed before.
    else if (!isAsked) {
      this.meetings.left(pair.life, topic);
      this.limited.left(pair, topic);
    }
    this.completeness.doubt(topic);
  }

  /** Something of what an author has came. */
  merged(pair: Pair, { change, closed, ignored, opened }: Merged): void {
    for (const [topic, isListed] of closed) this.closed(pair, topic, isListed);
    for (const [topic, generation] of ignored) this.ignored(pair, topic, generation);
    for (const topic of opened) this.limited.opened(pair, topic);
    this.limited.merged(change);
  }

  /** The author opened a topic in another generation than the present one: it is told which that is. */
  ignored(pair: Pair, topic: string, generation: number): void {
    const present = this.follows.generationOf(topic);
    if (present !== undefined) this.#wishAnew(pair, topic, present);
    else this.#wish(pair, topic, { generation: -generation, limit: NO_LIMIT });
  }

  // Inside.

  #openUnasked(pair: Pair, topic: string): void {
    if (this.#protocol.rules.isOpenUnasked(pair.holdsEverything))
      pair.authored.open(topic, GENERATION_OF_EVERYTHING);
  }

  /** What this node has in a topic is another number. */
  #changed(topic: string): void {
    this.counts.changed(topic);
    this.limited.changed(topic);
  }

  #restake(topic: string): void {
    const has = this.own.of(topic).size > 0 || this.#lingering.has(topic);
    const generation = this.follows.generationOf(topic);
    const roles = (has ? HAS : 0) | (generation === undefined ? 0 : FOLLOWS);
    const limit = this.limited.wantedOfNew(topic);
    const stake = { roles, generation: generation ?? 0 };
    this.meetings.set(topic, limit === NO_LIMIT ? stake : { ...stake, limit });
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
      this.#openAsTold(pair, topic, stake);
    const generation = this.follows.generationOf(topic);
    if ((stake.roles & HAS) === 0 || generation === undefined) return true;
    this.limited.known(pair, topic);
    const isWished = this.#wishIfOther(pair, topic, generation);
    if (!isWished && isNew && pair.wishes.get(topic)?.generation !== generation) pair.followed.listed(topic);
    return true;
  }

  /** An author is to know what is wished of it in a followed topic: unless it was told, or has opened it so unasked. */
  #wishIfOther(pair: Pair, topic: string, generation: number): boolean {
    const wish = { generation, limit: this.limited.wantedOf(pair, topic) };
    const before = pair.wishes.get(topic);
    const isTold = before?.generation === generation;
    if (isTold ? before.limit === wish.limit : pair.isOpenAs(topic, wish)) return false;
    this.#wish(pair, topic, wish);
    return true;
  }

  #wishAnew(pair: Pair, topic: string, generation: number): void {
    this.#wish(pair, topic, { generation, limit: this.limited.wantedOf(pair, topic) });
  }

  /** A stake tells of a follow; what that wished of this node itself is newer, or the same. */
  #openAsTold({ authored, wishesHeard }: Pair, topic: string, { generation, limit }: Stake): void {
    const wish = wishesHeard.get(topic);
    if (wish?.generation === generation) authored.open(topic, generation, wish.limit, true);
    else authored.open(topic, generation, limit);
  }

  #wish(pair: Pair, topic: string, wish: Wish): void {
    pair.wishes.set(topic, wish, wish.generation > 0);
    this.#port.hasNews(pair);
  }

  #pairOf(life: Life): Pair | undefined {
    const pair = this.#port.pairOf(life.name);
    return pair?.life.incarnation === life.incarnation ? pair : undefined;
  }
}
