/** Chaos with real processes over brokers that are killed meanwhile for longer than a down period. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { periodsOf } from "../../scripts/chaos/profiles.js";
import { runChaos } from "../../scripts/chaos/run-chaos.js";
import { openNats, openRedis, type Broker, type OpenBroker } from "./servers.js";

interface Engine {
  readonly name: string;
  readonly open: OpenBroker;
  readonly clients: readonly string[];
  readonly seed: number;
}

const engines: readonly Engine[] = [
  { name: "Redis", open: openRedis, clients: ["node-redis 6", "ioredis 6"], seed: 20_262 },
  { name: "NATS", open: openNats, clients: ["transport-node 3"], seed: 20_263 },
];

describe.concurrent.each(engines)("chaos over $name", ({ open, clients, seed }) => {
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
        durationMs: 30_000,
        checkpointPeriodMs: 15_000,
        nodes: 4,
        holds: "everything",
        deployEvery: 0,
        periods: periodsOf("short"),
        clients,
        broker,
        signal,
      });
      expect(failures, `the last events:\n${events.join("\n")}`).toEqual([]);
      expect(counts.checkpoint).toBe(2);
      expect(counts.brokerKill).toBe(broker.ours ? 2 : 0);
      expect(counts.commands).toBeGreaterThan(200);
      expect(counts.kill + counts.killAndRename, "killed").toBeGreaterThan(0);
      expect(counts.freeze + counts.longFreeze, "stopped").toBeGreaterThan(0);
    },
    // Two times the patience with a cluster that is to settle, and the chaos.
    300_000,
  );
});
