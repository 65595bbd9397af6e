/**
 * How socket paths share an HTTP server with whatever else listens there: every listener takes its own paths,
 * and what nobody takes is ended by the last of ours, so that no client waits for ever. Knows no protocol.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refuseUpgrade } from "./handshake.js";

/** An HTTP server of Node, plain or with TLS, or anything with the same events. */
export interface UpgradeServer {
  on(event: "upgrade", listener: UpgradeListener): unknown;
  on(event: "request", listener: RequestListener): unknown;
  off(event: "upgrade", listener: UpgradeListener): unknown;
  off(event: "request", listener: RequestListener): unknown;
  listeners(event: "upgrade" | "request"): unknown[];
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Tells listeners of this library from those of others. */
const ownListeners = new WeakSet<object>();

/** Serves upgrades of the paths that `find` knows. The returned function ends that. */
export function attachUpgrades(
  server: UpgradeServer,
  find: (path: string) => UpgradeListener | undefined,
): () => void {
  /** Whether no listener after this one, and none of others, could take what this one does not. */
  const isLast = (event: "upgrade" | "request", listener: object): boolean => {
    const listeners = server.listeners(event);
    return listeners.at(-1) === listener && listeners.every((other) => ownListeners.has(other as object));
  };
  const onUpgrade: UpgradeListener = (request, socket, head) => {
    const accept = find(pathOf(request));
    if (accept) accept(request, socket, head);
    else if (isLast("upgrade", onUpgrade)) {
      socket.on("error", () => undefined);
      refuseUpgrade(socket, 404);
    }
  };
  const onRequest: RequestListener = (request, response) => {
    if (!isLast("request", onRequest)) return;
    response.writeHead(find(pathOf(request)) ? 426 : 404, { "Content-Length": 0 }).end();
  };
  ownListeners.add(onUpgrade).add(onRequest);
  server.on("upgrade", onUpgrade);
  server.on("request", onRequest);
  return () => {
    server.off("upgrade", onUpgrade);
    server.off("request", onRequest);
  };
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "";
  const question = url.indexOf("?");
  return question < 0 ? url : url.slice(0, question);
}
