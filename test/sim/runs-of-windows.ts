/**
 * Runs for the window in which changes are collected, which follows the load: what is said in a quiet cluster goes out
 * soon, a busy one says no more than with a fixed window, and a busy time is forgotten.
 */
import type { ReplicatedEntry } from "../../src/replication/entry.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { Link, type LinkedNode } from "../replication/two-nodes.js";

const names = ["a", "b", "c"];
const poolSize = 4;
const periodMs = 1_500;
const users = 300;

/** Three nodes, each with a third of the users. */
class Room {
  readonly #link: Link;
  readonly #random: SeededRandom;
  #revision = 0;
  readonly #nodes: readonly LinkedNode[];
  readonly #entries: ReplicatedEntry[];
  /** When each revision was made that another node has not listed yet. */
  readonly #madeMs = new Map<string, number>();
  /** How long it took until it was. */
  readonly seenMs: number[] = [];

  constructor(seed: number, protocol: Protocol) {
    const link = new Link(protocol);
    this.#link = link;
    this.#random = new SeededRandom(seed);
    this.#nodes = names.map((name) => link.start(name, poolSize));
    link.advance(3_000);
    this.#entries = Array.from({ length: users }, (_, i) =>
      link.track(this.#nodeOf(i), i % poolSize, `room:${i % 8}`, `user:${i}`, `session-${i}`),
    );
    for (const node of this.#nodes) this.#watch(node);
    link.advance(10_000);
  }

  /** So many changes a second, one every so often, of random users; each with a text of this length. */
  change(perSecond: number, seconds: number, length = 20): void {
    for (let i = 0; i < perSecond * seconds; i++) {
      // No two alike, as what is alike in a frame is sent once.
      const text = String(++this.#revision).padEnd(length, "x");
      this.#update(this.#random.integer(0, users - 1), text);
      this.#link.advance((1_000 / perSecond) * this.#random.between(0.5, 1.5));
    }
  }

  get framesSent(): number {
    return this.#nodes.reduce((sum, { replicator }) => sum + replicator.counters.framesSent, 0);
  }

  /** The median of how long changes took to be seen, since the last call. */
  takeMedianMs(): number {
    const seenMs = this.seenMs.splice(0).sort((a, b) => a - b);
    return seenMs[seenMs.length >>> 1] ?? Infinity;
  }

  fail(what: string): never {
    throw new SimulationError([what], this.#link.nowMs);
  }

  #nodeOf(i: number): LinkedNode {
    return this.#nodes[i % names.length]!;
  }

  #update(i: number, text: string): void {
    const previous = this.#entries[i]!;
    const entry = this.#link.step(this.#nodeOf(i), { type: "update", previous, meta: { text } })!;
    this.#entries[i] = entry;
    this.#madeMs.set(entry.ref, this.#link.nowMs);
  }

  #watch({ name, replicator }: LinkedNode): void {
    const step = replicator.step.bind(replicator);
    replicator.step = (event, nowMs) => {
      const done = step(event, nowMs);
      for (const { updates } of replicator.view.takeDiff()?.values() ?? []) {
        for (const { ref, node } of updates) {
          const madeMs = node === name ? undefined : this.#madeMs.get(ref);
          if (madeMs !== undefined) this.seenMs.push(nowMs - madeMs);
        }
      }
      return done;
    };
  }
}

/** A hundred changes a second are seen soon. */
export function quietClustersAreQuick(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const room = new Room(seed, protocol);
  room.change(100, 3);
  room.takeMedianMs();
  room.change(100, 10);
  const medianMs = room.takeMedianMs();
  if (medianMs > 50) room.fail(`half of all changes are seen after ${medianMs.toFixed(0)} ms or later`);
  return Promise.resolve();
}

/** What says much says it in no more frames than one a period for each shard. */
export function busyClustersSayNoMore(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const room = new Room(seed, protocol);
  room.change(500, 5, 400);
  const before = room.framesSent;
  const seconds = 12;
  room.change(500, seconds, 400);
  const frames = room.framesSent - before;
  // Beside that, heartbeats: to all, and to itself by its inbox.
  const most = names.length * (poolSize * ((seconds * 1_000) / periodMs + 1) + 2 * (seconds / 2 + 1));
  if (frames > most) room.fail(`${frames} frames in a busy time, where ${most} are enough`);
  return Promise.resolve();
}

/** A busy time is forgotten some periods after its end. */
export function busyTimesAreForgotten(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const room = new Room(seed, protocol);
  room.change(500, 20, 400);
  room.change(10, 6);
  room.takeMedianMs();
  room.change(100, 3);
  const medianMs = room.takeMedianMs();
  if (medianMs > 50) room.fail(`after a busy time changes are seen after ${medianMs.toFixed(0)} ms`);
  return Promise.resolve();
}
