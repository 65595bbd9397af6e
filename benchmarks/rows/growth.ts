/**
 * How the cost of one node grows with the cluster, at full size: so many entries in all, on 3, 20 and 200
 * nodes, as a few nodes of a simulated cluster see it. The page on scaling has the slopes.
 */
import type { Benchmark } from "../harness/command.js";
import { churnPerSecond, simulate, type Growth } from "../growth/simulate.js";

const nodeCounts = [3, 20, 200];
const entries = 100_000;
const toleratedDifference = 0.02;

export const growth: Benchmark = {
  name: "growth",
  async run({ report, progress }) {
    progress("proving the sampling");
    await proveSampling();
    for (const nodes of nodeCounts) {
      progress(`${nodes} nodes`);
      const { idle, churn, restart } = await simulate({ nodes, entries });
      const where = `${nodes} nodes, ${entries.toLocaleString("en-US")} entries in all`;
      report({ name: `${where}: an idle node receives`, unit: "B/s", values: [idle.receivedBytes] });
      report({
        name: `${where}, ${churnPerSecond * 100} % updated each second: a node receives`,
        unit: "B/s",
        values: [churn.receivedBytes],
        beside: [{ what: "and sends", values: [churn.sentBytes] }],
        note: `${churn.merges.toFixed(0)} deltas merged per second, ${churn.workMs.toFixed(1)} ms of work per second`,
      });
      report({
        name: `${where}: a restarted node catches up with`,
        unit: "B",
        values: [restart.newcomerBytes],
        note: `lists all after ${restart.caughtUpMs} virtual ms; every other node receives and sends ${restart.otherBytes} B for it`,
      });
    }
  },
};

/** What a node sees must not depend on whether the others hear everybody too. */
async function proveSampling(): Promise<void> {
  const cluster = { nodes: 20, entries: 10_000 };
  const [all, few]: Growth[] = [await simulate({ ...cluster, whole: true }), await simulate(cluster)];
  for (const phase of ["idle", "churn"] as const) {
    const [expected, sampled] = [all?.[phase].receivedBytes ?? NaN, few?.[phase].receivedBytes ?? NaN];
    if (!(Math.abs(sampled - expected) <= toleratedDifference * expected)) {
      throw new Error(`${phase}: ${sampled} B/s seen by a few, ${expected} B/s where all hear all`);
    }
  }
}
