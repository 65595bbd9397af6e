/**
 * How many sockets there may be, in all and of one key, and what the sockets of one key may send together.
 * Promises that a key is remembered until its rates are full again, so that a client that comes back finds them as it
 * left them, and no longer. Time comes in as an argument; knows no socket.
 */
import type { IncomingMessage } from "node:http";
import { TrackerError } from "../errors.js";
import type { ChannelLimits } from "./options.js";
import { RateLimit } from "./rate-limit.js";
import { isThenable } from "./serial-queue.js";

/** What one socket, or those of one key together, may send and cause to be sent. */
export class SocketRates {
  readonly messages: RateLimit;
  readonly joins: RateLimit;
  readonly joinBytes: RateLimit;

  /** Of messages no more than `maxMessageDebt` is owed, or what came last if that is more. */
  private constructor(limits: ChannelLimits, sockets: number, nowMs: number, maxMessageDebt: number) {
    const messageBurst = limits.messageBurst * sockets;
    this.messages = new RateLimit(limits.messagesPerSecond * sockets, messageBurst, nowMs, maxMessageDebt);
    this.joins = new RateLimit(limits.joinsPerSecond * sockets, limits.joinBurst * sockets, nowMs);
    this.joinBytes = new RateLimit(
      limits.joinBytesPerSecond * sockets,
      limits.joinByteBurst * sockets,
      nowMs,
    );
  }

  /** One socket pays all that it owes: what one read brought, small messages by the thousand, was handled at once. */
  static ofOne(limits: ChannelLimits, nowMs: number): SocketRates {
    return new SocketRates(limits, 1, nowMs, Infinity);
  }

  /** What those of a key that are closing had on the way must not keep the others waiting for minutes. */
  static ofKey(limits: ChannelLimits, nowMs: number): SocketRates {
    const sockets = limits.socketRatesPerKey;
    return new SocketRates(limits, sockets, nowMs, limits.messageBurst * sockets);
  }

  areFull(nowMs: number): boolean {
    return this.messages.isFull(nowMs) && this.joins.isFull(nowMs) && this.joinBytes.isFull(nowMs);
  }
}

/** A place for one socket, from its handshake to its end. */
export interface Place {
  /** What the socket shares with the others of its key. */
  readonly rates: SocketRates | undefined;
  /** Gives the place back; once is enough, and more do no harm. */
  leave(): void;
}

/** Why there is no place: the limit that is reached. */
export type NoPlace = "maxSockets" | "maxSocketsPerKey";

interface KeyUse {
  readonly rates: SocketRates;
  sockets: number;
}

export class Admission {
  readonly #limits: ChannelLimits;
  readonly #keyOf: ((request: IncomingMessage) => string | undefined) | undefined;
  readonly #uses = new Map<string, KeyUse>();
  #sockets = 0;

  constructor(limits: ChannelLimits, keyOf: ((request: IncomingMessage) => string | undefined) | undefined) {
    this.#limits = limits;
    this.#keyOf = keyOf;
  }

  /**
   * Takes a place for a socket. Throws what the application's `key` throws.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a key that is no text: a promise would be another one each time.
   */
  enter(request: IncomingMessage, nowMs: number): Place | NoPlace {
    if (this.#sockets >= this.#limits.maxSockets) return "maxSockets";
    const key = checkKey(this.#keyOf?.(request));
    let use = key === undefined ? undefined : this.#uses.get(key);
    if (use !== undefined && use.sockets >= this.#limits.maxSocketsPerKey) return "maxSocketsPerKey";
    if (key !== undefined && use === undefined) {
      use = { rates: SocketRates.ofKey(this.#limits, nowMs), sockets: 0 };
      this.#uses.set(key, use);
    }
    this.#sockets++;
    if (use) use.sockets++;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      this.#sockets--;
      if (use) use.sockets--;
    };
    return { rates: use?.rates, leave };
  }

  /** Forgets the keys without a socket whose rates are as good as new. */
  sweep(nowMs: number): void {
    for (const [key, { sockets, rates }] of this.#uses) {
      if (sockets === 0 && rates.areFull(nowMs)) this.#uses.delete(key);
    }
  }
}

function checkKey(key: unknown): string | undefined {
  if (key === undefined || typeof key === "string") return key;
  // Nobody else would hear of its rejection, which would end the process.
  if (isThenable(key)) key.then(undefined, () => undefined);
  throw new TrackerError("INVALID_ARGUMENT", "the key of a connection must be a string or undefined", {
    argument: "key",
    type: typeof key,
  });
}
