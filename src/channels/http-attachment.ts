/**
 * How socket paths share an HTTP server with whatever else listens there: every listener takes its own paths,
 * the newest of ours where several have the same one, and what nobody takes is ended, so that no client waits for
 * ever. Knows no protocol.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Runtime } from "../runtime.js";
import { pathOf, refusalText, refuseUpgrade } from "./handshake.js";

/** An HTTP server of Node, plain or with TLS, or anything with the same events. */
export interface UpgradeServer {
  on(event: "upgrade", listener: UpgradeListener): unknown;
  on(event: "request", listener: RequestListener): unknown;
  off(event: "upgrade", listener: UpgradeListener): unknown;
  off(event: "request", listener: RequestListener): unknown;
  listeners(event: "upgrade" | "request"): unknown[];
  /** Through which requests come. Without it there is no long polling. */
  emit?(event: string, ...args: unknown[]): boolean;
}

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** What a channel server does on an HTTP server. */
export interface AttachmentOwner {
  find(path: string): UpgradeListener | undefined;
  /** Who answers requests of a path, which are then nobody else's. */
  findRequest(path: string): RequestListener | undefined;
  /** Another channel server, attached later, has taken a path that this one serves too. */
  pathTaken(path: string): void;
  /** A request or an upgrade of a path that nobody serves is refused. */
  pathUnknown(path: string): void;
  /** Nobody has answered an upgrade of a path that is not this server's. */
  upgradeUnanswered(path: string): void;
}

/** What sockets have, and other streams may not: these are ended all the same. */
interface PlainSocket {
  readonly bytesWritten?: number;
  resetAndDestroy?(): unknown;
}

const NOTHING_HERE = "nothing is served here";

interface Attachment {
  readonly owner: AttachmentOwner;
  readonly onUpgrade: UpgradeListener;
  readonly onRequest: RequestListener;
}

/**
 * The attachments of an HTTP server are known by this property and not by a map of this module: after a hot reload,
 * or by `import` beside `require`, there are several copies of it.
 */
const ATTACHMENTS = Symbol.for("rollcall.channels.attachments");

/** Serves upgrades of the paths that the owner finds. The returned function ends that. */
export function attachUpgrades(
  server: UpgradeServer,
  owner: AttachmentOwner,
  {
    runtime,
    foreignUpgradeTimeoutMs,
  }: { readonly runtime: Runtime; readonly foreignUpgradeTimeoutMs: number },
): () => void {
  const attachments = attachmentsOf(server);
  const isNewest = (): boolean => attachments.at(-1) === attachment;
  const isAlone = (event: "upgrade" | "request"): boolean =>
    server
      .listeners(event)
      .every((listener) =>
        attachments.some(({ onUpgrade, onRequest }) => listener === onUpgrade || listener === onRequest),
      );
  const endWithoutAnswer = (path: string, socket: Duplex): void => {
    const { bytesWritten } = socket as PlainSocket;
    let cancel = runtime.schedule(foreignUpgradeTimeoutMs, () => {
      if (socket.destroyed || (socket as PlainSocket).bytesWritten !== bytesWritten) return;
      owner.upgradeUnanswered(path);
      // The client is left to end, and is cut off if it does not: where this side ended first, its own would stay
      // open for as long as it does not read, and what is ended already cannot be cut off.
      socket.once("end", () => socket.end());
      socket.resume();
      socket.write(refusalText(404, NOTHING_HERE));
      cancel = runtime.schedule(foreignUpgradeTimeoutMs, () => reset(socket));
    });
    socket.once("close", () => cancel());
  };
  const onUpgrade: UpgradeListener = (request, socket, head) => {
    const path = pathOf(request);
    const accept = owner.find(path);
    const takers = attachments.filter((other) => other.owner.find(path) !== undefined);
    if (accept && takers.at(-1) === attachment) return accept(request, socket, head);
    if (accept) return owner.pathTaken(path);
    if (takers.length > 0 || !isNewest()) return;
    // An error without a listener would end the process, and the others may not listen.
    socket.on("error", () => undefined);
    if (isAlone("upgrade")) {
      owner.pathUnknown(path);
      refuseUpgrade(socket, 404, NOTHING_HERE);
    } else endWithoutAnswer(path, socket);
  };
  const onRequest: RequestListener = (request, response) => {
    if (!isNewest() || !isAlone("request")) return;
    const path = pathOf(request);
    const isServed = attachments.some((other) => other.owner.find(path) !== undefined);
    owner.pathUnknown(path);
    response.writeHead(isServed ? 426 : 404, { "Content-Length": 0 }).end();
  };
  const attachment: Attachment = { owner, onUpgrade, onRequest };
  attachments.push(attachment);
  const leave = (): void => {
    const place = attachments.indexOf(attachment);
    if (place >= 0) attachments.splice(place, 1);
  };
  let releaseRequests: (() => void) | undefined;
  try {
    releaseRequests = takeRequests(server, owner);
    server.on("upgrade", onUpgrade);
    server.on("request", onRequest);
  } catch (error) {
    leave();
    releaseRequests?.();
    throw error;
  }
  return () => {
    leave();
    server.off("upgrade", onUpgrade);
    server.off("request", onRequest);
    releaseRequests();
  };
}

/**
 * Takes requests of own paths before any listener hears of them, whenever it was added: each of them answers all
 * requests, if only to say that there is nothing. The returned function ends that.
 */
function takeRequests(server: UpgradeServer, owner: AttachmentOwner): () => void {
  const { emit } = server;
  if (typeof emit !== "function") return () => undefined;
  let active = true;
  const emitOthers = function (this: unknown, event: string, ...args: unknown[]): boolean {
    if (!active || event !== "request") return emit.call(server, event, ...args);
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const answer = owner.findRequest(pathOf(request));
    if (!answer) return emit.call(server, event, ...args);
    answer(request, response);
    return true;
  };
  server.emit = emitOthers;
  return () => {
    active = false;
    if (server.emit === emitOthers) server.emit = emit;
  };
}

function reset(socket: Duplex): void {
  const plain = socket as PlainSocket;
  if (plain.resetAndDestroy) plain.resetAndDestroy();
  else socket.destroy();
}

function attachmentsOf(server: UpgradeServer): Attachment[] {
  const known = server as UpgradeServer & { [ATTACHMENTS]?: Attachment[] };
  if (!known[ATTACHMENTS]) Object.defineProperty(known, ATTACHMENTS, { value: [] });
  return known[ATTACHMENTS] ?? [];
}
