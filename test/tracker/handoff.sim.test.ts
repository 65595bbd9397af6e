/**
 * Nobody is offline while somebody still waits for them: users with one and two connections, under deploys and
 * crashes that come close together. Periods are the defaults: heartbeats every 2 s, down after 8 s, windows of 8 s.
 */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";
import type { Session } from "../../src/session.js";

const TOPIC = "room";
const STEP_MS = 20;
const WINDOW_MS = 8_000;
const HEARTBEAT_MS = 2_000;
const TICK_MS = 500;
/** A change is everywhere after one period and a hop. */
const KNOWN_MS = 1_600;

/** Lets time pass, and returns for how long of it a user was not on the list of a node. */
async function absentMs(
  cluster: SimulatedCluster,
  on: string,
  key: string,
  durationMs: number,
): Promise<number> {
  let absent = 0;
  for (let ms = 0; ms < durationMs; ms += STEP_MS) {
    await cluster.advance(STEP_MS);
    if (!cluster.node(on).tracker.has(TOPIC, key)) absent += STEP_MS;
  }
  return absent;
}

async function clusterOf(seed: number, ...nodes: string[]): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed, nodes });
  await cluster.settle();
  return cluster;
}

function connect(cluster: SimulatedCluster, node: string, key: string, device = "phone"): Session {
  const session = cluster.node(node).session();
  cluster.node(node).tracker.track(session, TOPIC, key, { device });
  return session;
}

describe("a user who waits for the window of a node that departs", () => {
  it("stays when the other connection closes", async () => {
    const cluster = await clusterOf(1, "a", "b", "c");
    connect(cluster, "a", "ann", "laptop");
    const phone = connect(cluster, "b", "ann", "phone");
    await cluster.settle();
    await cluster.stop("a");
    expect(await absentMs(cluster, "c", "ann", 500)).toBe(0);
    const { tracker } = cluster.node("c");
    const devices = (): string[] =>
      tracker.getByKey(TOPIC, "ann").map(({ meta }) => meta["device"] as string);
    expect(devices().sort()).toEqual(["laptop", "phone"]);
    phone.close();
    expect(await absentMs(cluster, "c", "ann", 2_500)).toBe(0);
    expect(devices()).toEqual(["laptop"]);
    connect(cluster, "c", "ann", "laptop");
    expect(await absentMs(cluster, "c", "ann", 10_000)).toBe(0);
    expect(tracker.getByKey(TOPIC, "ann").map(({ node }) => node)).toEqual(["c"]);
  });

  it("leaves with the end of the window, and not later", async () => {
    const cluster = await clusterOf(2, "a", "b", "c");
    connect(cluster, "a", "ann");
    const phone = connect(cluster, "b", "ann");
    await cluster.settle();
    await cluster.stop("a");
    await cluster.advance(3_000);
    phone.close();
    expect(await absentMs(cluster, "c", "ann", WINDOW_MS - 3_000 - TICK_MS)).toBe(0);
    await cluster.advance(3 * TICK_MS);
    expect(cluster.node("c").tracker.has(TOPIC, "ann")).toBe(false);
  });

  it("stays when the node of the other connection crashed before the goodbye", async () => {
    const cluster = await clusterOf(3, "a", "b", "c");
    connect(cluster, "a", "ann");
    connect(cluster, "b", "ann");
    await cluster.settle();
    cluster.crash("b");
    expect(await absentMs(cluster, "c", "ann", WINDOW_MS - 1_000)).toBe(0);
    await cluster.stop("a");
    expect(await absentMs(cluster, "c", "ann", WINDOW_MS - TICK_MS)).toBe(0);
  });

  it("stays when the only connection moved from a node that crashed to one that departs", async () => {
    const cluster = await clusterOf(4, "a", "b", "c");
    connect(cluster, "a", "bob");
    await cluster.settle();
    cluster.crash("a");
    await cluster.advance(1_500);
    connect(cluster, "b", "bob");
    await cluster.advance(2_500);
    await cluster.stop("b");
    expect(await absentMs(cluster, "c", "bob", WINDOW_MS - TICK_MS)).toBe(0);
  });

  it("stays when the node that took over departs with a shorter window", async () => {
    const cluster = await clusterOf(5, "a", "b", "c");
    connect(cluster, "a", "ann");
    await cluster.settle();
    await cluster.stop("a", { handoffMs: 12_000 });
    await cluster.advance(500);
    connect(cluster, "b", "ann");
    await cluster.advance(500);
    await cluster.stop("b", { handoffMs: 1_000 });
    expect(await absentMs(cluster, "c", "ann", 11_000 - TICK_MS)).toBe(0);
    await cluster.advance(3 * TICK_MS);
    expect(cluster.node("c").tracker.has(TOPIC, "ann")).toBe(false);
  });

  it("is shown alike wherever the same is known, in whatever order it was heard", async () => {
    const cluster = await clusterOf(6, "a", "b", "c", "d");
    connect(cluster, "a", "ann");
    await cluster.settle();
    await cluster.stop("a");
    await cluster.advance(500);
    connect(cluster, "b", "ann");
    await cluster.advance(2_000);
    await cluster.stop("b");
    await cluster.advance(100);
    const refs = (name: string): string[] =>
      cluster
        .node(name)
        .tracker.getByKey(TOPIC, "ann")
        .map(({ ref }) => ref)
        .sort();
    // Of b: it came after the goodbye of a, and waits itself now.
    expect(refs("c")).toHaveLength(1);
    expect(refs("d")).toEqual(refs("c"));
  });
});

/** One connection, as the test knows it. */
interface Connection {
  readonly key: string;
  readonly life: SimulatedNode;
  readonly session: Session;
  readonly sinceMs: number;
}

/** Users who connect, move and go, on nodes that are deployed and crash. Knows who must not be absent. */
class Users {
  readonly #cluster: SimulatedCluster;
  readonly #random: SeededRandom;
  readonly #keys = ["ann", "bob", "__proto__", "cy"];
  readonly #names: readonly string[];
  readonly #connections = new Set<Connection>();
  readonly #endedMs = new Map<SimulatedNode, { readonly atMs: number; readonly crashed: boolean }>();
  readonly #backMs = new Map<string, number>();
  looks = 0;

  constructor(cluster: SimulatedCluster, names: readonly string[], random: SeededRandom) {
    this.#cluster = cluster;
    this.#names = names;
    this.#random = random;
    for (const key of this.#keys) this.connect(key);
  }

  connect(key: string): void {
    const { nowMs } = this.#cluster;
    const life = this.#random.pick(this.#cluster.running());
    const session = life.session();
    life.tracker.track(session, TOPIC, key, {});
    this.#connections.add({ key, life, session, sinceMs: nowMs });
  }

  async act(): Promise<void> {
    const random = this.#random;
    const running = this.#cluster.running();
    const key = random.pick(this.#keys);
    const what = random.pick(["connect", "connect", "close", "deploy", "crash", "start"] as const);
    const open = [...this.#connections].filter((each) => each.key === key && each.life.running);
    if (what === "connect" && open.length < 2) this.connect(key);
    else if (what === "close") {
      const closing = open[0];
      if (closing === undefined) return;
      closing.session.close();
      this.#connections.delete(closing);
    } else if ((what === "deploy" || what === "crash") && running.length > 2) {
      const life = random.pick(running);
      this.#endedMs.set(life, { atMs: this.#cluster.nowMs, crashed: what === "crash" });
      if (what === "crash") this.#cluster.crash(life);
      else await this.#cluster.stop(life);
      this.#backMs.set(life.name, this.#cluster.nowMs + random.integer(100, 6_000));
      for (const each of this.#connections) {
        // Some move at once, some later, some never.
        if (each.life === life && random.chance(0.5)) this.connect(each.key);
      }
    } else if (what === "start") {
      const due = this.#names.find((name) => (this.#backMs.get(name) ?? Infinity) <= this.#cluster.nowMs);
      if (due === undefined) return;
      this.#backMs.delete(due);
      await this.#cluster.start(due);
    }
  }

  /** Who is absent from the list of a node though a life that is alive or within its window holds them. */
  absent(): string[] {
    const { nowMs } = this.#cluster;
    const found: string[] = [];
    for (const { key, life, sinceMs } of this.#connections) {
      const end = this.#endedMs.get(life);
      const untilMs =
        end === undefined ? Infinity : end.atMs + WINDOW_MS - TICK_MS - (end.crashed ? HEARTBEAT_MS : 0);
      if (nowMs < sinceMs + KNOWN_MS || nowMs >= untilMs) continue;
      // What was not told before the crash is known to nobody.
      if (end?.crashed === true && end.atMs < sinceMs + KNOWN_MS) continue;
      for (const observer of this.#cluster.running()) {
        // One that started when the life was about to end, or later, cannot know; see docs/protocol.md.
        if (observer.startedMs + KNOWN_MS > (end?.atMs ?? nowMs)) continue;
        this.looks += 1;
        if (!observer.tracker.has(TOPIC, key)) found.push(`${key} of ${life.name} on ${observer.name}`);
      }
    }
    return found;
  }
}

describe("whatever is deployed and crashes", () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    "nobody is absent whom a node holds that is alive or within its window: seed %i",
    async (seed) => {
      const random = new SeededRandom(`handoff ${seed}`);
      const names = ["a", "b", "c", "d", "e"].slice(0, random.integer(3, 5));
      const cluster = await simulate({ seed, nodes: names });
      await cluster.settle();
      const users = new Users(cluster, names, random);
      const absent = new Set<string>();
      for (let step = 0; step < 60; step += 1) {
        await users.act();
        for (let ms = random.integer(0, 1_500); ms > 0; ms -= 50) {
          await cluster.advance(50);
          for (const each of users.absent()) absent.add(`${each} at ${cluster.nowMs} ms`);
        }
      }
      expect([...absent]).toEqual([]);
      expect(users.looks).toBeGreaterThan(1_000);
      await cluster.settle();
    },
    60_000,
  );
});
