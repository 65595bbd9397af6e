/** A run of its own for those who only look on: see `runs.ts`. */
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError, simulate } from "../../src/testing/cluster.js";
import { by } from "./protocol.js";

/** An observer is not listed in the cluster, and not missed when it has gone. */
export async function whoLooksOnIsNobody(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulate({
    seed,
    nodes: ["a", "b"],
    options: by(protocol, {}),
    nodeOptions: { looker: by(protocol, { observer: true }) },
  });
  await cluster.advance(5_000);
  await cluster.start("looker");
  await cluster.advance(10_000);
  cluster.crash("looker");
  await cluster.advance(20_000);
  for (const node of cluster.running()) {
    const names = node.tracker.health().replicas.map(({ name }) => name);
    const told = node.events.filter(({ detail }) => (detail as { name?: string }).name === "looker");
    if (names.includes("looker") || told.length > 0)
      throw new SimulationError(["who looks on is a replica"], cluster.nowMs);
  }
}
