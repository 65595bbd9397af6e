/**
 * The HTTP side of a connection: from the upgrade request to its acceptance or refusal. Promises that every
 * refusal happens before the upgrade, that a hook that hangs or a client that goes away meanwhile leaves nothing
 * behind, and that no error of the raw socket reaches the process. Knows no WebSocket and no channel.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Runtime } from "../runtime.js";
import type { Reporter } from "../reports.js";
import { Refusal, type ConnectRequest, type OriginCheck, type SocketOptions } from "./handlers.js";
import { originAllowed } from "./origin.js";
import { parseParams } from "./params.js";
import { isThenable } from "./serial-queue.js";

/** The subprotocol that the official client offers along with its token, and wants confirmed. */
export const SUBPROTOCOL = "phoenix";
const TOKEN_SUBPROTOCOL = "base64url.bearer.phx.";

/** The one version of the wire protocol that is spoken; clients write it as `2.0.0`. */
const SUPPORTED_VERSION = /^2\.0\.\d+$/;

/** What the connect hook gave. */
export interface AcceptedSocket<SocketAssigns> {
  readonly id: string | undefined;
  readonly assigns: SocketAssigns;
}

/** What a handshake needs from the server. */
export interface HandshakeContext {
  readonly runtime: Runtime;
  readonly reports: Reporter;
  readonly checkOrigin: OriginCheck;
  readonly connectTimeoutMs: number;
}

/**
 * Checks an upgrade request and asks the connect hook. `accept` is called if it may go on, in the same turn
 * where the hook is synchronous; else the request is refused and the socket ended.
 */
export function shakeHands<SocketAssigns>(
  request: IncomingMessage,
  socket: Duplex,
  options: SocketOptions<SocketAssigns>,
  context: HandshakeContext,
  accept: (accepted: AcceptedSocket<SocketAssigns>) => void,
): void {
  // From here to the upgrade nobody else listens, and an error without a listener would end the process.
  const ignore = (): void => undefined;
  socket.on("error", ignore);
  let settled = false;
  const refuse = (status: number): void => {
    if (settled) return;
    settled = true;
    refuseUpgrade(socket, status);
  };
  const failed = (error: unknown): void => {
    context.reports.report("HANDLER_FAILED", "a connect hook failed", { path: request.url }, error);
    refuse(500);
  };
  const decide = (result: SocketAssigns | Refusal): void => {
    if (settled) return;
    if (result instanceof Refusal) return refuse(result.status);
    const id = options.id?.(result);
    settled = true;
    socket.off("error", ignore);
    if (!socket.destroyed) accept({ id, assigns: result });
  };

  try {
    const connect = readRequest(request, options.checkOrigin ?? context.checkOrigin);
    if (typeof connect === "number") return refuse(connect);
    // Without a hook nothing is known about the socket: its assigns are `undefined`, and so is their type.
    const result = options.connect?.(connect) as ReturnType<NonNullable<typeof options.connect>>;
    if (!isThenable(result)) return decide(result as SocketAssigns | Refusal);
    const cancel = context.runtime.schedule(context.connectTimeoutMs, () => refuse(503));
    socket.once("close", () => {
      settled = true;
      cancel();
    });
    result
      .then((value) => decide(value as SocketAssigns | Refusal))
      .then(cancel, (error: unknown) => {
        cancel();
        failed(error);
      });
  } catch (error) {
    failed(error);
  }
}

/** Answers an upgrade request with a status and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  if (socket.destroyed) return;
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`;
  socket.once("finish", () => socket.destroy());
  socket.end(`${head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** What the connect hook gets, or the status to refuse with. */
function readRequest(request: IncomingMessage, check: OriginCheck): ConnectRequest | number {
  if (request.method !== "GET") return 405;
  if (request.headers.upgrade?.toLowerCase() !== "websocket") return 426;
  const url = request.url ?? "";
  const question = url.indexOf("?");
  const params = parseParams(question < 0 ? "" : url.slice(question + 1));
  if (!params) return 400;
  // Without `vsn` a client means version 1.
  const version = params["vsn"];
  if (typeof version !== "string" || !SUPPORTED_VERSION.test(version)) return 403;
  if (!originAllowed(check, request)) return 403;
  return { params, authToken: takeAuthToken(request), request };
}

/**
 * Reads the token from among the offered subprotocols. They are then reduced to the one that is spoken: tokens
 * in plain base64 may hold characters that are not legal there, and `ws` would refuse the handshake for them.
 */
function takeAuthToken(request: IncomingMessage): string | undefined {
  const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
  if (!offered?.includes(SUBPROTOCOL)) return undefined;
  request.headers["sec-websocket-protocol"] = SUBPROTOCOL;
  const bearer = offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL));
  if (bearer === undefined) return undefined;
  // Reads both alphabets, with and without padding.
  return Buffer.from(bearer.slice(TOKEN_SUBPROTOCOL.length), "base64").toString();
}
