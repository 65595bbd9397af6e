/**
 * A pubsub over Redis, or what speaks its protocol, with the client that the application has anyway:
 *
 * ```ts
 * const publisher = await createClient({ url }).connect();        // node-redis
 * const subscriber = await publisher.duplicate().connect();
 * const pubsub = redisPubSub({ publisher, subscriber });
 *
 * const publisher = new Redis(url);                               // ioredis
 * const pubsub = redisPubSub({ publisher, subscriber: publisher.duplicate() });
 * ```
 *
 * Takes node-redis 5 and 6 and ioredis 5 and 6 by their shape and imports neither. For a single instance or a
 * replicated one: PUBLISH in a Redis Cluster works too, but goes to every node of it.
 *
 * The clients reconnect by themselves. While either is not ready the status is `disconnected` and what is sent is
 * rejected, not kept for later: the next heartbeat says more than a queue of old ones.
 */
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { broadcastName, checkedPrefix, inboxName } from "../pubsub/broker-names.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { unavailable } from "../pubsub/unavailable.js";
import { redisLink, type RedisClient, type RedisLink } from "./redis-link.js";

export type { IoredisClient, NodeRedisClient, RedisClient } from "./redis-link.js";

export interface RedisPubSubOptions {
  /** The client to publish with. It may be in use for anything else. */
  readonly publisher: RedisClient;
  /** The client to subscribe with, which with RESP2 can be used for nothing else but subscriptions. */
  readonly subscriber: RedisClient;
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
  /**
   * Comes before all names on the broker. Default `rollcall`; another one for each application or environment
   * that shares the server, because databases (`SELECT`) do not keep channels apart.
   */
  readonly prefix?: string | undefined;
}

export interface RedisPubSub extends PubSub {
  /** Ends all subscriptions and forgets the clients, which stay open. Closing twice does nothing. */
  close(): Promise<void>;
}

/**
 * @throws TrackerError `INVALID_OPTION` for clients that are neither node-redis nor ioredis, a `nodeName` that is
 *   empty or longer than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function redisPubSub(options: RedisPubSubOptions): RedisPubSub {
  return new RedisNode(options);
}

class RedisNode implements RedisPubSub {
  readonly nodeName: string;
  readonly #prefix: string;
  readonly #publisher: RedisLink;
  readonly #subscriber: RedisLink;
  readonly #events: AdapterEvents;
  readonly #subscriptions: BrokerSubscriptions;
  readonly onStatus: AdapterEvents["onStatus"];
  readonly onError: AdapterEvents["onError"];
  readonly #stopWatching: readonly (() => void)[];
  /** What is subscribed at the server, and which channel each name stands for. */
  readonly #channelOf = new Map<string, string>();
  /** Counts the changes of the connection, so that a late answer can be told from a current one. */
  #connection = 0;
  #outageReported = false;
  /** Told when the subscriber is without a connection. */
  readonly #awaitingLoss = new Set<() => void>();
  #closed = false;

  constructor({ publisher, subscriber, nodeName, prefix }: RedisPubSubOptions) {
    this.nodeName = checkedNodeName(nodeName);
    this.#prefix = checkedPrefix(prefix);
    this.#publisher = redisLink(publisher, "publisher");
    this.#subscriber = redisLink(subscriber, "subscriber");
    this.#events = new AdapterEvents(this.#ready() ? "connected" : "disconnected");
    this.onStatus = this.#events.onStatus;
    this.onError = this.#events.onError;
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#open(channel), close: (channel) => this.#close(channel) },
      this.#events.reportError,
    );
    this.#stopWatching = [this.#publisher, this.#subscriber].map((link) =>
      link.watch({
        changed: () => void this.#changed(),
        failed: (error) => this.#failed(error),
        received: (name, payload) => this.#received(name, payload),
      }),
    );
  }

  async broadcast(channel: string, payload: string): Promise<void> {
    this.#refuseIfUnavailable();
    await this.#publisher.publish(broadcastName(this.#prefix, channel), payload);
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    this.#refuseIfUnavailable();
    await this.#publisher.publish(inboxName(this.#prefix, node, channel), payload);
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.#subscriptions.add(channel, receive);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscriptions.close();
    for (const stop of this.#stopWatching) stop();
    this.#events.clear();
  }

  #namesOf(channel: string): string[] {
    return [broadcastName(this.#prefix, channel), inboxName(this.#prefix, this.nodeName, channel)];
  }

  async #open(channel: string): Promise<void> {
    const names = this.#namesOf(channel);
    for (const name of names) this.#channelOf.set(name, channel);
    try {
      await this.#subscriber.subscribe(names);
    } catch (error) {
      for (const name of names) this.#channelOf.delete(name);
      throw error;
    }
  }

  async #close(channel: string): Promise<void> {
    const names = this.#namesOf(channel);
    for (const name of names) this.#channelOf.delete(name);
    await this.#whileConnected(this.#subscriber.unsubscribe(names));
  }

  /** Without a connection a client may keep a command for later: nobody shall wait for that. */
  #whileConnected(command: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => resolve();
      this.#awaitingLoss.add(giveUp);
      const done = (): void => void this.#awaitingLoss.delete(giveUp);
      command.then(resolve, reject).finally(done);
      if (!this.#subscriber.ready) giveUp();
    });
  }

  #received(name: string, payload: string): void {
    const channel = this.#channelOf.get(name);
    if (channel !== undefined) this.#subscriptions.deliver(channel, payload);
  }

  #ready(): boolean {
    return this.#publisher.ready && this.#subscriber.ready;
  }

  /** Says `connected` only when the server delivers again. */
  async #changed(): Promise<void> {
    const connection = ++this.#connection;
    if (!this.#subscriber.ready) for (const giveUp of [...this.#awaitingLoss]) giveUp();
    if (!this.#ready()) return this.#events.setStatus("disconnected");
    if (this.#events.status === "connected") return;
    try {
      await this.#subscriber.restore([...this.#channelOf.keys()]);
    } catch (error) {
      // A connection that was lost again meanwhile has told so itself.
      if (connection === this.#connection) this.#events.reportError(error);
      return;
    }
    if (connection !== this.#connection || this.#closed) return;
    this.#outageReported = false;
    this.#events.setStatus("connected");
  }

  /** Clients report every attempt to reconnect: one report per outage tells as much. */
  #failed(error: unknown): void {
    void this.#changed();
    if (this.#events.status === "disconnected") {
      if (this.#outageReported) return;
      this.#outageReported = true;
    }
    this.#events.reportError(error);
  }

  #refuseIfUnavailable(): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    if (this.#events.status === "disconnected") throw unavailable(this.nodeName, "disconnected");
  }
}
