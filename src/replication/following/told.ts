/**
 * A set of topics with a value each that its owner tells one peer, and the same set as the peer hears it. Changes are
 * numbered, and said again as final values from the last number that was confirmed, until a confirmation comes: so any
 * of them may be lost, repeated or overtaken. It knows nothing of what the values mean.
 */
import { STREAMS_OF_PAIRS } from "./limits.js";
import type { Heard, Hearing, Said } from "./message.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";

/** When to say again what was not answered. */
export class Patience {
  readonly #protocol: FollowingProtocol;
  #tries = 0;
  #saidMs = -Infinity;
  #answeredWithinMs = 0;

  constructor(protocol: FollowingProtocol) {
    this.#protocol = protocol;
  }

  /** When it is due again; at once, if it was not said. */
  get dueMs(): number {
    const { rules, limits } = this.#protocol;
    return this.#saidMs + rules.repeatAfterMs(this.#tries, this.#answeredWithinMs, limits);
  }

  /** It is said; anew, if it is not the same as before. The other may take so long before it answers. */
  said(nowMs: number, isAnew: boolean, answeredWithinMs: number): void {
    this.#tries = isAnew ? 0 : this.#tries + 1;
    this.#saidMs = nowMs;
    this.#answeredWithinMs = answeredWithinMs;
  }

  /** It was answered. */
  end(): void {
    this.#tries = 0;
    this.#saidMs = -Infinity;
  }
}

/** How long the other may wait with an answer: that somebody waits for, and any other. */
export interface Answering {
  readonly awaitedMs: number;
  readonly restMs: number;
}

interface Item<V> {
  value: V;
  /** The number of its last change. */
  number: number;
}

/** The set as its owner tells it. */
export class Told<V> {
  stream: number;
  readonly #isGone: (value: V) => boolean;
  readonly #patience: Patience;
  readonly #protocol: FollowingProtocol;
  readonly #items = new Map<string, Item<V>>();
  /** What was not confirmed, in the order of its last changes. */
  readonly #unconfirmed = new Map<string, Item<V>>();
  #number = 0;
  #confirmed = 0;
  /** Whether the peer has confirmed anything of this stream: until then it may hold what was told in another one. */
  #isHeard = false;
  /** The number that was said last; -1 if nothing was, not even that there is nothing. */
  #said = -1;
  /** The number of the last change for which somebody waits; and of the last one that is said at once, and repeated at leisure. */
  #lastUrgent = 0;
  #lastPrompt = 0;
  /** What ended up to this number and was confirmed is forgotten: from before it, only everything can be told. */
  #forgotten = 0;

  /** @param isGone tells whether a value stands for "no longer": once confirmed it is forgotten. */
  constructor(
    stream: number,
    isGone: (value: V) => boolean,
    protocol: FollowingProtocol = FOLLOWING_PROTOCOL,
  ) {
    this.stream = stream;
    this.#isGone = isGone;
    this.#protocol = protocol;
    this.#patience = new Patience(protocol);
  }

  get size(): number {
    return this.#items.size;
  }

  get isConfirmed(): boolean {
    return this.#isHeard && this.#confirmed >= this.#number;
  }

  get(topic: string): V | undefined {
    return this.#items.get(topic)?.value;
  }

  /** Whether there is a value for a topic, and the peer has confirmed it. */
  isKnown(topic: string): boolean {
    return this.#items.has(topic) && !this.#unconfirmed.has(topic);
  }

  *[Symbol.iterator](): Generator<[topic: string, value: V]> {
    for (const [topic, { value }] of this.#items) yield [topic, value];
  }

  /**
   * The value is said, though it may be the same as before: the answer is wanted again. `isUrgent`: somebody waits for
   * what comes of it. `isPrompt`: it is soon out of date, and said at once for that.
   */
  set(topic: string, value: V, isUrgent = true, isPrompt = isUrgent): void {
    this.#number += 1;
    if (isUrgent) this.#lastUrgent = this.#number;
    if (isPrompt) this.#lastPrompt = this.#number;
    const item = { value, number: this.#number };
    this.#items.set(topic, item);
    this.#unconfirmed.delete(topic);
    this.#unconfirmed.set(topic, item);
  }

  /** When something is to be said: at once if it is new, later if it may be confirmed yet; `Infinity` if nothing is. */
  get dueMs(): number {
    if (this.isConfirmed) return Infinity;
    return this.#number > this.#said ? -Infinity : this.#patience.dueMs;
  }

  /** The same of that for which somebody waits, and of the first word. */
  get urgentMs(): number {
    if (this.#lastPrompt > this.#said) return -Infinity;
    if (this.isConfirmed || (this.#isHeard && this.#lastUrgent <= this.#confirmed)) return Infinity;
    return this.#patience.dueMs;
  }

  /** Says what the peer may not have; possibly nothing. */
  say(nowMs: number, { awaitedMs, restMs }: Answering): Said<V> {
    const items: [string, V][] = [];
    for (const [topic, { value }] of this.#unconfirmed) items.push([topic, value]);
    const isAwaited = !this.#isHeard || this.#lastUrgent > this.#confirmed;
    this.#patience.said(nowMs, this.#number > this.#said, isAwaited ? awaitedMs : restMs);
    this.#said = this.#number;
    return { stream: this.stream, since: this.#confirmed, upTo: this.#number, items };
  }

  /** The peer says how much it has heard: more than before, or less, if it has forgotten. */
  confirm({ stream, number }: Heard): void {
    // What it heard of another stream is nothing of this one.
    const isOwn = this.#protocol.rules.isSameStream(stream, this.stream);
    // It was told in the name of this node what that has not said, and would take what it says for known.
    const isAhead = isOwn && number > this.#number;
    if (isAhead) this.stream += STREAMS_OF_PAIRS;
    this.#isHeard = isOwn && !isAhead;
    const confirmed = this.#isHeard && number >= this.#forgotten ? number : 0;
    if (confirmed < this.#confirmed) this.#sayAgainFrom(confirmed);
    this.#confirmed = confirmed;
    if (this.isConfirmed) this.#patience.end();
    for (const [topic, item] of this.#unconfirmed) {
      if (item.number > confirmed) break;
      this.#unconfirmed.delete(topic);
      if (!this.#isGone(item.value)) continue;
      this.#items.delete(topic);
      this.#forgotten = item.number;
    }
  }

  /** The peer says how much it has heard, beside an answer: what it has forgotten is said again, and nothing is confirmed. */
  heardAtMost(heard: Heard): void {
    const isOwn = this.#protocol.rules.isSameStream(heard.stream, this.stream);
    if (!isOwn || heard.number < this.#confirmed || heard.number > this.#number) this.confirm(heard);
  }

  #sayAgainFrom(number: number): void {
    const again = [...this.#items].filter(([, item]) => item.number > number);
    again.sort(([, one], [, other]) => one.number - other.number);
    this.#unconfirmed.clear();
    for (const [topic, item] of again) this.#unconfirmed.set(topic, item);
  }
}

/** The set as the peer hears it. */
export class HeardSet<V> {
  readonly #protocol: FollowingProtocol;
  readonly #isGone: (value: V) => boolean;
  readonly #items = new Map<string, V>();
  #stream = 0;
  #number = 0;

  constructor(isGone: (value: V) => boolean, protocol: FollowingProtocol = FOLLOWING_PROTOCOL) {
    this.#isGone = isGone;
    this.#protocol = protocol;
  }

  /** Whether anything was heard that its owner tells, from its beginning on. */
  get hasBegun(): boolean {
    return this.#stream > 0;
  }

  get heard(): Heard {
    return { stream: this.#stream, number: this.#number };
  }

  get size(): number {
    return this.#items.size;
  }

  get(topic: string): V | undefined {
    return this.#items.get(topic);
  }

  topics(): IterableIterator<string> {
    return this.#items.keys();
  }

  /** How many topics more there are once this is taken, at the most: what ends needs no room. */
  growthBy({ items }: Said<V>): number {
    let growth = 0;
    for (const [topic, value] of items) if (!this.#isGone(value) && !this.#items.has(topic)) growth += 1;
    return growth;
  }

  /**
   * Takes what was said. What is said from the beginning is everything. `changed` is told of each topic that was named,
   * and of each that is there no longer.
   */
  hear(
    { stream, since, upTo, items }: Said<V>,
    changed: (topic: string, value: V | undefined) => void,
  ): Hearing {
    const isSameStream = this.#protocol.rules.isSameStream(stream, this.#stream);
    if (since > (isSameStream ? this.#number : 0)) return "gap";
    if (isSameStream && upTo <= this.#number) return "known";
    if (!isSameStream) this.#stream = stream;
    this.#number = upTo;
    if (this.#protocol.rules.isEverything(since)) this.#dropUnnamed(items, changed);
    for (const [topic, value] of items) {
      if (this.#isGone(value)) this.#items.delete(topic);
      else this.#items.set(topic, value);
      changed(topic, value);
    }
    return "news";
  }

  #dropUnnamed(items: Said<V>["items"], changed: (topic: string, value: undefined) => void): void {
    if (this.#items.size === 0) return;
    const named = new Set(items.map(([topic]) => topic));
    for (const topic of [...this.#items.keys()]) {
      if (named.has(topic)) continue;
      this.#items.delete(topic);
      changed(topic, undefined);
    }
  }
}
