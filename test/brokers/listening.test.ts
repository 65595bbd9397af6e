/** What the brokers know of processes that are stopped and killed, and what is left of a broker that stands still. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelName } from "../../src/pubsub/channel-names.js";
import { randomText } from "../../src/runtime.js";
import { openNodeBy } from "./clients.js";
import type { OpenedNode } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";
import { TrackerProcess } from "./tracker-processes.js";

/** What the trackers of the processes receive on. */
const channel = channelName("to", "test");
const patienceMs = 10_000;

function listening(client: string, openBroker: OpenBroker): void {
  let broker: Broker;
  const prefix = `test-${randomText(8)}`;
  const opened: OpenedNode[] = [];
  const open = async (nodeName: string): Promise<OpenedNode> => {
    const node = await openNodeBy(client)(broker.url.href, nodeName, prefix);
    opened.push(node);
    return node;
  };

  beforeAll(async () => {
    if (openBroker !== undefined) broker = await openBroker();
  });
  afterAll(async () => {
    for (const { node, end } of opened) {
      await node.close?.();
      await end();
    }
    await broker?.stop();
  });

  it("a process that stands still is listening, and one that was killed is not", async () => {
    const { node } = await open("asking");
    const other = await TrackerProcess.start(client, broker.url.href, "other", prefix);
    const names = async (): Promise<string[]> => [
      ...((await node.listening?.(channel, ["other", "asking"])) ?? []),
    ];
    try {
      expect(await names()).toEqual(["other"]);
      other.signal("SIGSTOP");
      await pause(500);
      expect(await names()).toEqual(["other"]);
    } finally {
      await other.stop();
    }
    const killedAtMs = performance.now();
    while ((await names()).length > 0) {
      if (performance.now() - killedAtMs > patienceMs)
        throw new Error("The killed process is still listening");
      await pause(20);
    }
  });

  // PostgreSQL serves each connection with a process of its own, which this does not stop.
  it.skipIf(client === "pg 8")(
    "a broker that stands still lets subscriptions end and nodes close",
    async ({ skip }) => {
      skip(!broker.ours, "the broker is not ours to stop");
      const { node } = await open("closing");
      const unsubscribe = await node.subscribe("room", () => {});
      await node.subscribe("hall", () => {});
      broker.signal("SIGSTOP");
      try {
        // The threads of a process do not stop at once.
        await pause(500);
        const beganMs = performance.now();
        await unsubscribe();
        await expect(node.listening?.("hall", ["asking"])).rejects.toMatchObject({
          code: "PUBSUB_UNAVAILABLE",
        });
        await node.close?.();
        expect(performance.now() - beganMs).toBeLessThan(patienceMs);
      } finally {
        broker.signal("SIGCONT");
      }
    },
  );
}

const brokers: readonly (readonly [string, OpenBroker])[] = [
  ["node-redis 6", openRedis],
  ["ioredis 6", openRedis],
  ["transport-node 3", openNats],
  ["pg 8", openPostgres],
];

for (const [client, open] of brokers) {
  describe.skipIf(open === undefined)(client, () => listening(client, open));
}
