/** Where broadcasts go, on a simulated cluster: what is sent to whom, and why to all. */
import { describe, expect, it, vi } from "vitest";
import { zeroCounters } from "../../src/channels/counters.js";
import { ErrorReports } from "../../src/channels/error-reports.js";
import type { RouteChange, RouteSource } from "../../src/channels/route-source.js";
import { Routes } from "../../src/channels/routes.js";
import type { Sent } from "../../src/channels/sent-lately.js";
import { Broadcast } from "../../src/channels/subscribers.js";
import type { TrackerError } from "../../src/errors.js";
import { VirtualRuntime } from "./harness.js";
import { idsOf, MAX_BROADCAST_BYTES, RoutedCluster, type RoutedNode } from "./routed-nodes.js";

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

  it("is routed again when those who hear it are fewer by a quarter", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 9 });
    const sender = cluster.server("a");
    sender.subscribe("t");
    const others = ["b", "c", "d"].map((name) => cluster.server(name).subscribe("t"));
    await cluster.advance(settledMs);
    const reasons: number[][] = [];
    for (const subscriber of others) {
      sender.broadcast("t");
      reasons.push([sender.counters.crowdedBroadcasts, sender.counters.routedBroadcasts]);
      cluster.server(subscriber.node.name).unsubscribe(subscriber);
      await cluster.advance(45_000);
    }
    // Three, two and one of five.
    expect(reasons).toEqual([
      [1, 0],
      [2, 0],
      [2, 1],
    ]);
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

  it("reaches a node whose first subscriber joined just before, also if its sender stood still for a minute after it", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 1, network: { delayMs: [20, 40] } });
    await cluster.advance(settledMs);
    cluster.server("a").broadcast("t");
    await cluster.advance(5_000);
    const subscriber = cluster.server("b").subscribe("t");
    await cluster.advance(1);
    const { id } = cluster.server("a").broadcast("t");
    expect(cluster.server("a").counters.routedBroadcasts).toBe(1);
    cluster.simulated.stall("a", 60_000);
    await cluster.advance(100_000);
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

  it("of a topic that no tracker takes, as it is longer in JSON, goes to all, and others are routed still", async () => {
    const cluster = await RoutedCluster.start(routed, { seed: 17 });
    const topics = ['"'.repeat(300), "\u0001".repeat(200), "\ud800".repeat(150)];
    const [a, b] = [cluster.server("a"), cluster.server("b")];
    const subscribers = topics.map((topic) => b.subscribe(topic));
    const other = b.subscribe("t");
    await cluster.advance(settledMs);
    const ids = topics.map((topic) => a.broadcast(topic).id);
    await cluster.advance(1_000);
    expect(subscribers.map(idsOf)).toEqual(ids.map((id) => [id]));
    a.broadcast("t");
    await cluster.advance(1_000);
    const { id } = a.broadcast("t");
    await cluster.advance(1_000);
    expect(idsOf(other)).toContain(id);
    expect(a.counters).toMatchObject({
      routedBroadcasts: 1,
      unsettledBroadcasts: 4,
      unannouncedBroadcasts: 0,
    });
    expect([...a.errors, ...b.errors]).toEqual([]);
  });

  it.each([1, 30, 60, 90, 2_000])(
    "that is %i bytes smaller than the largest reaches whoever was listed late, and comes again to all",
    async (smallerBytes) => {
      const cluster = await RoutedCluster.start(routed, { seed: 18 });
      const a = cluster.server("a");
      cluster.server("b").subscribe("t");
      a.subscribe("t");
      await cluster.advance(settledMs);
      // Of a hearer that nobody knows of yet, one is listed and the other is met by a broadcast to all.
      const late = cluster.server("c").subscribe("t");
      const head = '[1,"R1234561234567890ab","json","t","0"]\n{"id":0,"text":""}'.length;
      const { id } = a.broadcast("t", "x".repeat(MAX_BROADCAST_BYTES - head - smallerBytes));
      await cluster.advance(5_000);
      expect(idsOf(late)).toEqual([id]);
      expect([...a.errors, ...cluster.server("c").errors]).toEqual([]);
    },
  );

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
  it.each(["old", "plain", "astray"] as const)(
    "gets everything, and all others with it: %s",
    async (kind) => {
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
    },
  );

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

describe("the routes of a server", () => {
  /** A tracker that says what a test wants it to. */
  function routes() {
    const runtime = new VirtualRuntime();
    const errors: TrackerError[] = [];
    const reports = new ErrorReports(runtime);
    reports.listen((error) => errors.push(error));
    const reads: ((change: IteratorResult<RouteChange>) => void)[] = [];
    const waiting: IteratorResult<RouteChange>[] = [];
    const change = (
      topics: string | string[],
      leaves: { node: string; reason: string }[] = [],
    ): Promise<void> => {
      const payload = new Map([topics].flat().map((topic) => [`channels:${topic}`, { leaves }]));
      const result = { value: { event: "diff", payload }, done: false } as const;
      const read = reads.shift();
      if (read === undefined) waiting.push(result);
      else read(result);
      return new Promise((resolve) => setImmediate(resolve));
    };
    const listeners: ((event: string, name: string) => unknown)[] = [];
    const tell = (event: string, name: string): void => {
      for (const listener of listeners) listener(event, name);
    };
    const open = { follows: 0, listeners: 0 };
    const state = { complete: true, hearers: [] as string[], up: 0, listsRead: 0, healthRead: 0 };
    const route: RouteSource = {
      name: "routes",
      nodeName: "own",
      track: () => undefined,
      untrack: () => undefined,
      follow: () => {
        open.follows += 1;
        return {
          get complete() {
            return state.complete;
          },
          list: () => {
            state.listsRead += 1;
            return state.hearers.map((node) => ({ node, key: "server" }));
          },
          close: () => void (open.follows -= 1),
        };
      },
      diffs: () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => {
            const result = waiting.shift();
            return result ? Promise.resolve(result) : new Promise((resolve) => reads.push(resolve));
          },
        }),
      }),
      on: (event, listener) => {
        listeners.push((told, name) => told === event && listener({ name }));
        open.listeners += 1;
        return () => void (open.listeners -= 1);
      },
      health: () => {
        state.healthRead += 1;
        const replicas = Array.from({ length: state.up }, (_, index) => ({
          name: String(index),
          status: "up",
        }));
        return { replicas };
      },
    };
    const sender = {
      sayAgain: vi.fn((_sent: Sent, _agoMs: number, _node?: string) => true),
      canSayAgain: () => true,
      sayPlainly: vi.fn(),
      askWhoHearsAll: vi.fn(),
      askWhoIsThere: vi.fn((_node: string): void => undefined),
      hearsAll: vi.fn(),
    };
    const counters = zeroCounters();
    const settings = { route, name: "channels", server: "Rown", runtime };
    const made = new Routes(settings, reports, counters, sender);
    const send = (topic = "t"): number | "all" => made.route(new Broadcast(topic, "e", {}))?.size ?? "all";
    made.greeted();
    return { made, state, runtime, errors, sender, counters, send, route, open, change, tell };
  }

  it("are not used before those are known who answer its hellos", async () => {
    const { runtime, send, counters } = routes();
    await runtime.advance(9_999);
    expect(send()).toBe("all");
    await runtime.advance(1);
    expect(send()).toBe(0);
    expect(counters).toMatchObject({ unsettledBroadcasts: 1, routedBroadcasts: 1 });
  });

  it("rely on a list that is not complete for a moment, and then send to all what was routed", async () => {
    const { state, runtime, send, sender } = routes();
    await runtime.advance(10_000);
    expect(send()).toBe(0);
    state.complete = false;
    expect(send()).toBe(0);
    await runtime.advance(2_999);
    expect(send()).toBe(0);
    expect(sender.sayAgain).not.toHaveBeenCalled();
    await runtime.advance(1);
    expect(send()).toBe("all");
    expect(sender.sayAgain.mock.calls.map(([, agoMs, node]) => [agoMs, node] as unknown)).toEqual([
      [3_000, undefined],
      [3_000, undefined],
      [1, undefined],
    ]);
  });

  it("send to all what they forget while somebody may be missing", async () => {
    const { state, runtime, send, sender } = routes();
    await runtime.advance(10_000);
    send();
    state.complete = false;
    await runtime.advance(14_000);
    expect(sender.sayAgain).not.toHaveBeenCalled();
    await runtime.advance(6_000);
    expect(sender.sayAgain).toHaveBeenCalledTimes(1);
  });

  it("say again to each what has no room for the names of all who have had it", async () => {
    const { state, runtime, send, sender } = routes();
    Object.assign(state, { up: 4, hearers: ["0", "1"] });
    await runtime.advance(10_000);
    expect(send()).toBe(2);
    sender.sayAgain.mockImplementation((_sent, _agoMs, node) => node !== undefined);
    state.complete = false;
    send();
    await runtime.advance(3_000);
    expect(send()).toBe("all");
    const nodes = sender.sayAgain.mock.calls.map(([, , node]) => node);
    expect(nodes).toEqual([undefined, "2", "3", undefined, "2", "3"]);
  });

  it("ask seldom for servers that never answer, however many are made up", async () => {
    const { made, runtime, sender, send } = routes();
    await runtime.advance(10_000);
    for (let server = 0; server < 2_000; server++) made.unannouncedHeard(`1 made up ${server}`);
    await runtime.advance(60_000);
    expect(send()).toBe("all");
    expect(sender.askWhoHearsAll.mock.calls.length).toBeLessThanOrEqual(4);
    await runtime.advance(63_000);
    send();
    expect(send()).toBe(0);
    expect(sender.askWhoHearsAll.mock.calls.length).toBeLessThanOrEqual(8);
  });

  it("say again what was routed, keep nothing and leave no timer once their tracker takes nothing any more", async () => {
    const { made, runtime, route, sender, send, open } = routes();
    await runtime.advance(10_000);
    expect([send("t"), send("other")]).toEqual([0, 0]);
    route.track = () => {
      throw new Error("it is stopped");
    };
    made.opened("joined");
    expect(sender.hearsAll).toHaveBeenCalledTimes(1);
    expect(send("t")).toBe("all");
    expect(sender.sayAgain.mock.calls.map(([{ broadcast }]) => broadcast.topic)).toEqual(["t"]);
    made.unannouncedHeard("1 another", "node");
    await runtime.advance(20_000);
    expect(sender.sayAgain.mock.calls.map(([{ broadcast }]) => broadcast.topic)).toEqual(["t", "other"]);
    expect(sender.sayPlainly).not.toHaveBeenCalled();
    expect(open).toEqual({ follows: 0, listeners: 0 });
    const schedule = vi.spyOn(runtime, "schedule");
    await runtime.advance(20_000);
    expect(schedule).not.toHaveBeenCalled();
    expect(send("t")).toBe("all");
    made.opened("t");
    made.emptied("t");
    made.close();
  });

  it("send to all what hundreds of nodes have missed that are listed at once", async () => {
    const { state, runtime, send, sender, change } = routes();
    Object.assign(state, { up: 1_000, hearers: ["0"] });
    await runtime.advance(10_000);
    expect([send(), send()]).toEqual([1, 1]);
    state.hearers = ["0", "1"];
    await change("t");
    const said = () =>
      sender.sayAgain.mock.calls.map(([{ had }, , node]) => [[...had].length, node] as const);
    expect(said()).toEqual([
      [2, "1"],
      [2, "1"],
    ]);
    sender.sayAgain.mockClear();
    state.hearers = Array.from({ length: 1_000 }, (_, index) => String(index));
    await change("t");
    expect(said()).toEqual([
      [2, undefined],
      [2, undefined],
    ]);
    expect(send()).toBe("all");
  });

  it("send a second's broadcasts to so many servers that hear everything, however many are made up", async () => {
    const { made, state, runtime, send, sender } = routes();
    state.up = 1_000;
    await runtime.advance(10_000);
    send();
    for (let server = 0; server < 900; server++) made.unannouncedHeard(`1 ${server}`, `node ${server}`);
    expect(sender.sayPlainly).toHaveBeenCalledTimes(128);
  });

  it("read no list where a node dies that heard ten thousand topics, and lead to it still", async () => {
    const { made, state, runtime, send, change } = routes();
    const topics = Array.from({ length: 10_000 }, (_, index) => `t${index}`);
    Object.assign(state, { up: 4, hearers: ["0", "1"] });
    await runtime.advance(10_000);
    for (const topic of topics) made.opened(topic);
    Object.assign(state, { up: 3, hearers: ["0"], listsRead: 0 });
    await change(topics, [{ node: "1", reason: "down" }]);
    expect(state.listsRead).toBeLessThanOrEqual(500);
    expect([send("t0"), send("t9999")]).toEqual([2, 2]);
  });

  it("read five hundred lists in a turn where something was broadcast lately, and say to whoever is listed what it has missed before what comes", async () => {
    const { state, runtime, send, sender, change } = routes();
    const topics = Array.from({ length: 2_000 }, (_, index) => `t${index}`);
    Object.assign(state, { up: 8, hearers: ["0"] });
    await runtime.advance(10_000);
    for (const topic of topics) expect(send(topic)).toBe(1);
    Object.assign(state, { hearers: ["0", "1"], listsRead: 0 });
    const readAtTurns: number[] = [];
    const schedule = runtime.schedule.bind(runtime);
    vi.spyOn(runtime, "schedule").mockImplementation((delayMs, callback) => {
      if (delayMs === 0) readAtTurns.push(state.listsRead);
      return schedule(delayMs, callback);
    });
    await change(topics);
    expect(state.listsRead).toBeLessThanOrEqual(500);
    const said = sender.sayAgain.mock.calls.length;
    expect(send("t1999")).toBe(2);
    const saidThen = sender.sayAgain.mock.calls.slice(said);
    expect(saidThen.map(([{ broadcast }, , node]) => [broadcast.topic, node])).toEqual([["t1999", "1"]]);
    await runtime.advance(1);
    expect(readAtTurns.length).toBeGreaterThan(3);
    for (const [turn, read] of readAtTurns.entries())
      expect(read - (readAtTurns[turn - 1] ?? 0)).toBeLessThanOrEqual(501);
    expect(state.listsRead).toBe(2_000);
    expect(sender.sayAgain).toHaveBeenCalledTimes(2_000);
  });

  it("read five hundred lists in a turn, also where many changes wait that are small", async () => {
    const { state, runtime, send, change } = routes();
    const topics = Array.from({ length: 2_000 }, (_, index) => `t${index}`);
    Object.assign(state, { up: 8, hearers: ["0"] });
    await runtime.advance(10_000);
    for (const topic of topics) send(topic);
    Object.assign(state, { hearers: ["0", "1"], listsRead: 0 });
    const schedule = runtime.schedule.bind(runtime);
    const readAtTurns: number[] = [];
    vi.spyOn(runtime, "schedule").mockImplementation((delayMs, callback) => {
      if (delayMs === 0) readAtTurns.push(state.listsRead);
      return schedule(delayMs, callback);
    });
    // The first waits for a turn, and so do those behind it.
    void change(topics.slice(0, 500));
    for (let from = 500; from < topics.length; from += 100) void change(topics.slice(from, from + 100));
    await runtime.advance(1);
    expect(state.listsRead).toBe(2_000);
    for (const [turn, read] of [...readAtTurns, state.listsRead].entries())
      expect(read - (readAtTurns[turn - 1] ?? 0)).toBeLessThanOrEqual(501);
  });

  it("leave no timer when they are closed while lists wait for the next turn", async () => {
    const { made, state, runtime, send, change, open } = routes();
    const topics = Array.from({ length: 1_000 }, (_, index) => `t${index}`);
    await runtime.advance(10_000);
    for (const topic of topics) send(topic);
    const pending = new Set<() => void>();
    const schedule = runtime.schedule.bind(runtime);
    vi.spyOn(runtime, "schedule").mockImplementation((delayMs, callback) => {
      const cancel = schedule(delayMs, callback);
      const end = (): void => void (pending.delete(end), cancel());
      pending.add(end);
      return end;
    });
    await change(topics);
    expect(pending.size).toBe(1);
    state.listsRead = 0;
    made.close();
    expect(pending.size).toBe(0);
    await runtime.advance(60_000);
    expect([state.listsRead, open]).toEqual([0, { follows: 0, listeners: 0 }]);
  });

  it("lead nowhere while a node is heard that the tracker does not know, and are used again when it does", async () => {
    const { made, state, runtime, send, sender, errors, tell } = routes();
    state.up = 2;
    sender.askWhoIsThere.mockImplementation((node) => made.announcedHeard(node, true));
    made.announcedHeard("2", false);
    made.announcedHeard("own", false);
    await runtime.advance(10_000);
    made.announcedHeard("2", false);
    expect(send()).toBe("all");
    await runtime.advance(60_000);
    expect(send()).toBe("all");
    expect(errors.map(({ code, details }) => [code, details["node"]])).toEqual([["LINK_BROKEN", "2"]]);
    state.up = 3;
    tell("replicaUp", "2");
    await runtime.advance(2_500);
    expect(send()).toBe(0);
    expect(sender.askWhoIsThere.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it("ask who is up once in a sweep, however many come up and say hello", async () => {
    const { made, state, runtime, tell } = routes();
    await runtime.advance(10_000);
    state.healthRead = 0;
    for (state.up = 1; state.up <= 1_000; state.up++) {
      tell("replicaUp", String(state.up - 1));
      made.announcedHeard(String(state.up - 1), true);
    }
    await runtime.advance(5_000);
    expect(state.healthRead).toBeLessThanOrEqual(2);
  });

  it("lead to nobody whose life was forgotten before it was told that it fell silent", async () => {
    const { state, runtime, send, change } = routes();
    Object.assign(state, { up: 1, hearers: ["gone"] });
    await runtime.advance(10_000);
    expect(send()).toBe(1);
    state.hearers = [];
    await change("t", [{ node: "gone", reason: "down" }]);
    await runtime.advance(2_500);
    expect(send()).toBe(0);
  });

  it("lead to 64 nodes at the most, and to half of the others", async () => {
    const sent = async (up: number, hearers: number): Promise<number | "all"> => {
      const { state, runtime, send } = routes();
      state.up = up;
      state.hearers = Array.from({ length: hearers }, (_, index) => String(index));
      await runtime.advance(10_000);
      return send();
    };
    expect([await sent(1_000, 64), await sent(1_000, 65)]).toEqual([64, "all"]);
    expect([await sent(10, 5), await sent(10, 6)]).toEqual([5, "all"]);
    expect(await sent(1, 1)).toBe(1);
  });

  it("are kept for so many topics without subscribers here, and it is reported when there are more", async () => {
    const { runtime, send, errors } = routes();
    await runtime.advance(10_000);
    for (let topic = 0; topic < 10_000; topic++) expect(send(`t${topic}`)).toBe(0);
    expect(send("more")).toBe("all");
    expect(errors.map(({ details }) => details["limit"])).toEqual(["sentTopics"]);
    // They are let go when nothing was broadcast in them for a while.
    await runtime.advance(33_000);
    expect(send("more")).toBe(0);
  });

  it("keep so many broadcasts for who is listed late, count what they forget early, and report it", async () => {
    const { state, runtime, send, errors, counters } = routes();
    state.hearers = ["b"];
    await runtime.advance(10_000);
    for (let sent = 0; sent < 100_000; sent++) send();
    expect([counters.forgottenBroadcasts, errors]).toEqual([0, []]);
    for (let sent = 0; sent < 3; sent++) send();
    expect(counters.forgottenBroadcasts).toBe(3);
    expect(errors.map(({ details }) => details["limit"])).toEqual(Array(3).fill("keptBroadcasts"));
    // What is forgotten when its time has come does not count.
    await runtime.advance(33_000);
    expect(send()).toBe(1);
    expect(counters.forgottenBroadcasts).toBe(3);
  });
});
