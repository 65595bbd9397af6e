/**
 * Messages of a node that follows on their way out: each frame gets its counter, and what does not fit into one is cut. One
 * counter serves all frames of a life. One entry always fits: the options that start accepts see to it. Knows no
 * peer and no time.
 */
import { utf8Length } from "../bytes.js";
import { INCARNATION_RANDOM_LENGTH, makeIncarnation } from "../life.js";
import type { Life } from "../life.js";
import {
  MAX_EVICTED,
  MAX_FRAME_BIRTHS,
  MAX_NAME_BYTES,
  MAX_NODE_NAME_BYTES,
  MAX_SESSION_LENGTH,
} from "../limits.js";
import type { Eviction } from "../message.js";
import type { Rules } from "../rules.js";
import { fitExpanded } from "../wire/births.js";
import type { BirthsForm } from "../wire/births.js";
import type { Carry } from "../wire/outbox.js";
import { encodeFollowing } from "./codec.js";
import { ITEMS_OF_A_COUNT, MAX_FRAME_ITEMS } from "./limits.js";
import type {
  Begun,
  FollowingMessage,
  Letters,
  Names,
  PairMessage,
  Roll,
  ShareFrame,
  Who,
} from "./message.js";
import { Pieces } from "./pieces.js";

/** An item may name a topic and a life beside itself. */
const ITEMS_OF_A_FRAME = Math.floor(MAX_FRAME_ITEMS / 3);

interface OutboxOptions {
  readonly holdsEverything?: boolean;
  /** The numbers from which its own go on. */
  readonly begun?: Begun | undefined;
}

export class FollowingOutbox {
  readonly #life: Life;
  readonly #maxBytes: number;
  readonly #carryOut: Carry;
  readonly #rules: Rules;
  readonly #holdsEverything: boolean;
  #counter: number;
  #units = 0;

  constructor(
    life: Life,
    maxBytes: number,
    carryOut: Carry,
    rules: Rules,
    { holdsEverything = false, begun }: OutboxOptions = {},
  ) {
    this.#counter = begun?.counter ?? 0;
    this.#holdsEverything = holdsEverything;
    this.#life = life;
    this.#maxBytes = maxBytes;
    this.#carryOut = (payload, to) => {
      this.#units += payload.length;
      carryOut(payload, to);
    };
    this.#rules = rules;
  }

  /** The counter of the last frame. */
  get counter(): number {
    return this.#counter;
  }

  /** How many units of text it has sent. */
  get units(): number {
    return this.#units;
  }

  /** Sends a message to one life, or to all. One to all fits any frame; so do those to one, but for pairs. */
  send(message: Exclude<FollowingMessage, PairMessage | Eviction | Roll | Who | Names>, to?: Life): void {
    this.#carryOut(this.#encode(message, to), to?.name);
  }

  /** Sends a message that names many; in several frames, if there are more than `most`, or than fit one. */
  sendMany<T>(
    items: readonly T[],
    make: (items: readonly T[]) => FollowingMessage,
    to?: Life,
    most = ITEMS_OF_A_FRAME,
  ): void {
    const text = items.length > most ? undefined : this.#encode(make(items), to);
    if (text !== undefined && (items.length < 2 || this.#fits(text))) return this.#carryOut(text, to?.name);
    const half = items.length >>> 1;
    this.sendMany(items.slice(0, half), make, to, most);
    this.sendMany(items.slice(half), make, to, most);
  }

  sendEviction(eviction: Eviction): void {
    const make = (sessions: Eviction["sessions"]): Eviction => ({ ...eviction, sessions });
    this.sendMany(eviction.sessions, make, undefined, MAX_EVICTED);
  }

  /** Sends letters; in parts, if they do not fit one frame. */
  sendLetters(letters: Letters, to: Life): void {
    const pieces = new Pieces(letters);
    const text = this.#encodeIfFits(letters, 1, to);
    if (text !== undefined) return this.#carryOut(text, to.name);
    const cut: Letters[] = [];
    this.#cut(pieces, 0, pieces.length, true, to, cut);
    for (const [i, piece] of cut.entries()) {
      const message = { type: "pair", letters: piece, part: i + 1, parts: cut.length } as const;
      const shared = this.#encode(message, to);
      this.#carryOut(this.#fits(shared) ? shared : this.#encodeAgain(message, to), to.name);
    }
  }

  /** Halves letters until every piece fits, whatever the numbers of its part will be. */
  #cut(pieces: Pieces, from: number, to: number, isFirst: boolean, peer: Life, cut: Letters[]): void {
    const letters = pieces.part(from, to, isFirst);
    const isSmallest = isFirst ? to === from : to - from === 1;
    if (isSmallest || this.#encodeIfFits(letters, Number.MAX_SAFE_INTEGER, peer) !== undefined) {
      cut.push(letters);
      return;
    }
    const half = from + ((to - from) >>> 1);
    this.#cut(pieces, from, half, isFirst, peer, cut);
    this.#cut(pieces, half, to, false, peer, cut);
  }

  /** A text of letters that others take in, if there is one. */
  #encodeIfFits(letters: Letters, parts: number, to: Life): string | undefined {
    const births = letters.share?.births ?? [];
    if (births.length > MAX_FRAME_BIRTHS || namedIn(letters) > ITEMS_OF_A_FRAME) return undefined;
    if (births.length > 1 && !fitExpanded(births)) return undefined;
    const text = this.#encode({ type: "pair", letters, part: parts, parts }, to);
    return this.#fits(text) ? text : undefined;
  }

  /** Whether a payload is as short as the pubsub needs it. */
  #fits(text: string): boolean {
    return this.#rules.fitsFrame(text, this.#maxBytes);
  }

  #encode(message: FollowingMessage, to: Life | undefined): string {
    // A text that is not sent after all leaves a hole in the counters, which means nothing.
    this.#counter += 1;
    return this.#encodeAgain(message, to, "shared");
  }

  /** The same frame in another form: it is sent in the place of the first, so that parts follow each other. */
  #encodeAgain(message: FollowingMessage, to: Life | undefined, form: BirthsForm = "plain"): string {
    const from = this.#life;
    const holdsEverything = this.#holdsEverything;
    return encodeFollowing(
      { from, to: to?.incarnation, counter: this.#counter, message, holdsEverything },
      form,
    );
  }
}

function namedIn({ stakes, members, wishes, share, counts }: Letters): number {
  let count = 0;
  for (const said of [stakes, wishes]) count += said?.items.length ?? 0;
  count += ITEMS_OF_A_COUNT * (counts?.items.length ?? 0);
  for (const list of members?.lists ?? []) count += 1 + list.members.length;
  if (share === undefined) return count;
  return count + share.opens.length + share.floors.length + share.closes.length;
}

/**
 * The most bytes that a frame with one entry in plain form may need, whatever the entry's names, the node's name and
 * the numbers in the frame.
 */
export function largestShareFrameBytes(maxMetaBytes: number): number {
  const most = Number.MAX_SAFE_INTEGER;
  const half = (most - 1) / 2;
  // Encoded as it would be, with a number of most digits in every place, also where it is a step. No unit takes more bytes than a control character.
  const session = "\0".repeat(MAX_SESSION_LENGTH);
  const share: ShareFrame = {
    ...{ stream: most, isWhole: true, since: half, upTo: most, from: half, to: most },
    ...{ opens: [], floors: [], closes: [], removals: [], closed: [] },
    births: [{ clock: most, topic: "t", key: "k", session, meta: {} }],
  };
  const incarnation = makeIncarnation(0, "0".repeat(INCARNATION_RANDOM_LENGTH));
  const message = { type: "pair", letters: { share }, part: most, parts: most } as const;
  const life = { name: "n", incarnation };
  const frame = { from: life, to: incarnation, counter: most, message, holdsEverything: true };
  const text = encodeFollowing(frame, "plain");
  return utf8Length(text) - "nkt{}".length + MAX_NODE_NAME_BYTES + 2 * MAX_NAME_BYTES + maxMetaBytes;
}
