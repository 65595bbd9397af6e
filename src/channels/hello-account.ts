/**
 * What the hellos of other servers may make this one send. A hello is small and its answer lists all ended ids, so
 * who can publish could make every node of a cluster send without end, in the name of servers that it makes up.
 * Time comes in as an argument; knows no pubsub.
 */
import { RateLimit } from "./rate-limit.js";

/** A server says hello twice when it connects, for one may be lost; then so often. */
const ANSWERS_PER_SERVER = 2;
const ANSWER_EVERY_MS = 5_000;
/** Answers to all servers: a cluster of so many nodes may start at once. */
const MAX_ANSWERS = 1_000;
const ANSWERS_PER_SECOND = 50;
/** What all answers may list, in bytes. The longest list is larger: it is sent once, and is paid back. */
const MAX_LISTED_BYTES = 256 * 1_024;
const LISTED_BYTES_PER_SECOND = 32 * 1_024;
/** Servers whose answers are remembered: those that were answered first are forgotten first. */
const MAX_SERVERS = 1_000;

export class HelloAccount {
  readonly #answers: RateLimit;
  readonly #listedBytes: RateLimit;
  readonly #byServer = new Map<string, RateLimit>();

  constructor(nowMs: number) {
    this.#answers = new RateLimit(ANSWERS_PER_SECOND, MAX_ANSWERS, nowMs);
    this.#listedBytes = new RateLimit(LISTED_BYTES_PER_SECOND, MAX_LISTED_BYTES, nowMs);
  }

  /** Whether a hello of that server may be answered now; takes the answer from the account. */
  take(server: string, nowMs: number): boolean {
    if (this.#listedBytes.isSpent(nowMs) || this.#answers.isSpent(nowMs)) return false;
    let own = this.#byServer.get(server);
    if (own === undefined) {
      own = new RateLimit(1_000 / ANSWER_EVERY_MS, ANSWERS_PER_SERVER, nowMs);
      const [oldest] = this.#byServer.keys();
      if (oldest !== undefined && this.#byServer.size >= MAX_SERVERS) this.#byServer.delete(oldest);
      this.#byServer.set(server, own);
    }
    return own.take(nowMs) && this.#answers.take(nowMs);
  }

  /** Something was listed. Returns how long it takes to pay for it, in milliseconds. */
  spend(bytes: number, nowMs: number): number {
    return this.#listedBytes.spend(nowMs, bytes);
  }
}
