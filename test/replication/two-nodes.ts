/**
 * Replicators on a link of one millisecond, in virtual time, and frames of lives that nobody runs: what one node does
 * when others flood it, with no tracker and no broker in between.
 */
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import type { Life } from "../../src/replication/life.js";
import { asksWhetherThere, type Message } from "../../src/replication/message.js";
import type { VoiceWay } from "../../src/replication/port.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { Replicator } from "../../src/replication/replicator.js";

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
    const sentTo = new Map<string, number>();
    let wakeMs = Infinity;
    const count = (payload: string): void => {
      const { frame } = decodeFrame(payload);
      if (frame?.message.type === "pageRequest") node.slicesAsked += 1;
      if (frame?.message.type === "deltaRequest" && !asksWhetherThere(frame.message)) node.slicesAsked += 1;
    };
    const replicator: Replicator = new Replicator(
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
      {
        broadcast: (payload) => {
          count(payload);
          for (const other of this.nodes.values()) this.#carry(other, payload, "broadcasts");
        },
        send: (to, payload) => {
          count(payload);
          if (to !== name) sentTo.set(to, (sentTo.get(to) ?? 0) + payload.length);
          const other = this.nodes.get(to);
          if (other !== undefined) this.#carry(other, payload, "inbox");
        },
        wakeAt: (timeMs) => {
          if (timeMs >= wakeMs) return;
          wakeMs = timeMs;
          this.at(timeMs, () => {
            if (timeMs !== wakeMs) return;
            wakeMs = Infinity;
            replicator.advance(this.nowMs);
          });
        },
        connection: () => {},
        reconnect: () => {},
        replicaUp: () => {},
        replicaDown: () => {},
        replicaGone: () => {},
        divergence: () => {},
        nameConflict: () => {},
        replicaLink: () => {},
        trouble: () => {},
        refused: (reason) => {
          throw new Error(reason);
        },
      },
      this.nowMs,
    );
    const node: LinkedNode = { name, replicator, sentTo, slicesAsked: 0 };
    this.nodes.set(name, node);
    this.at(this.nowMs, () => replicator.advance(this.nowMs));
    return node;
  }

  /** A node tracks something of its own. */
  track(
    { replicator }: LinkedNode,
    shard: number,
    topic: string,
    key: string,
    session: string,
    meta = {},
  ): void {
    replicator.add(shard, topic, key, session, meta, this.nowMs);
  }

  /** A frame of a life that nobody runs arrives at a node. Default: it is the next of that life. */
  forge(from: string, to: LinkedNode, message: Message, counter = (this.#counters.get(from) ?? 0) + 1): void {
    this.#counters.set(from, counter);
    const text = encodeFrame({ from: lifeOf(from), to: undefined, counter, message });
    to.replicator.receive(text, this.nowMs, "broadcasts");
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

  #carry(to: LinkedNode, payload: string, way: VoiceWay): void {
    this.at(this.nowMs + 1, () => to.replicator.receive(payload, this.nowMs, way));
  }
}
