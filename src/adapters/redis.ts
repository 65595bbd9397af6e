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
 * replicated one, and with `sharded` for a Redis Cluster: PUBLISH works there too, but goes to every server of it.
 *
 * The clients reconnect by themselves. While either is not ready the status is `disconnected` and what is sent is
 * rejected, not kept for later: the next heartbeat says more than a queue of old ones.
 */
import { booleanOption, looked } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { broadcastName, checkedPrefix, inboxName } from "../pubsub/broker-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { BrokerNode, type Broker, type BrokerWatcher, type ChannelNames } from "./broker-node.js";
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
  /**
   * Whether to use sharded pubsub (SPUBLISH and SSUBSCRIBE, of Redis 7), for a Redis Cluster: a message then goes to the
   * one server that its channel belongs to, and not to all. All nodes have to agree on it. A `Cluster` of ioredis needs
   * `shardedSubscribers: true`. Default: false.
   */
  readonly sharded?: boolean | undefined;
}

const optionNames: Readonly<Record<keyof RedisPubSubOptions, true>> = {
  publisher: true,
  subscriber: true,
  nodeName: true,
  prefix: true,
  sharded: true,
};

export interface RedisPubSub extends PubSub {
  /** Ends all subscriptions and forgets the clients, which stay open. Closing twice does nothing. */
  close(): Promise<void>;
}

/**
 * @throws TrackerError `INVALID_OPTION` for clients that are neither node-redis nor ioredis, or have no sharded pubsub
 *   where it is asked for, another option, a `nodeName` that is empty or longer than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function redisPubSub(options: RedisPubSubOptions): RedisPubSub {
  if (looked("INVALID_OPTION", "options", () => Object.hasOwn(Object(options) as object, "client"))) {
    const text =
      "redisPubSub takes two clients, `publisher` and `subscriber`, such as `client` and `client.duplicate()`";
    throw new TrackerError("INVALID_OPTION", text, { option: "client" });
  }
  const { publisher, subscriber, nodeName, prefix, sharded = false } = readOptions(options, optionNames);
  booleanOption("sharded", sharded);
  const linkOf = (client: RedisClient, option: string): RedisLink =>
    looked("INVALID_OPTION", option, () => redisLink(client, option, sharded));
  const publishing = linkOf(publisher, "publisher");
  const subscribing = linkOf(subscriber, "subscriber");
  const checked = checkedPrefix(prefix);
  return new BrokerNode(nodeName, (watcher) => new Redis(checked, publishing, subscribing, watcher));
}

class Redis implements Broker {
  readonly maxPayloadBytes = undefined;
  readonly prefix: string;
  readonly #publisher: RedisLink;
  readonly #subscriber: RedisLink;
  readonly #watcher: BrokerWatcher;
  readonly #stopWatching: readonly (() => void)[];
  readonly listening?: (inboxes: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly reconnect?: () => void;
  /** Counts the changes of the connection, so that a late answer can be told from a current one. */
  #connection = 0;
  #connected = false;
  #closed = false;

  constructor(prefix: string, publisher: RedisLink, subscriber: RedisLink, watcher: BrokerWatcher) {
    this.prefix = prefix;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#watcher = watcher;
    if (publisher.subscribed !== undefined) this.listening = publisher.subscribed;
    const { reconnect } = publisher;
    if (reconnect !== undefined && subscriber.reconnect !== undefined) {
      this.reconnect = () => [reconnect, subscriber.reconnect].forEach((again) => again?.());
    }
    if (this.#ready()) this.#say(true);
    this.#stopWatching = [publisher, subscriber].map((link) =>
      link.watch({
        changed: () => void this.#changed(),
        failed: (error) => {
          void this.#changed();
          watcher.failed(error);
        },
        received: watcher.received,
      }),
    );
  }

  broadcastName(channel: string): string {
    return broadcastName(this.prefix, channel);
  }

  inboxName(node: string, channel: string): string {
    return inboxName(this.prefix, node, channel);
  }

  publish(name: string, payload: string): Promise<unknown> {
    return this.#publisher.publish(name, payload);
  }

  /** @throws TrackerError (as a rejection) `PUBSUB_UNAVAILABLE` for a client that nobody is connecting. */
  async open({ all, inbox }: ChannelNames): Promise<void> {
    for (const [option, { idle }] of [
      ["publisher", this.#publisher],
      ["subscriber", this.#subscriber],
    ] as const) {
      if (idle === undefined) continue;
      throw new TrackerError("PUBSUB_UNAVAILABLE", `The Redis client passed as ${option} ${idle}`, {
        option,
      });
    }
    await this.#subscriber.subscribe([all, inbox]);
  }

  close({ all, inbox }: ChannelNames): Promise<void> {
    return this.#subscriber.unsubscribe([all, inbox]);
  }

  forget(): void {
    this.#closed = true;
    for (const stop of this.#stopWatching) stop();
  }

  #ready(): boolean {
    return this.#publisher.ready && this.#subscriber.ready;
  }

  /** Says `connected` only when the server delivers again. */
  async #changed(): Promise<void> {
    const connection = ++this.#connection;
    if (!this.#ready()) return this.#say(false);
    if (this.#connected) return;
    try {
      await this.#subscriber.restore(this.#watcher.openNames().flatMap(({ all, inbox }) => [all, inbox]));
    } catch (error) {
      // A connection that was lost again meanwhile has told so itself.
      if (connection === this.#connection) this.#watcher.failed(error);
      return;
    }
    if (connection === this.#connection && !this.#closed) this.#say(true);
  }

  #say(connected: boolean): void {
    this.#connected = connected;
    if (connected) this.#watcher.connected();
    else this.#watcher.disconnected();
  }
}
