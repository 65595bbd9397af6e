/**
 * A publisher that forges frames: well-formed ones, of many lives that nobody runs, of all kinds, and as large, as many
 * and as far ahead as the border lets in. From a seeded random, so that a failure can be replayed.
 */
import type { Life } from "../../src/replication/life.js";
import type { Message, WireBirth } from "../../src/replication/message.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import type { SeededRandom } from "../../src/testing/random.js";

/** More than a node remembers; most frames come from the first of them. */
const NAMES = 20_000;
const BUSY_NAMES = 300;
const SHARDS = 64;
const SLICES_REMEMBERED = 20_000;

export class Forger {
  readonly #random: SeededRandom;
  /** The life that some frames are addressed to. */
  readonly #victim: Life;
  readonly #counters = new Map<string, number>();
  /** Where each slice stands that was forged, so that some deltas join on. */
  readonly #clocks = new Map<string, number>();

  constructor(random: SeededRandom, victim: Life) {
    this.#random = random;
    this.#victim = victim;
  }

  frame(): string {
    const random = this.#random;
    const number = random.integer(1, random.chance(0.8) ? BUSY_NAMES : NAMES);
    const from = {
      name: `forged ${number}`,
      incarnation: String(random.chance(0.97) ? 1 : 2).padStart(14, "0"),
    };
    const who = `${from.name} ${from.incarnation}`;
    const before = this.#counters.get(who) ?? 0;
    const counter = before + (random.chance(0.99) ? 1 : random.integer(1, 2 ** 22));
    this.#counters.set(who, counter);
    const to = random.chance(0.4) ? this.#victim.incarnation : undefined;
    return encodeFrame({ from, to, counter, message: this.#message(who) });
  }

  #message(who: string): Message {
    const random = this.#random;
    const shard = random.integer(0, SHARDS - 1);
    const kind = random.integer(1, 100);
    if (kind <= 45) return this.#delta(who, shard);
    if (kind <= 65) return this.#heartbeat(who);
    if (kind <= 75) return { type: "deltaRequest", shard, clock: random.integer(0, 100) };
    if (kind <= 85) {
      const rebuild = random.integer(1, 1_000);
      return { type: "pageRequest", shard, rebuild, base: 0, from: 0, until: 0, shown: 0 };
    }
    if (kind <= 95) {
      const births = this.#births(0, random.integer(0, 40));
      const to = births.length + random.integer(0, 1_000);
      const page = { rebuild: random.integer(1, 20), from: 0, to, until: to + 1_000_000, asOf: to };
      return { type: "page", shard, ...page, births, kept: [] };
    }
    if (kind <= 98) return { type: "far", shard, clock: random.integer(1, 1_000) };
    return { type: "goodbye", windowMs: random.pick([0, 1_000, 2 ** 31 - 1]) };
  }

  #delta(who: string, shard: number): Message {
    const random = this.#random;
    const slice = `${who} ${shard}`;
    const stands = this.#clocks.get(slice) ?? 0;
    const since = random.chance(0.7) ? stands : stands + random.integer(1, 50);
    const births = this.#births(since, random.integer(0, 40));
    const upTo = since + births.length + random.integer(1, 5);
    if (since === stands) {
      // What the forger itself keeps is not to be measured.
      if (this.#clocks.size > SLICES_REMEMBERED) this.#clocks.clear();
      this.#clocks.set(slice, upTo);
    }
    const parts = random.chance(0.9) ? 1 : random.integer(2, 1_000);
    const isRemoval = since > 0 && upTo > since + births.length && random.chance(0.3);
    const removed = isRemoval ? [{ clock: upTo, removed: random.integer(1, since), closed: false }] : [];
    return { type: "delta", shard, since, upTo, part: random.integer(1, parts), parts, births, removed };
  }

  #heartbeat(who: string): Message {
    const random = this.#random;
    const poolSize = random.pick([1, 4, SHARDS, 1_024]);
    const count = random.integer(1, Math.min(poolSize, 64));
    const shards = Array.from({ length: count }, (_, shard) => ({
      clock: random.chance(0.5) ? (this.#clocks.get(`${who} ${shard}`) ?? 0) : random.integer(0, 2 ** 40),
      count: random.integer(0, random.chance(0.5) ? 10 : 2 ** 30),
      digest: random.integer(0, 2 ** 31),
    }));
    const periodMs = random.pick([1, 2_000, 2 ** 31 - 1]);
    return { type: "heartbeat", poolSize, firstShard: 0, shards, periodMs, lateMs: random.pick([1, 60_000]) };
  }

  #births(since: number, count: number): WireBirth[] {
    const random = this.#random;
    return Array.from({ length: count }, (_, i) => ({
      clock: since + 1 + i,
      topic: `room ${random.integer(1, 50)}`,
      key: `key ${random.integer(1, 1_000)}`,
      session: `session ${random.integer(1, 1_000)}`,
      meta: random.chance(0.98) ? { i } : { text: "x".repeat(random.integer(0, 2_000)) },
    }));
  }
}
