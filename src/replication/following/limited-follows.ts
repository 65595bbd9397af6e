/**
 * Of the topics that this node follows with a limit: which authors it has chosen, and which others there are. What an author has
 * it tells itself, as an offer; so this node knows from how many it may choose, and whether it lists all that there is.
 *
 * Its own entries always count. It never chooses another author because that would rank higher, so whom it lists stays as long
 * as the numbers allow. Knows no frame and no time; that a wish is told is its port's business.
 */
import { ReplicatedEntry } from "../entry.js";
import type { SliceChange } from "../holding/identity.js";
import { NO_LIMIT, OFFER_ONLY } from "./message.js";
import type { Pair } from "./pair.js";
import { preferenceOf } from "./ranks.js";
import type { FollowingRules } from "./rules.js";

export interface LimitedFollowsPort {
  pairs(): Iterable<Pair>;
  isUp(pair: Pair): boolean;
  ownEntriesOf(topic: string): number;
  /** The generation in which a topic is followed, if it is. */
  generationOf(topic: string): number | undefined;
  /** What is wanted of an author in a topic is another thing now, or may not be what it has opened. */
  wish(pair: Pair, topic: string, generation: number): void;
  /** What authors that come are to tell is another thing now. */
  restake(topic: string): void;
  /** Less is held than is wanted: whether that is all that there is only others can say. */
  lacks(topic: string): void;
}

interface Limited {
  limit: number;
  readonly generation: number;
  readonly chosen: Set<Pair>;
  /** Authors that are known, and not chosen. */
  readonly others: Set<Pair>;
  /** Whether authors that come are to offer what they have, and no more. */
  wantsOffers: boolean;
  /** Whether who is chosen, or known, or up has changed since that was decided. */
  isRegrouped: boolean;
}

export class LimitedFollows {
  readonly #self: string;
  readonly #port: LimitedFollowsPort;
  readonly #rules: FollowingRules;
  readonly #topics = new Map<string, Limited>();
  /** Topics in which something has changed that may call for another choice. */
  readonly #changed = new Set<string>();

  constructor(self: string, port: LimitedFollowsPort, rules: FollowingRules) {
    this.#self = self;
    this.#port = port;
    this.#rules = rules;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** What is wanted of an author in a followed topic. */
  wantedOf(pair: Pair, topic: string): number {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return NO_LIMIT;
    return limited.chosen.has(pair) ? limited.limit : OFFER_ONLY;
  }

  /** What an author is to tell that comes to a followed topic. */
  wantedOfNew(topic: string): number {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return NO_LIMIT;
    return limited.wantsOffers ? OFFER_ONLY : limited.limit;
  }

  /** A follow begins with this limit. */
  begin(topic: string, limit: number): void {
    const generation = this.#port.generationOf(topic);
    if (limit === NO_LIMIT || generation === undefined) return;
    const [chosen, others] = [new Set<Pair>(), new Set<Pair>()];
    this.#topics.set(topic, { limit, generation, chosen, others, wantsOffers: true, isRegrouped: true });
    this.#changed.add(topic);
  }

  /** A follow has this limit from now on. */
  set(topic: string, limit: number): void {
    const limited = this.#topics.get(topic);
    if (limited === undefined) {
      this.begin(topic, limit);
      const begun = this.#topics.get(topic);
      if (begun === undefined) return;
      // All that there are tell all that they have until now.
      for (const pair of this.#port.pairs())
        if (isKnown(pair, topic, begun.generation)) begun.chosen.add(pair);
      for (const pair of begun.chosen) this.#port.wish(pair, topic, begun.generation);
    } else if (limit === NO_LIMIT) {
      this.#topics.delete(topic);
      for (const known of [limited.chosen, limited.others])
        for (const pair of known) this.#port.wish(pair, topic, limited.generation);
    } else {
      if (limited.limit === limit) return;
      limited.limit = limit;
      for (const pair of limited.chosen) this.#port.wish(pair, topic, limited.generation);
      this.#changed.add(topic);
    }
    this.#port.restake(topic);
  }

  /** A follow has ended. */
  end(topic: string): void {
    this.#topics.delete(topic);
  }

  /** A life has something in a topic, as a registrar says, or itself. */
  known(pair: Pair, topic: string): void {
    const limited = this.#topics.get(topic);
    if (limited === undefined || limited.chosen.has(pair) || limited.others.has(pair)) return;
    limited.others.add(pair);
    this.#regroup(topic, limited);
  }

  /** An author has opened a followed topic, in the present generation. */
  opened(pair: Pair, topic: string): void {
    const limited = this.#topics.get(topic);
    const limit = pair.followed.limitIn(topic);
    if (limited === undefined) {
      // It was told of a limit that is gone.
      const generation = this.#port.generationOf(topic);
      if (limit !== NO_LIMIT && generation !== undefined) this.#port.wish(pair, topic, generation);
      return;
    }
    const { chosen, others, generation } = limited;
    const wish = pair.wishes.get(topic);
    const isOffered = limit === OFFER_ONLY || (wish?.generation === generation && wish.limit === OFFER_ONLY);
    if (!isOffered) {
      others.delete(pair);
      chosen.add(pair);
    } else if (!chosen.has(pair)) others.add(pair);
    this.#port.wish(pair, topic, generation);
    this.#regroup(topic, limited);
  }

  /** An author has nothing in a topic any more. */
  left(pair: Pair, topic: string): void {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return;
    const wasKnown = limited.chosen.delete(pair) || limited.others.delete(pair);
    if (wasKnown) this.#regroup(topic, limited);
  }

  /** A life is known no longer. */
  forget(pair: Pair): void {
    if (this.#topics.size === 0) return;
    for (const [topic] of pair.wishes) this.left(pair, topic);
    for (const topic of pair.followed.topics()) this.left(pair, topic);
  }

  /** Other nodes are up than before. */
  regroup(): void {
    for (const [topic, limited] of this.#topics) this.#regroup(topic, limited);
  }

  /** What this node has itself in a topic has changed. */
  changed(topic: string): void {
    if (this.#topics.has(topic)) this.#changed.add(topic);
  }

  /** What is held of others has changed. */
  merged({ added, removed }: SliceChange): void {
    if (this.#topics.size === 0) return;
    for (const entry of added) this.changed(ReplicatedEntry.topicOf(entry));
    for (const { entry } of removed) this.changed(ReplicatedEntry.topicOf(entry));
  }

  /** Chooses otherwise where what has changed calls for it. */
  advance(): void {
    for (const topic of this.#changed) {
      this.#changed.delete(topic);
      this.#balance(topic, true);
    }
  }

  /** A topic has waited for a while: those that do not answer are not counted on any longer. */
  pursue(topic: string): void {
    this.#balance(topic, false);
  }

  /** Whether all who are chosen have told what is wished of them: also one that no registrar names yet. */
  haveAnswered(topic: string): boolean {
    const limited = this.#topics.get(topic);
    return limited === undefined || this.#upOf(limited).every((pair) => pair.hasAnswered(topic, limited));
  }

  /** Whether any author that is not chosen offers something. */
  doOthersOffer(topic: string): boolean {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return false;
    for (const pair of limited.others) if (this.#offeredBy(pair, topic, limited) > 0) return true;
    return false;
  }

  /** Whether as many are listed as are wanted. */
  isReached(topic: string): boolean {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return false;
    let held = this.#port.ownEntriesOf(topic);
    for (const pair of this.#upOf(limited)) held += pair.followed.sizeOf(topic);
    return !this.#rules.takesMore(held, limited.limit);
  }

  /** Those who are chosen, and up. */
  #upOf({ chosen }: Limited): Pair[] {
    return [...chosen].filter((pair) => this.#port.isUp(pair));
  }

  /** Whether anybody who is up is known to have more in a topic than is listed here. */
  isPartial(topic: string): boolean {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return false;
    if (this.doOthersOffer(topic)) return true;
    for (const pair of limited.chosen)
      if (this.#port.isUp(pair) && (pair.followed.cutOf(topic)?.sample ?? 0) > 0) return true;
    return false;
  }

  #regroup(topic: string, limited: Limited): void {
    limited.isRegrouped = true;
    this.#changed.add(topic);
  }

  #balance(topic: string, isPatient: boolean): void {
    const limited = this.#topics.get(topic);
    if (limited === undefined) return;
    const { limit } = limited;
    let held = this.#port.ownEntriesOf(topic);
    for (const pair of this.#upOf(limited)) held += pair.followed.sizeOf(topic);
    if (this.#rules.takesMore(held, limit)) {
      this.#port.lacks(topic);
      const expected = isPatient ? held + this.#awaited(topic, limited) : held;
      if (this.#rules.takesMore(expected, limit)) this.#takeMore(topic, limited, expected, isPatient);
    } else if (this.#rules.letsGo(held, limit, limit)) this.#letGo(topic, limited, held);
    if (limited.isRegrouped) this.#offer(topic, limited, isPatient);
  }

  /** R107: Decides what authors that come are to tell. All of it only when the others are known: after a heartbeat. */
  #offer(topic: string, limited: Limited, isPatient: boolean): void {
    let offering = 0;
    for (const pair of limited.others) if (this.#offeredBy(pair, topic, limited) > 0) offering += 1;
    const wantsOffers = this.#rules.wantsOffers(offering);
    if (!wantsOffers && isPatient) return;
    limited.isRegrouped = false;
    if (wantsOffers === limited.wantsOffers) return;
    limited.wantsOffers = wantsOffers;
    this.#port.restake(topic);
  }

  /** How many entries more those are expected to tell who are chosen and have not answered. */
  #awaited(topic: string, limited: Limited): number {
    const { limit, generation, chosen } = limited;
    let awaited = 0;
    for (const pair of chosen) {
      if (!this.#port.isUp(pair) || pair.hasAnswered(topic, { generation, limit })) continue;
      awaited += Math.max(0, this.#expectedOf(pair, topic, limited) - pair.followed.sizeOf(topic));
    }
    return awaited;
  }

  #takeMore(topic: string, limited: Limited, expected: number, isPatient: boolean): void {
    for (const pair of this.#ranked(topic, limited.others)) {
      // One is taken unseen, so that something comes at once; the others say first what they have, so that none is let go again.
      const isSeen = pair.followed.openedIn(topic) === limited.generation;
      if (!isSeen && isPatient && limited.chosen.size > 0) continue;
      const more = this.#expectedOf(pair, topic, limited);
      if (more === 0) continue;
      limited.others.delete(pair);
      limited.chosen.add(pair);
      limited.isRegrouped = true;
      this.#port.wish(pair, topic, limited.generation);
      expected += more;
      if (!this.#rules.takesMore(expected, limited.limit)) return;
    }
  }

  #letGo(topic: string, limited: Limited, held: number): void {
    for (const pair of this.#ranked(topic, limited.chosen).reverse()) {
      const size = pair.followed.sizeOf(topic);
      if (size === 0 || !this.#rules.letsGo(held, held - size, limited.limit)) continue;
      limited.chosen.delete(pair);
      limited.others.add(pair);
      limited.isRegrouped = true;
      this.#port.wish(pair, topic, limited.generation);
      held -= size;
    }
  }

  /** Those of the authors that are up, the one first that is to be chosen first. */
  #ranked(topic: string, pairs: ReadonlySet<Pair>): Pair[] {
    const ranks = new Map<Pair, number>();
    for (const pair of pairs)
      if (this.#port.isUp(pair)) ranks.set(pair, preferenceOf(topic, this.#self, pair.life.name));
    return [...ranks].sort(([, one], [, other]) => other - one).map(([pair]) => pair);
  }

  /** How many entries an author is expected to tell, once it is chosen. */
  #expectedOf(pair: Pair, topic: string, limited: Limited): number {
    const { generation, limit } = limited;
    const { followed } = pair;
    if (followed.openedIn(topic) === generation) {
      const size = followed.sizeOf(topic);
      return Math.max(size, Math.min(followed.cutOf(topic)?.entries ?? 0, limit));
    }
    const wish = pair.wishes.get(topic);
    const hasNothing = wish?.generation === generation && pair.hasAnswered(topic, wish);
    return hasNothing ? 0 : limit;
  }

  /** How many entries an author is known to have that is up and not chosen. */
  #offeredBy(pair: Pair, topic: string, { generation }: Limited): number {
    if (!this.#port.isUp(pair) || pair.followed.openedIn(topic) !== generation) return 0;
    return pair.followed.cutOf(topic)?.entries ?? pair.followed.sizeOf(topic);
  }
}

function isKnown(pair: Pair, topic: string, generation: number): boolean {
  return pair.wishes.get(topic)?.generation === generation || pair.followed.openedIn(topic) === generation;
}
