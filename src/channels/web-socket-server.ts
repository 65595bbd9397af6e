/**
 * The server of `ws`, from its package. Bun answers an import of `ws` with classes of its own, which neither tell what a
 * client has not taken nor stop reading, so that no limit of slow readers and floods would hold. The files of the package
 * run there as they are; only their name is taken, so they are loaded by their path.
 */
import { createRequire } from "node:module";
import { WebSocketServer } from "ws";

export type WebSocketServerClass = typeof WebSocketServer;

/** What an import of `ws` finds; on Bun what the package `ws` has, if it is installed where this library finds it. */
export function webSocketServerClass(): WebSocketServerClass {
  return isBun() ? (classOfPackage() ?? WebSocketServer) : WebSocketServer;
}

export function isBun(): boolean {
  return process.versions["bun"] !== undefined;
}

function classOfPackage(): WebSocketServerClass | undefined {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve("ws/package.json");
    return require(manifest.replace(/package\.json$/, "lib/websocket-server.js")) as WebSocketServerClass;
  } catch {
    return undefined; // Not installed: it is Bun's or none.
  }
}
