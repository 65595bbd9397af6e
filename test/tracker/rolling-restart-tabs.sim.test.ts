/**
 * A rolling deploy of users with two tabs, which may be on different nodes: no tab is missing and none is counted twice,
 * beyond those that were on their way at a goodbye. What is counted is looked at in every diff.
 */
import { describe, expect, it } from "vitest";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Session } from "../../src/session.js";

const TOPIC = "users";
/** A change is everywhere after one period and a hop. */
const KNOWN_MS = 1_600;
const WINDOW_MS = 8_000;

interface Tab {
  readonly user: string;
  home: string;
  session: Session;
  /** When it has to connect again. */
  dueMs: number;
  connectedMs: number;
}

/** What a node counted at the most and at the least, and who was missing. */
interface Counted {
  least: number;
  most: number;
  readonly left: Set<string>;
}

class Deploy {
  readonly counted = new Map<string, Counted>();
  readonly tabs: Tab[] = [];
  readonly #random: SeededRandom;
  #cluster!: SimulatedCluster;
  /** Tabs that had just connected when some node said goodbye: one that heard of both in another order errs by them. */
  underWay = 0;
  #watches = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(`tabs ${seed}`);
  }

  async begin(seed: number, nodes: readonly string[], users: number): Promise<SimulatedCluster> {
    this.#cluster = await simulate({
      seed,
      nodes,
      behaviour: (name) => ({
        handleDiff: (diff, tracker) => {
          const counted = this.counted.get(name);
          if (!this.#watches || counted === undefined) return;
          counted.least = Math.min(counted.least, tracker.count(TOPIC));
          counted.most = Math.max(counted.most, tracker.count(TOPIC));
          for (const { key } of diff.get(TOPIC)?.leaves ?? []) {
            if (!tracker.has(TOPIC, key)) counted.left.add(key);
          }
        },
      }),
    });
    await this.#cluster.settle();
    for (let user = 0; user < 2 * users; user += 1) {
      const tab = { user: `u${user >> 1}`, dueMs: Infinity } as Tab;
      this.tabs.push(tab);
      this.#connect(tab, this.#random.pick(nodes));
    }
    await this.#cluster.settle();
    return this.#cluster;
  }

  /** From now on it counts, on the nodes that know of everybody. */
  watch(...nodes: readonly string[]): void {
    this.#watches = true;
    for (const name of nodes) {
      const count = this.#cluster.node(name).tracker.count(TOPIC);
      this.counted.set(name, { least: count, most: count, left: new Set() });
    }
  }

  async stop(name: string): Promise<void> {
    this.counted.delete(name);
    const { nowMs } = this.#cluster;
    this.underWay += this.tabs.filter(
      ({ connectedMs, home }) => connectedMs > nowMs - KNOWN_MS && home !== name,
    ).length;
    await this.#cluster.stop(name);
    for (const tab of this.tabs) {
      if (tab.home !== name) continue;
      tab.session.close();
      tab.dueMs = Math.min(tab.dueMs, nowMs + this.#random.between(50, 4_000));
    }
  }

  async pass(ms: number, open: readonly string[]): Promise<void> {
    for (let step = 0; step < ms; step += 100) {
      await this.#cluster.advance(100);
      for (const tab of this.tabs)
        if (tab.dueMs <= this.#cluster.nowMs) this.#connect(tab, this.#random.pick(open));
    }
  }

  #connect(tab: Tab, home: string): void {
    const node = this.#cluster.node(home);
    Object.assign(tab, { home, session: node.session(), dueMs: Infinity, connectedMs: this.#cluster.nowMs });
    node.tracker.track(tab.session, TOPIC, tab.user, { tab: "shop" });
  }
}

describe("a rolling restart of nodes whose users have two tabs each", () => {
  it("with 3,000 users: nobody leaves, and every diff leaves as many as there were", async () => {
    const deploy = new Deploy(1);
    const nodes = ["a", "b", "c"];
    const cluster = await deploy.begin(1, nodes, 3_000);
    for (const name of nodes) {
      const others = nodes.filter((other) => other !== name);
      deploy.watch(...others);
      await deploy.stop(name);
      await deploy.pass(6_000, others);
      for (const other of others) {
        expect(deploy.counted.get(other), `${other} while ${name} is away`).toEqual({
          least: 6_000,
          most: 6_000,
          left: new Set(),
        });
      }
      await cluster.start(name);
      await cluster.advance(10_000);
    }
    expect(deploy.underWay).toBe(0);
    await cluster.settle();
    for (const name of nodes) expect(cluster.node(name).tracker.count(TOPIC)).toBe(6_000);
  }, 240_000);

  it.each([1, 2, 3])(
    "in quick succession, windows within windows: as far off as tabs were on their way at a goodbye (seed %i)",
    async (seed) => {
      const deploy = new Deploy(seed);
      const cluster = await deploy.begin(seed, ["a", "b", "c", "d"], 200);
      deploy.watch("d");
      const found = deploy.counted.get("d")!;
      for (const name of ["a", "b", "c"]) {
        await deploy.stop(name);
        const open = cluster.running().map((node) => node.name);
        await deploy.pass(1_500, open);
        await cluster.start(name);
        await deploy.pass(1_500, [...open, name]);
      }
      await deploy.pass(WINDOW_MS, ["a", "b", "c", "d"]);
      expect([...found.left]).toEqual([]);
      expect(found.least).toBeGreaterThanOrEqual(400 - deploy.underWay);
      expect(found.most).toBeLessThanOrEqual(400 + deploy.underWay);
      // It was put to the test: many were on their way, and far fewer than all.
      expect(deploy.underWay).toBeGreaterThan(20);
      expect(deploy.underWay).toBeLessThan(400);
      await cluster.settle();
      expect(cluster.node("d").tracker.count(TOPIC)).toBe(400);
    },
    60_000,
  );
});
