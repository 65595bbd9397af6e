/** Processes that exchange their key while they run, over a real broker, and one that never had it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomText } from "../../src/runtime.js";
import { openNodeBy } from "./clients.js";
import { openRedis, type Broker } from "./servers.js";
import { alike, TrackerProcess, untilAll } from "./tracker-processes.js";

const client = "node-redis 6";
const [old, next] = ["old", "next"].map((name) => name.padEnd(32, "."));

describe.skipIf(openRedis === undefined)("processes with a sealed pubsub", () => {
  let broker: Broker;
  const nodes: TrackerProcess[] = [];
  const prefix = `test-${randomText(8)}`;

  beforeAll(async () => {
    broker = await openRedis!();
    const start = (name: string): Promise<TrackerProcess> =>
      TrackerProcess.start(client, broker.url.href, name, prefix, undefined, [old!]);
    nodes.push(...(await Promise.all(["ann", "bob", "cem"].map(start))));
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await broker?.stop();
  });

  it("exchange the key one by one, lose nothing, and show nothing to who has none", async () => {
    const heard: string[] = [];
    const eve = await openNodeBy(client)(broker.url.href, "eve", prefix);
    await eve.node.subscribe("rollcall:test", (payload) => heard.push(payload));
    let tracked = 0;
    const everybodyTracks = async (): Promise<void> => {
      await Promise.all(nodes.map((node) => node.ask({ ask: "track", from: tracked, until: tracked + 20 })));
      tracked += 20;
      await untilAll(nodes, `${tracked} each`, (reports) => alike(reports, 3 * tracked));
    };
    await everybodyTracks();
    for (const keys of [[old!, next!], [next!, old!], [next!]]) {
      for (const node of nodes) await node.ask({ ask: "rotate", keys });
      await everybodyTracks();
    }
    for (const payload of heard.splice(0)) {
      expect(payload).toMatch(/^seal1\.e/);
      await eve.node.broadcast("rollcall:test", payload);
      await eve.node.broadcast("rollcall:test", '[1,0,"eve"]');
    }
    const reports = await untilAll(
      nodes,
      "all are complete, and have refused what was played again",
      (each) => each.every(({ errors, complete }) => complete && (errors["SEAL_REFUSED"] ?? 0) > 0),
    );
    for (const { leaves, divergences, framesRefused, entries } of reports) {
      expect({ leaves, divergences, framesRefused, entries }).toEqual({
        leaves: {},
        divergences: 0,
        framesRefused: 0,
        entries: 3 * tracked,
      });
    }
    await eve.node.close?.();
    await eve.end();
  });
});
