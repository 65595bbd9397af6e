/**
 * Trackers on virtual time and a pubsub whose two lanes, broadcasts and direct messages, fail apart and link by
 * link; connections come and go as the test says. Frames arrive in their order after 5 ms.
 */
import type { PubSub, PubSubStatus } from "../../src/pubsub/pubsub.js";
import { Machine } from "../../src/testing/machine.js";
import { SeededRandom } from "../../src/testing/random.js";
import { settlePromises, VirtualTime } from "../../src/testing/virtual-time.js";
import type { TrackerEvents } from "../../src/tracker/events.js";
import { Session } from "../../src/session.js";
import type { Runtime } from "../../src/runtime.js";
import { Tracker, type TrackerOptions } from "../../src/tracker/tracker.js";

export type Lane = "broadcast" | "direct";

export interface LaneNode {
  readonly name: string;
  readonly tracker: Tracker;
  readonly events: { readonly event: keyof TrackerEvents; readonly detail: unknown }[];
  /** What it told its application under any topic, in order: `join key` or `leave key reason`. */
  readonly seen: string[];
  /** Ends it as `kill -9` does. */
  kill(): void;
  /** Says goodbye. */
  stop(handoffMs?: number): Promise<void>;
  setConnected(connected: boolean): void;
  /** How often it has asked for another connection. */
  readonly reconnects: number;
  /** Hands it a payload. Default: as a broadcast. */
  receive(payload: string, lane?: Lane): void;
}

interface Port {
  readonly name: string;
  readonly machine: Machine;
  readonly receivers: Map<string, (payload: string) => void>;
  readonly listeners: Set<(status: PubSubStatus) => void>;
  connected: boolean;
  reconnects: number;
}

const latencyMs = 5;
/** A start gives up after 5,000 ms unless told otherwise. */
const startLimitMs = 6_000;

export class Lanes {
  readonly time = new VirtualTime();
  /** Whether a frame to another node is lost; replace it at any time. */
  loses: (from: string, to: string, lane: Lane, payload: string) => boolean = () => false;
  /** Whether a node does not hear itself; replace it at any time. */
  mutes: (name: string, lane: Lane) => boolean = () => false;
  /** To which multiples of a time the timers of a node are held back, as those of a hidden page; replace it at any time. */
  holdsBackMs: (name: string) => number | undefined = () => undefined;
  /** Whether the pubsub can tell who listens: whoever has not died and is connected. */
  knowsListeners = false;
  /** Whether it has lost all it knew of that. */
  knowsNobody = false;
  /** How long it takes to answer who listens, or that the question fails; replace it at any time. */
  answersAfterMs: () => number | "fails" = () => 0;
  readonly #random: SeededRandom;
  /** What all nodes are started with, beside options of their own. */
  readonly #options: Partial<TrackerOptions>;
  readonly #ports = new Set<Port>();

  constructor(seed: number, options: Partial<TrackerOptions> = {}) {
    this.#random = new SeededRandom(seed);
    this.#options = options;
  }

  advance(durationMs: number): Promise<void> {
    return this.time.advance(durationMs);
  }

  async start(
    name: string,
    options: Partial<TrackerOptions> = {},
    clockOffsetMs: number = 0,
  ): Promise<LaneNode> {
    const machine = new Machine({
      time: this.time,
      random: this.#random.fork(`${name} at ${this.time.nowMs}`),
      clockOffsetMs,
      afterTask: () => undefined,
    });
    const port: Port = {
      name,
      machine,
      receivers: new Map(),
      listeners: new Set(),
      connected: true,
      reconnects: 0,
    };
    this.#ports.add(port);
    const seen: string[] = [];
    const starting = Tracker.start(
      {
        handleDiff(diff) {
          for (const { joins, leaves } of diff.values()) {
            for (const { key } of joins) seen.push(`join ${key}`);
            for (const { key, reason } of leaves) seen.push(`leave ${key} ${reason}`);
          }
        },
      },
      {
        name: "lanes",
        ...this.#options,
        ...options,
        pubsub: this.#pubsub(port),
        runtime: this.#runtime(port),
      },
    );
    const tracker = await this.#drive(starting);
    const events: LaneNode["events"] = [];
    for (const event of ["replicaUp", "replicaDown", "replicaGone", "replicaLink", "error"] as const) {
      tracker.on(event, (detail) => events.push({ event, detail }));
    }
    const kill = (): void => {
      machine.end();
      this.#ports.delete(port);
    };
    await this.advance(50);
    return {
      name,
      tracker,
      events,
      seen,
      kill,
      get reconnects() {
        return port.reconnects;
      },
      stop: async (handoffMs) => {
        await tracker.stop(handoffMs === undefined ? {} : { handoffMs });
        kill();
      },
      setConnected: (connected) => {
        port.connected = connected;
        for (const listener of port.listeners) listener(connected ? "connected" : "disconnected");
      },
      receive: (payload, lane = "broadcast") => {
        // The first subscription is the one to broadcasts.
        const [broadcasts, inbox] = port.receivers.values();
        const receiver = lane === "broadcast" ? broadcasts : inbox;
        machine.arrive(() => receiver?.(payload));
      },
    };
  }

  /** A node does nothing for a while; then its timers come first, what the test says, and what was received. */
  stall(name: string, durationMs: number, then?: () => void): void {
    for (const port of this.#ports) {
      if (port.name !== name) continue;
      port.machine.stall(durationMs, "timers");
      if (then !== undefined) port.machine.arrive(then);
    }
  }

  /** Lets time pass until a start is through: a node has to hear itself. */
  async #drive(starting: Promise<Tracker>): Promise<Tracker> {
    let settled = false;
    const settle = (): void => void (settled = true);
    starting.then(settle, settle);
    await settlePromises();
    for (let waitedMs = 0; !settled && waitedMs < startLimitMs; waitedMs += 1) await this.advance(1);
    return starting;
  }

  #runtime({ name, machine }: Port): Runtime {
    const { runtime } = machine;
    return {
      ...runtime,
      schedule: (delayMs, callback, options) => {
        const everyMs = this.holdsBackMs(name);
        if (everyMs === undefined || delayMs <= 0) return runtime.schedule(delayMs, callback, options);
        const nextMs = Math.ceil((this.time.nowMs + delayMs) / everyMs) * everyMs;
        return runtime.schedule(nextMs - this.time.nowMs, callback, options);
      },
    };
  }

  #pubsub(port: Port): PubSub {
    return {
      nodeName: port.name,
      echoes: true,
      broadcast: (channel, payload) => {
        for (const to of this.#ports) this.#carry(port, to, "broadcast", channel, payload);
      },
      send: (node, channel, payload) => {
        for (const to of this.#ports) {
          if (to.name === node) this.#carry(port, to, "direct", channel, payload);
        }
      },
      subscribe: (channel, receive) => {
        port.receivers.set(channel, receive);
        return () => void port.receivers.delete(channel);
      },
      ...(this.knowsListeners && {
        listening: (_: string, nodes: readonly string[]) => this.#listening(nodes),
      }),
      reconnect: () => void (port.reconnects += 1),
      onStatus: (listener) => {
        port.listeners.add(listener);
        return () => void port.listeners.delete(listener);
      },
    };
  }

  async #listening(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    this.time.promisesMayBePending();
    const afterMs = this.answersAfterMs();
    if (afterMs === "fails") throw new Error("nobody answers");
    const there = new Set<string>();
    for (const { name, connected } of this.#ports) if (connected && !this.knowsNobody) there.add(name);
    const answer = new Set(nodes.filter((name) => there.has(name)));
    if (afterMs > 0) {
      await new Promise<void>((resolve) => {
        this.time.at(this.time.nowMs + afterMs, () => {
          this.time.promisesMayBePending();
          resolve();
        });
      });
    }
    return answer;
  }

  #carry(from: Port, to: Port, lane: Lane, channel: string, payload: string): void {
    if (!from.connected || !to.connected) return;
    if (to === from ? this.mutes(to.name, lane) : this.loses(from.name, to.name, lane, payload)) return;
    this.time.at(this.time.nowMs + latencyMs, () => {
      if (to.connected) to.machine.arrive(() => to.receivers.get(channel)?.(payload));
    });
  }
}

/** The codes of the errors that a node has reported, in order. */
export function codesOf({ events }: LaneNode): string[] {
  return events.flatMap(({ event, detail }) =>
    event === "error" ? [(detail as { code: string }).code] : [],
  );
}

/** What a node was told of its links, in order. */
export function linksOf({ events }: LaneNode): string[] {
  return events.flatMap(({ event, detail }) => {
    if (event !== "replicaLink") return [];
    const { name, link } = detail as TrackerEvents["replicaLink"];
    return [`${name} ${link}`];
  });
}

export function track({ tracker }: LaneNode, ...keys: string[]): void {
  const session = new Session();
  for (const key of keys) tracker.track(session, "room", key, {});
}
