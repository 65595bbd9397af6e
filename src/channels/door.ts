/**
 * From an upgrade request to who it is: whether there is a place for one more, whether it may come in, and as
 * whom. Promises that every place that is taken is given back, and that nobody is refused without being counted.
 * Knows no WebSocket and no channel.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Admission, type NoPlace, type Place } from "./admission.js";
import type { ConnectionIdentity } from "./connection.js";
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import type { SocketOptions } from "./handlers.js";
import { refuseUpgrade, shakeHands, type AcceptedSocket } from "./handshake.js";
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

  /** Refuses the request and ends its socket, or calls back in the turn in which the connect hook is through. */
  upgrade<SocketAssigns>(
    options: SocketOptions<SocketAssigns>,
    request: IncomingMessage,
    socket: Duplex,
    letIn: (identity: ConnectionIdentity<SocketAssigns>) => void,
  ): void {
    const { runtime, limits, checkOrigin } = this.#settings;
    const refuse = (status: number, reason: string): void => {
      this.#counters.refusedConnections++;
      // An error without a listener would end the process.
      socket.on("error", () => undefined);
      refuseUpgrade(socket, status, reason);
    };
    if (this.#house.isClosing()) return refuse(503, CLOSING);
    const place = this.#enter(request);
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
      // Also where the upgrade itself fails.
      socket.once("close", place.leave);
      if (this.#house.isClosing()) return refuse(503, CLOSING);
      if (this.#isIdFull(id)) return refuse(429, "maxSocketsPerId");
      letIn({ id, assigns, expiresAtMs, sharedRates: place.rates });
    };
    shakeHands(request, socket, options, context, accept, place.leave);
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
      this.#reports.report("HANDLER_FAILED", "the key of a connection failed", {}, error);
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
