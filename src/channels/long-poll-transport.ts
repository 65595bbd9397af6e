/**
 * One client on long polling: what waits to be sent until it asks, and what it has sent. Promises that messages go
 * out in order and in one answer at most, that a request is always answered, and that a client above its limits has
 * its requests answered late. Knows no HTTP and no token.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Frame, SharedFrame } from "./frames.js";
import type { Transport, TransportOwner } from "./transport.js";

/** What a request is answered with; the numbers are those that the official client knows. */
export type PollAnswer =
  | { readonly status: 200; readonly messages: readonly string[] }
  /** Nothing to send: ask again. */
  | { readonly status: 204 }
  /** The session is gone: open another one. */
  | { readonly status: 500 };

export const GONE: PollAnswer = { status: 500 };
const NOTHING: PollAnswer = { status: 204 };
const DONE: PollAnswer = { status: 200, messages: [] };

/** A poll that waits. */
interface Poll {
  readonly maxBytes: number;
  answer(answer: PollAnswer): void;
}

interface Message {
  readonly text: string;
  readonly bytes: number;
  readonly taken: (() => void) | undefined;
}

/** Frames of one request that have yet to be handled. */
interface Intake {
  /** The frames, one a line. Lists of lines would take many times the memory of short ones. */
  readonly text: string;
  /** Where the next line starts; beyond the text, there is none. */
  next: number;
  done(answer: PollAnswer): void;
}

const BINARY_HEADER = 0x82;

export class LongPollTransport implements Transport {
  readonly #runtime: Runtime;
  readonly #windowMs: number;
  readonly #maxFrameBytes: number;
  readonly #onEnd: () => void;
  #owner: TransportOwner | undefined;
  #messages: Message[] = [];
  #bytesBuffered = 0;
  #poll: Poll | undefined;
  #cancelWindow: CancelTimer | undefined;
  #intake: Intake | undefined;
  #isHandling = false;
  #paused = false;
  #flushing = false;
  #state: "open" | "closing" | "closed" = "open";
  #askedAtMs: number;

  constructor(
    runtime: Runtime,
    {
      longPollWindowMs,
      maxFrameBytes,
    }: { readonly longPollWindowMs: number; readonly maxFrameBytes: number },
    onEnd: () => void,
  ) {
    this.#runtime = runtime;
    this.#windowMs = longPollWindowMs;
    this.#maxFrameBytes = maxFrameBytes;
    this.#onEnd = onEnd;
    this.#askedAtMs = runtime.monotonicMs();
  }

  listen(owner: TransportOwner): void {
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get bytesBuffered(): number {
    return this.#bytesBuffered;
  }

  /** A text takes up to two bytes a character, and all of it until its last line is handled. */
  get bytesUnread(): number {
    return this.#intake === undefined ? 0 : 2 * this.#intake.text.length;
  }

  /** Whether the client has not asked for so long that it is gone. */
  isSilent(nowMs: number): boolean {
    return this.#poll === undefined && nowMs - this.#askedAtMs > 1.5 * this.#windowMs;
  }

  send({ data, binary }: Frame, taken?: () => void): void {
    if (binary) this.#owner?.frameUndeliverable();
    else this.#push(data.toString(), taken);
  }

  sendShared({ wire, headerBytes }: SharedFrame): void {
    if (wire[0] === BINARY_HEADER) this.#owner?.frameUndeliverable();
    else this.#push(wire.toString("utf8", headerBytes));
  }

  /** Takes the rest of what it was sent only when it is resumed: its request is answered then. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#handleIntake();
  }

  /** What waits is sent with the next answer, and then the session is gone. */
  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    if (this.#poll) this.#flush();
  }

  terminate(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#messages = [];
    this.#bytesBuffered = 0;
    this.#answerPoll(GONE);
    this.#intake?.done(GONE);
    this.#intake = undefined;
    this.#onEnd();
    this.#owner?.closed();
  }

  /**
   * Waits for something to send, in at most so many bytes. The returned function says that the client is gone
   * meanwhile: what waits is kept for its next request.
   */
  poll(maxBytes: number, answer: (answer: PollAnswer) => void): () => void {
    if (this.#state === "closed") {
      answer(GONE);
      return () => undefined;
    }
    this.#hear();
    // A client asks once at a time: the one before has given up.
    this.#answerPoll(NOTHING);
    const poll: Poll = { maxBytes, answer };
    this.#poll = poll;
    if (this.#messages.length > 0 || this.#state === "closing") this.#flush();
    else this.#cancelWindow = this.#runtime.schedule(this.#windowMs, () => this.#answerPoll(NOTHING));
    return () => {
      if (this.#poll !== poll) return;
      this.#poll = undefined;
      this.#cancelWindow?.();
    };
  }

  /** Takes the frames of one request, one a line. A client sends the next request when this one is answered. */
  receive(body: string, done: (answer: PollAnswer) => void): void {
    if (this.#state !== "open" || this.#intake !== undefined) return done(GONE);
    this.#hear();
    this.#intake = { text: body, next: 0, done };
    this.#handleIntake();
  }

  #hear(): void {
    this.#askedAtMs = this.#runtime.monotonicMs();
    this.#owner?.controlReceived(0);
  }

  #handleIntake(): void {
    // A frame may end the connection, which resumes what it may have paused.
    if (this.#isHandling) return;
    this.#isHandling = true;
    this.#handleLines(this.#intake);
    this.#isHandling = false;
  }

  #handleLines(intake: Intake | undefined): void {
    while (intake !== undefined && intake === this.#intake && !this.#paused && this.#state === "open") {
      if (intake.next > intake.text.length) {
        this.#intake = undefined;
        return intake.done(DONE);
      }
      const end = intake.text.indexOf("\n", intake.next);
      const line = intake.text.slice(intake.next, end < 0 ? undefined : end);
      intake.next = (end < 0 ? intake.text.length : end) + 1;
      // An empty line is no frame, and costs as much to find.
      if (line.trim() === "") this.#owner?.controlReceived(line.length);
      else this.#handleLine(line);
    }
    if (intake === undefined || intake !== this.#intake || this.#state === "open") return;
    this.#intake = undefined;
    intake.done(GONE);
  }

  /** Text as it is, bytes in base64: a text frame is a list. */
  #handleLine(line: string): void {
    const binary = !line.trimStart().startsWith("[");
    const data = Buffer.from(line, binary ? "base64" : "utf8");
    if (data.length <= this.#maxFrameBytes) return this.#owner?.frameReceived(data, binary);
    this.#owner?.frameRefused(true);
    this.terminate();
  }

  #push(text: string, taken?: () => void): void {
    const bytes = Buffer.byteLength(text);
    this.#messages.push({ text, bytes, taken });
    this.#bytesBuffered += bytes;
    if (this.#flushing) return;
    this.#flushing = true;
    // What is sent in one turn goes out in one answer.
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#poll) this.#flush();
    });
  }

  /** Answers the poll with what waits, as much as fits. */
  #flush(): void {
    const maxBytes = this.#poll?.maxBytes ?? 0;
    const messages: string[] = [];
    const taken: (() => void)[] = [];
    let bytes = 0;
    for (let next = this.#messages[0]; next !== undefined; next = this.#messages[0]) {
      if (messages.length > 0 && bytes + 2 * next.bytes > maxBytes) break;
      // Nobody can carry it to where the client asks.
      if (2 * next.bytes > maxBytes && Buffer.byteLength(JSON.stringify(next.text)) > maxBytes) {
        return this.terminate();
      }
      this.#messages.shift();
      // As text in a list, quotes and line breaks take twice.
      bytes += 2 * next.bytes;
      this.#bytesBuffered -= next.bytes;
      messages.push(next.text);
      if (next.taken) taken.push(next.taken);
    }
    if (messages.length > 0) this.#answerPoll({ status: 200, messages });
    for (const callback of taken) this.#runtime.schedule(0, callback);
    if (this.#state !== "closing") return;
    if (messages.length === 0 || this.#messages.length === 0) this.terminate();
  }

  #answerPoll(answer: PollAnswer): void {
    const poll = this.#poll;
    this.#poll = undefined;
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
    this.#askedAtMs = this.#runtime.monotonicMs();
    poll?.answer(answer);
  }
}
