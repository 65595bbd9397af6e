/**
 * A broker that stands still, as one does whose machine swaps or whose process is forked: an outage like any other, over
 * which nobody leaves and every tracker can stop. All brokers stand still at the same time, once.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Session, Tracker } from "../../src/index.js";
import { randomText } from "../../src/runtime.js";
import { openNodeBy } from "./clients.js";
import type { OpenedNode } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";

const standsStillMs = 12_000;
const periods = { broadcastPeriodMs: 200, heartbeatPeriodMs: 1_000, downPeriodMs: 3_000 };
/** A goodbye is waited for as long as the start was: 5,000 ms by default. */
const stopPatienceMs = 6_000;
const patienceMs = 15_000;

interface Node {
  readonly name: string;
  readonly opened: OpenedNode;
  readonly tracker: Tracker;
  readonly leaves: string[];
}

class Trio {
  readonly client: string;
  readonly #prefix = `test-${randomText(8)}`;
  readonly nodes: Node[] = [];

  constructor(client: string) {
    this.client = client;
  }

  /** Three nodes, of which each lists one key of each. */
  async start(url: string): Promise<void> {
    for (const name of ["ann", "bob", "cyd"]) {
      const opened = await openNodeBy(this.client)(url, name, this.#prefix);
      const leaves: string[] = [];
      const tracker = await Tracker.start(
        {
          handleDiff(diff) {
            for (const { leaves: left } of diff.values()) {
              for (const { key, reason } of left) leaves.push(`${key} ${reason}`);
            }
          },
        },
        { name: "test", pubsub: opened.node, ...periods },
      );
      tracker.on("error", () => undefined);
      tracker.track(new Session(), "room", name, {});
      this.nodes.push({ name, opened, tracker, leaves });
    }
    await this.#until("all list all", () => this.nodes.every(({ tracker }) => tracker.count("room") === 3));
    await this.#until("all are complete", () => this.isComplete(this.nodes));
  }

  isComplete(nodes: readonly Node[]): boolean {
    return nodes.every(({ tracker }) => tracker.health().complete);
  }

  /** Resolves when the rest has come back, and knows that the last has stopped. */
  async comesBack(rest: readonly Node[]): Promise<void> {
    await this.#until("all are back", () => this.isComplete(rest));
    await this.#until("who stopped has left", () => rest.every(({ tracker }) => tracker.count("room") === 2));
  }

  async end(): Promise<void> {
    for (const { opened, tracker } of this.nodes) {
      await tracker.stop({ handoffMs: 0 });
      await opened.node.close?.();
      await opened.end();
    }
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!isSo()) {
      if (performance.now() > untilMs) {
        const health = this.nodes.map(({ tracker }) => tracker.health());
        throw new Error(
          `${this.client}: waited in vain until ${what}: ${JSON.stringify(health, undefined, 1)}`,
        );
      }
      await pause(20);
    }
  }
}

const opens: readonly (readonly [OpenBroker, readonly string[]])[] = [
  [openRedis, ["node-redis 6", "ioredis 6"]],
  [openNats, ["transport-node 3"]],
  [openPostgres, ["pg 8"]],
];

describe(`brokers that stand still for ${standsStillMs / 1_000} s`, () => {
  const brokers: Broker[] = [];
  const trios: Trio[] = [];

  beforeAll(async () => {
    for (const [open, clients] of opens) {
      const broker = await open?.();
      if (broker?.ours !== true) continue;
      brokers.push(broker);
      for (const client of clients) {
        const trio = new Trio(client);
        trios.push(trio);
        await trio.start(broker.url.href);
      }
    }
  });
  afterAll(async () => {
    for (const trio of trios) await trio.end();
    for (const broker of brokers) await broker.stop();
  });

  it("nobody leaves, and a tracker can stop", { timeout: 90_000 }, async ({ skip }) => {
    skip(brokers.length === 0, "no broker is ours to stop");
    for (const broker of brokers) broker.signal("SIGSTOP");
    let stoppingMs: readonly number[];
    try {
      await pause(standsStillMs - stopPatienceMs);
      // One that stops while nothing gets through.
      const stopping = trios.map(async ({ nodes }) => {
        const beganMs = performance.now();
        await nodes[2]!.tracker.stop();
        return performance.now() - beganMs;
      });
      await pause(stopPatienceMs);
      for (const { client, nodes } of trios) {
        expect(
          nodes.slice(0, 2).map(({ leaves }) => leaves),
          client,
        ).toEqual([[], []]);
        expect(
          nodes.map(({ tracker }) => tracker.count("room")),
          client,
        ).toEqual([3, 3, 3]);
        expect(
          nodes.slice(0, 2).some(({ tracker }) => tracker.health().complete),
          client,
        ).toBe(false);
      }
      stoppingMs = await Promise.all(stopping);
    } finally {
      for (const broker of brokers) broker.signal("SIGCONT");
    }
    for (const ms of stoppingMs) expect(ms).toBeLessThan(stopPatienceMs);
    await Promise.all(trios.map((trio) => trio.comesBack(trio.nodes.slice(0, 2))));
    for (const { client, nodes } of trios) {
      for (const { leaves } of nodes.slice(0, 2)) {
        // By its goodbye, if that got through in the end; else by its silence.
        expect(leaves, client).toHaveLength(1);
        expect(leaves[0], client).toMatch(/^cyd (departed|down)$/);
      }
    }
  });
});
