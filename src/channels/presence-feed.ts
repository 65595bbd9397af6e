/**
 * What one channel follows, on its way to one client: states in pieces, the next when the client has taken the
 * last, and diffs behind them. Promises that the client gets a state before the diffs that follow it, each change
 * once, and that a state of any size never counts as reading too slowly. Knows presences only as a source of
 * events, and its client only as somewhere to push.
 */
import { encodePayload, type EncodedPayload } from "./frames.js";
import type { CountSource, FollowCountsOptions, FollowOptions, PresenceSource } from "./handlers.js";
import type { JoinCharges } from "./join-budget.js";
import { StatePieces } from "./state-pieces.js";

const PHOENIX_EVENTS = { state: "presence_state", diff: "presence_diff" } as const;
const REST_EVENT = "presence_rest";
const COUNT_EVENT = "presence_count";

/** What the client calls the events of one feed. */
type FeedEvents = NonNullable<FollowOptions["events"]>;

/** Where a feed writes. */
export interface FeedClient {
  /** Who pays for states. */
  readonly joinCharges: JoinCharges;
  /** Pushes a piece of a state; `taken` is called in a later turn, once the client has taken it. */
  pushPiece(event: string, payload: EncodedPayload, taken?: () => void): void;
  pushEncoded(event: string, payload: EncodedPayload): void;
  /** Calls back in a later turn of the event loop, so that others have theirs between two pieces. */
  later(callback: () => void): void;
  /** More waits behind a state than a client may have waiting. */
  readsTooSlowly(): void;
  addPending(state: PendingState): void;
  removePending(state: PendingState): void;
}

/** A state of which some pieces have yet to be sent. */
export interface PendingState {
  /** Its share of memory, with the diffs that wait behind it, in bytes. */
  readonly bytesWaiting: number;
}

/** What all feeds of a server share: the encodings of payloads that a presence hands to many channels at once. */
export class FeedEncodings {
  readonly #pieces = new WeakMap<object, StatePieces>();
  readonly #payloads = new WeakMap<object, EncodedPayload>();
  readonly #maxPieceBytes: number;
  readonly maxWaitingBytes: number;

  constructor(limits: { readonly maxPieceBytes: number; readonly maxBufferedBytes: number }) {
    this.#maxPieceBytes = limits.maxPieceBytes;
    this.maxWaitingBytes = limits.maxBufferedBytes;
  }

  piecesOf(state: object): StatePieces {
    return shared(this.#pieces, state, () => new StatePieces(state, this.#maxPieceBytes));
  }

  encode(payload: object): EncodedPayload {
    return shared(this.#payloads, payload, () => encodePayload(payload));
  }
}

/** A frozen payload never changes once it is handed out, so that what was made of it may be kept. */
function shared<Made>(known: WeakMap<object, Made>, payload: object, make: () => Made): Made {
  if (!Object.isFrozen(payload)) return make();
  let made = known.get(payload);
  if (made === undefined) {
    made = make();
    known.set(payload, made);
  }
  return made;
}

/** Everything that one channel follows. */
export class PresenceFeeds {
  readonly #client: FeedClient;
  readonly #encodings: FeedEncodings;
  readonly #end = new AbortController();
  readonly #feeds: PresenceFeed[] = [];
  readonly #followed = new Map<object, Set<string>>();
  /** State events that a followed topic has for itself: a further one would replace the client's list. */
  readonly #taken = new Set<string>();

  constructor(client: FeedClient, encodings: FeedEncodings) {
    this.#client = client;
    this.#encodings = encodings;
  }

  follow(presence: PresenceSource, topic: string, { events = PHOENIX_EVENTS, limit }: FollowOptions): void {
    if (!this.#isNew(presence, [topic, events.state, events.diff])) return;
    const isFirst = !this.#taken.has(events.state);
    this.#taken.add(events.state);
    const feed = new PresenceFeed(this.#client, this.#encodings, events, isFirst);
    this.#feeds.push(feed);
    const receive = (event: string, payload: object): void => feed.receive(event, payload);
    const { signal } = this.#end;
    presence.forward(topic, receive, limit === undefined ? { signal } : { signal, limit });
  }

  followCount(
    presence: CountSource,
    topic: string,
    { event = COUNT_EVENT, periodMs }: FollowCountsOptions,
  ): void {
    if (!this.#isNew(presence, [topic, event])) return;
    const tell = (count: object): void => this.#client.pushEncoded(event, this.#encodings.encode(count));
    const { signal } = this.#end;
    presence.followCount(topic, tell, periodMs === undefined ? { signal } : { signal, periodMs });
  }

  /** Whether that is not followed yet; from now on it is. */
  #isNew(presence: object, what: readonly string[]): boolean {
    // A list of texts is one text, and no other list's.
    const name = JSON.stringify(what);
    let followed = this.#followed.get(presence);
    if (!followed) this.#followed.set(presence, (followed = new Set()));
    if (followed.has(name)) return false;
    followed.add(name);
    return true;
  }

  end(): void {
    this.#end.abort();
    for (const feed of this.#feeds) feed.end();
  }
}

class PresenceFeed implements PendingState {
  readonly #client: FeedClient;
  readonly #encodings: FeedEncodings;
  readonly #events: FeedEvents;
  /** Whether its state is the client's list, and not added to one. */
  readonly #isFirst: boolean;
  #pieces: StatePieces | undefined;
  #held: { readonly event: string; readonly payload: EncodedPayload }[] = [];
  #heldBytes = 0;
  #ended = false;

  constructor(client: FeedClient, encodings: FeedEncodings, events: FeedEvents, isFirst: boolean) {
    this.#client = client;
    this.#encodings = encodings;
    this.#events = events;
    this.#isFirst = isFirst;
  }

  get bytesWaiting(): number {
    return (this.#pieces?.bytesEach ?? 0) + this.#heldBytes;
  }

  receive(event: string, payload: object): void {
    if (this.#ended) return;
    if (event === PHOENIX_EVENTS.state) this.#begin(payload);
    else this.#pass(this.#nameOf(event), payload);
  }

  #nameOf(event: string): string {
    if (event === PHOENIX_EVENTS.diff) return this.#events.diff;
    return event === REST_EVENT ? (this.#events.rest ?? event) : event;
  }

  end(): void {
    this.#ended = true;
    this.#finish();
  }

  /** A state makes whatever was held back for an earlier one out of date. */
  #begin(state: object): void {
    this.#finish();
    const pieces = this.#encodings.piecesOf(state);
    this.#pieces = pieces;
    pieces.countReceiver(1);
    // As a whole, before the first piece: many that are joined at once must not all begin before any is paid for.
    this.#client.joinCharges.whenPaid(() => {
      if (this.#ended || this.#pieces !== pieces) return;
      pieces.at(0);
      this.#client.joinCharges.charge(pieces.bytes);
      this.#send(pieces, 0);
    });
    if (this.#pieces) this.#client.addPending(this);
  }

  #send(pieces: StatePieces, index: number): void {
    const piece = pieces.at(index);
    if (this.#ended || this.#pieces !== pieces || piece === undefined) return;
    const isState = index === 0 && this.#isFirst;
    const event = isState ? this.#events.state : this.#events.diff;
    const payload = isState ? piece.text : `{"joins":${piece.text},"leaves":{}}`;
    if (pieces.isLast(index)) {
      // Nothing to add to the client's list is nothing to tell.
      if (isState || piece.text !== "{}") this.#client.pushPiece(event, payload);
      return this.#release();
    }
    const sendNext = (): void => this.#client.later(() => this.#send(pieces, index + 1));
    this.#client.pushPiece(event, payload, sendNext);
  }

  #pass(event: string, payload: object): void {
    const encoded = this.#encodings.encode(payload);
    if (!this.#pieces) return this.#client.pushEncoded(event, encoded);
    this.#held.push({ event, payload: encoded });
    this.#heldBytes += encoded.length;
    this.#client.addPending(this);
    if (this.#heldBytes > this.#encodings.maxWaitingBytes) this.#client.readsTooSlowly();
  }

  /** The state has been sent: what was held back follows it. */
  #release(): void {
    const held = this.#held;
    this.#finish();
    for (const { event, payload } of held) this.#client.pushEncoded(event, payload);
  }

  #finish(): void {
    this.#pieces?.countReceiver(-1);
    this.#pieces = undefined;
    this.#held = [];
    this.#heldBytes = 0;
    this.#client.removePending(this);
  }
}
