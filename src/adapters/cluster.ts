/**
 * A pubsub for the processes of one machine, over the IPC channels that Node has opened anyway: the workers of
 * `node:cluster` and children of `child_process.fork`. No broker.
 *
 * ```ts
 * // in the primary
 * setupPrimary();
 * cluster.fork();
 * // in each worker
 * const pubsub = clusterPubSub();
 * ```
 *
 * The primary only relays. Whatever the application says on the same IPC channels is left alone, but its own
 * `message` listeners also see the messages of rollcall: objects with the property `rollcall`, to be ignored.
 */
import type { ChildProcess } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { durationOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { Unsubscribe } from "../pubsub/pubsub.js";
import { nodeRuntime, type CancelTimer } from "../runtime.js";
import { ClusterNode, type ClusterPubSub, type RelayLink, type RelayLinkListener } from "./cluster-node.js";
import { RelayTable, type RelayPort } from "./cluster-relay.js";
import {
  nodeMessageOf,
  relayMessageOf,
  toEnvelope,
  type NodeMessage,
  type RelayMessage,
} from "./cluster-wire.js";
import { IpcSender } from "./ipc-sender.js";

export type { ClusterPubSub } from "./cluster-node.js";

/** A primary that is forking many workers is slow to answer. */
const defaultRelayTimeoutMs = 2_000;

/** How long the `disconnect` of a process may take after its `exit`. All that it has sent can be read by then. */
const disconnectTimeoutMs = 250;

export interface ClusterPubSubOptions {
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
  /**
   * How long the relay may take to answer before its absence is reported. Default 2,000: a primary that is
   * forking many workers is slow. A relay that comes later is used all the same.
   */
  readonly relayTimeoutMs?: number | undefined;
}

const optionNames: Readonly<Record<keyof ClusterPubSubOptions, true>> = {
  nodeName: true,
  relayTimeoutMs: true,
};

/** The relay in the primary. */
export interface Relay {
  /**
   * Relays for a child of `child_process.fork` too; the workers of `node:cluster` are attached by themselves.
   * What is returned detaches it: its nodes become `disconnected`, and their silence tells the others.
   */
  attach(child: ChildProcess): () => void;
  /**
   * A node in the primary itself.
   *
   * @throws TrackerError `INVALID_OPTION` for another option, and a `nodeName` that is empty or longer than 128 bytes.
   */
  pubSub(options?: { readonly nodeName?: string | undefined }): ClusterPubSub;
  /**
   * Hears of messages that no rollcall node sends (`INVALID_FRAME`, `UNKNOWN_PROTOCOL`) and of processes that
   * do not read what they are sent (`PUBLISH_FAILED`, once until they read again). Neither costs anybody else
   * anything.
   */
  onError(listener: (error: unknown) => void): Unsubscribe;
  /** Stops relaying; the nodes become `disconnected`. Closing twice does nothing. */
  close(): void;
}

/**
 * A node in a worker of `node:cluster` or in a child of `child_process.fork`. Open as many as you like.
 *
 * Where no relay answers, and in a process that has no IPC channel, it reports `disconnected` and, to
 * `onError`, `NO_RELAY`; what is sent is rejected with `NO_RELAY`. It connects when a relay comes. A
 * subscription waits for the relay's first answer, or for the report that there is none.
 *
 * While it is open it keeps the process alive, as every listener on the IPC channel does.
 *
 * @throws TrackerError `INVALID_OPTION` for another option, a `nodeName` that is empty or longer than 128 bytes, or a
 *   `relayTimeoutMs` that is no time from 1 ms.
 */
export function clusterPubSub(options: ClusterPubSubOptions = {}): ClusterPubSub {
  const { nodeName, relayTimeoutMs = defaultRelayTimeoutMs } = readOptions(options, optionNames);
  durationOption("relayTimeoutMs", relayTimeoutMs, 1);
  processLink ??= new ProcessLink();
  return new ClusterNode(checkedNodeName(nodeName), processLink, relayTimeoutMs);
}

let processLink: ProcessLink | undefined;
let relay: ClusterRelay | undefined;

/**
 * Starts the relay in the primary of a cluster, for all its workers of now and later. Called again, it returns
 * the relay that runs.
 */
export function setupPrimary(): Relay {
  relay ??= new ClusterRelay(() => (relay = undefined));
  return relay;
}

/** The ends of a worker or child that matter to the relay. */
type Connected = Worker | ChildProcess;

/** A process at the other end of an IPC channel. */
class IpcPort implements RelayPort {
  readonly #sender: IpcSender;
  readonly #reportError: (error: unknown) => void;
  #overflowing = false;

  constructor(target: Connected, reportError: (error: unknown) => void) {
    this.#sender = new IpcSender(target);
    this.#reportError = reportError;
  }

  send(message: RelayMessage): void {
    const length = message.type === "frame" ? message.payload.length : 0;
    this.#sender.send(toEnvelope(message), length).then(
      () => (this.#overflowing = false),
      (error: unknown) => {
        // A process that has just died takes nothing: its end is about to be told, and is no failure.
        if (!(error instanceof TrackerError) || error.cause !== undefined || this.#overflowing) return;
        this.#overflowing = true;
        this.#reportError(error);
      },
    );
  }
}

interface ConnectedPort {
  readonly port: IpcPort;
  /** The process lives on, but is relayed to no longer. */
  readonly detach: () => void;
}

class ClusterRelay implements Relay {
  readonly #table = new RelayTable();
  readonly #events = new AdapterEvents("connected");
  readonly onError = this.#events.onError;
  readonly #ports = new Map<Connected, ConnectedPort>();
  readonly #onClose: () => void;
  #closed = false;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
    cluster.on("message", this.#workerSaid);
    cluster.on("fork", this.#attachWorker);
    for (const worker of Object.values(cluster.workers ?? {}))
      if (worker !== undefined) this.#connect(worker);
  }

  attach(child: ChildProcess): () => void {
    if (this.#closed || !child.connected) return () => {};
    const known = this.#ports.get(child);
    if (known !== undefined) return known.detach;
    const listen = (message: unknown): void => this.#receive(child, message);
    child.on("message", listen);
    return this.#connect(child, () => child.off("message", listen));
  }

  pubSub(options: { readonly nodeName?: string | undefined } = {}): ClusterPubSub {
    const { nodeName } = readOptions(options, { nodeName: true });
    return new ClusterNode(checkedNodeName(nodeName), this.#localLink(), defaultRelayTimeoutMs);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    cluster.off("message", this.#workerSaid);
    cluster.off("fork", this.#attachWorker);
    for (const { detach } of [...this.#ports.values()]) detach();
    this.#table.close();
    this.#events.clear();
    this.#onClose();
  }

  readonly #workerSaid = (worker: Worker, message: unknown): void => this.#receive(worker, message);
  readonly #attachWorker = (worker: Worker): void => void this.#connect(worker);

  /**
   * The end of a process is its `disconnect`, which comes after all that it has sent was read; its `exit` may come
   * before. Where no `disconnect` follows, the `exit` counts: Deno emits none for a process that is killed before it has
   * read everything, and a grandchild that inherited the channel keeps it open.
   */
  #connect(target: Connected, stopListening: () => void = () => {}): () => void {
    const port = new IpcPort(target, this.#events.reportError);
    let cancelTimeout: CancelTimer = () => {};
    const forget = (tell: () => void): void => {
      if (!this.#ports.delete(target)) return;
      target.off("disconnect", ended).off("exit", exited);
      cancelTimeout();
      stopListening();
      tell();
    };
    const ended = (): void => forget(() => this.#table.ended(port));
    const detach = (): void => forget(() => this.#table.detach(port));
    const exited = (): void => {
      // Twice: after a long turn of this process the first timer fires before anything is read.
      cancelTimeout = nodeRuntime.schedule(disconnectTimeoutMs, () => {
        cancelTimeout = nodeRuntime.schedule(disconnectTimeoutMs, ended);
      });
    };
    target.on("disconnect", ended).on("exit", exited);
    this.#ports.set(target, { port, detach });
    this.#table.attach(port);
    return detach;
  }

  #receive(from: Connected, envelope: unknown): void {
    const port = this.#ports.get(from)?.port;
    if (port === undefined) return;
    try {
      const message = nodeMessageOf(envelope);
      if (message !== undefined) this.#table.receive(port, message);
    } catch (error) {
      this.#events.reportError(error);
    }
  }

  /** A port of this very process. It delivers in microtasks, because no pubsub delivers synchronously. */
  #localLink(): RelayLink {
    let listener: RelayLinkListener | undefined;
    const port: RelayPort = { send: (message) => queueMicrotask(() => listener?.received(message)) };
    return {
      hopeless: undefined,
      send: (message) => {
        this.#table.receive(port, message);
        return Promise.resolve();
      },
      listen: (added) => {
        listener = added;
        this.#table.attach(port);
        return () => {
          listener = undefined;
          this.#table.detach(port);
        };
      },
    };
  }
}

/** This process's end of the IPC channel to its primary, shared by all its nodes: one listener serves them all. */
class ProcessLink implements RelayLink {
  readonly #sender = new IpcSender(process);
  readonly #listeners = new Set<RelayLinkListener>();

  get hopeless(): string | undefined {
    if (process.connected) return undefined;
    return "This process has no IPC channel: clusterPubSub() is for workers of node:cluster and children of fork()";
  }

  send(message: NodeMessage): Promise<void> {
    return this.#sender.send(toEnvelope(message), message.type === "frame" ? message.payload.length : 0);
  }

  listen(listener: RelayLinkListener): () => void {
    if (this.#listeners.size === 0) {
      process.on("message", this.#primarySaid);
      process.on("disconnect", this.#primaryGone);
    }
    this.#listeners.add(listener);
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      process.off("message", this.#primarySaid);
      process.off("disconnect", this.#primaryGone);
    };
  }

  readonly #primarySaid = (envelope: unknown): void => {
    try {
      const message = relayMessageOf(envelope);
      if (message !== undefined) for (const listener of [...this.#listeners]) listener.received(message);
    } catch (error) {
      for (const listener of [...this.#listeners]) listener.failed(error);
    }
  };

  readonly #primaryGone = (): void => {
    for (const listener of [...this.#listeners]) listener.primaryGone();
  };
}
