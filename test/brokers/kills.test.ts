/** A process that is killed is noticed within 4 s over every broker, by a tracker with the default periods. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tracker } from "../../src/index.js";
import { randomText } from "../../src/runtime.js";
import { openNodeBy } from "./clients.js";
import type { OpenedNode } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";
import { TrackerProcess } from "./tracker-processes.js";

const noticedWithinMs = 4_000;
/** Each has a heartbeat of its own when it is killed. */
const killed = ["ann", "bob"];

interface Watch {
  readonly client: string;
  readonly opened: OpenedNode;
  readonly tracker: Tracker;
  readonly processes: readonly TrackerProcess[];
  readonly downAtMs: Map<string, number>;
}

const opens: readonly (readonly [OpenBroker, string])[] = [
  [openRedis, "node-redis 6"],
  [openNats, "transport-node 3"],
  [openPostgres, "pg 8"],
];

describe("a process that is killed", () => {
  const brokers: Broker[] = [];
  const watches: Watch[] = [];

  beforeAll(async () => {
    const prefix = `test-${randomText(8)}`;
    await Promise.all(
      opens.map(async ([open, client]) => {
        const broker = await open?.();
        if (broker === undefined) return;
        brokers.push(broker);
        const { href } = broker.url;
        const opened = await openNodeBy(client)(href, "watching", prefix);
        const tracker = await Tracker.start({}, { name: "test", pubsub: opened.node });
        tracker.on("error", () => undefined);
        const downAtMs = new Map<string, number>();
        tracker.on("replicaDown", ({ name }) => downAtMs.set(name, performance.now()));
        const processes = await Promise.all(
          killed.map((name) => TrackerProcess.start(client, href, name, prefix)),
        );
        watches.push({ client, opened, tracker, processes, downAtMs });
      }),
    );
  });
  afterAll(async () => {
    for (const { opened, tracker, processes } of watches) {
      for (const each of processes) await each.stop();
      await tracker.stop({ handoffMs: 0 });
      await opened.node.close?.();
      await opened.end();
    }
    for (const broker of brokers) await broker.stop();
  });

  it("is noticed within 4 s over every broker", { timeout: 60_000 }, async ({ skip }) => {
    skip(brokers.length === 0, "there is no broker");
    for (const { client, tracker } of watches) {
      const isThere = (): boolean => tracker.health().replicas.length === killed.length;
      for (let ms = 0; !isThere() && ms < 10_000; ms += 50) await pause(50);
      expect(isThere(), `${client}: all are there`).toBe(true);
    }
    // Who has just connected asks nobody.
    await pause(9_000);
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const killedAtMs: number[] = [];
    for (const [index] of killed.entries()) {
      killedAtMs.push(performance.now());
      await Promise.all(watches.map(({ processes }) => processes[index]!.stop()));
      await pause(300);
    }
    await pause(noticedWithinMs + 2_000);
    delay.disable();
    // What this process was held up by is not the trackers' doing.
    const heldUpMs = delay.max / 1e6;
    for (const { client, downAtMs } of watches) {
      for (const [index, name] of killed.entries()) {
        const tookMs = (downAtMs.get(name) ?? Infinity) - killedAtMs[index]!;
        expect(tookMs, `${client}: ${name}`).toBeLessThan(noticedWithinMs + heldUpMs);
      }
    }
  });
});
