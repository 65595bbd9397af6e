/**
 * From a request to who it is: whether there is a place for one more, whether it may come in, and as
 * whom. Promises that every place that is taken is given back, and that nobody is refused without being counted.
 * Knows no WebSocket and no channel.
 */
import type { IncomingMessage } from "node:http";
import { Admission, type NoPlace, type Place } from "./admission.js";
import type { ConnectionIdentity } from "./connection.js";
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import type { SocketOptions } from "./handlers.js";
import { shakeHands, type AcceptedSocket, type Visitor } from "./handshake.js";
import type { Settings } from "./options.js";
import { Revocations } from "./revocations.js";

/** What a door asks its server. */
export interface House {
  /** Whether nobody is let in any more. */
  isClosing(): boolean;
  /** How many sockets of an id there are. */
  countOfId(id: string): number;
}

const CLOSING = "this server is shutting down";

export class Door {
  readonly #settings: Settings;
  readonly #reports: ErrorReports;
  readonly #counters: ChannelCounters;
  readonly #house: House;
  readonly #admission: Admission;
  readonly #revocations: Revocations;

  constructor(settings: Settings, reports: ErrorReports, counters: ChannelCounters, house: House) {
    this.#settings = settings;
    this.#reports = reports;
    this.#counters = counters;
    this.#house = house;
    this.#admission = new Admission(settings.limits, settings.key);
    this.#revocations = new Revocations(settings.limits.connectTimeoutMs);
  }

  /** Refuses a visitor, or calls back in the turn in which the connect hook is through. `leave` gives the place back. */
  open<SocketAssigns>(
    options: SocketOptions<SocketAssigns>,
    visitor: Visitor,
    letIn: (identity: ConnectionIdentity<SocketAssigns>, leave: () => void) => void,
  ): void {
    const { runtime, limits, checkOrigin } = this.#settings;
    const refuse = (status: number, reason: string): void => {
      this.#counters.refusedConnections++;
      visitor.refuse(status, reason);
    };
    if (this.#house.isClosing()) return refuse(503, CLOSING);
    const begunAtMs = runtime.monotonicMs();
    const place = this.#enter(visitor.request);
    if (typeof place === "string") return refuse(place === "maxSockets" ? 503 : 429, place);
    if (!place) return refuse(500, "the key of the connection failed");
    const context = {
      runtime,
      reports: this.#reports,
      counters: this.#counters,
      checkOrigin,
      connectTimeoutMs: limits.connectTimeoutMs,
      revocations: this.#revocations,
    };
    const accept = ({ id, assigns, expiresAtMs }: AcceptedSocket<SocketAssigns>): void => {
      const isClosing = this.#house.isClosing();
      if (!isClosing && !this.#isIdFull(id)) {
        return letIn({ id, assigns, expiresAtMs, sharedRates: place.rates, begunAtMs }, place.leave);
      }
      place.leave();
      refuse(isClosing ? 503 : 429, isClosing ? CLOSING : "maxSocketsPerId");
    };
    shakeHands(visitor, options, context, accept, place.leave);
  }

  /** No handshake that is under way now will be let in under this id. */
  revoke(id: string): void {
    this.#revocations.revoke(id, this.#settings.runtime.monotonicMs());
  }

  /** Forgets what is as good as new; to be called now and then. */
  sweep(): void {
    this.#admission.sweep(this.#settings.runtime.monotonicMs());
  }

  /** A place for a new socket, the limit that refuses it, or nothing where the application's `key` failed. */
  #enter(request: IncomingMessage): Place | NoPlace | undefined {
    try {
      const place = this.#admission.enter(request, this.#settings.runtime.monotonicMs());
      if (typeof place === "string") this.#tellLimit(place);
      return place;
    } catch (error) {
      const failure = { cause: error, kind: "key" };
      this.#reports.remark("HANDLER_FAILED", "the key of a connection failed", {}, failure);
      return undefined;
    }
  }

  #isIdFull(id: string | undefined): boolean {
    if (id === undefined || this.#house.countOfId(id) < this.#settings.limits.maxSocketsPerId) return false;
    this.#tellLimit("maxSocketsPerId");
    return true;
  }

  #tellLimit(limit: string): void {
    this.#reports.remark("LIMIT_REACHED", "a connection was refused", { limit });
  }
}
