/** A node that only looks on: it lists what the others list, and is nobody's replica. */
import { expect, it } from "vitest";
import { simulate, type SimulatedNode } from "../../src/testing/index.js";
import { MAX_OBSERVERS, OBSERVER_MEMORY_MS } from "../../src/replication/limits.js";
import { WHETHER_THERE } from "../../src/replication/message.js";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import { Link, lifeOf } from "../replication/two-nodes.js";
import type { Effect } from "../../src/replication/step.js";

function listed(node: SimulatedNode, topic: string): string[] {
  return node.tracker
    .list(topic)
    .map(({ key, node: owner, ref }) => `${key} ${owner} ${ref}`)
    .sort();
}

const observer = { observer: true } as const;

it.each([1, 2, 3])(
  "lists what the others list, on a network that loses and reorders (seed %i)",
  async (seed) => {
    const cluster = await simulate({
      seed,
      nodes: ["a", "b"],
      nodeOptions: { looker: observer },
      network: { lossRate: 0.2, repeatRate: 0.1 },
    });
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const sessions = Array.from({ length: 50 }, () => a.session());
    for (const [i, session] of sessions.entries()) a.tracker.track(session, "room", `user ${i}`, { i });
    await cluster.advance(5_000);
    const looker = await cluster.start("looker");
    for (const session of sessions.slice(0, 25)) session.close();
    b.tracker.track(b.session(), "room", "ben", {});
    await cluster.advance(15_000);
    cluster.network.faults = { ...cluster.network.faults, lossRate: 0, repeatRate: 0 };
    await cluster.advance(15_000);
    expect(listed(looker, "room")).toHaveLength(26);
    expect(listed(looker, "room")).toEqual(listed(a, "room"));
    expect(looker.tracker.health()).toMatchObject({ complete: true, connected: true });
    expect(looker.tracker.health().replicas).toMatchObject([
      { name: "a", status: "up", link: "whole" },
      { name: "b", status: "up", link: "whole" },
    ]);
    expect(a.tracker.health().replicas.map(({ name }) => name)).toEqual(["b"]);
  },
);

it("hears a node at once that had been alone, and is not missed by it", async () => {
  const cluster = await simulate({ seed: 7, nodes: ["a"], nodeOptions: { looker: observer } });
  const a = cluster.node("a");
  const session = a.session();
  a.tracker.track(session, "room", "ann", {});
  await cluster.advance(10_000);
  const looker = await cluster.start("looker");
  await cluster.advance(3_000);
  expect(looker.tracker.count("room")).toBe(1);
  session.close();
  await cluster.advance(100);
  expect(looker.tracker.count("room")).toBe(0);
  expect(a.tracker.health().replicas).toEqual([]);
  await cluster.stop("looker");
  await cluster.advance(30_000);
  expect(a.events).toEqual([]);
  expect(a.tracker.health()).toMatchObject({ complete: true, counters: { framesRefused: 0 } });
});

it("tracks nothing, and is responsible for nothing", async () => {
  const cluster = await simulate({ seed: 9, nodes: ["a", "b"], nodeOptions: { looker: observer } });
  const { tracker } = await cluster.start("looker");
  const looker = cluster.node("looker");
  await cluster.advance(5_000);
  for (const change of ["track", "set", "update"] as const) {
    expect(() => tracker[change](looker.session(), "room", "ann", {})).toThrow(
      expect.objectContaining({ code: "OBSERVER" }),
    );
  }
  expect(tracker.untrack(looker.session())).toBe(0);
  const texts = Array.from({ length: 100 }, (_, i) => `job ${i}`);
  expect(texts.filter((text) => tracker.isResponsible(text))).toEqual([]);
  for (const text of texts) {
    expect(tracker.responsible(text)).toBe(cluster.node("a").tracker.responsible(text));
  }
});

/** Frames of observers that nobody runs. */
class Lookers {
  readonly link = new Link();
  readonly node = this.link.start("a");

  /** Returns what came of the frame itself. */
  ask(name: string, { to = lifeOf("a").incarnation, counter = 1, message = WHETHER_THERE } = {}): Effect[] {
    const frame = { from: lifeOf(name), to, counter, message, observes: true };
    const event = { type: "frame", payload: encodeFrame(frame), way: "inbox" } as const;
    const effects = [...this.node.replicator.step(event, this.link.nowMs).effects];
    // The turn that it wants.
    this.link.step(this.node, { type: "turn" });
    this.link.advance(10);
    return effects;
  }

  bytesTo(name: string): number {
    return this.node.sentTo.get(name) ?? 0;
  }
}

it("is answered beside other observers, up to a number, and forgotten after a while", () => {
  const lookers = new Lookers();
  const { node, link } = lookers;
  link.advance(10);
  for (let i = 0; i < MAX_OBSERVERS; i += 1) lookers.ask(`looker ${i}`);
  expect(node.replicator.counters.framesCrowded).toBe(0);
  const crowded = { type: "trouble", trouble: { kind: "crowded", table: "observers" } };
  expect(lookers.ask("one more")).toContainEqual(crowded);
  expect(lookers.ask("one more")).not.toContainEqual(crowded);
  expect(node.sentTo.size).toBe(MAX_OBSERVERS);
  expect(node.replicator.counters.framesCrowded).toBe(2);
  expect(node.replicator.membership.size).toBe(0);
  link.advance(OBSERVER_MEMORY_MS);
  lookers.ask("later");
  expect(node.sentTo.has("later")).toBe(true);
});

it("is answered whatever counter somebody gave its frames", () => {
  const lookers = new Lookers();
  lookers.ask("looker", { counter: Number.MAX_SAFE_INTEGER });
  const bytes = lookers.bytesTo("looker");
  lookers.ask("looker", { counter: 7 });
  expect(lookers.bytesTo("looker")).toBeGreaterThan(bytes);
});

it("has no account of a node: questions in the name of one keep none of its own from being answered", () => {
  const lookers = new Lookers();
  const { node, link } = lookers;
  const counter = Number.MAX_SAFE_INTEGER;
  for (let shard = 0; shard < 4; shard += 1) {
    link.track(node, shard, "room", `user ${shard}`, "s");
    lookers.ask("b", { counter, message: { type: "deltaRequest", shard, clock: 0 } });
  }
  lookers.ask("b", { counter });
  link.advance(5_000);
  const b = link.start("b");
  link.advance(5_000);
  expect(b.replicator.view.count("room")).toBe(4);
});

it("is refused the name of a node that is there", () => {
  const lookers = new Lookers();
  const { node, link } = lookers;
  link.forge("b", node, { type: "heartbeat", poolSize: 4, firstShard: 0, shards: [] });
  link.advance(1_000);
  const bytes = lookers.bytesTo("b");
  for (const name of ["b", "a"]) {
    const from = { name, incarnation: "00000000000002" };
    const frame = { from, to: lifeOf("a").incarnation, counter: 1, message: WHETHER_THERE, observes: true };
    const event = { type: "frame", payload: encodeFrame(frame), way: "inbox" } as const;
    expect(node.replicator.step(event, link.nowMs).effects).toContainEqual(
      expect.objectContaining({ type: "refused" }),
    );
  }
  expect(node.replicator.counters.framesRefused).toBe(2);
  link.step(node, { type: "turn" });
  link.advance(100);
  expect(lookers.bytesTo("b")).toBe(bytes);
});

it("asks this life: what it asks of another is counted", () => {
  const lookers = new Lookers();
  lookers.ask("looker", { to: "00000000000000" });
  expect(lookers.bytesTo("looker")).toBe(0);
  expect(lookers.node.replicator.counters.framesMisaddressed).toBe(1);
});

it("says no more than that it is there, and asks: other frames of observers are refused", () => {
  const from = { name: "looker", incarnation: "00000000000002" };
  const heartbeat = { type: "heartbeat", poolSize: 4, firstShard: 0, shards: [], periodMs: 2_000 } as const;
  const frameOf = (message: Parameters<typeof encodeFrame>[0]["message"]): string =>
    encodeFrame({ from, to: undefined, counter: 1, message, observes: true });
  expect(decodeFrame(frameOf(heartbeat)).frame).toMatchObject({ observes: true, message: heartbeat });
  expect(decodeFrame(frameOf({ type: "goodbye", windowMs: 0 }))).toMatchObject({ refused: "bad kind" });
});
