/** What is said in the name of a life about shards that it does not have: it ends with its next heartbeats. */
import { describe, expect, it } from "vitest";
import type { DeltaMessage, Heartbeat, Message } from "../../src/replication/message.js";
import { PROTOCOL, RULES } from "../../src/replication/rules.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import type { Effect } from "../../src/replication/step.js";
import { lifeOf, Link } from "./two-nodes.js";
import type { LinkedNode } from "./two-nodes.js";

const ghost: DeltaMessage = {
  type: "delta",
  shard: 900,
  since: 0,
  upTo: 1,
  part: 1,
  parts: 1,
  births: [{ clock: 1, topic: "t", key: "ghost", session: "s", meta: {} }],
  removed: [],
};

function heartbeat(poolSize: number, clock: number): Heartbeat {
  const shards = Array.from({ length: poolSize }, () => ({ clock, count: clock > 0 ? 1 : 0, digest: clock }));
  return { type: "heartbeat", poolSize, firstShard: 0, shards };
}

/** The next frame of a node, which it has not sent; it arrives at another. */
function forge(link: Link, from: LinkedNode, to: LinkedNode, message: Message): readonly Effect[] {
  const counter = from.replicator.counters.framesSent + 1;
  const payload = encodeFrame({ from: lifeOf(from.name), to: undefined, counter, message });
  return to.replicator.step({ type: "frame", payload, way: "broadcasts" }, link.nowMs).effects;
}

function keysOf({ replicator }: LinkedNode): string[] {
  return replicator.view
    .list("t")
    .map(({ key }) => key)
    .sort();
}

/** A node that tracks one user in each of four shards, and one that has just begun to listen to it. */
function pair(before?: (link: Link, author: LinkedNode, node: LinkedNode) => void, protocol = PROTOCOL) {
  const link = new Link(protocol);
  const author = link.start("b", 4);
  for (let shard = 0; shard < 4; shard++) link.track(author, shard, "t", `k${shard}`, "s");
  link.advance(3_000);
  const node = link.start("a", 4);
  before?.(link, author, node);
  link.advance(5_000);
  return { link, author, node };
}

const all = ["k0", "k1", "k2", "k3"];

describe("shards that a life does not have", () => {
  it("R25: are refused, counted and reported", () => {
    const { link, author, node } = pair();
    const before = node.replicator.counters.framesRefused;
    const effects = forge(link, author, node, ghost);
    expect(effects).toContainEqual(expect.objectContaining({ type: "refused" }));
    expect(node.replicator.counters.framesRefused).toBe(before + 1);
    link.advance(5_000);
    forge(link, author, node, heartbeat(5, 7));
    expect(node.replicator.counters.framesRefused).toBe(before + 2);
    expect(keysOf(node)).toEqual(all);
    link.advance(10_000);
    expect(keysOf(node)).toEqual(all);
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(true);
  });

  it("R25: go, with proper leaves, where they came before it said how many it has", () => {
    const { link, node } = pair((itsLink, author, itsNode) => {
      forge(itsLink, author, itsNode, ghost);
      expect(keysOf(itsNode)).toEqual(["ghost"]);
      itsNode.replicator.view.takeDiff();
    });
    expect(keysOf(node)).toEqual(all);
    const diff = node.replicator.view.takeDiff();
    expect(diff?.get("t")?.leaves.map(({ key }) => key) ?? []).toContain("ghost");
    expect(node.replicator.membership.presentOf("b")?.held.slices.size).toBe(4);
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(true);
  });

  it("R25: go, with what is wanted of them, where somebody else said first how many there are", () => {
    let wait: { readonly isReached: boolean } | undefined;
    const { link, node } = pair((itsLink, author, itsNode) => {
      forge(itsLink, author, itsNode, heartbeat(1_024, 7));
      wait = itsNode.replicator.heardOut.catchUp(true, 0);
      expect(wait.isReached).toBe(false);
    });
    link.advance(10_000);
    expect(keysOf(node)).toEqual(all);
    expect(node.replicator.membership.presentOf("b")?.held.slices.size).toBe(4);
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(true);
    expect(wait?.isReached).toBe(true);
    const { requestsSent } = node.replicator.counters;
    link.advance(60_000);
    expect(node.replicator.counters.requestsSent).toBe(requestsSent);
  });

  it("R25: one frame that says that there are fewer takes nobody away", () => {
    const { link, author, node } = pair();
    node.replicator.view.takeDiff();
    forge(link, author, node, heartbeat(1, 0));
    link.advance(10_000);
    expect(keysOf(node)).toEqual(all);
    expect(node.replicator.view.takeDiff()).toBeUndefined();
    expect(node.replicator.hasCaughtUp(link.nowMs)).toBe(true);
  });

  it("R25: stay without the rule", () => {
    const protocol = { ...PROTOCOL, rules: { ...RULES, isBeyond: () => false } };
    const { link, author, node } = pair(undefined, protocol);
    forge(link, author, node, ghost);
    link.advance(60_000);
    expect(keysOf(node)).toContain("ghost");
  });

  it("R25: are those of a life: the next may have others", () => {
    const { link, author, node } = pair();
    const later = { ...lifeOf("b"), incarnation: "00000000000002" };
    link.nodes.delete(author.name);
    const say = (message: Message, counter: number): void => {
      const payload = encodeFrame({ from: later, to: undefined, counter, message });
      node.replicator.step({ type: "frame", payload, way: "broadcasts" }, link.nowMs);
    };
    say(heartbeat(901, 0), 1);
    say(ghost, 2);
    expect(keysOf(node)).toContain("ghost");
    expect(node.replicator.membership.presentOf("b")?.held.poolSize).toBe(901);
  });
});
