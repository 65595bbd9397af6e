/**
 * The driver's side of a fleet of node processes: starts the broker or the relay, forks nodes, asks them to do
 * things, ends each by its own process id.
 */
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import { setupPrimary } from "../../src/adapters/cluster.js";
import { openNats, openRedis, type Broker } from "../../test/brokers/servers.js";
import { programOptions, Remote } from "../harness/remote.js";
import type { Commands } from "./node.js";
import { isBareRelayed, type TransportKind } from "./transport.js";

const nodeProgram = fileURLToPath(new URL("./node.ts", import.meta.url));

/** One node process. */
export type FleetNode = Remote<Commands>;

/** The nodes of one benchmark, over one transport. */
export class Fleet {
  readonly kind: TransportKind;
  readonly nodes: FleetNode[] = [];
  readonly #broker: Broker | undefined;
  #forked = 0;

  private constructor(kind: TransportKind, broker: Broker | undefined) {
    this.kind = kind;
    this.#broker = broker;
  }

  /** Runs with a fleet of so many nodes and ends all of it, whatever happens. */
  static async with<T>(
    kind: TransportKind,
    nodeCount: number,
    use: (fleet: Fleet) => Promise<T>,
  ): Promise<T> {
    const fleet = new Fleet(kind, await openBroker(kind));
    const relay = kind === "cluster" ? setupPrimary() : undefined;
    try {
      await Promise.all(Array.from({ length: nodeCount }, () => fleet.fork()));
      return await use(fleet);
    } finally {
      await Promise.all(fleet.nodes.map((node) => node.kill()));
      relay?.close();
      await fleet.#broker?.stop();
    }
  }

  /** Adds a node: a process with an open pubsub and no tracker yet. */
  async fork(): Promise<FleetNode> {
    cluster.setupPrimary({ exec: nodeProgram, execArgv: programOptions });
    const node: FleetNode = new Remote(cluster.fork().process, `${this.kind}-${++this.#forked}`);
    this.nodes.push(node);
    if (this.kind === "cluster") {
      node.onMessage((message) => {
        if (isBareRelayed(message)) for (const other of this.others(node)) other.post(message);
      });
    }
    await node.ready;
    await node.ask("open", this.kind, this.#broker?.url.href ?? "", node.name);
    return node;
  }

  /** The nodes but for some. */
  others(...excepted: readonly FleetNode[]): FleetNode[] {
    return this.nodes.filter((node) => !excepted.includes(node));
  }

  /** Asks all nodes the same. */
  all<Name extends keyof Commands>(
    command: Name,
    ...input: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>[]> {
    return Promise.all(this.nodes.map((node) => node.ask(command, ...input)));
  }

  /** The n-th node, from 0. @throws Error if there is none. */
  node(index: number): FleetNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`a fleet of ${this.nodes.length} has no node ${index}`);
    return node;
  }
}

async function openBroker(kind: TransportKind): Promise<Broker | undefined> {
  if (kind === "cluster") return undefined;
  const open = kind === "redis" ? openRedis : openNats;
  if (open === undefined) throw new Error(`${kind}-server is missing`);
  return open();
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
