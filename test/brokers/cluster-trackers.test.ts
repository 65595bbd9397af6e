/** Trackers in three processes over the cluster adapter: a SIGKILL, and a primary that does not relay for a while. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { setupPrimary } from "../../src/adapters/cluster.js";
import { periods, type Report } from "./tracker-process.js";
import { alike, TrackerProcess, untilAll } from "./tracker-processes.js";

const entriesEach = 1_000;
const children: ChildProcess[] = [];
let nodes: TrackerProcess[] = [];

function attachAll(): void {
  const relay = setupPrimary();
  for (const child of children) relay.attach(child);
}

beforeAll(async () => {
  const onFork = (child: ChildProcess): void => {
    children.push(child);
    setupPrimary().attach(child);
  };
  nodes = await Promise.all(
    [0, 1, 2].map((index) => TrackerProcess.start("cluster", "", `node-${index}`, "", onFork)),
  );
  for (const node of nodes) await node.ask({ ask: "track", from: 0, until: entriesEach });
  await untilAll(nodes, "3 x 1,000 entries on all", (reports) => alike(reports, 3 * entriesEach));
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  setupPrimary().close();
});

it("nobody leaves or joins while the primary does not relay for longer than downPeriodMs", async () => {
  const before = await Promise.all(nodes.map((node) => node.report()));
  setupPrimary().close();
  await untilAll(nodes, "all disconnected", (reports) => reports.every((each) => !each.connected));
  await pause(1.5 * periods.downPeriodMs);
  await nodes[0]?.ask({ ask: "track", from: entriesEach, until: entriesEach + 10 });
  attachAll();
  const after = await untilAll(nodes, "the changes on all", (reports) => {
    return reports.every((each) => each.complete) && alike(reports, 3 * entriesEach + 10);
  });
  for (const [index, { joins, leaves }] of after.entries()) {
    expect({ joins, leaves }).toEqual({ joins: (before[index]?.joins ?? 0) + 10, leaves: {} });
  }
});

it("a SIGKILL is seen at once, in one go", async () => {
  const [doomed, ...others] = nodes as [TrackerProcess, TrackerProcess, TrackerProcess];
  const [before] = await untilAll(others, "all alike", (reports) => alike(reports, 3 * entriesEach + 10));
  const killedAtMs = Date.now();
  await doomed.stop();
  const after = await untilAll(others, "its entries hidden", (reports) => alike(reports, 2 * entriesEach));
  for (const report of after as Report[]) {
    expect(report.leaves).toEqual({ down: entriesEach + 10 });
    expect(report.joins).toBe(before?.joins);
    // Some milliseconds on a machine at rest; silence would have needed downPeriodMs.
    expect(report.lastDiffAtMs - killedAtMs).toBeLessThan(1_000);
  }
});
