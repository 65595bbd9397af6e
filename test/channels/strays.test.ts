/** Nodes whose servers tell what they hear by a tracker of the right name, which is on another pubsub: nobody hears it there. */
import { describe, expect, it } from "vitest";
import { Strays } from "../../src/channels/strays.js";
import { idsOf, RoutedCluster, type ServerKind } from "./routed-nodes.js";

const names = ["a", "b", "c", "d", "e", "f"];
const routed: Record<string, ServerKind> = Object.fromEntries(names.map((name) => [name, "routed"] as const));

function apart(...severed: string[]): Record<string, ServerKind> {
  return { ...routed, ...Object.fromEntries(severed.map((name) => [name, "severed"] as const)) };
}

function reportsOf(cluster: RoutedCluster, name: string): unknown[] {
  return cluster.server(name).errors.map(({ code, details }) => [code, details["node"]]);
}

describe("a node whose tracker is on another pubsub", () => {
  it("gets every broadcast, once and in order, and so do others from it, and each reports it once", async () => {
    const cluster = await RoutedCluster.start(apart("f"), { seed: 1 });
    const [left, right] = ["f", "b"].map((name) => cluster.server(name).subscribe("t"));
    const ids: number[][] = [[], []];
    for (let second = 0; second < 400; second++) {
      await cluster.advance(1_000);
      ids[0]!.push(cluster.server("a").broadcast("t").id);
      ids[1]!.push(cluster.server("f").broadcast("t").id);
    }
    await cluster.advance(20_000);
    const fromF = new Set(ids[1]);
    expect(idsOf(right!).filter((id) => fromF.has(id))).toEqual(ids[1]);
    expect(idsOf(right!).filter((id) => !fromF.has(id))).toEqual(ids[0]);
    expect(idsOf(left!).filter((id) => !fromF.has(id))).toEqual(ids[0]);
    for (const name of ["a", "b", "c", "d", "e"])
      expect(reportsOf(cluster, name)).toEqual([["LINK_BROKEN", "f"]]);
    expect(reportsOf(cluster, "f").sort()).toEqual(
      ["a", "b", "c", "d", "e"].map((name) => ["LINK_BROKEN", name]),
    );
    expect(cluster.server("a").counters.unannouncedBroadcasts).toBeGreaterThan(380);
  });

  it("gets what was made before it was found, also if nothing follows", async () => {
    const cluster = await RoutedCluster.start(apart("f"), { seed: 2 });
    await cluster.simulated.crash("f");
    cluster.server("a").subscribe("t");
    await cluster.advance(60_000);
    await cluster.simulated.restart("f");
    const subscriber = cluster.serve("f").subscribe("t");
    await cluster.advance(1_000);
    const { id } = cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 1, unannouncedBroadcasts: 0 });
    await cluster.advance(25_000);
    expect(idsOf(subscriber)).toEqual([id]);
  });

  it("is not waited for any longer than two minutes when it has ended", async () => {
    const cluster = await RoutedCluster.start(apart("f"), { seed: 3 });
    cluster.server("a").subscribe("t");
    await cluster.advance(300_000);
    cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 0, unannouncedBroadcasts: 1 });
    await cluster.simulated.crash("f");
    await cluster.advance(120_000);
    cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 1, unannouncedBroadcasts: 1 });
  });

  it("is found within ten minutes, though nobody could hear its hellos, by what it asks all then", async () => {
    const cluster = await RoutedCluster.start(apart("f"), { seed: 5 });
    await cluster.simulated.crash("f");
    cluster.server("a").subscribe("t");
    await cluster.advance(60_000);
    await cluster.simulated.restart("f");
    cluster.simulated.partition(["f"], ["a", "b", "c", "d", "e"]);
    const subscriber = cluster.serve("f").subscribe("t");
    await cluster.advance(60_000);
    cluster.simulated.network.mendAll();
    cluster.server("a").broadcast("t");
    await cluster.advance(600_000);
    const { id } = cluster.server("a").broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(subscriber)).toEqual([id]);
  });

  it("is none that has ended before it could be judged", async () => {
    const cluster = await RoutedCluster.start(apart("f"), { seed: 4 });
    cluster.server("a").subscribe("t");
    await cluster.advance(5_000);
    await cluster.simulated.crash("f");
    await cluster.advance(60_000);
    cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters).toMatchObject({ routedBroadcasts: 1, unannouncedBroadcasts: 0 });
    expect(cluster.server("a").errors).toEqual([]);
  });
});

describe("strays", () => {
  const unknown = (): boolean => false;
  const known = (): boolean => true;
  const hello = { isAnswer: false, isUp: unknown };
  const answer = { isAnswer: true, isUp: unknown };

  /** Says hello, and answers each question until it is judged. Returns when that was. */
  function judgedAtMs(strays: Strays, name: string): number | undefined {
    let isJudged = strays.heard(name, hello, 0);
    for (let nowMs = 2_500; nowMs <= 20_000; nowMs += 2_500) {
      for (const asked of strays.sweep(unknown, nowMs)) isJudged = strays.heard(asked, answer, nowMs);
      if (isJudged) return nowMs;
    }
    return undefined;
  }

  it("are judged by what they answer after ten seconds, and no more once they are known", () => {
    const strays = new Strays();
    expect(judgedAtMs(strays, "a")).toBe(10_000);
    expect([strays.any, [...strays.nodes]]).toEqual([true, ["a"]]);
    strays.sweep(known, 12_500);
    expect([strays.any, [...strays.nodes]]).toEqual([false, []]);
  });

  it("are none by a hello that waited while this process stood still", () => {
    const strays = new Strays();
    strays.heard("a", hello, 0);
    expect(strays.heard("a", answer, 60_000)).toBe(false);
    expect(strays.any).toBe(false);
  });

  it("are found though they seem to be up by their lives before, and though an answer is lost", () => {
    const strays = new Strays();
    strays.heard("a", hello, 0);
    for (let nowMs = 2_500; nowMs <= 12_500; nowMs += 2_500) expect(strays.sweep(known, nowMs)).toEqual([]);
    expect(strays.sweep(unknown, 15_000)).toEqual(["a"]);
    expect(strays.sweep(unknown, 20_000)).toEqual(["a"]);
    expect(strays.heard("a", answer, 20_000)).toBe(false);
    expect(strays.sweep(unknown, 30_000)).toEqual(["a"]);
    expect(strays.heard("a", answer, 30_010)).toBe(true);
  });

  it("are none by a hello of one that starts anew just after the question", () => {
    const strays = new Strays();
    strays.heard("a", hello, 0);
    expect(strays.sweep(unknown, 10_000)).toEqual(["a"]);
    expect(strays.heard("a", hello, 10_050)).toBe(false);
    expect(strays.any).toBe(false);
    strays.sweep(known, 12_500);
    expect(strays.any).toBe(false);
  });

  it("are waited for while too many are to be asked before them, and everything goes to all", () => {
    const strays = new Strays();
    for (let node = 0; node < 1_000; node++) strays.heard(`made up ${node}`, hello, 0);
    strays.heard("a", hello, 0);
    let [nowMs, wasAsked] = [7_500, false];
    expect(strays.sweep(unknown, nowMs)).toEqual([]);
    expect(strays.any).toBe(false);
    while (!wasAsked) {
      nowMs += 2_500;
      wasAsked = strays.sweep(unknown, nowMs).includes("a");
      expect(strays.any).toBe(true);
    }
    for (; nowMs <= 3_600_000; nowMs += 2_500) strays.sweep(unknown, nowMs);
    expect(strays.any).toBe(false);
  });

  it("are asked sixteen at a time, and forgotten after six questions without an answer", () => {
    const strays = new Strays();
    for (let node = 0; node < 20; node++) strays.heard(`made up ${node}`, hello, 0);
    let asked = 0;
    for (let nowMs = 2_500; nowMs <= 120_000; nowMs += 2_500) {
      const now = strays.sweep(unknown, nowMs);
      expect(now.length).toBeLessThanOrEqual(16);
      asked += now.length;
    }
    expect(asked).toBe(20 * 6);
  });

  it("are not remembered beyond a bound, and everything goes to all while it is reached", () => {
    const strays = new Strays();
    for (let node = 0; node < 10_001; node++) strays.heard(`made up ${node}`, hello, 0);
    expect([strays.any, strays.nodes.size]).toEqual([true, 0]);
    strays.sweep(known, 60_000);
    expect(strays.any).toBe(false);
  });
});
