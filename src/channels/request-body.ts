/**
 * The body of one request of long polling, while it is read. Promises that it takes no more memory than a few times its
 * bytes, however small the pieces are in which it comes; that it is bounded by bytes and by time; and that what is being
 * read for all requests counts with what waits on all sockets. Knows no session.
 */
import type { IncomingMessage } from "node:http";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Backlog, Holder } from "./backlog.js";

const FIRST_BYTES = 4_096;

/** Why a body was not read to its end: too large, too slow, or too much of others. */
export type UnreadBody = "maxQueuedBytes" | "longPollWindowMs" | "maxBufferedBytesTotal";

/** How a reading ends: with the text, with a limit, or with neither where the client is gone. */
export interface BodyReader {
  bodyRead(text: string): void;
  bodyRefused(limit: UnreadBody): void;
  bodyGone(): void;
}

export interface BodyLimits {
  readonly runtime: Runtime;
  readonly backlog: Backlog;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export class RequestBody implements Holder {
  readonly #request: IncomingMessage;
  readonly #backlog: Backlog;
  readonly #maxBytes: number;
  readonly #reader: BodyReader;
  readonly #cancelTimeout: CancelTimer;
  /** One that grows: pieces kept one by one take thirty times the memory of pieces of one byte. */
  #buffer = Buffer.alloc(0);
  #bytes = 0;
  #done = false;

  constructor(
    request: IncomingMessage,
    { runtime, backlog, maxBytes, timeoutMs }: BodyLimits,
    reader: BodyReader,
  ) {
    this.#request = request;
    this.#backlog = backlog;
    this.#maxBytes = maxBytes;
    this.#reader = reader;
    this.#cancelTimeout = runtime.schedule(timeoutMs, () => this.#refuse("longPollWindowMs"));
    if (Number(request.headers["content-length"]) > maxBytes) {
      this.#refuse("maxQueuedBytes");
      return;
    }
    request.on("data", this.#take);
    request.once("end", this.#ended);
    request.once("close", this.#gone);
  }

  get bytesWaiting(): number {
    return this.#buffer.length;
  }

  crowdOut(): void {
    this.#refuse("maxBufferedBytesTotal");
  }

  readonly #take = (chunk: Buffer): void => {
    const bytes = this.#bytes + chunk.length;
    if (bytes > this.#maxBytes) return this.#refuse("maxQueuedBytes");
    if (bytes > this.#buffer.length) {
      const roomBytes = Math.min(this.#maxBytes, Math.max(FIRST_BYTES, 2 * this.#buffer.length, bytes));
      const larger = Buffer.allocUnsafeSlow(roomBytes);
      this.#buffer.copy(larger, 0, 0, this.#bytes);
      this.#buffer = larger;
      this.#backlog.note(this);
      // There was no room for it.
      if (this.#done) return;
    }
    chunk.copy(this.#buffer, this.#bytes);
    this.#bytes = bytes;
  };

  readonly #ended = (): void => {
    const text = this.#buffer.toString("utf8", 0, this.#bytes);
    if (this.#finish()) this.#reader.bodyRead(text);
  };

  readonly #gone = (): void => {
    if (this.#finish()) this.#reader.bodyGone();
  };

  #refuse(limit: UnreadBody): void {
    this.#request.pause();
    if (this.#finish()) this.#reader.bodyRefused(limit);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#cancelTimeout();
    this.#request.off("data", this.#take);
    this.#request.off("end", this.#ended);
    this.#request.off("close", this.#gone);
    this.#buffer = Buffer.alloc(0);
    this.#bytes = 0;
    this.#backlog.forget(this);
    return true;
  }
}
