/**
 * Chaos with real processes over brokers that are killed meanwhile for longer than a down period, of nodes that hold
 * everything and of nodes that hold what they follow.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Holds } from "../../scripts/chaos/messages.js";
import { periodsOf } from "../../scripts/chaos/profiles.js";
import { runChaos } from "../../scripts/chaos/run-chaos.js";
import { openNats, openRedis, type Broker, type OpenBroker } from "./servers.js";

interface Engine {
  readonly name: string;
  readonly open: OpenBroker;
  readonly clients: readonly string[];
  readonly seed: number;
  readonly holds: Holds;
  readonly durationMs: number;
  readonly checkpoints: number;
  readonly deploys: number;
}

const everything = { holds: "everything", durationMs: 30_000, checkpoints: 2, deploys: 0 } as const;
/** Shorter by what a rolling deploy takes. */
const followed = { holds: "followed", durationMs: 18_000, checkpoints: 1, deploys: 1 } as const;

const engines: readonly Engine[] = [
  { name: "Redis", open: openRedis, clients: ["node-redis 6", "ioredis 6"], seed: 20_262, ...everything },
  { name: "NATS", open: openNats, clients: ["transport-node 3"], seed: 20_263, ...everything },
  {
    name: "Redis, where nodes hold what they follow",
    open: openRedis,
    clients: ["ioredis 6", "node-redis 6"],
    seed: 20_293,
    ...followed,
  },
];

describe.concurrent.each(engines)("chaos over $name", (engine) => {
  const { open, clients, seed, holds, durationMs, checkpoints, deploys } = engine;
  let broker: Broker;
  beforeAll(async () => {
    if (open !== undefined) broker = await open();
  });
  afterAll(() => broker?.stop());

  it.skipIf(open === undefined)(
    "keeps every promise while processes and the broker are killed and restarted",
    async ({ signal }) => {
      const { failures, events, counts } = await runChaos({
        seed,
        durationMs,
        checkpointPeriodMs: durationMs / checkpoints,
        nodes: 4,
        holds,
        deployEvery: deploys,
        periods: periodsOf("short"),
        clients,
        broker,
        signal,
      });
      expect(failures, `the last events:\n${events.join("\n")}`).toEqual([]);
      expect(counts.checkpoint).toBe(checkpoints);
      expect(counts.brokerKill).toBe(broker.ours ? checkpoints : 0);
      expect(counts.deploy).toBe(deploys);
      expect(counts.moves).toBeGreaterThanOrEqual(deploys * 4 * 25);
      expect(counts.follows > 0, "something is followed").toBe(holds === "followed");
      expect(counts.commands).toBeGreaterThan(200);
      expect(counts.kill + counts.killAndRename, "killed").toBeGreaterThan(0);
      expect(counts.freeze + counts.longFreeze, "stopped").toBeGreaterThan(0);
    },
    // Two times the patience with a cluster that is to settle, and the chaos.
    300_000,
  );
});
