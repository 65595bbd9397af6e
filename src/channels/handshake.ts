/**
 * The HTTP side of a connection: from the upgrade request to its acceptance or refusal. Promises that every
 * refusal happens before the upgrade, that a hook that hangs or a client that goes away meanwhile leaves nothing
 * behind, and that no error of the raw socket reaches the process. Knows no WebSocket and no channel.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { types } from "node:util";
import { TrackerError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { ErrorReports } from "./error-reports.js";
import type { ChannelCounters } from "./counters.js";
import {
  checkExpiry,
  isRefusal,
  type ConnectRequest,
  type NoAssigns,
  type OriginCheck,
  type Refusal,
  type SocketOptions,
} from "./handlers.js";
import { askOrigin } from "./origin.js";
import { parseParams } from "./params.js";
import type { Revocations } from "./revocations.js";
import { isThenable } from "./serial-queue.js";

/** The subprotocol that the official client offers along with its token, and wants confirmed. */
export const SUBPROTOCOL = "phoenix";
const TOKEN_SUBPROTOCOL = "base64url.bearer.phx.";

/** The one version of the wire protocol that is spoken; clients write it as `2.0.0`. */
const SUPPORTED_VERSION = /^2\.0\.\d+$/;

/** Of headers that clients make up, errors hold no more than this. */
const MAX_REPORTED_LENGTH = 200;

/** What the connect hook gave. */
export interface AcceptedSocket<SocketAssigns> {
  readonly id: string | undefined;
  readonly assigns: SocketAssigns;
  readonly expiresAtMs: number | undefined;
}

/** What a handshake needs from the server. */
export interface HandshakeContext {
  readonly runtime: Runtime;
  readonly reports: ErrorReports;
  readonly counters: Pick<ChannelCounters, "refusedConnections" | "refusedOrigins">;
  readonly checkOrigin: OriginCheck;
  readonly connectTimeoutMs: number;
  readonly revocations: Revocations;
}

/** A refusal of this server's own: the status, and the reason in words, for people who read the answer. */
interface RefusedRequest {
  readonly status: number;
  readonly reason: string;
}

/** Hooks that returned what is no answer and were told of: once each. */
const toldToRefuse = new WeakSet<object>();

/** A client that asks to be let in. */
export interface Visitor {
  readonly request: IncomingMessage;
  /** Who is gone when it closes. */
  readonly socket: Duplex;
  readonly transport: "websocket" | "longpoll";
  /** Answers with a status and a reason, and ends what was asked. */
  refuse(status: number, reason: string): void;
}

/**
 * Checks a request and asks the connect hook. `accept` is called if it may go on, in the same turn where the hook is
 * synchronous; else the visitor is refused, and `refused` called.
 */
export function shakeHands<SocketAssigns>(
  visitor: Visitor,
  options: SocketOptions<SocketAssigns>,
  context: HandshakeContext,
  accept: (accepted: AcceptedSocket<SocketAssigns>) => void,
  refused: () => void,
): void {
  const { request, socket } = visitor;
  const { reports, counters, revocations, runtime } = context;
  const begunAt = revocations.latest;
  // From here to the upgrade nobody else listens, and an error without a listener would end the process.
  const ignore = (): void => undefined;
  socket.on("error", ignore);
  let settled = false;
  const refuse = (status: number, reason = ""): void => {
    if (settled) return;
    settled = true;
    counters.refusedConnections++;
    visitor.refuse(status, reason);
    // An upgrade that is refused has a listener of its own; a connection that is kept alive may be refused often.
    socket.off("error", ignore);
    refused();
  };
  const failed = (error: unknown): void => {
    const failure = { cause: error, kind: "connect" };
    reports.remark("HANDLER_FAILED", "a connect hook failed", { path: pathOf(request) }, failure);
    refuse(500, "the connect hook failed");
  };
  const decide = (result: SocketAssigns | Refusal | NoAssigns): void => {
    if (settled) return;
    if (isRefusal(result)) return refuse(result.status);
    if (options.connect && !isAssigns(result)) {
      tellToRefuse(options, context, request);
      return refuse(403);
    }
    const assigns = result as SocketAssigns;
    const expiresAtMs = (assigns as { readonly expiresAtMs?: unknown } | undefined)?.expiresAtMs;
    const nowMs = runtime.wallClockMs();
    checkExpiry(expiresAtMs, nowMs);
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return refuse(403, "expired");
    const id = checkId(options.id?.(assigns));
    if (id !== undefined && revocations.isRevoked(id, begunAt)) {
      return refuse(403, "disconnected while connecting");
    }
    settled = true;
    socket.off("error", ignore);
    if (socket.destroyed) refused();
    else accept({ id, assigns, expiresAtMs });
  };

  try {
    const connect = readRequest(visitor, options.checkOrigin ?? context.checkOrigin, context);
    if ("status" in connect) return refuse(connect.status, connect.reason);
    // Without a hook nothing is known about the socket: its assigns are `undefined`, and so is their type.
    const result = options.connect?.(connect) as ReturnType<NonNullable<typeof options.connect>>;
    if (!isThenable(result)) return decide(result as SocketAssigns | Refusal | NoAssigns);
    const cancel = runtime.schedule(context.connectTimeoutMs, () => {
      reports.remark("LIMIT_REACHED", "a connect hook took too long", {
        limit: "connectTimeoutMs",
        path: pathOf(request),
      });
      refuse(503, "the connect hook took too long");
    });
    const gone = (): void => {
      cancel();
      if (settled) return;
      settled = true;
      socket.off("error", ignore);
      refused();
    };
    const done = (): void => {
      cancel();
      socket.off("close", gone);
    };
    socket.once("close", gone);
    Promise.resolve(result)
      .then((value) => decide(value as SocketAssigns | Refusal | NoAssigns))
      .then(done, (error: unknown) => {
        done();
        failed(error);
      });
  } catch (error) {
    failed(error);
  }
}

/** Answers an upgrade request with a status, and a reason as its body, and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: number, reason = ""): void {
  if (socket.destroyed) return;
  socket.once("finish", () => socket.destroy());
  socket.end(refusalText(status, reason));
}

/** The answer to an upgrade request that is refused. */
export function refusalText(status: number, reason: string): string {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`;
  const type = reason === "" ? "" : "Content-Type: text/plain\r\n";
  const length = Buffer.byteLength(reason);
  return `${head}\r\nConnection: close\r\n${type}Content-Length: ${length}\r\n\r\n${reason}`;
}

/** The path of a request without its query, which may hold what clients keep secret. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "";
  const question = url.indexOf("?");
  return question < 0 ? url : url.slice(0, question);
}

function tellToRefuse(
  options: object,
  { reports }: Pick<HandshakeContext, "reports">,
  request: IncomingMessage,
): void {
  if (toldToRefuse.has(options)) return;
  toldToRefuse.add(options);
  const message =
    "a connect hook returned nothing, true, a list or an error, and the connection was refused: return " +
    "refuse(403) to refuse, or what is known about the socket, such as {}; said once per path";
  reports.report("CONNECTION_REFUSED", message, { path: pathOf(request) }, undefined);
}

/** What the connect hook gets, or why there is none. */
function readRequest(
  { request, transport }: Visitor,
  check: OriginCheck,
  { reports, counters }: Pick<HandshakeContext, "reports" | "counters">,
): ConnectRequest | RefusedRequest {
  if (request.method !== "GET") return { status: 405, reason: "only GET opens a socket" };
  if (transport === "websocket" && request.headers.upgrade?.toLowerCase() !== "websocket") {
    return { status: 426, reason: "only upgrades to websocket are served" };
  }
  const url = request.url ?? "";
  const question = url.indexOf("?");
  const params = parseParams(question < 0 ? "" : url.slice(question + 1));
  if (!params) return { status: 400, reason: "the parameters are nested too deep" };
  // Without `vsn` a client means version 1.
  const version = params["vsn"];
  if (typeof version !== "string" || !SUPPORTED_VERSION.test(version)) {
    const reason = "only version 2 of the channels protocol is spoken: vsn=2.0.0";
    reports.remark("UNKNOWN_PROTOCOL", `a client was refused: ${reason}`, { path: pathOf(request) });
    return { status: 403, reason };
  }
  const refused = refusedForOrigin(check, request, { reports, counters });
  return refused ?? { params, authToken: takeAuthToken(request), request };
}

/** What a connect hook meant to refuse with, or to say yes with, is known about no socket. */
function isAssigns(result: unknown): boolean {
  if (!result || result === true || Array.isArray(result)) return false;
  return !(result instanceof Error) && !types.isNativeError(result);
}

/** @throws TrackerError `INVALID_ARGUMENT` for what names no socket: nobody could disconnect it by that. */
function checkId(id: unknown): string | undefined {
  if (id === undefined || typeof id === "string") return id;
  ignoreRejection(id);
  throw new TrackerError("INVALID_ARGUMENT", "the id of a socket must be a string or undefined", {
    argument: "id",
    type: typeof id,
  });
}

/** The rejection of a promise that nobody asked for would end the process. */
function ignoreRejection(value: unknown): void {
  if (isThenable(value)) value.then(undefined, () => undefined);
}

/**
 * Counts and reports a page of an origin that may not connect, and a check that fails. Returns how it is refused, and
 * nothing where it may connect. A check that is a function allows by `true` alone: a promise is no answer yet.
 */
export function refusedForOrigin(
  check: OriginCheck,
  request: IncomingMessage,
  {
    reports,
    counters,
  }: Pick<HandshakeContext, "reports"> & { counters: Pick<ChannelCounters, "refusedOrigins"> },
): RefusedRequest | undefined {
  let answer: unknown;
  try {
    answer = askOrigin(check, request);
    if (answer === true) return undefined;
    ignoreRejection(answer);
  } catch (error) {
    const failure = { cause: error, kind: "origin" };
    reports.remark("HANDLER_FAILED", "an origin check failed", { path: pathOf(request) }, failure);
    return { status: 500, reason: "the origin check failed" };
  }
  if (answer !== false && typeof check === "function" && !toldToRefuse.has(check)) {
    toldToRefuse.add(check);
    const message =
      "an origin check returned neither true nor false, and the connection was refused: it must answer at once; " +
      "said once per check";
    reports.report("CONNECTION_REFUSED", message, { path: pathOf(request), type: typeof answer }, undefined);
  }
  counters.refusedOrigins++;
  const origin = (request.headers.origin ?? "").slice(0, MAX_REPORTED_LENGTH);
  reports.remark("ORIGIN_REFUSED", `the origin ${JSON.stringify(origin)} may not connect: see checkOrigin`, {
    origin,
    host: request.headers.host?.slice(0, MAX_REPORTED_LENGTH),
    path: pathOf(request),
  });
  return { status: 403, reason: "this origin may not connect (checkOrigin)" };
}

/**
 * Reads the token from among the offered subprotocols. They are then reduced to the one that is spoken: tokens
 * in plain base64 may hold characters that are not legal there, and `ws` would refuse the handshake for them.
 */
function takeAuthToken(request: IncomingMessage): string | undefined {
  // A request of long polling has a header for it, which a WebSocket of a browser cannot have.
  const header = request.headers["x-phoenix-authtoken"];
  if (typeof header === "string") return header;
  const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
  if (!offered?.includes(SUBPROTOCOL)) return undefined;
  request.headers["sec-websocket-protocol"] = SUBPROTOCOL;
  const bearer = offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL));
  if (bearer === undefined) return undefined;
  // Reads both alphabets, with and without padding.
  return Buffer.from(bearer.slice(TOKEN_SUBPROTOCOL.length), "base64").toString();
}
