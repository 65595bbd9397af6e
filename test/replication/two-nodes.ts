/**
 * Replicators on a link of one millisecond, in virtual time, and frames of lives that nobody runs: what one node does
 * when others flood it, with no tracker and no broker in between.
 */
import type { ReplicatedEntry } from "../../src/replication/entry.js";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import type { Life } from "../../src/replication/life.js";
import { asksWhetherThere, type Message } from "../../src/replication/message.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { Replicator } from "../../src/replication/replicator.js";
import type { Effect, ReplicationEvent, VoiceWay } from "../../src/replication/step.js";

export function lifeOf(name: string): Life {
  return { name, incarnation: "00000000000001" };
}

export interface LinkedNode {
  readonly name: string;
  readonly replicator: Replicator;
  /** Bytes that it has sent to others alone, and to whom. */
  readonly sentTo: Map<string, number>;
  /** How often it has asked for a slice; not whether somebody is there. */
  slicesAsked: number;
  /** When it wants its next turn. */
  wakeMs: number;
}

export class Link {
  nowMs = 0;
  readonly #protocol: Protocol;
  readonly #maxEntries: number;
  readonly nodes = new Map<string, LinkedNode>();
  readonly #due: { atMs: number; run: () => void }[] = [];
  readonly #counters = new Map<string, number>();

  constructor(protocol: Protocol = PROTOCOL, maxEntries = 1_000_000) {
    this.#protocol = protocol;
    this.#maxEntries = maxEntries;
  }

  start(name: string, poolSize = 4): LinkedNode {
    const replicator = new Replicator(
      {
        life: lifeOf(name),
        poolSize,
        echoes: true,
        maxFrameBytes: 256 * 1024,
        broadcastPeriodMs: 1_500,
        heartbeatPeriodMs: 2_000,
        tickPeriodMs: 500,
        downPeriodMs: 8_000,
        permdownPeriodMs: 1_200_000,
        maxEntries: this.#maxEntries,
        random: () => 0.5,
        protocol: this.#protocol,
      },
      this.nowMs,
    );
    const node: LinkedNode = { name, replicator, sentTo: new Map(), slicesAsked: 0, wakeMs: Infinity };
    this.nodes.set(name, node);
    this.at(this.nowMs, () => this.step(node, { type: "turn" }));
    return node;
  }

  /** A node tracks something of its own. */
  track(
    node: LinkedNode,
    shard: number,
    topic: string,
    key: string,
    session: string,
    meta = {},
  ): ReplicatedEntry {
    return this.step(node, { type: "add", shard, topic, key, session, meta })!;
  }

  /** A frame of a life that nobody runs arrives at a node. Default: it is the next of that life. */
  forge(from: string, to: LinkedNode, message: Message, counter = (this.#counters.get(from) ?? 0) + 1): void {
    this.#counters.set(from, counter);
    const payload = encodeFrame({ from: lifeOf(from), to: undefined, counter, message });
    this.step(to, { type: "frame", payload, way: "broadcasts" });
  }

  /** Something happens to a node now, and what comes of it is carried out. */
  step(node: LinkedNode, event: ReplicationEvent): ReplicatedEntry | undefined {
    const { made, effects } = node.replicator.step(event, this.nowMs);
    for (const effect of effects) this.#carry(node, effect);
    return made;
  }

  at(atMs: number, run: () => void): void {
    this.#due.push({ atMs: Math.max(atMs, this.nowMs), run });
  }

  /** Lets time pass; what is due at one time happens in the order in which it was asked for. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      let first: number | undefined;
      for (const [i, { atMs }] of this.#due.entries()) {
        if (atMs <= untilMs && (first === undefined || atMs < this.#due[first]!.atMs)) first = i;
      }
      if (first === undefined) break;
      const [{ atMs, run }] = this.#due.splice(first, 1) as [{ atMs: number; run: () => void }];
      // A turn takes some time, or one that asks for the next at once would never let time pass.
      this.nowMs = Math.max(this.nowMs + 0.01, atMs);
      run();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #carry(node: LinkedNode, effect: Effect): void {
    switch (effect.type) {
      case "broadcast":
        count(node, effect.payload);
        for (const other of this.nodes.values()) this.#deliver(other, effect.payload, "broadcasts");
        break;
      case "send": {
        const { to, payload } = effect;
        count(node, payload);
        if (to !== node.name) node.sentTo.set(to, (node.sentTo.get(to) ?? 0) + payload.length);
        const other = this.nodes.get(to);
        if (other !== undefined) this.#deliver(other, payload, "inbox");
        break;
      }
      case "wake":
        this.#wake(node, effect.atMs);
        break;
      case "refused":
        throw new Error(effect.reason);
      default:
        break;
    }
  }

  #wake(node: LinkedNode, atMs: number): void {
    if (atMs >= node.wakeMs) return;
    node.wakeMs = atMs;
    this.at(atMs, () => {
      if (atMs !== node.wakeMs) return;
      node.wakeMs = Infinity;
      this.step(node, { type: "turn" });
    });
  }

  #deliver(to: LinkedNode, payload: string, way: VoiceWay): void {
    this.at(this.nowMs + 1, () => void this.step(to, { type: "frame", payload, way }));
  }
}

function count(node: LinkedNode, payload: string): void {
  const message = decodeFrame(payload).frame?.message;
  if (message?.type === "pageRequest") node.slicesAsked += 1;
  if (message?.type === "deltaRequest" && !asksWhetherThere(message)) node.slicesAsked += 1;
}
