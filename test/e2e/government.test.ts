/** What the primary and the dashboard say about the cluster, from the parts that work it out. */
import { Session } from "rollcall";
import { MemoryHub } from "rollcall/adapters/memory";
import { describe, expect, it } from "vitest";
import { Agreement } from "../../examples/shop/agreement.ts";
import { awaitedOf, servedBy } from "../../examples/shop/arrivals.ts";
import type { NodeReport } from "../../examples/shop/control.ts";
import { Happenings } from "../../examples/shop/happenings.ts";
import { comparedWords, stateWords } from "../../examples/shop/browser/node-words.ts";
import { Partition } from "../../examples/shop/partition.ts";
import { cartTopic, startCartTracker } from "../../examples/shop/presence/cart-tracker.ts";
import { Moves, type Outcome } from "../../examples/shop/presence/moves.ts";
import { whyNoRestart, whyNot } from "../../examples/shop/why-not.ts";
import { nodeActions, type NodeStatus } from "../../examples/shop/wire.ts";
import { soon } from "./soon.ts";

describe("agreement", () => {
  type Lists = Record<string, Record<string, number>>;
  const read = (agreement: Agreement, lists: Lists, times = 8): void => {
    for (let reading = 0; reading < times; reading++) {
      agreement.read(
        new Map(Object.entries(lists).map(([name, counts]) => [name, new Map(Object.entries(counts))])),
      );
    }
  };
  const whole = { one: 9, two: 40, three: 11 };

  it("is by how many shoppers a node's list differs from that of most", () => {
    const agreement = new Agreement();
    expect(agreement.agrees).toBe(false);
    const rest = { two: 40, three: 11 };
    read(agreement, { one: { one: 9 }, two: rest, three: rest });
    expect(["one", "two", "three", "four"].map((name) => agreement.differsBy(name))).toEqual([
      60,
      0,
      0,
      undefined,
    ]);
    // Of these 51 are on the others' lists alone, and nine on its own.
    expect(agreement.lacks("one")).toBe(51);
    expect(agreement.agrees).toBe(false);
    read(agreement, { one: whole, two: whole, three: whole }, 1);
    expect(agreement.agrees).toBe(true);
  });

  it("does not take lists of the same length for the same list", () => {
    const agreement = new Agreement();
    read(agreement, { one: { one: 50 }, two: { two: 50 } });
    expect(agreement.agrees).toBe(false);
    expect((agreement.differsBy("one") ?? 0) + (agreement.differsBy("two") ?? 0)).toBe(100);
  });

  it("does not take two sides for one because the longer list is now this one and now that one", () => {
    const agreement = new Agreement();
    for (let reading = 0; reading < 16; reading++) {
      read(agreement, { one: { one: 50 + (reading % 3) }, two: { two: 51 } }, 1);
    }
    expect(agreement.agrees).toBe(false);
    expect([agreement.differsBy("one"), agreement.differsBy("two")].sort()).toEqual([0, 101]);
  });

  it("does not take what is on its way for a difference", () => {
    const agreement = new Agreement();
    read(agreement, { one: whole, two: whole });
    read(agreement, { one: whole, two: { ...whole, two: 43 } }, 3);
    expect(agreement.agrees).toBe(true);
    expect(agreement.differsNowBy("one")).toBe(3);
    read(agreement, { one: whole, two: { ...whole, two: 43 } });
    expect(agreement.differsBy("one")).toBe(3);
  });

  it("is asked of those only who say something, and of now only when it starts anew", () => {
    const agreement = new Agreement();
    read(agreement, { one: { one: 9 }, two: whole });
    read(agreement, { two: whole }, 1);
    expect(agreement.differsBy("one")).toBeUndefined();
    expect(agreement.agrees).toBe(true);
    read(agreement, { one: whole, two: whole });
    agreement.startAnew();
    read(agreement, { one: { one: 9 }, two: whole }, 1);
    expect(agreement.agrees).toBe(false);
  });
});

describe("moves", () => {
  const on = (node: string): { node: string; run: number } => ({ node, run: 1 });

  it("end when the last one is listed again", () => {
    const outcomes: [number, Outcome][] = [];
    const moves = new Moves((id, outcome) => outcomes.push([id, outcome]));
    for (const key of ["a", "b"]) moves.set(key, [on("one")], 0);
    moves.set("two tabs", [on("one"), on("two")], 0);
    moves.set("elsewhere", [on("two")], 0);
    // The list hides them a moment before the death is told.
    moves.set("a", [], 1_000);
    moves.begin(7, "one 1", 1_100);
    moves.set("b", [], 1_200);
    moves.set("a", [on("two")], 1_500);
    expect(outcomes).toEqual([]);
    // The same node, but its next life.
    moves.set("b", [{ node: "one", run: 2 }], 2_100);
    expect(outcomes).toEqual([[7, { moved: 3, missing: 0, tookMs: 1_000 }]]);
  });

  it("say who has not come back, when nobody comes any more", () => {
    const outcomes: Outcome[] = [];
    const moves = new Moves((_id, outcome) => outcomes.push(outcome));
    for (const key of ["a", "b"]) moves.set(key, [on("one")], 0);
    moves.begin(1, "one 1", 0);
    moves.set("a", [on("two")], 900);
    moves.tick(6_000);
    expect(outcomes).toEqual([]);
    moves.tick(7_000);
    expect(outcomes).toEqual([{ moved: 2, missing: 1, tookMs: 900 }]);
  });
});

describe("those on the move", () => {
  const report = (homes: Record<string, number>): NodeReport => ({
    shoppers: 0,
    serves: 0,
    homes: Object.entries(homes),
    frames: {},
    complete: true,
    largestDiff: 0,
  });
  const awaited = (reports: Record<string, NodeReport>): number | undefined =>
    awaitedOf("two 1", "two", new Map(Object.entries(reports)));

  it("are as many as any node knows", () => {
    expect(awaited({ one: report({ "two 1": 3 }), three: report({ "two 1": 5, "one 2": 9 }) })).toBe(5);
    expect(awaited({ one: report({ "two 2": 3 }), three: report({}) })).toBe(0);
  });

  it("are not none because a busy machine says nothing, nor because the new node has not heard of them", () => {
    expect(awaited({})).toBeUndefined();
    expect(awaited({ two: report({ "three 1": 40 }) })).toBeUndefined();
  });

  it("will be as many as a node serves, by those who know more", () => {
    const reports = new Map([["one", report({ "two 1": 70, "one 1": 900 })]]);
    expect([servedBy("two 1", 20, reports), servedBy("two 1", 80, reports)]).toEqual([70, 80]);
  });
});

describe("happenings", () => {
  it("are concluded once, by who knows first", () => {
    const said: string[] = [];
    const happenings = new Happenings((line) => said.push(line));
    const id = happenings.add("killed", "node-1 killed", { node: "node-1", run: 2 });
    happenings.moved({ happenedId: id, moved: 234, missing: 0, tookMs: 1_040 });
    happenings.moved({ happenedId: id, moved: 230, missing: 1, tookMs: 2_000 });
    expect(said).toEqual(["node-1 killed: 234 moved, all listed again after 1.0 s"]);
    expect(happenings.all.map(({ text }) => text)).toEqual(said);
  });
});

describe("what is said of a node's list", () => {
  const status = (more: Partial<NodeStatus>): NodeStatus => ({
    name: "node-1",
    run: 1,
    state: "up",
    cutOff: false,
    serves: 0,
    off: {},
    ...more,
  });

  it("is no agreement while a great difference is new", () => {
    const said = (more: Partial<NodeStatus>): string => comparedWords(status(more));
    expect(said({})).toBe("says nothing");
    expect(said({ shoppers: 60, differsBy: 0, differsNowBy: 3 })).toBe("agrees");
    expect(said({ shoppers: 24, differsBy: 0, differsNowBy: 60 })).toBe("not settled");
    expect(said({ shoppers: 24, differsBy: 58, differsNowBy: 60 })).toBe("differs by 58");
    expect(said({ shoppers: 5_000, differsBy: 0, differsNowBy: 400 })).toBe("agrees");
  });

  it("names who is waited for, and until when", () => {
    const awaited = { shoppers: 12, forgottenInMs: 8_200 };
    expect(stateWords(status({ state: "ended", endsInMs: 2_400, awaited }))).toBe(
      "gone · back in 3 s · 12 waited for, forgotten in 9 s",
    );
  });
});

describe("a button that makes no sense now", () => {
  const node = (name: string, more: Partial<NodeStatus> = {}): NodeStatus => ({
    name,
    run: 1,
    state: "up",
    cutOff: false,
    serves: 0,
    off: {},
    ...more,
  });
  const off = (
    subject: NodeStatus,
    others: readonly NodeStatus[],
    restarting = false,
  ): (string | undefined)[] =>
    nodeActions.map((action) => whyNot(action, subject, [subject, ...others], restarting));
  const up = node("node-2");

  it("is off, and says why", () => {
    // Stop, kill, pause, cut off, heal.
    expect(off(node("node-1"), [up])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      "node-1 is not cut off.",
    ]);
    const gone = "node-1 has ended.";
    expect(off(node("node-1", { state: "ended" }), [up]).slice(0, 4)).toEqual([gone, gone, gone, gone]);
    const paused = off(node("node-1", { state: "paused" }), [up]);
    expect(paused.slice(0, 4)).toEqual([
      "node-1 is paused.",
      undefined,
      "node-1 is paused.",
      "node-1 is paused.",
    ]);
    expect(off(node("node-1", { cutOff: true }), [up]).slice(3)).toEqual([
      "node-1 is cut off already.",
      undefined,
    ]);
    expect(off(up, [node("node-1", { state: "ended" })])[0]).toBe("node-2 is the only one that serves.");
    expect(off(node("node-1"), [up], true)[0]).toBe("A rolling restart goes on.");
  });

  it("begins no restart where a node is missing", () => {
    expect(whyNoRestart([node("node-1"), up], undefined)).toBeUndefined();
    expect(whyNoRestart([node("node-1", { state: "ended" }), up], undefined)).toBe("node-1 has ended.");
    expect(whyNoRestart([node("node-1", { cutOff: true }), up], undefined)).toBe("node-1 is cut off.");
    expect(whyNoRestart([up], "node-2 starts")).toBe("A rolling restart goes on.");
  });
});

describe("a cut", () => {
  it("drops what the sides say to each other, and leaves a node its own voice", async () => {
    const hub = new MemoryHub();
    const names = ["one", "two", "three"];
    const partitions = names.map((name) => new Partition(name, []));
    const pubsubs = names.map((name, index) => partitions[index]!.wrap(hub.node(name)));
    const heard: string[] = [];
    for (const pubsub of pubsubs) {
      await pubsub.subscribe("talk", (payload) => heard.push(`${pubsub.nodeName} hears ${payload}`));
    }
    const talk = async (): Promise<string[]> => {
      heard.length = 0;
      for (const pubsub of pubsubs) await pubsub.broadcast("talk", pubsub.nodeName);
      await pubsubs[0]!.send("two", "talk", "one, to two");
      await pubsubs[0]!.send("one", "talk", "one, to one");
      await new Promise((resolve) => setTimeout(resolve, 20));
      return heard.filter((line) => !/^(\w+) hears \1$/.test(line)).sort();
    };
    const whole = await talk();
    expect(whole).toContain("two hears one");
    expect(whole).toContain("two hears one, to two");
    expect(partitions[1]!.framesPerSecond()).toEqual({ one: 2, three: 1 });
    for (const partition of partitions) partition.cut(["one"]);
    const cut = await talk();
    expect(cut.filter((line) => line !== "one hears one, to one")).toEqual([
      "three hears two",
      "two hears three",
    ]);
    for (const partition of partitions) partition.cut([]);
    expect(await talk()).toEqual(whole);
  });

  it("ends in one list on both sides", async () => {
    const hub = new MemoryHub();
    const partitions = ["one", "two"].map((name) => new Partition(name, ["one"]));
    const [one, two] = await Promise.all(
      ["one", "two"].map((name, index) => startCartTracker(partitions[index]!.wrap(hub.node(name)))),
    );
    const meta = { page: "/", page_loaded_at: 0, items: [], run: 1 };
    one!.track(new Session(), cartTopic, "of one", { ...meta, node: "one" });
    two!.track(new Session(), cartTopic, "of two", { ...meta, node: "two" });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(Object.keys(one!.list(cartTopic))).toEqual(["of one"]);
    expect(Object.keys(two!.list(cartTopic))).toEqual(["of two"]);
    for (const partition of partitions) partition.cut([]);
    for (const tracker of [one!, two!]) {
      await soon(() => Object.keys(tracker.list(cartTopic)).sort()).toEqual(["of one", "of two"]);
    }
    await Promise.all([one!.stop({ handoffMs: 0 }), two!.stop({ handoffMs: 0 })]);
  });
});
