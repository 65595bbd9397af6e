/**
 * The two Redis clients of Node, seen alike. Only what the adapter needs, and only by shape: neither is imported,
 * not even as a type.
 */
import { TrackerError } from "../errors.js";

/** What is used of a client of node-redis (`redis` 5 and 6). */
export interface NodeRedisClient {
  readonly isReady: boolean;
  publish(channel: string, payload: string): Promise<unknown>;
  subscribe(channels: string[], listener: (payload: string, channel: string) => unknown): Promise<unknown>;
  unsubscribe(channels: string[], listener: (payload: string, channel: string) => unknown): Promise<unknown>;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** What is used of a client of `ioredis` 5 and 6. */
export interface IoredisClient {
  readonly status: string;
  publish(channel: string, payload: string): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
}

export type RedisClient = NodeRedisClient | IoredisClient;

/** What a client tells its adapter. */
interface RedisWatcher {
  /** It has become ready, or is so no longer. May be told too often. */
  changed(): void;
  failed(error: unknown): void;
  received(name: string, payload: string): void;
}

/** A client as the adapter sees it. */
export interface RedisLink {
  readonly ready: boolean;
  publish(name: string, payload: string): Promise<unknown>;
  subscribe(names: string[]): Promise<void>;
  unsubscribe(names: string[]): Promise<void>;
  /** Resolves when what was subscribed before the connection was lost is subscribed again. */
  restore(names: string[]): Promise<void>;
  /** What is returned takes all listeners off the client. */
  watch(watcher: RedisWatcher): () => void;
}

/** @throws TrackerError `INVALID_OPTION` for what is neither client. */
export function redisLink(client: RedisClient, option: string): RedisLink {
  if ("isReady" in client && typeof client.isReady === "boolean") return new NodeRedisLink(client);
  if ("status" in client && typeof client.status === "string") return new IoredisLink(client);
  throw new TrackerError(
    "INVALID_OPTION",
    `Expected ${option} to be a client of the package redis (5 or 6) or ioredis (5 or 6)`,
    { option },
  );
}

class NodeRedisLink implements RedisLink {
  readonly #client: NodeRedisClient;
  #watcher: RedisWatcher | undefined;

  constructor(client: NodeRedisClient) {
    this.#client = client;
  }

  get ready(): boolean {
    return this.#client.isReady;
  }

  publish(name: string, payload: string): Promise<unknown> {
    return this.#client.publish(name, payload);
  }

  async subscribe(names: string[]): Promise<void> {
    await this.#client.subscribe(names, this.#receive);
  }

  async unsubscribe(names: string[]): Promise<void> {
    await this.#client.unsubscribe(names, this.#receive);
  }

  /** The client says `ready` only after it has subscribed again by itself. */
  restore(): Promise<void> {
    return Promise.resolve();
  }

  watch(watcher: RedisWatcher): () => void {
    this.#watcher = watcher;
    return listenTo(this.#client, [
      ["ready", watcher.changed],
      ["reconnecting", watcher.changed],
      ["terminated", watcher.changed],
      ["end", watcher.changed],
      ["error", watcher.failed],
    ]);
  }

  readonly #receive = (payload: string, name: string): void => this.#watcher?.received(name, payload);
}

class IoredisLink implements RedisLink {
  readonly #client: IoredisClient;

  constructor(client: IoredisClient) {
    this.#client = client;
  }

  get ready(): boolean {
    return this.#client.status === "ready";
  }

  publish(name: string, payload: string): Promise<unknown> {
    return this.#client.publish(name, payload);
  }

  async subscribe(names: string[]): Promise<void> {
    await this.#client.subscribe(...names);
  }

  async unsubscribe(names: string[]): Promise<void> {
    await this.#client.unsubscribe(...names);
  }

  /**
   * The client says `ready` before it has subscribed again, and not at all with `autoResubscribe: false`. To
   * subscribe once more does no harm, and its answer is the proof.
   */
  async restore(names: string[]): Promise<void> {
    if (names.length > 0) await this.#client.subscribe(...names);
  }

  watch(watcher: RedisWatcher): () => void {
    const received = (name: unknown, payload: unknown): void => {
      if (typeof name === "string" && typeof payload === "string") watcher.received(name, payload);
    };
    return listenTo(this.#client, [
      ["ready", watcher.changed],
      ["reconnecting", watcher.changed],
      ["close", watcher.changed],
      ["end", watcher.changed],
      ["error", watcher.failed],
      ["message", received],
    ]);
  }
}

type Listener = (...values: unknown[]) => void;

function listenTo(client: RedisClient, listeners: readonly (readonly [string, Listener])[]): () => void {
  for (const [event, listener] of listeners) client.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) client.off(event, listener);
  };
}
