/** What a frame tells that was overtaken, and what counts as overtaken: each of the two ways by itself. */
import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import type { Message } from "../../src/replication/message.js";
import type { VoiceWay } from "../../src/replication/step.js";
import { Link, lifeOf, type LinkedNode } from "./two-nodes.js";

const heartbeat: Message = { type: "heartbeat", poolSize: 1, firstShard: 0, shards: [] };

function send(
  to: LinkedNode,
  counter: number,
  way: VoiceWay,
  isAddressed: boolean,
  message: Message = heartbeat,
): void {
  const addressee = isAddressed ? lifeOf(to.name).incarnation : undefined;
  const payload = encodeFrame({ from: lifeOf("b"), to: addressee, counter, message });
  to.replicator.step({ type: "frame", payload, way }, 10);
}

describe("R1: a frame that was overtaken", () => {
  it("is one of its own channel: what is said aloud to this node is overtaken by broadcasts only", () => {
    const node = new Link().start("a");
    send(node, 6, "inbox", true);
    send(node, 5, "broadcasts", true);
    expect(node.replicator.counters.framesLate).toBe(0);
    send(node, 4, "broadcasts", true);
    send(node, 3, "inbox", true);
    expect(node.replicator.counters.framesLate).toBe(2);
  });

  it("that says that only pages will do holds, as long as what it tells lies ahead", () => {
    const node = new Link().start("a");
    const told = (clock: number, counter: number): void =>
      send(node, counter, "broadcasts", false, {
        ...{ type: "heartbeat", poolSize: 1, firstShard: 0 },
        shards: [{ clock, count: 1, digest: 1 }],
      });
    told(20, 1);
    send(node, 9, "inbox", true);
    send(node, 8, "inbox", true, { type: "far", shard: 0, clock: 20 });
    expect(node.replicator.counters.rebuilds).toBe(1);
    const page = { type: "page", shard: 0, rebuild: 1, from: 0, to: 20, until: 20, asOf: 20 } as const;
    send(node, 10, "inbox", true, { ...page, births: [], kept: [] });
    told(25, 11);
    send(node, 7, "inbox", true, { type: "far", shard: 0, clock: 20 });
    expect(node.replicator.counters.rebuilds).toBe(1);
    expect(node.replicator.counters.framesLate).toBe(1);
  });
});
