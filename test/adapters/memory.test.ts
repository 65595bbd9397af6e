import { describe, expect, it } from "vitest";
import { MemoryHub, memoryPubSub } from "../../src/adapters/memory.js";
import type { PubSub, PubSubStatus } from "../../src/pubsub/pubsub.js";

/** Collects what a node hears on the channel. */
async function heard(node: PubSub, channel = "room"): Promise<string[]> {
  const payloads: string[] = [];
  await node.subscribe(channel, (payload) => payloads.push(payload));
  return payloads;
}

const delivered = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("MemoryHub", () => {
  it("delivers in the order of the sends, to everybody, the sender included", async () => {
    const hub = new MemoryHub();
    const [a, b, c] = [hub.node("a"), hub.node("b"), hub.node("c")];
    const [byA, byB, byC] = [await heard(a), await heard(b), await heard(c)];
    void a.broadcast("room", "1");
    void b.broadcast("room", "2");
    void a.send("c", "room", "3");
    await delivered();
    expect({ byA, byB, byC }).toEqual({ byA: ["1", "2"], byB: ["1", "2"], byC: ["1", "2", "3"] });
  });

  it("never delivers synchronously, not even what is sent while it delivers", async () => {
    const hub = new MemoryHub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    const steps: string[] = [];
    void b.subscribe("ping", () => {
      void b.broadcast("pong", "");
      steps.push("ping delivered");
    });
    void a.subscribe("pong", () => steps.push("pong delivered"));
    void a.broadcast("ping", "");
    steps.push("sent");
    await delivered();
    expect(steps).toEqual(["sent", "ping delivered", "pong delivered"]);
  });

  it("loses what is sent to a node that is cut off, and what was on its way", async () => {
    const hub = new MemoryHub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    const byB = await heard(b);
    const statuses: PubSubStatus[] = [];
    b.onStatus?.((status) => statuses.push(status));
    void a.broadcast("room", "on its way");
    hub.disconnect("b");
    void a.broadcast("room", "sent meanwhile");
    await delivered();
    expect(() => b.broadcast("room", "refused")).toThrow(
      expect.objectContaining({ code: "PUBSUB_UNAVAILABLE" }),
    );
    hub.reconnect("b");
    void a.broadcast("room", "after");
    await delivered();
    expect(byB).toEqual(["after"]);
    expect(statuses).toEqual(["disconnected", "connected"]);
  });

  it("tells of a node's end after what it sent, and only once nobody carries its name", async () => {
    const hub = new MemoryHub();
    const [a, b, restarted] = [hub.node("a"), hub.node("b"), hub.node("b")];
    const steps: string[] = [];
    void a.subscribe("room", (payload) => steps.push(payload));
    a.onNodeGone?.((name) => steps.push(`gone: ${name}`));
    b.close();
    void restarted.broadcast("room", "last words");
    restarted.close();
    restarted.close();
    await delivered();
    expect(steps).toEqual(["last words", "gone: b"]);
  });

  it("goes on when a receiver throws, and reports it", async () => {
    const hub = new MemoryHub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    const errors: unknown[] = [];
    b.onError?.((error) => errors.push(error));
    const mistake = new Error("a mistake");
    void b.subscribe("room", () => {
      throw mistake;
    });
    const byB = await heard(b);
    void a.broadcast("room", "1");
    await delivered();
    expect({ byB, errors }).toEqual({ byB: ["1"], errors: [mistake] });
  });
});

describe("memoryPubSub", () => {
  it("has a name of its own", () => {
    expect(memoryPubSub().nodeName).not.toBe(memoryPubSub().nodeName);
    expect(memoryPubSub({ nodeName: "solo" }).nodeName).toBe("solo");
  });

  it.each(["", "ä".repeat(65), "\ud800"])("refuses the name %j", (nodeName) => {
    expect(() => memoryPubSub({ nodeName })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});
