/**
 * The webhook of docs/tracker.md keeps its word in a cluster whose nodes crash, stop and start: everybody who leaves is
 * told of, and once if no node comes or goes at that time.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import { simulate } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Session } from "../../src/session.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import { examplesOf, inFolder } from "../docs/examples.js";

interface HookModule {
  LeaveHook: new (tell: (topic: string, key: string) => void, nowMs: () => number) => TrackerBehaviour;
}

const page = readFileSync(new URL("../../docs/tracker.md", import.meta.url), "utf8");
const files = examplesOf(page).find((each) => each.files.has("leave-hook.ts"))?.files ?? new Map();
const { LeaveHook } = await inFolder(
  files,
  (folder) => import(`${folder}/leave-hook.ts`) as Promise<HookModule>,
);

const NODES = ["a", "b", "c", "d"];
/** Nodes that come and go within this time of a leave may have it told twice. */
const AROUND_MS = 20_000;
/** How long after its start a node knows all who are here: complete, and no window is open that it does not know of. */
const READY_MS = 12_500;

class Scene {
  readonly told = new Map<string, number>();
  readonly leftMs = new Map<string, number>();
  /** When a node began or ended. */
  readonly turnsMs: number[] = [];
  /** From when on a node takes part, and the session that says so. */
  readonly #startsMs = new Map<string, number>();
  readonly #shares = new Map<string, Session>();
  readonly #here = new Map<string, { key: string; session: Session; sinceMs: number }[]>();
  #keys = 0;
  cluster!: SimulatedCluster;

  static async open(seed: number): Promise<Scene> {
    const scene = new Scene();
    const nowMs = (): number => scene.cluster.nowMs;
    scene.cluster = await simulate({
      seed,
      nodes: NODES,
      network: { lossRate: 0.02, delayMs: [1, 50] },
      behaviour: () => {
        const tell = (_topic: string, key: string): void => {
          scene.told.set(key, (scene.told.get(key) ?? 0) + 1);
        };
        return new LeaveHook(tell, nowMs);
      },
    });
    for (const name of NODES) scene.#startsMs.set(name, nowMs() + READY_MS);
    await scene.cluster.settle();
    return scene;
  }

  arrive(name: string): void {
    const node = this.cluster.node(name);
    if (!node.running) return;
    const [session, key] = [node.session(), `user-${++this.#keys}`];
    node.tracker.track(session, "room", key, {});
    const here = this.#here.get(name) ?? [];
    here.push({ key, session, sinceMs: this.cluster.nowMs });
    this.#here.set(name, here);
  }

  /** The oldest of a node leaves, once everybody has heard of it. */
  leave(name: string): void {
    const here = this.#here.get(name) ?? [];
    if (!this.cluster.node(name).running || here.length === 0) return;
    if (this.cluster.nowMs - (here[0]?.sinceMs ?? 0) < 10_000) return;
    const first = here.shift();
    if (first === undefined) return;
    this.leftMs.set(first.key, this.cluster.nowMs);
    first.session.close();
  }

  async turn(name: string, random: SeededRandom): Promise<void> {
    this.turnsMs.push(this.cluster.nowMs);
    if (!this.cluster.node(name).running) {
      await this.cluster.restart(name);
      this.#startsMs.set(name, this.cluster.nowMs + READY_MS);
      return;
    }
    if (this.cluster.running().length < 3) return;
    for (const { key, sinceMs } of this.#here.get(name) ?? []) {
      if (this.cluster.nowMs - sinceMs > 10_000) this.leftMs.set(key, this.cluster.nowMs);
    }
    this.#here.delete(name);
    if (random.chance(0.5)) this.cluster.crash(name);
    else {
      this.#shares.get(name)?.close();
      await this.cluster.stop(name, { handoffMs: random.pick([0, 3_000]) });
    }
  }

  /** Lets time pass; those that are ready take part. */
  async advance(durationMs: number): Promise<void> {
    await this.cluster.advance(durationMs);
    for (const node of this.cluster.running()) {
      const startMs = this.#startsMs.get(node.name);
      if (startMs === undefined || this.cluster.nowMs < startMs || !node.tracker.health().complete) continue;
      this.#startsMs.delete(node.name);
      const share = node.session();
      this.#shares.set(node.name, share);
      node.tracker.track(share, "hooks", node.name, {});
    }
  }
}

describe("the webhook", () => {
  it.each([1, 2, 3, 7, 15, 38])("tells of everybody who leaves, seed %d", async (seed) => {
    const random = new SeededRandom(`webhook ${seed}`);
    const scene = await Scene.open(seed);
    for (let step = 0; step < 150; step++) {
      for (const name of NODES) {
        if (random.chance(0.4)) scene.arrive(name);
        if (random.chance(0.3)) scene.leave(name);
      }
      // A storm, a quiet time, a storm.
      const isQuiet = step > 50 && step < 100;
      if (!isQuiet && random.chance(0.1)) await scene.turn(random.pick(NODES), random);
      await scene.advance(random.integer(100, 2_000));
    }
    await scene.cluster.settle();
    await scene.cluster.advance(30_000);
    let quiet = 0;
    for (const [key, leftMs] of scene.leftMs) {
      expect(
        scene.told.get(key) ?? 0,
        `${key}, which left at ${leftMs} ms, is told of; turns: ${scene.turnsMs.join()}`,
      ).toBeGreaterThan(0);
      if (scene.turnsMs.some((turnMs) => Math.abs(turnMs - leftMs) < AROUND_MS)) continue;
      quiet += 1;
      expect(scene.told.get(key), `${key} is told of once`).toBe(1);
    }
    expect(quiet).toBeGreaterThan(3);
    const here = new Set(
      scene.cluster
        .running()[0]
        ?.tracker.list("room")
        .map(({ key }) => key),
    );
    for (const key of scene.told.keys())
      expect(here.has(key), `${key} is here, and told to have left`).toBe(false);
  });
});
