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
 * replicated one; with `shards` for several that know nothing of each other; and with `sharded` for a Redis Cluster:
 * PUBLISH works there too, but goes to every server of it.
 *
 * The clients reconnect by themselves. While any is not ready the status is `disconnected` and what is sent is
 * rejected, not kept for later: the next heartbeat says more than a queue of old ones.
 */
import { booleanOption, looked, wrongOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { broadcastName, checkedPrefix, inboxName, taggedInboxName } from "../pubsub/broker-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { BrokerNode, type Broker, type BrokerWatcher, type ChannelNames } from "./broker-node.js";
import { redisLink, type RedisClient, type RedisLink } from "./redis-link.js";
import { shardedLink } from "./redis-shards.js";

export type { IoredisClient, NodeRedisClient, RedisClient } from "./redis-link.js";

/** The clients of one server. */
export interface RedisShard {
  /** The client to publish with. It may be in use for anything else. */
  readonly publisher: RedisClient;
  /** The client to subscribe with, which with RESP2 can be used for nothing else but subscriptions. */
  readonly subscriber: RedisClient;
}

export interface RedisNameOptions {
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
  /**
   * Comes before all names on the broker. Default `rollcall`; another one for each application or environment
   * that shares the server, because databases (`SELECT`) do not keep channels apart.
   */
  readonly prefix?: string | undefined;
}

export interface RedisServerOptions extends RedisShard, RedisNameOptions {
  readonly shards?: undefined;
  /**
   * Whether to use sharded pubsub (SPUBLISH and SSUBSCRIBE, of Redis 7), for a Redis Cluster: a message then goes to the
   * one server that its channel belongs to, and not to all. All nodes have to agree on it. A `Cluster` of ioredis needs
   * `shardedSubscribers: true`. Default: false.
   */
  readonly sharded?: boolean | undefined;
}

export interface RedisShardsOptions extends RedisNameOptions {
  /**
   * Several servers that share the load, each with clients of its own: what is broadcast on a channel goes over the one that
   * the channel's name decides, what is sent to a node over the one that the node's name decides. All nodes have to list
   * the same servers in the same order; who finds others subscribed where a channel does not live reports
   * `SHARDS_DIFFER`. Connected only while all of them are.
   */
  readonly shards: readonly RedisShard[];
  readonly publisher?: undefined;
  readonly subscriber?: undefined;
  /** A Redis Cluster spreads what is sent by itself. */
  readonly sharded?: false | undefined;
}

/** One server, a Redis Cluster, or several servers. */
export type RedisPubSubOptions = RedisServerOptions | RedisShardsOptions;

type AnyOptions = Readonly<Record<keyof RedisServerOptions | keyof RedisShardsOptions, unknown>>;

const shardNames: Readonly<Record<keyof RedisShard, true>> = { publisher: true, subscriber: true };

const optionNames: Readonly<Record<keyof AnyOptions, true>> = {
  ...shardNames,
  shards: true,
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
 *   where it is asked for, `shards` beside other clients or `sharded`, none, or twice the same client in them, another option, a `nodeName` that is empty or longer than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function redisPubSub(options: RedisPubSubOptions): RedisPubSub {
  if (looked("INVALID_OPTION", "options", () => Object.hasOwn(Object(options) as object, "client"))) {
    const text =
      "redisPubSub takes two clients, `publisher` and `subscriber`, such as `client` and `client.duplicate()`";
    throw new TrackerError("INVALID_OPTION", text, { option: "client" });
  }
  const { shards, nodeName, prefix, sharded = false, ...clients } = readOptions(options, optionNames);
  booleanOption("sharded", sharded);
  const links =
    shards === undefined ? [linksOf(clients, "", sharded)] : linksOfShards(shards, clients, sharded);
  const publisher = shardedLink(links.map((each) => each.publisher));
  const subscriber = shardedLink(links.map((each) => each.subscriber));
  const checked = checkedPrefix(prefix);
  const inbox = sharded ? taggedInboxName : inboxName;
  return new BrokerNode(nodeName, (watcher) => new Redis(checked, inbox, publisher, subscriber, watcher));
}

type GivenClients = Readonly<Partial<Record<keyof RedisShard, RedisClient | undefined>>>;

interface Links {
  readonly publisher: RedisLink;
  readonly subscriber: RedisLink;
}

/** @param path What comes before the names of the clients in the words of an error. */
function linksOf(clients: GivenClients, path: string, sharded: boolean): Links {
  const linkOf = (option: keyof RedisShard): RedisLink => {
    const named = `${path}${option}`;
    return looked("INVALID_OPTION", named, () => redisLink(clients[option] as RedisClient, named, sharded));
  };
  return { publisher: linkOf("publisher"), subscriber: linkOf("subscriber") };
}

function linksOfShards(shards: unknown, clients: GivenClients, sharded: boolean): Links[] {
  const given = looked("INVALID_OPTION", "shards", () => (Array.isArray(shards) ? [...shards] : []));
  if (given.length === 0)
    throw wrongOption("shards", shards, "a list of { publisher, subscriber }, one for each server");
  for (const option of ["publisher", "subscriber"] as const) {
    if (clients[option] === undefined) continue;
    throw wrongOption(option, clients[option], "absent beside shards, which has the clients of each server");
  }
  if (sharded) throw wrongOption("sharded", sharded, "false with shards: a Redis Cluster spreads by itself");
  const each = given.map((shard: RedisShard) => readOptions(shard, shardNames));
  for (const option of ["publisher", "subscriber"] as const) {
    if (new Set(each.map((shard) => shard[option])).size === each.length) continue;
    throw wrongOption("shards", shards, `a list in which each server has a ${option} of its own`);
  }
  return each.map((shard, index) => linksOf(shard, `shards[${index}].`, false));
}

class Redis implements Broker {
  readonly maxPayloadBytes = undefined;
  readonly prefix: string;
  readonly #inboxName: typeof inboxName;
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

  constructor(
    prefix: string,
    inbox: typeof inboxName,
    publisher: RedisLink,
    subscriber: RedisLink,
    watcher: BrokerWatcher,
  ) {
    this.prefix = prefix;
    this.#inboxName = inbox;
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
    return this.#inboxName(this.prefix, node, channel);
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
    void this.#lookForStrays([all]);
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
    if (connection !== this.#connection || this.#closed) return;
    this.#say(true);
    void this.#lookForStrays(this.#watcher.openNames().map(({ all }) => all));
  }

  /**
   * Nodes that list other shards are subscribed to some of the same names on other servers. Of any two such nodes the one
   * that subscribed last sees the other.
   */
  async #lookForStrays(names: readonly string[]): Promise<void> {
    // A server that does not answer the question tells nothing, and needs no report: pubsub works without.
    const strayed = await this.#publisher.strayed?.(names).catch(() => undefined);
    if (strayed === undefined || strayed.size === 0 || this.#closed) return;
    const text =
      "Another node is subscribed on a server where these channels do not live: shards has to list the same servers in the same order on all nodes";
    this.#watcher.failed(new TrackerError("SHARDS_DIFFER", text, { names: [...strayed] }));
  }

  #say(connected: boolean): void {
    this.#connected = connected;
    if (connected) this.#watcher.connected();
    else this.#watcher.disconnected();
  }
}
