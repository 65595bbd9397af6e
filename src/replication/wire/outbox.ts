/**
 * Messages on their way out: gives each frame its counter and cuts what would not fit into one.
 *
 * One counter serves all frames of a life, so of any two frames the receiver knows which was sent first. One
 * entry always fits: the options that start accepts see to it. Knows no replica and no time.
 */
import { fitExpanded, type BirthsForm } from "./births.js";
import { encodeFrame } from "./codec.js";
import type { Life } from "../life.js";
import { LIMITS, MAX_EVICTED } from "../limits.js";
import type { DeltaMessage, Eviction, Heartbeat, Message, Page, WireBirth } from "../message.js";
import { RULES, type Rules } from "../rules.js";

/** Who is spoken to; aloud, so that all hear what is meant for one, where direct messages get lost. */
export interface Addressee extends Life {
  readonly aloud?: boolean | undefined;
  /** In this version of the protocol, whatever is spoken to others. */
  readonly version?: number | undefined;
}

/** In which version of the protocol this node speaks at present. */
export interface Speech {
  readonly spoken: number;
}

/** Where payloads go: to one node, or to all. */
export type Carry = (payload: string, to?: string) => void;

export class Outbox {
  readonly #life: Life;
  readonly #maxBytes: number;
  readonly #carryOut: Carry;
  readonly #rules: Rules;
  readonly #observes: boolean;
  readonly #speech: Speech;
  #counter = 0;

  constructor(
    life: Life,
    maxBytes: number,
    carryOut: Carry,
    rules: Rules = RULES,
    observes = false,
    speech: Speech = { spoken: LIMITS.newestVersion },
  ) {
    this.#observes = observes;
    this.#speech = speech;
    this.#rules = rules;
    this.#life = life;
    this.#maxBytes = maxBytes;
    this.#carryOut = carryOut;
  }

  /** The counter of the last frame. */
  get counter(): number {
    return this.#counter;
  }

  /** Sends a message that fits any frame: to one life, or to all. */
  send(message: Message, to?: Addressee): void {
    this.#carry(this.#encode(message, to), to);
  }

  /** Sends a heartbeat; in several frames, if there are more shards than fit one. */
  sendHeartbeat(heartbeat: Heartbeat, to?: Addressee): void {
    const { shards, firstShard } = heartbeat;
    const text = this.#encode(heartbeat, to);
    if (shards.length < 2 || this.#fits(text)) return this.#carry(text, to);
    const half = shards.length >>> 1;
    this.sendHeartbeat({ ...heartbeat, shards: shards.slice(0, half) }, to);
    this.sendHeartbeat({ ...heartbeat, firstShard: firstShard + half, shards: shards.slice(half) }, to);
  }

  /** Sends an eviction; in several frames, if there are more sessions than fit one. */
  sendEviction(eviction: Eviction): void {
    const { sessions } = eviction;
    if (sessions.length <= MAX_EVICTED) {
      const text = this.#encode(eviction, undefined);
      if (sessions.length < 2 || this.#fits(text)) return this.#carry(text, undefined);
    }
    const half = sessions.length >>> 1;
    this.sendEviction({ ...eviction, sessions: sessions.slice(0, half) });
    this.sendEviction({ ...eviction, sessions: sessions.slice(half) });
  }

  /** Sends a delta; in parts, if it does not fit one frame. Returns how long its frames are. */
  sendDelta(delta: DeltaMessage, to?: Addressee): number[] {
    const text = this.#encode(delta, to);
    if (this.#fitsWith(delta.births, text)) {
      this.#carry(text, to);
      return [text.length];
    }
    const pieces: DeltaMessage[] = [];
    this.#cut(delta, to, pieces);
    return pieces.map((piece, i) => this.#carrySingle({ ...piece, part: i + 1, parts: pieces.length }, to));
  }

  /** Sends a page, made as long as fits one frame; returns how many items it has. */
  sendPage(makePage: (maxItems?: number) => Page, to: Addressee): number {
    let page = makePage();
    let text = this.#encode(page, to);
    let items = itemsOf(page);
    while (!this.#fitsWith(page.births, text)) {
      if (items < 2) {
        this.#carrySingle(page, to);
        return items;
      }
      items >>>= 1;
      page = makePage(items);
      text = this.#encode(page, to);
    }
    this.#carry(text, to);
    return itemsOf(page);
  }

  /** Whether a payload is as short as the pubsub needs it. */
  #fits(text: string): boolean {
    return this.#rules.fitsFrame(text, this.#maxBytes);
  }

  /** Halves a delta until every piece fits, whatever the numbers of its part will be. */
  #cut(delta: DeltaMessage, to: Addressee | undefined, pieces: DeltaMessage[]): void {
    const { births, removed, closed = [] } = delta;
    const length = births.length + removed.length + closed.length;
    const longest = { ...delta, part: Number.MAX_SAFE_INTEGER, parts: Number.MAX_SAFE_INTEGER };
    if (length < 2 || this.#fitsWith(births, this.#encode(longest, to))) {
      pieces.push(delta);
      return;
    }
    const half = length >>> 1;
    const birthsHere = births.slice(0, half);
    const removedHere = removed.slice(0, Math.max(0, half - births.length));
    const closedHere = closed.slice(0, Math.max(0, half - births.length - removed.length));
    this.#cut({ ...delta, births: birthsHere, removed: removedHere, closed: closedHere }, to, pieces);
    const there = {
      births: births.slice(birthsHere.length),
      removed: removed.slice(removedHere.length),
      closed: closed.slice(closedHere.length),
    };
    this.#cut({ ...delta, ...there }, to, pieces);
  }

  /**
   * Sends what cannot be cut: in the shorter of the two forms, if it has a birth that is too long in one. Returns how long
   * the frame is.
   */
  #carrySingle(message: Message, to: Addressee | undefined): number {
    const shared = this.#encode(message, to);
    const text = this.#fits(shared) ? shared : this.#encode(message, to, "plain");
    this.#carry(text, to);
    return text.length;
  }

  /** Whether a message with these births can be sent as this text, and is taken in. */
  #fitsWith(births: readonly WireBirth[], text: string): boolean {
    return this.#fits(text) && (births.length < 2 || fitExpanded(births));
  }

  #encode(message: Message, to: Addressee | undefined, form?: BirthsForm): string {
    // A text that is not sent after all leaves a hole in the counters, which means nothing.
    this.#counter += 1;
    const version = to?.version ?? this.#speech.spoken;
    const frame = { from: this.#life, to: to?.incarnation, counter: this.#counter, message, version };
    return encodeFrame(this.#observes ? { ...frame, observes: true } : frame, form);
  }

  #carry(text: string, to: Addressee | undefined): void {
    this.#carryOut(text, to?.aloud === true ? undefined : to?.name);
  }
}

/** How many items a delta or a page has: what it costs to make and to merge. */
export function itemsOf(message: DeltaMessage | Page): number {
  const others = message.type === "page" ? message.kept : message.removed;
  return message.births.length + others.length + (message.closed?.length ?? 0);
}
