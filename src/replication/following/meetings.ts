/**
 * What this node has to do with which topics, who is told, and whom it hears of thereby: enlistments at the registrars,
 * their lists, and hints of lives that are not known yet. Of two that enlist at one registrar, the later one is answered
 * with the earlier one, and contacts it: that is all the coordination there is.
 *
 * Knows no time, no frame and no entry; who is told and met is the port's business.
 */
import type { Life } from "../life.js";
import { replicaOf } from "../life.js";
import { FOLLOWS, NO_STAKE } from "./message.js";
import type { Member, MemberList, Stake } from "./message.js";
import { Ranks, type Standing } from "./ranks.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";

export interface MeetingsPort {
  /** A registrar is to know this stake; without roles: that there is none any more. `again`: though it may know. */
  enlist(registrar: string, topic: string, stake: Stake, again: boolean): void;
  /** A life has a stake in a topic in which this node has one. Returns whether it is known. */
  meet(member: Member, topic: string): boolean;
}

/** Whom a registrar has named. */
interface List {
  readonly isSettled: boolean;
  readonly members: readonly Member[];
}

interface OwnStake {
  stake: Stake;
  registrars: readonly string[];
  standing: Standing;
  /** By registrar; of the present generation. */
  readonly lists: Map<string, List>;
}

interface Hints {
  readonly id: string;
  readonly topics: Map<string, Stake>;
}

export class Meetings {
  readonly #self: string;
  readonly #port: MeetingsPort;
  readonly #protocol: FollowingProtocol;
  readonly #ranks: Ranks;
  readonly #stakes = new Map<string, OwnStake>();
  /** By name: what was told of a life that is not known, or was forgotten. */
  readonly #hints = new Map<string, Hints>();
  #hintCount = 0;
  /** How many members are kept in lists. */
  #rowsListed = 0;
  /** The stakes that are still to be enlisted again in this round. */
  #renewal: IterableIterator<string> | undefined;

  /** @param mayRegister whether this node may be a registrar. */
  constructor(
    self: string,
    port: MeetingsPort,
    protocol: FollowingProtocol = FOLLOWING_PROTOCOL,
    mayRegister = true,
  ) {
    this.#port = port;
    this.#protocol = protocol;
    this.#ranks = new Ranks(protocol.rules.registrars(protocol.limits));
    this.#self = self;
    if (mayRegister) this.#ranks.add(self);
  }

  /** How many topics this node has a stake in. */
  get size(): number {
    return this.#stakes.size;
  }

  /** How many hints are kept. */
  get hintCount(): number {
    return this.#hintCount;
  }

  stakeIn(topic: string): Stake {
    return this.#stakes.get(topic)?.stake ?? NO_STAKE;
  }

  /** The registrars of a topic in which this node has a stake. */
  registrarsOf(topic: string): readonly string[] {
    return this.#stakes.get(topic)?.registrars ?? [];
  }

  /** Whether a node is a registrar of a topic, as far as this node sees. */
  isRegistrar(name: string, topic: string): boolean {
    const registrars = this.#stakes.get(topic)?.registrars ?? this.#ranks.registrarsOf(topic);
    return registrars.includes(name);
  }

  /** The registrar that ranks first with a topic, as far as this node sees; whether or not it has a stake there. */
  firstRegistrarOf(topic: string): string {
    const registrars = this.#stakes.get(topic)?.registrars ?? this.#ranks.registrarsOf(topic);
    return registrars[0] ?? this.#self;
  }

  /** Whether a node ranks higher with a topic than another one. */
  isAbove(name: string, other: string, topic: string): boolean {
    return this.#ranks.isAbove(name, other, topic);
  }

  /** What a registrar has told of a topic since this node enlisted its present stake. */
  listOf(topic: string, registrar: string): List | undefined {
    return this.#stakes.get(topic)?.lists.get(registrar);
  }

  /** From now on this node has this stake in a topic. */
  set(topic: string, stake: Stake): void {
    let own = this.#stakes.get(topic);
    if (own === undefined) {
      if (stake.roles === 0) return;
      const registrars = this.#ranks.registrarsOf(topic);
      own = { stake, registrars, standing: this.#ranks.standingOf(topic, registrars), lists: new Map() };
      this.#stakes.set(topic, own);
    }
    if (own.stake.generation !== stake.generation)
      for (const registrar of [...own.lists.keys()]) this.#keep(own, registrar, undefined);
    own.stake = stake;
    if (stake.roles === 0) this.#stakes.delete(topic);
    for (const registrar of own.registrars) this.#port.enlist(registrar, topic, stake, false);
  }

  /** A node is up. */
  came(name: string): void {
    this.#ranks.add(name);
    const enters = this.#ranks.entrant(name);
    for (const [topic, own] of this.#stakes) {
      const { registrars, standing } = own;
      if (registrars.includes(name)) this.#rerank(topic, own, registrars);
      else if (enters(standing))
        this.#rerank(topic, own, this.#ranks.registrarsWith(name, topic, registrars));
    }
  }

  /** A node is up no longer. */
  went(name: string): void {
    this.#ranks.delete(name);
    for (const [topic, own] of this.#stakes)
      if (own.registrars.includes(name)) this.#rerank(topic, own, this.#ranks.registrarsOf(topic));
  }

  /**
   * A registrar names whom it knows; `isConfirmed`: it knows the present stake of this node. Returns whether there is room for its
   * list: without one it completes nothing.
   */
  listed(registrar: string, { topic, isSettled, members }: MemberList, isConfirmed: boolean): boolean {
    const own = this.#stakes.get(topic);
    if (own === undefined) return true;
    const isKept = (own.stake.roles & FOLLOWS) !== 0 && own.registrars.includes(registrar);
    if (isKept) this.#keep(own, registrar, { isSettled: isSettled && isConfirmed, members });
    const isCrowded = isKept && this.#rowsListed > this.#protocol.limits.rowsListed;
    if (isCrowded) this.#keep(own, registrar, undefined);
    for (const member of members) {
      // Two of which neither follows have nothing to say to each other.
      const isOfUse = ((own.stake.roles | member.stake.roles) & FOLLOWS) !== 0;
      if (!this.#port.meet(member, topic) && isOfUse) this.hint(member.life, topic, member.stake);
    }
    return !isCrowded;
  }

  /** What registrars have said of a topic may be out of date. */
  doubtLists(topic: string): void {
    const lists = this.#stakes.get(topic)?.lists;
    for (const [registrar, { members }] of lists ?? []) lists?.set(registrar, { isSettled: false, members });
  }

  /** A life has nothing in a topic any more, and says so itself: what was listed of it is older. */
  left(life: Life, topic: string): void {
    const id = replicaOf(life);
    const own = this.#stakes.get(topic);
    for (const [registrar, { isSettled, members }] of own?.lists ?? [])
      this.#keep(own!, registrar, {
        isSettled,
        members: members.filter((member) => replicaOf(member.life) !== id),
      });
  }

  /** A life that is not known has a stake in a topic: it is met when it is heard. */
  hint(life: Life, topic: string, stake: Stake): void {
    if (!this.#protocol.rules.keepsHints(stake)) return;
    const id = replicaOf(life);
    let hints = this.#hints.get(life.name);
    // Both are of one name: the later life has the larger text.
    if (hints !== undefined && hints.id > id) return;
    if (hints?.id !== id) {
      this.#takeHints(life.name);
      hints = { id, topics: new Map() };
      this.#hints.set(life.name, hints);
    }
    const before = hints.topics.get(topic);
    if (before === undefined) this.#hintCount += 1;
    const { roles, generation } = before ?? NO_STAKE;
    const latest = before !== undefined && generation > stake.generation ? before : stake;
    hints.topics.set(topic, { ...latest, roles: roles | stake.roles });
    const { namesHinted, topicsHinted } = this.#protocol.limits;
    for (const oldest of this.#hints.keys()) {
      if (oldest === life.name || (this.#hints.size <= namesHinted && this.#hintCount <= topicsHinted)) break;
      this.#takeHints(oldest);
    }
  }

  /** Whether a life was named in a topic, and is not known. */
  isHinted(life: Life, topic: string): boolean {
    const hints = this.#hints.get(life.name);
    return hints?.id === replicaOf(life) && hints.topics.has(topic);
  }

  /**
   * A life is heard for the first time: it is met wherever it was told of. An earlier one of its name is over, and what was
   * told of a later one stands: a frame may be late.
   */
  appeared(life: Life): void {
    const id = replicaOf(life);
    const hints = this.#hints.get(life.name);
    if (hints === undefined || hints.id > id) return;
    this.#takeHints(life.name);
    if (hints.id !== id) return;
    for (const [topic, stake] of hints.topics) this.#port.meet({ life, stake }, topic);
  }

  /** Enlists the next of the stakes again, so many. */
  renew(count: number): void {
    for (let i = 0; i < count; i++) {
      const next = (this.#renewal ??= this.#stakes.keys()).next();
      if (next.done === true) {
        this.#renewal = undefined;
        return;
      }
      this.askAgain(next.value);
    }
  }

  /** Asks the registrars of a topic again whom they know. */
  askAgain(topic: string): void {
    const own = this.#stakes.get(topic);
    for (const registrar of own?.registrars ?? [])
      this.#port.enlist(registrar, topic, this.stakeIn(topic), true);
  }

  /** What a registrar has told of a topic is this now. */
  #keep({ lists }: OwnStake, registrar: string, list: List | undefined): void {
    this.#rowsListed += (list?.members.length ?? 0) - (lists.get(registrar)?.members.length ?? 0);
    if (list === undefined) lists.delete(registrar);
    else lists.set(registrar, list);
  }

  #takeHints(name: string): Hints | undefined {
    const hints = this.#hints.get(name);
    this.#hintCount -= hints?.topics.size ?? 0;
    this.#hints.delete(name);
    return hints;
  }

  /** A topic has these registrars now, as a node has come or gone that is or was one of them. */
  #rerank(topic: string, own: OwnStake, ranked: readonly string[]): void {
    const before = own.registrars;
    const after = this.#protocol.rules.registrarsNow(ranked, before);
    own.registrars = after;
    own.standing = this.#ranks.standingOf(topic, after);
    for (const registrar of before) {
      if (after.includes(registrar)) continue;
      this.#keep(own, registrar, undefined);
      this.#port.enlist(registrar, topic, NO_STAKE, false);
    }
    for (const registrar of after) this.#port.enlist(registrar, topic, own.stake, false);
  }
}
