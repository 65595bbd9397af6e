/** The faulty network does the faults it is told to, and no others. */
import { describe, expect, it } from "vitest";
import { Machine } from "../../src/testing/machine.js";
import { faultless, FaultyNetwork, type Endpoint, type NetworkFaults } from "../../src/testing/network.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

interface World {
  readonly time: VirtualTime;
  readonly network: FaultyNetwork;
  readonly received: Map<string, string[]>;
  connect(name: string): Endpoint;
}

function makeWorld(faults: Partial<NetworkFaults> = {}, maxPayloadBytes?: number): World {
  const time = new VirtualTime();
  const network = new FaultyNetwork({ time, random: new SeededRandom(1), maxPayloadBytes });
  network.faults = { ...faultless, ...faults };
  const received = new Map<string, string[]>();
  return {
    time,
    network,
    received,
    connect(name) {
      const machine = new Machine({
        time,
        random: new SeededRandom(name),
        clockOffsetMs: 0,
        afterTask: () => undefined,
      });
      const endpoint = network.connect(name, machine);
      const log: string[] = [];
      received.set(name, log);
      void endpoint.pubsub.subscribe("channel", (payload) => log.push(payload));
      return endpoint;
    },
  };
}

async function broadcastMany(world: World, from: Endpoint, count: number): Promise<void> {
  for (let number = 1; number <= count; number += 1) {
    void Promise.resolve(from.pubsub.broadcast("channel", String(number))).catch(() => undefined);
    await world.time.advance(1);
  }
  await world.time.advance(60_000);
}

const inOrder = Array.from({ length: 200 }, (_, index) => String(index + 1));

describe("the faulty network", () => {
  it("brings everything to everybody in order when there are no faults", async () => {
    const world = makeWorld();
    const a = world.connect("a");
    world.connect("b");
    world.connect("c");
    await broadcastMany(world, a, 200);
    expect(world.received.get("b")).toEqual(inOrder);
    expect(world.received.get("c")).toEqual(inOrder);
    expect(world.received.get("a")).toEqual(inOrder);
    expect(a.traffic).toEqual({ broadcasts: 200, sends: 0, signs: 0, bytes: inOrder.join("").length });
  });

  it("sends to one node only, and to none if there is none", async () => {
    const world = makeWorld();
    const a = world.connect("a");
    world.connect("b");
    world.connect("c");
    void a.pubsub.send("b", "channel", "hello");
    void a.pubsub.send("nobody", "channel", "hello");
    await world.time.advance(100);
    expect(world.received.get("b")).toEqual(["hello"]);
    expect(world.received.get("c")).toEqual([]);
  });

  it("loses about as many as it is told", async () => {
    const world = makeWorld({ lossRate: 0.3 });
    const a = world.connect("a");
    world.connect("b");
    await broadcastMany(world, a, 200);
    const arrived = world.received.get("b")?.length ?? 0;
    expect(arrived).toBeGreaterThan(110);
    expect(arrived).toBeLessThan(170);
  });

  it("repeats, and tells first copies from second ones", async () => {
    const world = makeWorld({ repeatRate: 1, repeatDelayMs: [10, 1_000] });
    const a = world.connect("a");
    world.connect("b");
    await broadcastMany(world, a, 50);
    expect(world.received.get("b")).toHaveLength(100);
    expect(new Set(world.received.get("b")).size).toBe(50);
  });

  it("reorders only when told", async () => {
    for (const reorder of [false, true]) {
      const world = makeWorld({ reorder, delayMs: [0, 500] });
      const a = world.connect("a");
      world.connect("b");
      await broadcastMany(world, a, 200);
      const arrived = world.received.get("b") ?? [];
      expect(arrived).toHaveLength(200);
      expect(arrived.join() === inOrder.join()).toBe(!reorder);
    }
  });

  it("cuts one way or both", async () => {
    const world = makeWorld();
    const a = world.connect("a");
    const b = world.connect("b");
    world.network.cut("a", "b");
    void a.pubsub.broadcast("channel", "from a");
    void b.pubsub.broadcast("channel", "from b");
    await world.time.advance(100);
    expect(world.received.get("a")).toEqual(expect.arrayContaining(["from a", "from b"]));
    expect(world.received.get("b")).toEqual(["from b"]);
    world.network.mendAll();
    void a.pubsub.broadcast("channel", "again");
    await world.time.advance(100);
    expect(world.received.get("b")).toEqual(["from b", "again"]);
  });

  it("refuses a payload above the limit and remembers it", async () => {
    const world = makeWorld({}, 10);
    const a = world.connect("a");
    await expect(a.pubsub.broadcast("channel", "ключключ")).rejects.toThrow("above the limit");
    expect(a.oversized).toEqual([{ channel: "channel", bytes: 16 }]);
  });

  it("has outages that are noticed and outages that are not", async () => {
    for (const announced of [true, false]) {
      const world = makeWorld();
      const a = world.connect("a");
      world.connect("b");
      const statuses: string[] = [];
      a.pubsub.onStatus?.((status) => statuses.push(status));
      world.network.beginOutage(["a"], { announced, refuses: false });
      await world.time.advance(1_000);
      void a.pubsub.broadcast("channel", "lost");
      await world.time.advance(1_000);
      world.network.endOutages();
      await world.time.advance(1_000);
      void a.pubsub.broadcast("channel", "arrives");
      await world.time.advance(1_000);
      expect(statuses).toEqual(announced ? ["disconnected", "connected"] : []);
      expect(world.received.get("b")).toEqual(["arrives"]);
      expect(a.knownOutages).toHaveLength(announced ? 1 : 0);
    }
  });

  it("knows when a node was kept from hearing itself, which is no loss to others", async () => {
    for (const faults of [{ lossRate: 1 }, { echoRate: 0 }, {}]) {
      const world = makeWorld(faults);
      const a = world.connect("a");
      await world.time.advance(7);
      await a.pubsub.broadcast("channel", "x");
      await world.time.advance(1_000);
      const isLost = Object.keys(faults).length > 0;
      expect(world.received.get("a")).toEqual(isLost ? [] : ["x"]);
      expect(world.network.echoLossMs).toBe(isLost ? 7 : -Infinity);
      expect(world.network.lossMs).toBe(-Infinity);
    }
  });

  it("fails sends as rejected promises, whether or not the payload went out", async () => {
    const world = makeWorld({ sendErrorRate: 1 });
    const a = world.connect("a");
    world.connect("b");
    for (let count = 0; count < 40; count += 1) {
      await expect(a.pubsub.broadcast("channel", "x")).rejects.toThrow("reset");
    }
    await world.time.advance(1_000);
    const arrived = world.received.get("b")?.length ?? 0;
    expect(arrived).toBeGreaterThan(5);
    expect(arrived).toBeLessThan(35);
  });

  it("brings what is late to the life that has the name by then", async () => {
    const world = makeWorld({ delayMs: [1_000, 1_000] });
    const a = world.connect("a");
    const b = world.connect("b");
    void b.pubsub.send("a", "channel", "late");
    a.machine.end();
    world.network.disconnect(a);
    const second = world.connect("a");
    await world.time.advance(2_000);
    expect(world.received.get("a")).toEqual(["late"]);
    expect(second.lastFreshMs.get(b)).toBe(1_000);
  });
});
