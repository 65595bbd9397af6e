/**
 * The paths that a channel server answers, and what it tells of paths that it shares with others or not. Knows no
 * socket.
 */
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import type { AttachmentOwner, RequestListener, UpgradeListener } from "./http-attachment.js";

/** Of what clients make up, errors hold no more than this. */
const MAX_REPORTED_LENGTH = 200;

export class ServedPaths implements AttachmentOwner {
  readonly upgrades = new Map<string, UpgradeListener>();
  readonly requests = new Map<string, RequestListener>();
  readonly #reports: ErrorReports;
  readonly #counters: Pick<ChannelCounters, "refusedConnections">;
  readonly #taken = new Set<string>();

  constructor(reports: ErrorReports, counters: Pick<ChannelCounters, "refusedConnections">) {
    this.#reports = reports;
    this.#counters = counters;
  }

  find(path: string): UpgradeListener | undefined {
    return this.upgrades.get(path);
  }

  findRequest(path: string): RequestListener | undefined {
    return this.requests.get(path);
  }

  pathTaken(path: string): void {
    if (this.#taken.has(path)) return;
    this.#taken.add(path);
    const message =
      "another channel server, attached later, serves the same path of the same HTTP server: was a module loaded " +
      "twice, by a hot reload or from two bundles? Stop the older one first; said once per path";
    this.#reports.report("NAME_IN_USE", message, { path }, undefined);
  }

  pathUnknown(path: string): void {
    this.#counters.refusedConnections++;
    this.#reports.remark("CONNECTION_REFUSED", "a request was refused: its path is not served here", {
      path: path.slice(0, MAX_REPORTED_LENGTH),
    });
  }

  /** `ws` has refused an upgrade: one that the connect hook had allowed. */
  handshakeRefused(path: string): void {
    this.#counters.refusedConnections++;
    const message = "an upgrade was refused: its headers are not those of a WebSocket handshake";
    this.#reports.remark("CONNECTION_REFUSED", message, { path }, { kind: "handshake" });
  }

  upgradeUnanswered(path: string): void {
    this.#counters.refusedConnections++;
    const message = "an upgrade of a path that is not served here was ended, because nobody answered it";
    this.#reports.remark("LIMIT_REACHED", message, {
      limit: "foreignUpgradeTimeoutMs",
      path: path.slice(0, MAX_REPORTED_LENGTH),
    });
  }
}
