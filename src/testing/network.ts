/**
 * A faulty network between simulated nodes: each life gets its own `PubSub` on it. It loses, repeats, reorders
 * and delays, cuts links one way or both or one of their lanes, refuses payloads, has nodes that are far away, and
 * its broker can go away with or without telling anybody. It promises to fail only in ways that the `PubSub`
 * interface allows, never to change a payload, and the same faults for the same seed. It knows no tracker: payloads
 * are text.
 */
import type { PubSub, PubSubStatus } from "../pubsub/pubsub.js";
import { misbehave, misbehaveAtEnd, type AdapterManner } from "./adapter-manners.js";
import { latencyOf, slowestOf, type Latency, type RangeMs } from "./latencies.js";
import type { Machine } from "./machine.js";
import { faultless, type NetworkFaults } from "./network-faults.js";
import { OwnHearing, type Stretch } from "./own-hearing.js";
import type { SeededRandom } from "./random.js";
import type { VirtualTime } from "./virtual-time.js";

export { faultless, type NetworkFaults } from "./network-faults.js";

/** What is broadcast and what is sent to one node may go different ways, and fail apart. */
export type Lane = "broadcast" | "send";

/** How a broker goes away. */
export interface Outage {
  /** Whether the adapters notice it (`disconnected`, later `connected`). Silent otherwise. */
  readonly announced: boolean;
  /** Whether sends fail meanwhile; otherwise they vanish. */
  readonly refuses: boolean;
}

/** One payload on its way to one receiver. */
export interface Delivery {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly channel: string;
  readonly payload: string;
  /** Whether nothing later of the same sender and kind has arrived at this receiver before. */
  readonly fresh: boolean;
}

export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  /** The limit of every endpoint, in bytes of UTF-8. Absent: none. */
  readonly maxPayloadBytes?: number | undefined;
  /** Hears each payload that is handed to a receiver, before the receiver runs. */
  readonly onDelivery?: ((delivery: Delivery) => void) | undefined;
}

/** What one life has given to the network. */
export interface Traffic {
  broadcasts: number;
  /** To others. */
  sends: number;
  /** To itself alone. */
  signs: number;
  bytes: number;
}

/** The network's side of one life. */
export interface Endpoint {
  /** Counts the endpoints in the order in which they were connected. */
  readonly number: number;
  readonly pubsub: PubSub;
  readonly machine: Machine;
  readonly traffic: Traffic;
  /** Payloads above the limit that it tried to send; a tracker must never do that. */
  readonly oversized: { readonly channel: string; readonly bytes: number }[];
  /** When a fresh payload of another life last arrived here, before one of a later life of its name did. */
  readonly lastFreshMs: Map<Endpoint, number>;
  /** Stretches of time in which this endpoint knew that it was disconnected. */
  readonly knownOutages: Stretch[];
  readonly ownHearing: OwnHearing;
}

interface Port extends Endpoint {
  readonly subscribers: Map<string, Set<(payload: string) => void>>;
  readonly statusListeners: Set<(status: PubSubStatus) => void>;
  readonly goneListeners: Set<(nodeName: string) => void>;
  outage: Outage | undefined;
  manner: AdapterManner;
  sentCount: number;
  /** Per receiver: when the last payload on the link arrives, so that the next one does not overtake it. */
  readonly linkBusyUntilMs: Map<Port, number>;
  /** Per receiver and kind: the number of the latest payload that has arrived there. */
  readonly arrived: Map<Port, { broadcast: number; send: number }>;
}

/** A payload that is under way for longer may seem to be missing. */
const longDelayMs = 500;

/** An adapter takes about this long to notice that its connection is lost or back. */
const noticeMs: RangeMs = [0, 300];

export class FaultyNetwork {
  /** The faults in force; replace it at any time. */
  faults: NetworkFaults = faultless;
  /** For how long a payload was under way at the most, or will have been. */
  longestWayMs = 0;
  readonly #options: NetworkOptions;
  readonly #random: SeededRandom;
  readonly #echoRandom: SeededRandom;
  readonly #ports = new Set<Port>();
  /** Which node cannot be heard by which. */
  readonly #cut = { broadcast: new Map<string, Set<string>>(), send: new Map<string, Set<string>>() };
  #latencies: readonly Latency[] = [];
  #lastArrivalMs = 0;
  #lossMs = -Infinity;
  #echoLossMs = -Infinity;
  /** When a broadcast of one node was last lost on its way to another. */
  readonly #broadcastLossMs = new Map<string, number>();
  #disorderMs = -Infinity;
  #connected = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#echoRandom = options.random.fork("echo");
  }

  /** When the last payload now under way arrives. */
  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  /** How far apart the nodes are. */
  get latencies(): readonly Latency[] {
    return this.#latencies;
  }

  set latencies(latencies: readonly Latency[]) {
    this.#latencies = latencies;
  }

  /** The longest that distance alone keeps a payload under way. */
  get slowestMs(): number {
    return slowestOf(this.#latencies);
  }

  /** When a payload was last lost, by whatever it was. */
  get lossMs(): number {
    return this.#lossMs;
  }

  /** When a node was last kept from hearing itself, which is missing nowhere else. */
  get echoLossMs(): number {
    return this.#echoLossMs;
  }

  /** When a broadcast of `from` was last lost on its way to `to`. */
  broadcastLossMs(from: string, to: string): number {
    const marks = [`${from}>`, `>${to}`, `${from}>${to}`];
    return Math.max(...marks.map((mark) => this.#broadcastLossMs.get(mark) ?? -Infinity));
  }

  /** Until when payloads may have overtaken each other, or been so late that heartbeats seem to be missing. */
  get disorderMs(): number {
    return this.#disorderMs;
  }

  /** Gives a life its pubsub. Until `disconnect` it is an endpoint of its own, whatever its name. */
  connect(nodeName: string, machine: Machine): Endpoint {
    const limit = this.#options.maxPayloadBytes;
    this.#connected += 1;
    const port: Port = {
      number: this.#connected,
      machine,
      traffic: { broadcasts: 0, sends: 0, signs: 0, bytes: 0 },
      oversized: [],
      lastFreshMs: new Map(),
      knownOutages: [],
      ownHearing: new OwnHearing(this.#options.time, machine),
      subscribers: new Map(),
      statusListeners: new Set(),
      goneListeners: new Set(),
      outage: undefined,
      manner: "fine",
      sentCount: 0,
      linkBusyUntilMs: new Map(),
      arrived: new Map(),
      pubsub: {
        nodeName,
        echoes: true,
        ...(limit === undefined ? {} : { maxPayloadBytes: limit }),
        broadcast: (channel, payload) => this.#broadcast(port, channel, payload),
        send: (node, channel, payload) => this.#send(port, node, channel, payload),
        subscribe: (channel, receive) => {
          const receivers = port.subscribers.get(channel) ?? new Set();
          port.subscribers.set(channel, receivers.add(receive));
          this.#options.time.promisesMayBePending();
          return () => {
            receivers.delete(receive);
            return misbehaveAtEnd(port.manner);
          };
        },
        onStatus: (listener) => {
          port.statusListeners.add(listener);
          return () => {
            port.statusListeners.delete(listener);
          };
        },
        onNodeGone: (listener) => {
          port.goneListeners.add(listener);
          return () => {
            port.goneListeners.delete(listener);
          };
        },
      },
    };
    this.#ports.add(port);
    return port;
  }

  /** The life is over: nothing arrives at it any more. What it has sent is still under way. */
  disconnect(endpoint: Endpoint): void {
    for (const port of this.#ports) if (port === endpoint) this.#ports.delete(port);
  }

  /** From now on nothing that `from` sends reaches `to`, or nothing of one lane. */
  cut(from: string, to: string, lanes: readonly Lane[] = ["broadcast", "send"]): void {
    for (const lane of lanes) {
      const unheard = this.#cut[lane].get(from) ?? new Set();
      this.#cut[lane].set(from, unheard.add(to));
    }
  }

  /** All links are whole again, and all adapters behave. */
  mendAll(): void {
    this.#cut.broadcast.clear();
    this.#cut.send.clear();
    for (const port of this.#ports) port.manner = "fine";
  }

  /** From now on the adapter of a node treats its caller like this. */
  setManner(nodeName: string, manner: AdapterManner): void {
    for (const port of this.#ports) if (port.pubsub.nodeName === nodeName) port.manner = manner;
  }

  /** The nodes of these names lose their connection. */
  beginOutage(nodeNames: readonly string[], outage: Outage): void {
    for (const port of this.#ports) {
      if (!nodeNames.includes(port.pubsub.nodeName) || port.outage !== undefined) continue;
      port.outage = outage;
      if (outage.announced) this.#noticeStatus(port);
    }
  }

  /** All connections are back, or those of the given nodes. */
  endOutages(nodeNames?: readonly string[]): void {
    for (const port of this.#ports) {
      if (nodeNames?.includes(port.pubsub.nodeName) === false) continue;
      const outage = port.outage;
      port.outage = undefined;
      if (outage?.announced === true) this.#noticeStatus(port);
    }
  }

  /** Tells everybody else that a node has certainly ended, each a little later, as an adapter may do. */
  announceGone(nodeName: string): void {
    const { time } = this.#options;
    for (const port of this.#ports) {
      if (port.pubsub.nodeName === nodeName) continue;
      time.at(time.nowMs + this.#random.between(0, 50), () =>
        port.machine.arrive(() => {
          for (const listener of [...port.goneListeners]) listener(nodeName);
        }),
      );
    }
  }

  /** Hands a payload to one life as if it had come from the network: for frames that nobody has sent. */
  inject(to: Endpoint, channel: string, payload: string): void {
    to.machine.arrive(() => this.#receive(to, channel, payload));
  }

  #noticeStatus(port: Port): void {
    const { time } = this.#options;
    time.at(time.nowMs + this.#random.between(...noticeMs), () =>
      port.machine.arrive(() => {
        const status = port.outage?.announced === true ? "disconnected" : "connected";
        const last = port.knownOutages.at(-1);
        const isKnown = last !== undefined && last.untilMs === Infinity;
        if (status === "disconnected" && !isKnown) {
          port.knownOutages.push({ fromMs: time.nowMs, untilMs: Infinity });
          port.ownHearing.disconnected();
        } else if (status === "connected" && isKnown) {
          last.untilMs = time.nowMs;
          port.ownHearing.reconnected(last.fromMs);
        } else {
          return; // went and came back before it was noticed
        }
        time.promisesMayBePending();
        for (const listener of [...port.statusListeners]) listener(status);
      }),
    );
  }

  #broadcast(from: Port, channel: string, payload: string): void | Promise<void> {
    from.traffic.broadcasts += 1;
    return this.#give(from, channel, payload, () => {
      for (const to of this.#ports) {
        if (to !== from || this.#echoRandom.chance(this.faults.echoRate)) {
          this.#transmit(from, to, "broadcast", channel, payload);
        } else this.#loseEcho();
      }
    });
  }

  #send(from: Port, node: string, channel: string, payload: string): void | Promise<void> {
    from.traffic[node === from.pubsub.nodeName ? "signs" : "sends"] += 1;
    return this.#give(from, channel, payload, () => {
      for (const to of this.#ports) {
        if (to.pubsub.nodeName === node) this.#transmit(from, to, "send", channel, payload);
      }
    });
  }

  /** Takes a payload from its sender: refuses it, or transmits it, or (a broken connection) both or neither. */
  #give(from: Port, channel: string, payload: string, transmit: () => void): void | Promise<void> {
    if (from.manner === "fine") return this.#take(from, channel, payload, transmit);
    if (from.manner === "throws") this.#lose(`${from.pubsub.nodeName}>`);
    return misbehave(from.manner, () => {
      // What is wrong with the connection is not told by an adapter of these manners.
      void this.#take(from, channel, payload, transmit)?.catch(() => undefined);
    });
  }

  #take(from: Port, channel: string, payload: string, transmit: () => void): void | Promise<void> {
    const bytes = Buffer.byteLength(payload);
    from.traffic.bytes += bytes;
    from.sentCount += 1;
    if (bytes > (this.#options.maxPayloadBytes ?? Infinity)) {
      from.oversized.push({ channel, bytes });
      this.#lose(`${from.pubsub.nodeName}>`);
      return this.#refusal(`a payload of ${bytes} bytes is above the limit`);
    }
    if (from.machine.ended) return;
    if (from.outage !== undefined) {
      this.#lose(`${from.pubsub.nodeName}>`);
      return from.outage.refuses ? this.#refusal("the broker cannot be reached") : undefined;
    }
    if (this.#random.chance(this.faults.sendErrorRate)) {
      if (this.#random.chance(0.5)) transmit();
      else this.#lose(`${from.pubsub.nodeName}>`);
      return this.#refusal("the connection was reset");
    }
    transmit();
  }

  #refusal(reason: string): Promise<void> {
    this.#options.time.promisesMayBePending();
    return Promise.reject(new Error(reason));
  }

  /** A payload is lost: of a sender to all, or to one receiver, or of all on their way to it. */
  #lose(mark: string | undefined): void {
    this.#lossMs = this.#options.time.nowMs;
    if (mark !== undefined) this.#broadcastLossMs.set(mark, this.#lossMs);
  }

  /** What a node does not hear of itself is no loss to anybody else. */
  #loseEcho(): void {
    this.#echoLossMs = this.#options.time.nowMs;
  }

  #transmit(from: Port, to: Port, kind: Lane, channel: string, payload: string): void {
    // Nobody there has ever asked for it: another tracker's.
    if (!to.subscribers.has(channel)) return;
    const { time } = this.#options;
    const { lossRate, repeatRate, repeatDelayMs, delayMs, reorder } = this.faults;
    const random = to === from ? this.#echoRandom : this.#random;
    const unheard = this.#cut[kind].get(from.pubsub.nodeName)?.has(to.pubsub.nodeName) === true;
    const lost = random.chance(lossRate);
    const repeated = random.chance(repeatRate);
    if (unheard || lost) {
      if (to === from) return this.#loseEcho();
      return this.#lose(kind === "broadcast" ? `${from.pubsub.nodeName}>${to.pubsub.nodeName}` : undefined);
    }
    const latencyMs = latencyOf(this.#latencies, from.pubsub.nodeName, to.pubsub.nodeName, random);
    let arrivesMs = time.nowMs + latencyMs + random.between(...delayMs);
    if (reorder || delayMs[1] > longDelayMs) this.#disorderMs = Math.max(this.#disorderMs, arrivesMs);
    if (!reorder) {
      arrivesMs = Math.max(arrivesMs, from.linkBusyUntilMs.get(to) ?? 0);
      from.linkBusyUntilMs.set(to, arrivesMs);
    }
    const number = from.sentCount;
    const sentMs = time.nowMs;
    const arrive = (): void => {
      // A broker that addresses by name brings what is late to the life that has the name by then.
      const bearer = this.#ports.has(to) ? to : this.#latestOf(to.pubsub.nodeName, channel);
      bearer?.machine.arrive(() => this.#deliver(from, bearer, kind, number, sentMs, channel, payload));
    };
    const arriveAt = (atMs: number): void => {
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs);
      this.longestWayMs = Math.max(this.longestWayMs, atMs - time.nowMs);
      time.at(atMs, arrive);
    };
    arriveAt(arrivesMs);
    if (repeated) arriveAt(arrivesMs + random.between(...repeatDelayMs));
  }

  #latestOf(nodeName: string, channel: string): Port | undefined {
    return [...this.#ports].findLast(
      ({ pubsub, subscribers }) => pubsub.nodeName === nodeName && subscribers.has(channel),
    );
  }

  #deliver(
    from: Port,
    to: Port,
    kind: Lane,
    number: number,
    sentMs: number,
    channel: string,
    payload: string,
  ): void {
    if (to.outage !== undefined && to !== from) this.#lose(`>${to.pubsub.nodeName}`);
    if (to.outage !== undefined || !this.#ports.has(to)) return;
    if (to === from) to.ownHearing.heard(kind, sentMs);
    const latest = from.arrived.get(to) ?? { broadcast: 0, send: 0 };
    const fresh = number > latest[kind];
    if (fresh) {
      latest[kind] = number;
      from.arrived.set(to, latest);
      // Once a later life of the name has been heard, an earlier one does not count as heard any more.
      const isLatest = ![...to.lastFreshMs.keys()].some(
        (other) => other.pubsub.nodeName === from.pubsub.nodeName && other.number > from.number,
      );
      if (isLatest && to !== from) to.lastFreshMs.set(from, this.#options.time.nowMs);
    }
    this.#options.onDelivery?.({ from, to, channel, payload, fresh });
    this.#receive(to, channel, payload);
  }

  #receive(to: Endpoint, channel: string, payload: string): void {
    for (const port of this.#ports) {
      if (port !== to) continue;
      for (const receive of [...(port.subscribers.get(channel) ?? [])]) receive(payload);
    }
  }
}
