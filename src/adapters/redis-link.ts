/**
 * The two Redis clients of Node, seen alike. Only what the adapter needs, and only by shape: neither is imported,
 * not even as a type.
 */
import { TrackerError } from "../errors.js";

/**
 * What is used of a client of node-redis: of `createClient` and `createSentinel` of `redis` 5 and 6, and of
 * `createCluster` of `redis` 6. What is optional only `createClient` has all of.
 */
export interface NodeRedisClient {
  readonly isReady: boolean;
  readonly isOpen?: boolean;
  publish(channel: string, payload: string): Promise<unknown>;
  subscribe(channels: string[], listener: (payload: string, channel: string) => unknown): Promise<unknown>;
  unsubscribe(
    channels: string[],
    listener: (payload: unknown, channel: unknown) => unknown,
  ): Promise<unknown>;
  sPublish?(channel: string, payload: string): Promise<unknown>;
  sSubscribe?(channel: string, listener: (payload: string, channel: string) => unknown): Promise<unknown>;
  sUnsubscribe?(channel: string, listener: (payload: unknown, channel: unknown) => unknown): Promise<unknown>;
  pubSubNumSub?(channels: string[]): Promise<unknown>;
  connect?(): Promise<unknown>;
  destroy?(): unknown;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** What is used of a `Redis` or `Cluster` of `ioredis` 5 and 6. What is optional only `Redis` need have. */
export interface IoredisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options?: object;
  publish(channel: string, payload: string): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  spublish?(channel: string, payload: string): Promise<unknown>;
  ssubscribe?(channel: string): Promise<unknown>;
  sunsubscribe?(channel: string): Promise<unknown>;
  call?(command: string, ...values: string[]): Promise<unknown>;
  disconnect?(reconnect: boolean): void;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
}

export type RedisClient = NodeRedisClient | IoredisClient;

/** What a client tells its adapter. */
export interface RedisWatcher {
  /** It has become ready, or is so no longer. May be told too often. */
  changed(): void;
  failed(error: unknown): void;
  received(name: string, payload: string): void;
}

/** A client as the adapter sees it. */
export interface RedisLink {
  readonly ready: boolean;
  /** Why there is no connection and none is being made, and what to do; `undefined` if there may be one yet. */
  readonly idle: string | undefined;
  publish(name: string, payload: string): Promise<unknown>;
  subscribe(names: string[]): Promise<void>;
  unsubscribe(names: string[]): Promise<void>;
  /** Resolves when what was subscribed before the connection was lost is subscribed again. */
  restore(names: string[]): Promise<void>;
  /** Which of these have a subscriber at the server. Absent for a cluster, where a server knows only its own. */
  readonly subscribed?: ((names: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
  /** Which of these have a subscriber at a server that they do not live on. Absent where there is one server. */
  readonly strayed?: (names: readonly string[]) => Promise<ReadonlySet<string>>;
  /** Gives up the connection for a new one, if there is one. Absent where the client does not offer it. */
  readonly reconnect?: () => void;
  /** What is returned takes all listeners off the client. */
  watch(watcher: RedisWatcher): () => void;
}

/**
 * @param sharded Whether it is to use sharded pubsub, in which a channel lives on the one server that its name belongs to.
 * @throws TrackerError `INVALID_OPTION` for what is neither client, and for one that cannot do that.
 */
export function redisLink(given: RedisClient, option: string, sharded = false): RedisLink {
  const client = Object(given) as RedisClient;
  if ("isReady" in client && typeof client.isReady === "boolean") {
    return sharded
      ? new ShardedNodeRedisLink(client, requireSharded(client, "sPublish", option))
      : new NodeRedisLink(client);
  }
  if ("status" in client && typeof client.status === "string") {
    return sharded
      ? new ShardedIoredisLink(client, requireSharded(client, "spublish", option))
      : new IoredisLink(client);
  }
  throw new TrackerError(
    "INVALID_OPTION",
    `Expected ${option} to be a client of the package redis (5 or 6) or ioredis (5 or 6)`,
    { option },
  );
}

/** A client with all that sharded pubsub needs. */
type Sharded<C> = Required<C>;

function requireSharded<C extends RedisClient>(client: C, method: keyof C, option: string): Sharded<C> {
  const { isCluster, options } = client as IoredisClient;
  const hasSubscribers = isCluster !== true || Object(options).shardedSubscribers === true;
  if (typeof client[method] === "function" && hasSubscribers) return client as Sharded<C>;
  throw new TrackerError(
    "INVALID_OPTION",
    `Expected ${option} to be a client that has sharded pubsub; a Cluster of ioredis has it with shardedSubscribers: true`,
    { option },
  );
}

class NodeRedisLink implements RedisLink {
  readonly #client: NodeRedisClient;
  #watcher: RedisWatcher | undefined;
  readonly subscribed?: ((names: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
  readonly reconnect?: () => void;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    const isCluster = "masters" in client;
    if (!isCluster && client.pubSubNumSub !== undefined) this.subscribed = (names) => this.#subscribed(names);
    // A client of one server has this property; a sentinel or cluster lives on several connections.
    if ("isPubSubActive" in client) this.reconnect = () => this.#reconnect();
  }

  get idle(): string | undefined {
    if (this.#client.isReady || this.#client.isOpen !== false) return undefined;
    return "is not connected: await its connect() first";
  }

  get ready(): boolean {
    return this.#client.isReady;
  }

  publish(name: string, payload: string): Promise<unknown> {
    return this.#client.publish(name, payload);
  }

  async subscribe(names: string[]): Promise<void> {
    await this.#client.subscribe(names, this.receive);
  }

  async unsubscribe(names: string[]): Promise<void> {
    await this.#client.unsubscribe(names, this.receive);
  }

  /** The client says `ready` only after it has subscribed again by itself. */
  restore(): Promise<void> {
    return Promise.resolve();
  }

  async #subscribed(names: readonly string[]): Promise<ReadonlySet<string>> {
    const counts: unknown = await this.#client.pubSubNumSub?.([...names]);
    const entries: readonly (readonly [string, unknown])[] = Object.entries(counts ?? {});
    return new Set(entries.filter(([, count]) => Number(count) > 0).map(([name]) => name));
  }

  /**
   * The client keeps what it has subscribed. It counts as open again before anybody else can use it, so all that
   * others notice is an `end`, a `ready`, and that what was under way is rejected.
   */
  #reconnect(): void {
    if (!this.#client.isReady) return;
    this.#client.destroy?.();
    this.#client.connect?.().catch((error: unknown) => this.#watcher?.failed(error));
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

  protected readonly receive = (payload: unknown, name: unknown): void => {
    if (typeof payload === "string" && typeof name === "string") this.#watcher?.received(name, payload);
  };
}

/** Each name by itself: names of several servers in one command are refused. */
class ShardedNodeRedisLink extends NodeRedisLink {
  readonly #sharded: Sharded<NodeRedisClient>;
  /** Each server knows only its own. */
  override readonly subscribed = undefined;

  constructor(client: NodeRedisClient, sharded: Sharded<NodeRedisClient>) {
    super(client);
    this.#sharded = sharded;
  }

  override publish(name: string, payload: string): Promise<unknown> {
    return this.#sharded.sPublish(name, payload);
  }

  override async subscribe(names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#sharded.sSubscribe(name, this.receive)));
  }

  override async unsubscribe(names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#sharded.sUnsubscribe(name, this.receive)));
  }
}

class IoredisLink implements RedisLink {
  readonly #client: IoredisClient;
  readonly subscribed?: ((names: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
  readonly reconnect?: () => void;

  constructor(client: IoredisClient) {
    this.#client = client;
    if (client.isCluster === true) return;
    if (client.call !== undefined) this.subscribed = (names) => this.#subscribed(names);
    if (client.disconnect !== undefined) this.reconnect = () => this.#reconnect();
  }

  get idle(): string | undefined {
    const { status } = this.#client;
    if (status === "wait") return "was made with lazyConnect and is not connected: await its connect() first";
    return status === "end" ? "has ended its connection: await its connect() first" : undefined;
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

  /** The answer is a list of names, each with its count behind it. */
  async #subscribed(names: readonly string[]): Promise<ReadonlySet<string>> {
    const answer: unknown = await this.#client.call?.("PUBSUB", "NUMSUB", ...names);
    const list: readonly unknown[] = Array.isArray(answer) ? answer : [];
    return new Set(
      names.filter((name, index) => list[2 * index] === name && Number(list[2 * index + 1]) > 0),
    );
  }

  #reconnect(): void {
    if (this.ready) this.#client.disconnect?.(true);
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
      [this.messageEvent, received],
    ]);
  }

  protected get messageEvent(): string {
    return "message";
  }
}

/** Each name by itself: names of several servers in one command are refused. */
class ShardedIoredisLink extends IoredisLink {
  readonly #sharded: Sharded<IoredisClient>;
  /** Each server knows only its own. */
  override readonly subscribed = undefined;

  constructor(client: IoredisClient, sharded: Sharded<IoredisClient>) {
    super(client);
    this.#sharded = sharded;
  }

  override publish(name: string, payload: string): Promise<unknown> {
    return this.#sharded.spublish(name, payload);
  }

  override async subscribe(names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#sharded.ssubscribe(name)));
  }

  override async unsubscribe(names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#sharded.sunsubscribe(name)));
  }

  override async restore(names: string[]): Promise<void> {
    await this.subscribe(names);
  }

  protected override get messageEvent(): string {
    return "smessage";
  }
}

type Listener = (...values: unknown[]) => void;

function listenTo(client: RedisClient, listeners: readonly (readonly [string, Listener])[]): () => void {
  for (const [event, listener] of listeners) client.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) client.off(event, listener);
  };
}
