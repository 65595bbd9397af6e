import { afterEach, describe, expect, it, vi } from "vitest";
import { broadcastChannelPubSub, type BroadcastChannelPubSub } from "../../src/adapters/broadcast-channel.js";

const channelName = `test-${process.pid}`;
const opened: { close(): void }[] = [];

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function open(nodeName: string, name = channelName): BroadcastChannelPubSub {
  const pubsub = broadcastChannelPubSub({ nodeName, channelName: name });
  opened.push(pubsub);
  return pubsub;
}

describe("broadcastChannelPubSub", () => {
  it("tells the others of a node that was closed, after what it sent", async () => {
    const [a, b] = [open("a"), open("b")];
    const steps: string[] = [];
    await a.subscribe("room", (payload) => steps.push(payload));
    const gone = new Promise((resolve) => a.onNodeGone?.((name) => resolve(steps.push(`gone: ${name}`))));
    await b.broadcast("room", "last words");
    b.close();
    await gone;
    expect(steps).toEqual(["last words", "gone: b"]);
    expect(() => b.broadcast("room", "too late")).toThrow(
      expect.objectContaining({ code: "PUBSUB_UNAVAILABLE" }),
    );
  });

  it("tells the others of a page that goes, until it is closed", async () => {
    const listeners = new Set<() => void>();
    vi.stubGlobal("document", {});
    vi.stubGlobal("addEventListener", (event: string, listener: () => void) => {
      if (event === "pagehide") listeners.add(listener);
    });
    vi.stubGlobal("removeEventListener", (_: string, listener: () => void) => listeners.delete(listener));
    try {
      const [a, b] = [open("a"), open("b")];
      const gone = new Promise((resolve) => a.onNodeGone?.(resolve));
      expect(listeners.size).toBe(2);
      [...listeners].at(-1)?.();
      expect(await gone).toBe("b");
      a.close();
      b.close();
      expect(listeners.size).toBe(0);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("survives what others post on its channel, and reports it", async () => {
    const [a, b] = [open("a"), open("b")];
    const errors: unknown[] = [];
    b.onError?.((error) => errors.push(error));
    const stranger = new BroadcastChannel(channelName);
    opened.push(stranger);
    const junk: unknown[] = [
      null,
      "text",
      {},
      { rollcall: 2, type: "frame", channel: "room", payload: "" },
      { rollcall: 1, type: "frame", channel: "room", payload: 7 },
      { rollcall: 1, type: "frame", channel: "room", payload: "", to: {} },
      { rollcall: 1, type: "nodeGone" },
    ];
    for (const data of junk) stranger.postMessage(data);
    const heard = new Promise((resolve) => void b.subscribe("room", resolve));
    // The order between two senders is open, so ask until the junk has come too.
    while (errors.length < junk.length) await new Promise((resolve) => setImmediate(resolve));
    await a.broadcast("room", "still here");
    expect(await heard).toBe("still here");
    expect(errors).toEqual(junk.map(() => expect.objectContaining({ code: "INVALID_FRAME" })));
  });

  it("keeps channels of different names apart", async () => {
    const [a, b, c] = [open("a"), open("b"), open("c", `${channelName}-other`)];
    const byC: string[] = [];
    await c.subscribe("room", (payload) => byC.push(payload));
    const heard = new Promise((resolve) => void b.subscribe("room", resolve));
    await a.broadcast("room", "1");
    expect(await heard).toBe("1");
    expect(byC).toEqual([]);
  });
});
