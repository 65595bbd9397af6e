/**
 * Trackers over sealed pubsubs, on a faulty network on which somebody without a key records everything and plays it again:
 * to others, later, on other channels, altered. Without the seal the same schedules list people who left long ago.
 */
import { describe, expect, it } from "vitest";
import { sealed, type SealedPubSub } from "../../src/adapters/sealed.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { Session } from "../../src/session.js";
import { Machine } from "../../src/testing/machine.js";
import { faultless, FaultyNetwork, type Endpoint } from "../../src/testing/network.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import { Tracker } from "../../src/tracker/tracker.js";

const periods = {
  broadcastPeriodMs: 200,
  heartbeatPeriodMs: 500,
  downPeriodMs: 2_000,
  permdownPeriodMs: 20_000,
};
/** An entry may be listed for so long after its end: until its node is missed, or the leave came through at last. */
const listedForMs = periods.downPeriodMs + 3 * periods.heartbeatPeriodMs;
const names = ["a", "b", "c", "d"];
const key = "a key of at least thirty-two bytes";

interface Life {
  readonly endpoint: Endpoint;
  readonly machine: Machine;
  readonly pubsub: PubSub;
  readonly tracker: Tracker;
  /** What it tracks now. */
  readonly entries: Map<string, Session>;
}

/** One schedule: nodes that come, go and change, and the one that plays things again. */
class Attacked {
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime();
  readonly #recorded: { readonly from: Endpoint; readonly channel: string; readonly payload: string }[] = [];
  readonly #network: FaultyNetwork;
  readonly #lives = new Map<string, Life>();
  /** When entries ended that are not tracked any more. */
  readonly #endedMs = new Map<string, number>();
  readonly #seals: boolean;
  #made = 0;
  /** Payloads that were refused because they were played again, altered or brought elsewhere. */
  refused = 0;
  readonly ghosts = new Set<string>();

  constructor(seed: number, seals: boolean) {
    this.#random = new SeededRandom(`sealed ${seed}`);
    this.#seals = seals;
    this.#network = new FaultyNetwork({
      time: this.#time,
      random: this.#random.fork("network"),
      onDelivery: ({ from, channel, payload }) => void this.#recorded.push({ from, channel, payload }),
    });
  }

  async run(steps: number): Promise<void> {
    const random = this.#random.fork("steps");
    this.#network.faults = {
      ...faultless,
      lossRate: random.pick([0, 0, 0.05]),
      repeatRate: random.pick([0, 0.1]),
      reorder: random.chance(0.3),
    };
    for (const name of names.slice(0, 3)) await this.#start(name);
    await this.#advance(3_000);
    for (let step = 0; step < steps; step++) {
      await this.#step(random);
      this.#attack(random.fork(`attack ${step}`));
      await this.#advance(random.pick([20, 200, 1_000, 5_000]));
    }
    this.#network.faults = faultless;
    for (let i = 0; i < 5; i++) {
      this.#attack(random.fork(`last attack ${i}`));
      await this.#advance(1_000);
    }
    await this.#advance(2 * periods.permdownPeriodMs);
  }

  /** What each node lists, and what is tracked. */
  lists(): { readonly tracked: readonly string[]; readonly listed: readonly (readonly string[])[] } {
    const tracked = [...this.#lives.values()].flatMap(({ entries }) => [...entries.keys()]).sort();
    const listed = [...this.#lives.values()].map(({ tracker }) => listOf(tracker));
    return { tracked, listed };
  }

  async stop(): Promise<void> {
    for (const name of [...this.#lives.keys()]) await this.#end(name, 0);
  }

  async #step(random: SeededRandom): Promise<void> {
    const name = random.pick(names);
    const life = this.#lives.get(name);
    if (life === undefined) return this.#start(name);
    const [first] = life.entries;
    switch (random.pick(["track", "track", "track", "untrack", "crash", "stop"])) {
      case "track": {
        const text = `user ${++this.#made}`;
        const session = new Session();
        life.tracker.track(session, "room", text, {});
        life.entries.set(text, session);
        return;
      }
      case "untrack":
        if (first === undefined) return;
        first[1].close();
        life.entries.delete(first[0]);
        this.#endedMs.set(first[0], this.#time.nowMs);
        return;
      case "crash":
        return this.#lives.size > 2 ? this.#end(name, undefined) : undefined;
      default:
        return this.#lives.size > 2 ? this.#end(name, 0) : undefined;
    }
  }

  async #start(name: string): Promise<void> {
    const machine = new Machine({
      time: this.#time,
      random: this.#random.fork(`machine ${++this.#made}`),
      clockOffsetMs: 0,
      afterTask: () => undefined,
    });
    const endpoint = this.#network.connect(name, machine);
    const pubsub = this.#seals ? this.#sealedNode(endpoint.pubsub, machine) : endpoint.pubsub;
    const starting = Tracker.start({}, { name: "sealed", pubsub, runtime: machine.runtime, ...periods });
    const tracker = await this.#awaited(starting);
    tracker.on("error", () => undefined);
    this.#lives.set(name, { endpoint, machine, pubsub, tracker, entries: new Map() });
  }

  #sealedNode(inner: PubSub, { runtime }: Machine): SealedPubSub {
    const node = sealed(inner, {
      keys: [key],
      runtime,
      mode: this.#random.pick(["encrypt", "sign"] as const),
    });
    node.onError?.(() => undefined);
    return node;
  }

  /** Stops a node with a goodbye, or takes it away without one. */
  async #end(name: string, handoffMs: number | undefined): Promise<void> {
    const life = this.#lives.get(name)!;
    this.#lives.delete(name);
    for (const text of life.entries.keys()) this.#endedMs.set(text, this.#time.nowMs);
    if (handoffMs !== undefined) {
      await this.#awaited(life.tracker.stop({ handoffMs }));
    }
    this.#countRefused(life);
    life.machine.end();
    this.#network.disconnect(life.endpoint);
  }

  #countRefused({ pubsub }: Life): void {
    if (!("health" in pubsub)) return;
    const { altered, replayed, malformed, unproven } = (pubsub as SealedPubSub).health().refused;
    this.refused += altered + replayed + malformed + unproven;
  }

  /** Single payloads at random, some of them altered or on another channel; or all of one life that is over, in order. */
  #attack(random: SeededRandom): void {
    const to = random.pick([...this.#lives.values()]).endpoint;
    if (this.#recorded.length === 0) return;
    if (random.chance(0.5)) {
      const { from } = random.pick(this.#recorded);
      for (const each of this.#recorded) {
        if (each.from === from && from.machine.ended) this.#network.inject(to, each.channel, each.payload);
      }
      return;
    }
    for (let i = 0; i < 10; i++) {
      const { channel, payload } = random.pick(this.#recorded);
      const elsewhere = random.chance(0.2) ? random.pick(this.#recorded).channel : channel;
      const at = random.integer(0, payload.length - 1);
      const altered = random.chance(0.2) ? payload.slice(0, at) + "x" + payload.slice(at + 1) : payload;
      this.#network.inject(to, elsewhere, altered);
    }
  }

  /** Lets time pass until something has come to its end. */
  async #awaited<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    void work.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    do await this.#advance(100);
    while (!isDone);
    return work;
  }

  async #advance(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
      await this.#time.advance(Math.min(100, durationMs - passedMs));
      for (const { tracker } of this.#lives.values()) {
        for (const text of listOf(tracker)) {
          const endedMs = this.#endedMs.get(text) ?? Infinity;
          if (this.#time.nowMs > endedMs + listedForMs) this.ghosts.add(text);
        }
      }
    }
  }
}

function listOf(tracker: Tracker): string[] {
  return tracker
    .list("room")
    .map((entry) => entry.key)
    .sort();
}

const seeds = Array.from({ length: 8 }, (_, i) => i + 1);

describe("what was recorded and is played again", () => {
  it.each(seeds)("lists nobody who has left, and hides nobody who is here: seed %i", async (seed) => {
    const attacked = new Attacked(seed, true);
    await attacked.run(40);
    const { tracked, listed } = attacked.lists();
    for (const list of listed) expect(list, `seed ${seed}`).toEqual(tracked);
    expect([...attacked.ghosts], `seed ${seed}`).toEqual([]);
    await attacked.stop();
    expect(attacked.refused).toBeGreaterThan(0);
  });

  it("would list people who have left, were there no seal", async () => {
    let ghosts = 0;
    for (const seed of seeds.slice(0, 4)) {
      const attacked = new Attacked(seed, false);
      await attacked.run(40);
      ghosts += attacked.ghosts.size;
      await attacked.stop();
    }
    expect(ghosts).toBeGreaterThan(0);
  });
});
