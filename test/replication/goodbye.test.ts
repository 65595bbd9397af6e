/** The last frames of a life, in whatever order they come: its goodbye takes nothing away that it said before. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import type { DeltaMessage, Message, WireBirth, WireRemoval } from "../../src/replication/message.js";
import { PROTOCOL, RULES } from "../../src/replication/rules.js";
import type { Protocol } from "../../src/replication/rules.js";
import { Link } from "./two-nodes.js";
import type { LinkedNode } from "./two-nodes.js";

const from = { name: "b", incarnation: "00000000000002" };
const heartbeat: Message = {
  type: "heartbeat",
  poolSize: 1,
  firstShard: 0,
  shards: [{ clock: 0, count: 0, digest: 0 }],
};
const said: readonly Message[] = [
  delta(0, 2, [birth(1, "ann"), birth(2, "bob")]),
  delta(2, 4, [birth(4, "bob", { away: true })], [{ clock: 3, removed: 2, closed: false }]),
  delta(4, 6, [birth(6, "eve")], [{ clock: 5, removed: 1, closed: true }]),
  { type: "goodbye", windowMs: 30_000 },
];

function birth(clock: number, key: string, meta: object = {}): WireBirth {
  return { clock, topic: "t", key, session: `s-${key}`, meta: { ...meta } };
}

function delta(
  since: number,
  upTo: number,
  births: readonly WireBirth[],
  removed: readonly WireRemoval[] = [],
): DeltaMessage {
  return { type: "delta", shard: 0, since, upTo, part: 1, parts: 1, births, removed };
}

/** What a node lists that knows a life and hears the frames of these numbers, in this order. */
function listAfter(order: readonly number[], protocol: Protocol = PROTOCOL): [string, object][] {
  const node = new Link(protocol).start("a");
  hear(node, heartbeat, 1);
  for (const index of order) hear(node, said[index]!, index + 2);
  const listed = node.replicator.view.list("t").map(({ key, meta }): [string, object] => [key, meta]);
  return listed.sort(([a], [b]) => (a < b ? -1 : 1));
}

function hear({ replicator }: LinkedNode, message: Message, counter: number, nowMs = 1_000): void {
  const payload = encodeFrame({ from, to: undefined, counter, message });
  replicator.step({ type: "frame", payload, way: "broadcasts" }, nowMs);
}

const all = said.map((_, index) => index);
const right = [
  ["bob", { away: true }],
  ["eve", {}],
];
/** Every frame at least once, some of them again. */
const orders = fc
  .tuple(fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.constantFrom(...all)))
  .map(([once, again]) => [...once, ...again]);

describe("the last frames of a life", () => {
  it("R1: say the same in any order, and repeated", () => {
    fc.assert(
      fc.property(orders, (order) => {
        expect(listAfter(order)).toEqual(right);
      }),
      { examples: [[[3, 0, 1, 2]], [[3, 2, 1, 0]], [[0, 2, 3, 1]], [[2, 1, 3, 0, 2, 1]]] },
    );
  });

  it("R1: are lost without the rule when their goodbye overtakes them", () => {
    const protocol = { ...PROTOCOL, rules: { ...RULES, holdsAfterGoodbye: () => false } };
    expect(listAfter([0, 3, 1, 2], protocol)).toEqual([
      ["ann", {}],
      ["bob", {}],
    ]);
  });

  it("R2: are lost without the rule when one overtakes the one before it", () => {
    const protocol = { ...PROTOCOL, rules: { ...RULES, isEarly: () => false } };
    expect(listAfter([0, 2, 3, 1], protocol)).toEqual([
      ["ann", {}],
      ["bob", { away: true }],
    ]);
  });

  it("R1: are not heard of a life that is down", () => {
    const link = new Link();
    const node = link.start("a");
    hear(node, heartbeat, 1);
    hear(node, said[1]!, 3);
    node.replicator.step({ type: "nodeGone", name: "b" }, 1_000);
    hear(node, said[0]!, 2);
    expect(node.replicator.counters.framesLate).toBe(1);
    expect(node.replicator.membership.presentOf("b")?.status).toBe("down");
  });

  describe.each([
    ["with the rule", RULES, 0],
    ["without it", { ...RULES, isJudged: () => false, endsMs: (untilMs: number) => untilMs }, 1],
  ])("R83: after a goodbye that was not its own, %s", (_, rules, listed) => {
    const start = () => {
      const link = new Link({ ...PROTOCOL, rules });
      const node = link.start("a");
      hear(node, heartbeat, 1);
      hear(node, said[0]!, 2);
      hear(node, { type: "goodbye", windowMs: 1_200_000 }, 3);
      link.advance(2_000);
      return { link, node, view: node.replicator.view };
    };

    it("a life that was heard once more and died is hidden after its down period", () => {
      const { link, node, view } = start();
      hear(node, heartbeat, 4, link.nowMs);
      link.advance(7_500);
      expect(view.count("t")).toBe(2);
      link.advance(1_500);
      expect(view.count("t")).toBe(2 - 2 * (1 - listed));
      expect(node.replicator.membership.presentOf("b")?.status).toBe(listed === 0 ? "down" : "departing");
      expect(view.departingLives).toBe(listed);
    });

    it("its own, with a shorter window, holds", () => {
      const { link, node, view } = start();
      hear(node, { type: "goodbye", windowMs: 1_000 }, 4, link.nowMs);
      link.advance(900);
      expect(view.count("t")).toBe(2);
      link.advance(700);
      expect(view.count("t")).toBe(2 - 2 * (1 - listed));
    });
  });

  it.each([
    ["with the rule", RULES, 0],
    ["without it", { ...RULES, outlives: () => false }, 1],
  ])(
    "R83: a life that was heard below the counter of a goodbye that was not its own, %s",
    (_, rules, listed) => {
      const link = new Link({ ...PROTOCOL, rules });
      const node = link.start("a");
      const author = link.start("b");
      link.track(author, 0, "t", "ann", "s-1");
      link.advance(5_000);
      const payload = encodeFrame({
        from: node.replicator.membership.presentOf("b")!.life,
        to: undefined,
        counter: author.replicator.counters.framesSent + 100_000,
        message: { type: "goodbye", windowMs: 600_000 },
      });
      link.step(node, { type: "frame", payload, way: "broadcasts" });
      link.advance(5_000);
      // It dies before it has been heard for long enough to be believed.
      link.nodes.delete("b");
      author.wakeMs = -Infinity;
      link.advance(5_500);
      expect(node.replicator.view.count("t")).toBe(1);
      link.advance(4_000);
      expect(node.replicator.view.count("t")).toBe(listed);
    },
  );

  it("R83: a longer window of a later goodbye does not hold, and silence alone contradicts none", () => {
    const link = new Link();
    const node = link.start("a");
    hear(node, heartbeat, 1);
    hear(node, said[0]!, 2);
    hear(node, { type: "goodbye", windowMs: 60_000 }, 3);
    link.advance(50_000);
    expect(node.replicator.view.count("t")).toBe(2);
    hear(node, { type: "goodbye", windowMs: 60_000 }, 4, link.nowMs);
    link.advance(11_000);
    expect(node.replicator.view.count("t")).toBe(0);
  });

  it("R43: whose place was taken is shown again when its life turns out not to have ended", () => {
    const link = new Link();
    const node = link.start("a");
    const { view, membership } = node.replicator;
    const author = link.start("b");
    link.track(author, 0, "t", "ann", "s-1");
    link.advance(3_000);
    const payload = encodeFrame({
      from: membership.presentOf("b")!.life,
      to: undefined,
      counter: author.replicator.counters.framesSent + 1,
      message: { type: "goodbye", windowMs: 600_000 },
    });
    link.step(node, { type: "frame", payload, way: "broadcasts" });
    const other = link.track(node, 0, "t", "ann", "s-2");
    expect(view.list("t")).toEqual([other]);
    view.takeDiff();
    link.advance(16_000);
    expect(membership.presentOf("b")?.status).toBe("up");
    expect(
      view
        .list("t")
        .map(({ session }) => session)
        .sort(),
    ).toEqual(["s-1", "s-2"]);
    expect(view.departingLives).toBe(0);
    expect(
      view
        .takeDiff()
        ?.get("t")
        ?.joins.map(({ key }) => key),
    ).toEqual(["ann"]);
    // Now others come and go as beside any node.
    link.step(node, { type: "remove", entry: other, reason: "untracked" });
    link.advance(3_000);
    expect(view.list("t").map(({ session }) => session)).toEqual(["s-1"]);
  });
});
