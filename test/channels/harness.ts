/**
 * A channel server on loopback and two kinds of clients for it: the official one, unmodified, and a raw one that
 * sends and sees frames as they are. Nothing here waits for time, only for events.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as phoenix18 from "phoenix";
import * as phoenix17 from "phoenix17";
import { WebSocket, type ClientOptions } from "ws";
import { onTestFinished } from "vitest";
import { memoryPubSub, type MemoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer, type ChannelServerOptions, type DrainOptions } from "../../src/channels/index.js";
import type { TrackerError } from "../../src/errors.js";
import type { CancelTimer, Runtime } from "../../src/runtime.js";
import { SeededRandom } from "../../src/testing/random.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

/**
 * The lines of the official client that the server promises to serve. The presence of 1.7 throws at keys that
 * name parts of an object, such as `constructor`; that of 1.8 takes them.
 */
export const CLIENTS = [
  { line: "1.8", phoenix: phoenix18, oddKeys: ["__proto__", "constructor", "hasOwnProperty"] },
  { line: "1.7", phoenix: phoenix17, oddKeys: [] },
] as const;

/** What the tests use of a line of the client. */
export type PhoenixClient = Pick<typeof phoenix18, "Socket" | "Presence">;

/** Time that passes only when a test says so; the sockets themselves stay real. */
export class VirtualRuntime implements Runtime {
  static #count = 0;
  /** Random numbers of its own, as those of another process are: servers must not draw the same names. */
  readonly #virtual = virtualRuntime({
    random: new SeededRandom(`server ${++VirtualRuntime.#count}`),
    wallClockOriginMs: 0,
  });
  readonly warnings: string[] = [];

  monotonicMs(): number {
    return this.#virtual.runtime.monotonicMs();
  }

  wallClockMs(): number {
    return this.#virtual.runtime.wallClockMs();
  }

  random(): number {
    return this.#virtual.runtime.random();
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    return this.#virtual.runtime.schedule(delayMs, callback);
  }

  warn(message: string, code: string): void {
    this.warnings.push(`${code} ${message}`);
  }

  advance(durationMs: number): Promise<void> {
    return this.#virtual.time.advance(durationMs);
  }
}

export interface TestServer {
  readonly channels: ChannelServer;
  readonly httpServer: Server;
  readonly port: number;
  /** For `new Socket(url + "/socket")`. */
  readonly url: string;
  readonly errors: TrackerError[];
  stop(): Promise<void>;
}

/** Starts a server that ends with the test. */
export async function startServer(
  configure: (channels: ChannelServer) => void,
  options: Partial<ChannelServerOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  const { port = 0, ...channelOptions } = options;
  const pubsub: MemoryPubSub | undefined = channelOptions.pubsub ? undefined : memoryPubSub();
  const channels = new ChannelServer({ pubsub: pubsub ?? memoryPubSub(), ...channelOptions });
  const errors: TrackerError[] = [];
  channels.on("error", (error) => errors.push(error));
  configure(channels);
  const httpServer = createServer();
  channels.attach(httpServer);
  await channels.whenReady();
  httpServer.listen(port, "127.0.0.1");
  await once(httpServer, "listening");
  const { port: boundPort } = httpServer.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  const stop = (options: DrainOptions = {}): Promise<void> =>
    (stopped ??= (async () => {
      const ended = channels.stop(options);
      // Those that do not answer the close are cut off when the grace is over.
      if (channelOptions.runtime instanceof VirtualRuntime) await channelOptions.runtime.advance(10_000);
      await ended;
      httpServer.closeAllConnections();
      await new Promise((resolve) => httpServer.close(resolve));
      pubsub?.close();
    })());
  // Nothing is looked at any more: those that do not answer the close, such as sessions of long polling, are not waited for.
  onTestFinished(() => stop({ graceMs: 50 }));
  return { channels, httpServer, port: boundPort, url: `ws://127.0.0.1:${boundPort}`, errors, stop };
}

/** Connects an official client that disconnects with the test. */
export function connectClient(
  phoenix: PhoenixClient,
  url: string,
  options: Partial<phoenix18.SocketConnectOption> = {},
): phoenix18.Socket {
  const socket = new phoenix.Socket(url, { transport: WebSocket, ...options });
  socket.connect();
  onTestFinished(() => socket.disconnect());
  return socket;
}

/** A promise from outside, for things that happen in a callback. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/** Resolves with the answer to a join or push, whatever its status. */
export function answer(push: phoenix18.Push): Promise<{ status: string; response: unknown }> {
  return new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"] as const) {
      push.receive(status, (response: unknown) => resolve({ status, response }));
    }
  });
}

/** Resolves with the payload of the next event of that name. */
export function nextEvent(channel: phoenix18.Channel, event: string): Promise<unknown> {
  return new Promise((resolve) => {
    const ref = channel.on(event, (payload: unknown) => {
      channel.off(event, ref);
      resolve(payload);
    });
  });
}

/** The five fields of a text frame. */
export type RawFrame = [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: Record<string, unknown>,
];

/** A client that knows nothing of the protocol: frames in, frames out, in order. */
export class RawClient {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: (string | Buffer)[] = [];
  readonly #waiting: ((frame: string | Buffer) => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, binary) => {
      const frame = binary ? (data as Buffer) : (data as Buffer).toString();
      const waiting = this.#waiting.shift();
      if (waiting) waiting(frame);
      else this.#frames.push(frame);
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
  }

  static async connect(
    url: string,
    path = "/socket/websocket?vsn=2.0.0",
    options: ClientOptions = {},
    protocols: string[] = [],
  ): Promise<RawClient> {
    const socket = new WebSocket(url + path, protocols, options);
    const client = new RawClient(socket);
    await once(socket, "open");
    onTestFinished(() => socket.terminate());
    return client;
  }

  send(joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown = {}): void {
    this.socket.send(JSON.stringify([joinRef, ref, topic, event, payload]));
  }

  /** The next frame that has not been read yet, text or binary. */
  nextData(): Promise<string | Buffer> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async next(): Promise<RawFrame> {
    return JSON.parse((await this.nextData()).toString()) as RawFrame;
  }

  /** Joins and asserts nothing: the answer is returned. */
  join(topic: string, joinRef = "1", params: unknown = {}): Promise<RawFrame> {
    this.send(joinRef, joinRef, topic, "phx_join", params);
    return this.next();
  }

  /** All frames up to the answer of a heartbeat: proof that nothing else was sent before it. */
  async untilHeartbeat(): Promise<RawFrame[]> {
    this.send(null, "heartbeat", "phoenix", "heartbeat");
    const frames: RawFrame[] = [];
    for (;;) {
      const frame = await this.next();
      if (frame[1] === "heartbeat") return frames;
      frames.push(frame);
    }
  }
}

/** The status with which an upgrade is refused; fails if it is not. */
export function refusedStatus(
  url: string,
  options: ClientOptions = {},
  protocols: string[] = [],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, options);
    socket.on("open", () => {
      socket.terminate();
      reject(new Error("the upgrade was accepted"));
    });
    socket.on("unexpected-response", (_request, response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on("error", reject);
  });
}
