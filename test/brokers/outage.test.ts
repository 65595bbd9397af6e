/**
 * What a broker may do to a cluster of three processes, with 1,000 entries each: it is killed for longer than
 * `downPeriodMs` and started again, or it loses one of them for a while.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomText } from "../../src/runtime.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { behind } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";
import { periods, type Report } from "./tracker-process.js";
import { alike, TrackerProcess, untilAll } from "./tracker-processes.js";

const entriesEach = 1_000;
const { downPeriodMs, heartbeatPeriodMs } = periods;

/** What was delivered since an earlier report. */
function since(before: Report, now: Report): { joins: number; updates: number; leaves: number } {
  const leavesOf = ({ leaves }: Report): number =>
    Object.values(leaves).reduce((sum, count) => sum + count, 0);
  return {
    joins: now.joins - before.joins,
    updates: now.updates - before.updates,
    leaves: leavesOf(now) - leavesOf(before),
  };
}

const nothing = { joins: 0, updates: 0, leaves: 0 };

function outages(client: string, openBroker: OpenBroker): void {
  let broker: Broker;
  let proxy: TcpProxy;
  let nodes: TrackerProcess[] = [];

  beforeAll(async () => {
    if (openBroker === undefined) return;
    broker = await openBroker();
    proxy = await TcpProxy.to({ host: broker.url.hostname, port: Number(broker.url.port) });
    const prefix = `test-${randomText(8)}`;
    // The third is the one whose connection can be cut.
    const urls = [broker.url.href, broker.url.href, behind(proxy, broker.url)];
    nodes = await Promise.all(
      urls.map((url, index) => TrackerProcess.start(client, url, `node-${index}`, prefix)),
    );
    for (const node of nodes) await node.ask({ ask: "track", from: 0, until: entriesEach });
    await untilAll(nodes, "3 x 1,000 entries on all", (reports) => alike(reports, 3 * entriesEach));
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await proxy?.cut();
    await broker?.stop();
  });

  it("a broker that is killed for longer than downPeriodMs makes nobody leave or join", async ({ skip }) => {
    skip(!broker.ours, "the broker is not ours to kill");
    const before = await Promise.all(nodes.map((node) => node.report()));
    await broker.kill();
    await untilAll(nodes, "all disconnected", (reports) => reports.every((each) => !each.connected));
    await pause(2 * downPeriodMs);
    const during = await Promise.all(nodes.map((node) => node.report()));
    for (const [index, report] of during.entries()) {
      const earlier = before[index] as Report;
      expect(since(earlier, report)).toEqual(nothing);
      expect(report).toMatchObject({ entries: 3 * entriesEach, complete: false, digest: earlier.digest });
    }

    // Changes that nobody can hear of yet.
    await nodes[0]?.ask({ ask: "track", from: entriesEach, until: entriesEach + 10 });
    await nodes[1]?.ask({ ask: "untrack", from: 0, until: 5 });
    await nodes[2]?.ask({ ask: "update", from: 0, until: 7 });
    await broker.start();
    const after = await untilAll(
      nodes,
      "the changes on all",
      (reports) => reports.every((each) => each.complete) && alike(reports, 3 * entriesEach + 5),
    );
    for (const [index, report] of after.entries()) {
      expect(since(before[index] as Report, report)).toEqual({ joins: 10, updates: 7, leaves: 5 });
      expect(report.divergences).toBe(0);
    }
    const reconnectedAtMs = Math.max(...after.map((each) => each.connectedAtMs));
    const seenAtMs = Math.max(...after.map((each) => each.lastDiffAtMs));
    expect(seenAtMs - reconnectedAtMs).toBeLessThanOrEqual(2 * heartbeatPeriodMs);
  });

  it("a node that is cut off keeps its list, is hidden by the others, and comes back", async () => {
    const before = await Promise.all(nodes.map((node) => node.report()));
    const [first, second, lonely] = nodes as [TrackerProcess, TrackerProcess, TrackerProcess];
    const { entries = 0, digest } = before[0] ?? {};
    const owned = entriesEach;
    await proxy.cut();
    await untilAll([first, second], "the cut node's entries hidden", (reports) =>
      alike(reports, entries - owned),
    );
    const alone = await lonely.report();
    expect(since(before[2] as Report, alone)).toEqual(nothing);
    expect(alone).toMatchObject({ entries, digest, connected: false, complete: false });

    await proxy.join();
    const after = await untilAll(
      nodes,
      "all as before",
      (reports) => reports.every((each) => each.complete && each.connected) && alike(reports, entries),
    );
    expect(after.map((each) => each.digest)).toEqual(before.map((each) => each.digest));
    expect(after.map((report, index) => since(before[index] as Report, report))).toEqual([
      { joins: owned, updates: 0, leaves: owned },
      { joins: owned, updates: 0, leaves: owned },
      nothing,
    ]);
    expect(after[0]?.leaves["down"]).toBe((before[0]?.leaves["down"] ?? 0) + owned);
    expect(after.map((each) => each.divergences)).toEqual([0, 0, 0]);
  });
}

const brokers: readonly (readonly [string, OpenBroker])[] = [
  ["node-redis 6", openRedis],
  ["ioredis 6", openRedis],
  ["transport-node 3", openNats],
  ["pg 8", openPostgres],
];

for (const [client, open] of brokers) {
  describe.skipIf(open === undefined)(client, () => outages(client, open));
}
