/**
 * Whom this node has heard out since it could hear again, and who is asked to sum up what it has. Connections are numbered
 * by the frames that this node had sent when they began, so an answer that names its question tells in which of them that
 * was asked. Time comes in as an argument.
 */
import { CatchUp } from "./catch-up.js";
import type { Connection } from "./lives/connection.js";
import type { Contact } from "./lives/contact.js";
import type { Membership } from "./lives/membership.js";
import type { ReplicatorOptions } from "./options.js";
import type { Replica } from "./replica.js";

export class HeardOut {
  readonly #options: ReplicatorOptions;
  readonly #membership: Membership<Replica>;
  readonly #contact: Contact;
  readonly #connection: Connection;
  /** The number of the connection that there is now. */
  #number = 0;
  /** When those were asked last who had not been heard out. */
  #askedMs = -Infinity;

  constructor(
    options: ReplicatorOptions,
    membership: Membership<Replica>,
    contact: Contact,
    connection: Connection,
  ) {
    this.#options = options;
    this.#membership = membership;
    this.#contact = contact;
    this.#connection = connection;
  }

  /** The connection since which others are to be heard out, if that is asked for now: this one, or else the next. */
  get since(): number {
    return this.#connection.status === "connected" ? this.#number : this.#number + 1;
  }

  /**
   * Begins a wait for what others have told since a connection; and for what is known now, unless it began before anybody
   * was known.
   */
  catchUp(asOfNow: boolean, since: number): CatchUp {
    return new CatchUp(this.#membership.replicas(), asOfNow, since);
  }

  /** A life is heard for the first time. */
  met({ held }: Replica): void {
    held.met(this.#number);
  }

  /** Nothing could be heard until now: what others have is known again when they have summed it up. */
  resume(sentCounter: number, nowMs: number): void {
    const { protocol, tickPeriodMs } = this.#options;
    this.#number = Math.max(this.#number + 1, sentCounter);
    const sinceAskedMs = nowMs - this.#askedMs;
    this.#ask(nowMs, ({ held, status }) => {
      const asks = protocol.rules.asksToSumUp(held.isHeardOut, sinceAskedMs, tickPeriodMs);
      held.hearOutAnew(this.#number, status === "up");
      return asks;
    });
    this.pass(nowMs);
  }

  /** Time has passed. Where frames are slow, who was not heard out yet is asked. */
  pass(nowMs: number): void {
    const { protocol, heartbeatPeriodMs } = this.#options;
    const { status, isSlow, ownDelay } = this.#connection;
    if (status !== "connected" || !isSlow) return;
    if (!protocol.rules.asksSlowly(nowMs - this.#askedMs, ownDelay.longestMs, heartbeatPeriodMs)) return;
    this.#ask(nowMs, ({ held }) => !held.hasBeenHeardOut);
  }

  #ask(nowMs: number, isAsked: (replica: Replica) => boolean): void {
    for (const replica of this.#membership.replicas()) {
      if (!isAsked(replica) || !replica.isAlive) continue;
      this.#askedMs = nowMs;
      this.#contact.missed(replica, nowMs);
    }
  }
}
