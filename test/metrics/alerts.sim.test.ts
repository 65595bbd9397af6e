/** Each alert of the docs fires in the state that it is for, and in no healthy one; the dashboard asks for what there is. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { prometheusText } from "../../src/metrics/index.js";
import { allMetrics } from "../../src/metrics/metrics.js";
import { simulate, type SimulatedCluster } from "../../src/testing/index.js";
import { editBirths } from "../sim/lies.js";
import { fires, parseAlerts, parseText, type Scrape } from "./prometheus.js";

const docs = new URL("../../docs/", import.meta.url);
const alerts = parseAlerts(readFileSync(new URL("prometheus-alerts.yml", docs), "utf8"));
const SCRAPE_MS = 5_000;

async function clusterOf(seed: number): Promise<SimulatedCluster> {
  // One entry is changed on its way to others.
  const startTracker = editBirths((birth) =>
    birth.key === "damaged" ? { ...birth, meta: { n: 2 } } : birth,
  );
  const cluster = await simulate({ seed, nodes: ["a", "b", "c"], startTracker });
  for (const node of cluster.running()) node.tracker.track(node.session(), "room", node.name, { n: 1 });
  await cluster.settle();
  return cluster;
}

/** Scrapes all that run, every five seconds. */
async function scrape(cluster: SimulatedCluster, durationMs: number, scrapes: Scrape[]): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += SCRAPE_MS) {
    const page = parseText(prometheusText(...cluster.running().map(({ tracker }) => tracker)));
    scrapes.push({ atMs: cluster.nowMs, page });
    await cluster.advance(SCRAPE_MS);
  }
}

/** What brings a cluster into the state that an alert is for. */
const faults: Readonly<Record<string, (cluster: SimulatedCluster) => void>> = {
  RollcallNotConnected: (cluster) => cluster.outage({ nodes: ["a"], announced: false }),
  RollcallIncomplete: (cluster) => cluster.outage({}),
  RollcallNodeDown: (cluster) => cluster.crash("b"),
  RollcallLinkBroken: (cluster) => cluster.cutLane("b", "a", "broadcast"),
  RollcallDivergence: (cluster) => {
    cluster.expectDivergence();
    const b = cluster.node("b");
    b.tracker.track(b.session(), "room", "damaged", { n: 1 });
  },
};

describe("the alerts", () => {
  it("are five, each with a state that it is for and a reason in the docs", () => {
    expect(alerts).toHaveLength(5);
    expect(Object.keys(faults)).toEqual(alerts.map(({ name }) => name));
    const page = readFileSync(new URL("operations.md", docs), "utf8");
    for (const { name } of alerts) expect(page).toContain(`**${name}**`);
  });

  it("are silent while all is well, nodes come and go, and one is restarted", async () => {
    const cluster = await clusterOf(1);
    const scrapes: Scrape[] = [];
    await scrape(cluster, 60_000, scrapes);
    await cluster.stop("c");
    await scrape(cluster, 30_000, scrapes);
    await cluster.start("c");
    await cluster.restart("b");
    await scrape(cluster, 90_000, scrapes);
    for (let last = 1; last <= scrapes.length; last += 1) {
      const firing = alerts.filter((alert) => fires(alert, scrapes.slice(0, last)));
      expect(firing.map(({ name }) => name)).toEqual([]);
    }
  });

  it.each(alerts)("$name fires", async (alert) => {
    const cluster = await clusterOf(2);
    const scrapes: Scrape[] = [];
    await scrape(cluster, 60_000, scrapes);
    expect(fires(alert, scrapes)).toBe(false);
    faults[alert.name]?.(cluster);
    await scrape(cluster, 30_000 + alert.forMs, scrapes);
    const first = scrapes.findIndex((_, last) => fires(alert, scrapes.slice(0, last + 1)));
    expect(first).toBeGreaterThan(0);
  });
});

it("the dashboard asks for metrics that there are", () => {
  const dashboard = readFileSync(new URL("grafana-dashboard.json", docs), "utf8");
  const { panels } = JSON.parse(dashboard) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const known = new Set(
    allMetrics().flatMap(({ name, kind }) =>
      kind === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(expressions.length).toBeGreaterThan(9);
  const asked = expressions.flatMap((expr) => expr.match(/rollcall_\w+/g) ?? []);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});
