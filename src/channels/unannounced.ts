/**
 * The servers that do not tell which topics they hear: those of an earlier version, and those without `route`. As long as
 * one is there everything has to go to all. Promises that one which still answers is not forgotten. Time comes in as an
 * argument; knows no pubsub.
 */

/** One that was not heard for so long is asked whether it is there still. */
const ASK_AFTER_MS = 30_000;
/** And again so often. Each node asks, and whoever can publish can make up servers that never answer. */
const ASK_EVERY_MS = 15_000;
/** One that has not answered for so long is gone. */
const GONE_AFTER_MS = 120_000;
/** More are not remembered: while so many are there everything goes to all, and those who are left out answer later. */
const MAX_SERVERS = 1_000;
/** Above so many nodes one question to all is less than one to each. */
const MAX_ASKED_NODES = 16;

interface Server {
  node: string | undefined;
  heardAtMs: number;
  askedAtMs: number;
}

export class Unannounced {
  readonly #servers = new Map<string, Server>();

  get any(): boolean {
    return this.#servers.size > 0;
  }

  /** A server was heard that hears everything, and its node, if it says so. Returns whether it is a new one that is remembered. */
  heard(server: string, node: string | undefined, nowMs: number): boolean {
    const known = this.#servers.get(server);
    if (known !== undefined) {
      known.heardAtMs = nowMs;
      known.node ??= node;
      return false;
    }
    if (this.#servers.size >= MAX_SERVERS) return false;
    this.#servers.set(server, { node, heardAtMs: nowMs, askedAtMs: -Infinity });
    return true;
  }

  /** Forgets those who are gone. Returns the nodes to ask, or `all`. */
  sweep(nowMs: number): ReadonlySet<string> | "all" {
    const nodes = new Set<string>();
    let isUnknown = false;
    for (const [name, server] of this.#servers) {
      const { node } = server;
      const silentMs = nowMs - server.heardAtMs;
      // Of one that was heard by its broadcasts only the node is asked.
      const isToAsk = silentMs >= ASK_AFTER_MS || (node === undefined && server.askedAtMs === -Infinity);
      if (silentMs >= GONE_AFTER_MS) this.#servers.delete(name);
      else if (isToAsk && nowMs - server.askedAtMs >= ASK_EVERY_MS) {
        server.askedAtMs = nowMs;
        if (node === undefined) isUnknown = true;
        else nodes.add(node);
      }
    }
    return isUnknown || nodes.size > MAX_ASKED_NODES ? "all" : nodes;
  }
}
