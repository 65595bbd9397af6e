/**
 * The server: socket paths mounted on HTTP servers, the sockets that are open, and broadcasts to all of them on
 * all nodes. Speaks version 2 of the Phoenix Channels protocol, so that the official client connects unmodified.
 * Knows no handler and no frame.
 */
import { requireServer } from "./checks.js";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocketServer } from "ws";
import { looked, requireFunction, requireText } from "../checks.js";
import { TrackerError } from "../errors.js";
import { requireKnownEvent } from "../known-names.js";
import { Backlog } from "./backlog.js";
import type { ChannelContext } from "./channel-context.js";
import { ClusterLink, type ClusterReceiver } from "./cluster-link.js";
import {
  CLOSE,
  Connection,
  type ConnectionContext,
  type ConnectionIdentity,
  type OpenConnection,
} from "./connection.js";
import { zeroCounters, type ChannelCounters } from "./counters.js";
import { ErrorReports, type ErrorListener } from "./error-reports.js";
import type { Payload, SocketMount, SocketOptions } from "./handlers.js";
import { Door } from "./door.js";
import { pathOf, refuseUpgrade, SUBPROTOCOL, type Visitor } from "./handshake.js";
import { attachUpgrades, type UpgradeServer } from "./http-attachment.js";
import { ServedPaths } from "./served-paths.js";
import { LongPolling } from "./long-polling.js";
import { Mount } from "./mount.js";
import {
  validateDrainOptions,
  validateOptions,
  type ChannelServerOptions,
  type CheckedDrain,
  type DrainOptions,
  type Settings,
} from "./options.js";
import { Expiries } from "./expiries.js";
import { FeedEncodings } from "./presence-feed.js";
import { Broadcast, Subscribers, type Subscriber } from "./subscribers.js";
import { WebSocketTransport, type Transport, type TransportOwner } from "./transport.js";
import { isBun, webSocketServerClass } from "./web-socket-server.js";

/** A channel server at this moment. */
export interface ChannelHealth {
  readonly sockets: number;
  readonly channels: number;
  /** Topics with at least one channel on this node. */
  readonly topics: number;
  /** Since the server was made. */
  readonly counters: Readonly<ChannelCounters>;
}

/** The most frames per message. Browsers send one; each further one takes time and memory, even if it is empty. */
const MAX_FRAGMENTS = 128;

export class ChannelServer implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #reports: ErrorReports;
  readonly #link: ClusterLink;
  readonly #webSockets: WebSocketServer;
  readonly #subscribers: Subscribers;
  readonly #connections = new Set<OpenConnection>();
  readonly #connectionsById = new Map<string, Set<OpenConnection>>();
  readonly #paths: ServedPaths;
  readonly #detachments = new Set<() => void>();
  readonly #channelContext: ChannelContext;
  readonly #connectionContext: ConnectionContext;
  readonly #door: Door;
  readonly #longPolling: LongPolling;
  #linked = false;
  #cancelSweep: (() => void) | undefined;
  #draining: Promise<void> | undefined;
  #onAllClosed: (() => void) | undefined;

  /**
   * Reports `UNSUPPORTED_DEPENDENCY` if `ws` is older than 8.23.0, or is that of Bun because the package is not installed.
   *
   * @throws TrackerError `INVALID_OPTION`, with the name of the option and its value.
   */
  constructor(options: ChannelServerOptions) {
    const settings = validateOptions(options);
    const { runtime, limits } = settings;
    this.#settings = settings;
    this.#reports = new ErrorReports(runtime);
    const counters = zeroCounters();
    const receiver: ClusterReceiver = {
      broadcastReceived: (broadcast, untilMs) => this.#subscribers.deliver(broadcast, undefined, untilMs),
      disconnectReceived: (id, agoMs) => this.#disconnectLocally(id, agoMs),
      keyReceived: (server, key) => this.#longPolling.keyReceived(server, key),
      askReceived: (ask) => this.#longPolling.askReceived(ask),
      answerReceived: (ask, body) => this.#longPolling.answerReceived(ask, body),
    };
    this.#link = new ClusterLink(settings, this.#reports, receiver, counters);
    this.#subscribers = new Subscribers({
      nowMs: () => runtime.monotonicMs(),
      opened: (topic) => this.#link.opened(topic),
      emptied: (topic) => this.#link.emptied(topic),
    });
    this.#webSockets = new (webSocketServerClass())({
      noServer: true,
      clientTracking: false,
      // Compression costs memory per socket and hides the size of a frame until it is unpacked.
      perMessageDeflate: false,
      maxPayload: limits.maxFrameBytes,
      // Connections answer pings themselves, within their limits.
      autoPong: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#paths = new ServedPaths(this.#reports, counters);
    const backlog = new Backlog(limits.maxBufferedBytesTotal);
    this.#longPolling = new LongPolling(settings, this.#reports, counters, this.#link, backlog);
    this.#door = new Door(settings, this.#reports, counters, {
      isClosing: () => this.#draining !== undefined,
      countOfId: (id) => this.#connectionsById.get(id)?.size ?? 0,
    });
    this.#channelContext = {
      subscribers: this.#subscribers,
      reports: this.#reports,
      counters,
      maxQueuedMessages: limits.maxQueuedMessages,
      encodings: new FeedEncodings(limits),
      broadcast: (broadcast, except) => this.#broadcast(broadcast, except),
      later: (callback) => void runtime.schedule(0, callback),
    };
    this.#connectionContext = {
      runtime,
      limits,
      reports: this.#reports,
      counters,
      backlog,
      expiries: new Expiries(runtime),
      connectionClosed: (connection) => this.#forget(connection),
    };
    this.#checkDependency();
  }

  /**
   * Adds a socket path. A client made with `new Socket("/user_socket")` connects to `/user_socket/websocket`, and polls
   * at `/user_socket/longpoll` if it cannot.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a path that does not start with `/`, ends with one, or was given
   *   before; `INVALID_OPTION` for bad options.
   */
  socket<SocketAssigns = undefined>(
    path: string,
    options: SocketOptions<SocketAssigns> = {},
  ): SocketMount<SocketAssigns> {
    const upgradePath = typeof path === "string" ? `${path}/websocket` : "";
    if (upgradePath === "" || !/^\/.*[^/]$/.test(path) || this.#paths.upgrades.has(upgradePath)) {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        'a socket path starts with "/", does not end with it, and is given once',
        {
          argument: "path",
          value: path,
        },
      );
    }
    const mount = new Mount(options, this.#channelContext);
    this.#paths.upgrades.set(upgradePath, (request, socket, head) =>
      this.#upgrade(mount, request, socket, head),
    );
    if (options.longPoll !== false) {
      this.#paths.requests.set(`${path}/longpoll`, (request, response) =>
        this.#poll(mount, request, response),
      );
    }
    return mount;
  }

  /**
   * Serves the socket paths on an HTTP server; several may be attached. Where two channel servers have the same path
   * on one HTTP server, as after a hot reload, the newer one serves it. Upgrades of other paths are left to the
   * server's other listeners, and ended with 404 where there is none, or where none has answered within
   * `foreignUpgradeTimeoutMs`. The returned function detaches: open sockets stay.
   */
  attach(httpServer: UpgradeServer): () => void {
    const { runtime, limits } = this.#settings;
    const { foreignUpgradeTimeoutMs } = limits;
    requireServer(httpServer);
    this.#openLink();
    this.#cancelSweep ??= this.#scheduleSweep();
    const detach = looked("INVALID_ARGUMENT", "httpServer", () =>
      attachUpgrades(httpServer, this.#paths, { runtime, foreignUpgradeTimeoutMs }),
    );
    this.#detachments.add(detach);
    return () => {
      this.#detachments.delete(detach);
      detach();
    };
  }

  /**
   * Resolves when broadcasts of other nodes are heard: part of a readiness probe. The process lives as long as the
   * subscription is tried again.
   */
  whenReady(): Promise<void> {
    this.#openLink();
    return this.#link.whenOpen();
  }

  /**
   * Sends to all clients in a topic on all nodes; nothing once the server has stopped.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a topic or an event that is no text, and a payload that has no encoding.
   */
  broadcast(topic: string, event: string, payload: Payload): void {
    requireText("topic", topic);
    requireText("event", event);
    this.#broadcast(new Broadcast(topic, event, payload));
  }

  /**
   * Closes all sockets with that id, on all nodes, with 1001, and refuses those whose handshake is under way. The
   * official client connects again. A node that is cut off from the pubsub, or this one, hears of it when it is back,
   * if that takes less than ten minutes; sockets that have connected meanwhile stay.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for what is no text.
   */
  disconnect(socketId: string): void {
    requireText("socketId", socketId);
    this.#disconnectLocally(socketId, 0);
    this.#link.disconnect(socketId);
  }

  /**
   * Hears failures that have no caller: handlers and hooks (`HANDLER_FAILED`), the pubsub (`PUBLISH_FAILED`,
   * `PUBSUB_UNAVAILABLE`), frames of others on its channel (`INVALID_FRAME`, `UNKNOWN_PROTOCOL`), and what was
   * refused or dropped (`LIMIT_REACHED`, `ORIGIN_REFUSED`, `CONNECTION_REFUSED`, `NAME_IN_USE`), ten of a kind at
   * once and one more every six seconds. One that nobody hears becomes a process warning, at most one per code and
   * minute. The returned function removes the listener.
   */
  on(event: "error", listener: ErrorListener): () => void {
    requireKnownEvent(event, { error: true });
    requireFunction("listener", listener);
    return this.#reports.listen(listener);
  }

  health(): ChannelHealth {
    let channels = 0;
    for (const connection of this.#connections) channels += connection.channelCount;
    return {
      sockets: this.#connections.size,
      channels,
      topics: this.#subscribers.topicCount,
      counters: { ...this.#connectionContext.counters },
    };
  }

  /**
   * Refuses new connections with 503 and closes the open ones with 1012, a batch at a time: clients go to the
   * other nodes. Resolves when all are closed. A second call waits for the first. The process lives as long as this
   * waits.
   *
   * @throws TrackerError `INVALID_OPTION`, with the name of the option and its value; nothing is closed then.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    const checked = validateDrainOptions(options);
    await (this.#draining ??= this.#drain(checked));
  }

  /**
   * Drains, leaves the HTTP servers (which it does not close) and the pubsub.
   *
   * @throws TrackerError as `drain`.
   */
  async stop(options: DrainOptions = {}): Promise<void> {
    await this.drain(options);
    for (const detach of this.#detachments) detach();
    this.#detachments.clear();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#connectionContext.expiries.stop();
    this.#longPolling.close();
    await this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #openLink(): void {
    if (this.#linked) return;
    this.#linked = true;
    void this.#link.open();
  }

  #upgrade<SocketAssigns>(
    mount: Mount<SocketAssigns>,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    const refuse = (status: number, reason: string): void => {
      // An error without a listener would end the process.
      socket.on("error", () => undefined);
      refuseUpgrade(socket, status, reason);
    };
    const visitor: Visitor = { request, socket, transport: "websocket", refuse };
    this.#door.open(mount.options, visitor, (identity, leave) => {
      // Also where the upgrade itself fails.
      socket.once("close", leave);
      let accepted = false;
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        accepted = true;
        this.#connect(new WebSocketTransport(webSocket, socket), identity, mount);
      });
      if (!accepted && !socket.destroyed) this.#paths.handshakeRefused(pathOf(request));
    });
  }

  #poll<SocketAssigns>(
    mount: Mount<SocketAssigns>,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const check = mount.options.checkOrigin ?? this.#settings.checkOrigin;
    this.#longPolling.handle(check, request, response, (visitor, makeTransport) => {
      this.#door.open(mount.options, visitor, (identity, leave) => {
        this.#connect(makeTransport(leave), identity, mount);
      });
    });
  }

  #connect<SocketAssigns>(
    transport: Transport & { listen(owner: TransportOwner): void },
    identity: ConnectionIdentity<SocketAssigns>,
    mount: Mount<SocketAssigns>,
  ): void {
    const connection = new Connection(transport, identity, mount, this.#connectionContext);
    transport.listen(connection);
    this.#remember(connection);
  }

  /** By what it offers and not by its version: other runtimes bring their own `ws`, of any number. */
  #checkDependency(): void {
    if ("maxFragments" in this.#webSockets.options) {
      this.#webSockets.options.maxFragments = MAX_FRAGMENTS;
      return;
    }
    const message = isBun()
      ? "Bun's own ws has no limits: clients that read slowly or flood can fill the memory; install the package ws"
      : "ws is older than 8.23.0: fragments of frames are not limited, so that clients can fill the memory";
    this.#reports.report(
      "UNSUPPORTED_DEPENDENCY",
      message,
      { dependency: "ws", needed: "^8.23.0" },
      undefined,
    );
  }

  #remember(connection: OpenConnection): void {
    this.#connections.add(connection);
    if (connection.id === undefined) return;
    const sameId = this.#connectionsById.get(connection.id);
    if (sameId) sameId.add(connection);
    else this.#connectionsById.set(connection.id, new Set([connection]));
  }

  #forget(connection: OpenConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onAllClosed?.();
    if (connection.id === undefined) return;
    const sameId = this.#connectionsById.get(connection.id);
    if (sameId?.delete(connection) && sameId.size === 0) this.#connectionsById.delete(connection.id);
  }

  #broadcast(broadcast: Broadcast, except?: Subscriber): void {
    this.#link.broadcast(broadcast);
    this.#subscribers.deliver(broadcast, except);
  }

  /** Sockets that came after it stay: they were let in by what is true since. */
  #disconnectLocally(socketId: string, agoMs: number): void {
    const { runtime, limits } = this.#settings;
    if (agoMs <= limits.connectTimeoutMs) this.#door.revoke(socketId);
    const atMs = runtime.monotonicMs() - agoMs;
    for (const connection of this.#connectionsById.get(socketId) ?? []) {
      if (connection.begunAtMs <= atMs) connection.close(CLOSE.goingAway, "disconnected");
    }
  }

  async #drain({ batchSize, batchPeriodMs, graceMs }: CheckedDrain): Promise<void> {
    const connections = [...this.#connections];
    for (let start = 0; start < connections.length; start += batchSize) {
      if (start > 0) await this.#pause(batchPeriodMs);
      for (const connection of connections.slice(start, start + batchSize)) {
        connection.close(CLOSE.serviceRestart, "service restart", true);
      }
    }
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#settings.runtime.schedule(graceMs, resolve, { keepsAlive: true });
      this.#onAllClosed = () => {
        cancel();
        resolve();
      };
    });
    for (const connection of this.#connections) connection.terminate();
  }

  #pause(delayMs: number): Promise<void> {
    const { runtime } = this.#settings;
    return new Promise((resolve) => void runtime.schedule(delayMs, resolve, { keepsAlive: true }));
  }

  /** One timer for all sockets: idle ones are found within a quarter of the timeout. */
  #scheduleSweep(): () => void {
    const { runtime, limits } = this.#settings;
    const periodMs = limits.idleTimeoutMs / 4;
    const startedAtMs = runtime.monotonicMs();
    return runtime.schedule(periodMs, () => {
      const nowMs = runtime.monotonicMs();
      // A sweep that comes late tells of this process: what the clients sent meanwhile has yet to be read.
      const late = nowMs - startedAtMs > 2 * periodMs;
      if (!late) this.#closeIdle(nowMs - limits.idleTimeoutMs);
      this.#door.sweep();
      this.#cancelSweep = this.#scheduleSweep();
    });
  }

  #closeIdle(heardBeforeMs: number): void {
    for (const connection of this.#connections) {
      if (connection.ended || connection.heardAtMs > heardBeforeMs) continue;
      this.#connectionContext.counters.idleSockets++;
      connection.close(CLOSE.goingAway, "idle", true);
    }
  }
}
