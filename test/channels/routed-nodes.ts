/**
 * Channel servers without sockets on a simulated cluster: what they tell each other, over its faulty network, and who
 * got what. The trackers of the cluster are those in which they say what they hear.
 */
import { ClusterLink } from "../../src/channels/cluster-link.js";
import { zeroCounters, type ChannelCounters } from "../../src/channels/counters.js";
import { ErrorReports } from "../../src/channels/error-reports.js";
import type { RouteSource } from "../../src/channels/route-source.js";
import { Broadcast, Subscribers, type Subscriber } from "../../src/channels/subscribers.js";
import type { TrackerError } from "../../src/errors.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { simulate, type SimulatedCluster, type SimulateOptions } from "../../src/testing/cluster.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";

/**
 * A kind of server: with `route`, without it, of the version before there was such a thing, with a `route` of another name
 * in which the others do not hear it, or with one of the same name in which nobody hears the other.
 */
export type ServerKind = "routed" | "plain" | "old" | "astray" | "severed";

export const MAX_BROADCAST_BYTES = 100_000;

export interface TestSubscriber extends Subscriber {
  readonly name: string;
  readonly node: SimulatedNode;
  readonly kind: ServerKind;
  readonly fromMs: number;
  untilMs: number;
  readonly got: { readonly id: number; readonly atMs: number }[];
}

export interface Made {
  readonly id: number;
  readonly topic: string;
  readonly from: SimulatedNode;
  readonly atMs: number;
}

/** The server of one life. */
export class RoutedNode {
  readonly node: SimulatedNode;
  readonly kind: ServerKind;
  readonly counters: ChannelCounters = zeroCounters();
  readonly errors: TrackerError[] = [];
  readonly link: ClusterLink;
  /** Frames that have come in, by kind. */
  readonly received: Record<string, number> = {};
  readonly #subscribers: Subscribers;
  readonly #cluster: RoutedCluster;

  constructor(cluster: RoutedCluster, node: SimulatedNode, kind: ServerKind) {
    this.node = node;
    this.kind = kind;
    this.#cluster = cluster;
    const { runtime } = node.machine;
    const reports = new ErrorReports(runtime);
    reports.listen((error) => this.errors.push(error));
    this.#subscribers = new Subscribers({
      nowMs: () => runtime.monotonicMs(),
      opened: (topic) => this.link.opened(topic),
      emptied: (topic) => this.link.emptied(topic),
    });
    const settings = {
      pubsub: this.#watched(node.endpoint.pubsub),
      name: "channels",
      runtime,
      route: routeOf(kind, node, cluster),
      limits: { maxBroadcastBytes: MAX_BROADCAST_BYTES },
    };
    this.link = new ClusterLink(
      settings,
      reports,
      {
        broadcastReceived: (broadcast, untilMs) => this.#subscribers.deliver(broadcast, undefined, untilMs),
        disconnectReceived: () => undefined,
        keyReceived: () => undefined,
        askReceived: () => undefined,
        answerReceived: () => undefined,
      },
      this.counters,
    );
    void this.link.open();
  }

  subscribe(topic: string, name = topic): TestSubscriber {
    const subscriber: TestSubscriber = {
      name,
      topic,
      node: this.node,
      kind: this.kind,
      fromMs: this.#cluster.nowMs,
      untilMs: Infinity,
      got: [],
      deliver: ({ event }) => void subscriber.got.push({ id: Number(event), atMs: this.#cluster.nowMs }),
    };
    this.#subscribers.add(subscriber);
    this.#cluster.subscribers.push(subscriber);
    return subscriber;
  }

  unsubscribe(subscriber: TestSubscriber): void {
    subscriber.untilMs = this.#cluster.nowMs;
    this.#subscribers.remove(subscriber);
  }

  broadcast(topic: string, text?: string): Made {
    const { made } = this.#cluster;
    const one: Made = { id: made.length, topic, from: this.node, atMs: this.#cluster.nowMs };
    made.push(one);
    const broadcast = new Broadcast(topic, String(one.id), { id: one.id, text });
    this.link.broadcast(broadcast);
    this.#subscribers.deliver(broadcast);
    return one;
  }

  /** An old version leaves alone what it does not know. */
  #watched(pubsub: PubSub): PubSub {
    return {
      nodeName: pubsub.nodeName,
      broadcast: (channel, payload) => pubsub.broadcast(channel, payload),
      send: (node, channel, payload) => pubsub.send(node, channel, payload),
      onStatus: (listener) => pubsub.onStatus?.(listener) ?? (() => undefined),
      subscribe: (channel, receive) =>
        pubsub.subscribe(channel, (payload) => {
          const kind = String((JSON.parse(payload.slice(0, payload.indexOf("\n"))) as unknown[])[2]);
          this.received[kind] = (this.received[kind] ?? 0) + 1;
          if (this.kind === "old" && kind === "again") return;
          receive(payload);
        }),
    };
  }
}

function routeOf(
  kind: ServerKind,
  { tracker }: SimulatedNode,
  cluster: RoutedCluster,
): RouteSource | undefined {
  if (kind === "severed" || (kind === "routed" && cluster.hasSevered)) return seenBy(tracker, kind, cluster);
  if (kind === "routed") return tracker;
  if (kind !== "astray") return undefined;
  return {
    name: "another",
    nodeName: tracker.nodeName,
    track: () => undefined,
    untrack: () => undefined,
    follow: (topic) => tracker.follow(`elsewhere ${topic}`),
    diffs: (options) => tracker.diffs(options),
    on: (event, listener) => tracker.on(event, listener),
    health: () => tracker.health(),
  };
}

/** A tracker as if it were on a pubsub of its own, or on that of those that are not. */
function seenBy(tracker: Tracker, kind: ServerKind, cluster: RoutedCluster): RouteSource {
  const isSeen = (name: string): boolean =>
    name === tracker.nodeName || (kind === "routed" && cluster.servers.get(name)?.kind !== "severed");
  return {
    name: tracker.name,
    nodeName: tracker.nodeName,
    track: (session, topic, key, meta) => tracker.track(session, topic, key, meta),
    untrack: (session, topic, key) => tracker.untrack(session, topic, key),
    follow: (topic) => {
      const follow = tracker.follow(topic);
      return {
        get complete() {
          return follow.complete;
        },
        list: () => follow.list().filter(({ node }) => isSeen(node)),
        close: () => follow.close(),
      };
    },
    diffs: (options) => tracker.diffs(options),
    on: (event, listener) => tracker.on(event, listener),
    health: () => ({ replicas: tracker.health().replicas.filter(({ name }) => isSeen(name)) }),
  };
}

export class RoutedCluster {
  readonly subscribers: TestSubscriber[] = [];
  readonly made: Made[] = [];
  readonly servers = new Map<string, RoutedNode>();
  readonly kinds: Readonly<Record<string, ServerKind>>;
  #simulated: SimulatedCluster | undefined;

  private constructor(kinds: Readonly<Record<string, ServerKind>>) {
    this.kinds = kinds;
  }

  /** Starts the nodes, and their servers. */
  static async start(
    kinds: Readonly<Record<string, ServerKind>>,
    options: Omit<SimulateOptions, "nodes">,
  ): Promise<RoutedCluster> {
    const made = new RoutedCluster(kinds);
    const time: { pending?: () => void } = {};
    made.#simulated = await simulate({
      ...options,
      options: { name: "routes", holds: "followed", ...options.options },
      nodes: Object.keys(kinds),
      // What a tracker tells is read by promises.
      afterTask: () => time.pending?.(),
    });
    time.pending = () => made.simulated.time.promisesMayBePending();
    for (const name of Object.keys(kinds)) made.serve(name);
    return made;
  }

  get simulated(): SimulatedCluster {
    if (this.#simulated === undefined) throw new Error("it has not started");
    return this.#simulated;
  }

  get nowMs(): number {
    return this.#simulated?.nowMs ?? 0;
  }

  get hasSevered(): boolean {
    return Object.values(this.kinds).includes("severed");
  }

  server(name: string): RoutedNode {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`no server on ${name}`);
    return server;
  }

  /** Starts the server of the latest life of a node. */
  serve(name: string, kind: ServerKind = this.kinds[name] ?? "routed"): RoutedNode {
    const server = new RoutedNode(this, this.simulated.node(name), kind);
    this.servers.set(name, server);
    return server;
  }

  /** A life ends with its subscribers. */
  ended(name: string): void {
    const server = this.server(name);
    for (const subscriber of this.subscribers) {
      if (subscriber.node === server.node) subscriber.untilMs = Math.min(subscriber.untilMs, this.nowMs);
    }
  }

  /** The simulation's own checks of trackers take a follow for ended when it is closed; it lingers, and is not the subject here. */
  async advance(durationMs: number): Promise<void> {
    await this.simulated.time.advance(durationMs);
  }
}

/** The ids that a subscriber has got. */
export function idsOf(subscriber: TestSubscriber): number[] {
  return subscriber.got.map(({ id }) => id);
}
