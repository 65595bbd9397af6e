/** Where broadcasts go, on a simulated cluster: what is sent to whom, and why to all. */
import { describe, expect, it } from "vitest";
import { idsOf, RoutedCluster, type RoutedNode } from "./routed-nodes.js";

const names = ["a", "b", "c", "d", "e", "f"];
const routed = Object.fromEntries(names.map((name) => [name, "routed"] as const));
const settledMs = 15_000;

function framesOf(server: RoutedNode): number {
  const { json = 0, bytes = 0, again = 0 } = server.received;
  return json + bytes + again;
}

describe("a broadcast", () => {
  it("goes to the nodes that hear its topic, once each, and to no others", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 1 });
    const [here, first, second] = ["a", "b", "b"].map((name) => cluster.server(name).subscribe("t"));
    await cluster.advance(settledMs);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    for (const subscriber of [here, first, second]) expect(idsOf(subscriber!)).toEqual([id]);
    expect(names.map((name) => framesOf(cluster.server(name)))).toEqual([0, 1, 0, 0, 0, 0]);
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 1, unsettledBroadcasts: 0 });
  });

  it("of a node without subscribers goes to all the first time, and is routed then", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 2 });
    const subscriber = cluster.server("b").subscribe("t");
    await cluster.advance(settledMs);
    const sender = cluster.server("c");
    const ids = [sender.broadcast("t").id];
    await cluster.advance(2_000);
    ids.push(sender.broadcast("t").id);
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual(ids);
    expect(sender.counters).toMatchObject({ routedBroadcasts: 1, unsettledBroadcasts: 1 });
    expect(framesOf(cluster.server("d"))).toBe(1);
  });

  it("goes to all when more than half of the others hear it", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 3 });
    for (const name of ["b", "c", "d"]) cluster.server(name).subscribe("t");
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 0, crowdedBroadcasts: 1 });
    expect(framesOf(cluster.server("e"))).toBe(1);
  });

  it("reaches a node whose first subscriber joined just before, once, and in order with what comes after", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 4, network: { delayMs: [5, 30] } });
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    const early = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    const subscriber = cluster.server("b").subscribe("t");
    const late = [0, 1, 2].map(() => cluster.server("a").broadcast("t").id);
    await cluster.advance(5_000);
    late.push(cluster.server("a").broadcast("t").id);
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual(late);
    expect(idsOf(subscriber)).not.toContain(early.id);
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 5, unsettledBroadcasts: 0 });
  });

  it("reaches a node that has fallen silent, and hears all the same", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 5 });
    const subscriber = cluster.server("b").subscribe("t");
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    cluster.simulated.oneWay("b", "a");
    await cluster.advance(12_000);
    expect(cluster.simulated.node("a").eventsOf("replicaDown")).toHaveLength(1);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
  });

  it("goes nowhere where nobody hears, a while after the last subscriber has left", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 6 });
    const b = cluster.server("b");
    const subscriber = b.subscribe("t");
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    b.unsubscribe(subscriber);
    await cluster.advance(20_000);
    cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    // A page that is loaded anew finds its node listed.
    expect(framesOf(b)).toBe(1);
    await cluster.advance(20_000);
    cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(framesOf(b)).toBe(1);
    expect(cluster.server("a").counters.routedBroadcasts).toBe(2);
    expect(cluster.simulated.node("b").tracker.health().own.entries).toBe(0);
  });

  it("of a topic whose name is too long for a tracker goes to all, and arrives", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 7 });
    const topic = "t".repeat(600);
    const subscriber = cluster.server("b").subscribe(topic);
    await cluster.advance(settledMs);
    const { id } = cluster.server("a").broadcast(topic);
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
    expect(cluster.server("a").counters).toMatchObject({ unsettledBroadcasts: 1 });
  });

  it("is routed where the trackers hold everything as well", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 8, options: { holds: "everything" } });
    const subscriber = cluster.server("b").subscribe("t");
    await cluster.advance(settledMs);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
    expect(names.map((name) => framesOf(cluster.server(name)))).toEqual([0, 1, 0, 0, 0, 0]);
  });
});

describe("a server that does not tell what it hears", () => {
  it.each(["old", "plain"] as const)("gets everything, and all others with it: %s", async (kind) => {
    const cluster = await RoutedCluster.start({ ...routed, f: kind }, { seed: 11 });
    const [left, right] = ["f", "b"].map((name) => cluster.server(name).subscribe("t"));
    await cluster.advance(settledMs);
    // Both ways.
    const ids = ["a", "f"].map((name) => cluster.server(name).broadcast("t").id);
    await cluster.advance(1_000);
    for (const subscriber of [left, right]) expect(idsOf(subscriber!).sort()).toEqual(ids);
    expect(cluster.server("a").counters).toMatchObject({ unannouncedBroadcasts: 1, routedBroadcasts: 0 });
    // As long as it answers, and no longer than two minutes.
    await cluster.advance(300_000);
    cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ unannouncedBroadcasts: 2, routedBroadcasts: 0 });
    await cluster.simulated.stop("f", { handoffMs: 0 });
    await cluster.advance(160_000);
    cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ unannouncedBroadcasts: 2, routedBroadcasts: 1 });
  });

  it.each(["old", "plain"] as const)("gets what was made as it began to listen: %s", async (kind) => {
    const cluster = await RoutedCluster.start(routed, { seed: 12, network: { delayMs: [40, 50] } });
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    cluster.server("a").broadcast("t");
    await cluster.advance(5_000);
    await cluster.simulated.restart("f");
    const f = cluster.serve("f", kind);
    await cluster.advance(1);
    const subscriber = f.subscribe("t");
    const ids = [cluster.server("a").broadcast("t").id];
    await cluster.advance(200);
    ids.push(cluster.server("a").broadcast("t").id);
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual(ids);
    expect(cluster.server("a").counters).toMatchObject({ unannouncedBroadcasts: 1, routedBroadcasts: 2 });
  });

  it("is found though its hellos were lost, by whatever it says", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 13 });
    await cluster.advance(settledMs);
    await cluster.simulated.restart("f");
    cluster.simulated.oneWay("f", "a");
    const f = cluster.serve("f", "old");
    const subscriber = f.subscribe("t");
    await cluster.advance(5_000);
    cluster.simulated.network.mendAll();
    f.broadcast("elsewhere");
    await cluster.advance(1_000);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
    expect(cluster.server("a").counters.unannouncedBroadcasts).toBe(1);
  });

  it("is what a server becomes whose tracker was stopped, and it is reported", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 14 });
    const b = cluster.server("b");
    const subscriber = b.subscribe("t");
    cluster.server("a").subscribe("t");
    await cluster.advance(settledMs);
    void b.node.tracker.stop({ handoffMs: 0 });
    await cluster.advance(1_000);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
    expect(b.errors.map(({ code }) => code)).toEqual(["TRACKER_STOPPED"]);
    expect(cluster.server("a").counters.unannouncedBroadcasts).toBe(1);
  });
});
