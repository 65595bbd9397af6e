/**
 * The driver's side of a fleet of node processes: starts the broker or the relay, forks nodes, asks them to do
 * things, ends each by its own process id.
 */
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { setupPrimary } from "../../src/adapters/cluster.js";
import { openNats, openRedis, type Broker } from "../../test/brokers/servers.js";
import { machineMs } from "./clock.js";
import type { Answered, Asked, Commands } from "./node.js";
import { isBareRelayed, type TransportKind } from "./transport.js";

const nodeProgram = fileURLToPath(new URL("./node.ts", import.meta.url));

/** The number of the answer with which a node says that it listens; asked are numbers from 1. */
const readyAnswer = 0;

/** One node process. */
export class FleetNode {
  readonly name: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #asked = 0;
  /** Resolves when the process listens; what is asked before would be lost. */
  readonly ready: Promise<unknown>;
  readonly #exited: Promise<number>;

  constructor(worker: Worker, name: string) {
    this.#worker = worker;
    this.name = name;
    this.ready = new Promise((resolve, reject) => this.#waiting.set(readyAnswer, { resolve, reject }));
    worker.on("message", (message: unknown) => {
      if (isAnswered(message)) this.#settle(message);
    });
    this.#exited = new Promise((resolve) =>
      worker.once("exit", () => {
        resolve(machineMs());
        for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended`));
      }),
    );
  }

  /** Has the node do something; resolves with what it returns. @throws Error as the node says, or if it ended. */
  ask<Name extends keyof Commands>(
    command: Name,
    ...input: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const ask = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask, {
        resolve: (result) => resolve(result as Awaited<ReturnType<Commands[Name]>>),
        reject,
      });
      this.#worker.send({ ask, command, input } satisfies Asked);
    });
  }

  /** Sends a signal to the process; for what has ended it does nothing. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#worker.isDead()) this.#worker.process.kill(signal);
  }

  /** Kills the process; resolves with when that was done and when its end was seen. */
  async kill(): Promise<{ killedMs: number; exitedMs: number }> {
    const killedMs = machineMs();
    this.signal("SIGKILL");
    return { killedMs, exitedMs: await this.#exited };
  }

  /** Listens to what the process says that is no answer. */
  relayBareTo(others: () => Iterable<FleetNode>): void {
    this.#worker.on("message", (message: unknown) => {
      if (!isBareRelayed(message)) return;
      for (const other of others())
        if (other !== this && !other.#worker.isDead()) other.#worker.send(message);
    });
  }

  #settle({ answer, result, error }: Answered): void {
    const waiting = this.#waiting.get(answer);
    this.#waiting.delete(answer);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }
}

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
    cluster.setupPrimary({
      exec: nodeProgram,
      execArgv: ["--expose-gc", "--import", import.meta.resolve("tsx")],
    });
    const node = new FleetNode(cluster.fork(), `${this.kind}-${++this.#forked}`);
    this.nodes.push(node);
    if (this.kind === "cluster") node.relayBareTo(() => this.nodes);
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

function isAnswered(message: unknown): message is Answered {
  return typeof message === "object" && message !== null && "answer" in message;
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
