/** Routed broadcasts between servers with real sockets, as the official client sees them; and what `route` may be. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { ChannelServer, type ChannelServerOptions } from "../../src/channels/index.js";
import { Tracker } from "../../src/tracker/tracker.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { answer, CLIENTS, connectClient, nextEvent, startServer, VirtualRuntime } from "./harness.js";

/** Servers know who is there so long after they have connected. */
const GREETED_MS = 10_000;

/** A node of a hub, and how many broadcasts have come to its channel server. */
function counted(pubsub: PubSub): { readonly pubsub: PubSub; broadcasts: number } {
  const made = {
    broadcasts: 0,
    pubsub: {
      nodeName: pubsub.nodeName,
      broadcast: (channel: string, payload: string) => pubsub.broadcast(channel, payload),
      send: (node: string, channel: string, payload: string) => pubsub.send(node, channel, payload),
      subscribe: (channel: string, receive: (payload: string) => void) =>
        pubsub.subscribe(channel, (payload) => {
          if (payload.includes('"json"')) made.broadcasts += 1;
          receive(payload);
        }),
    },
  };
  return made;
}

async function startTracker(pubsub: PubSub, options: { observer?: boolean } = {}): Promise<Tracker> {
  const tracker = await Tracker.start({}, { name: "routes", pubsub, broadcastPeriodMs: 1, ...options });
  onTestFinished(() => tracker.stop({ handoffMs: 0 }));
  return tracker;
}

describe("the official client", () => {
  it.each(CLIENTS)(
    "$line hears others on the nodes of its topic, and no other node is told",
    async ({ phoenix }) => {
      const hub = new MemoryHub();
      const nodes = await Promise.all(
        ["a", "b", "c"].map(async (name) => {
          const inner = hub.node(name);
          const route = await Tracker.start(
            {},
            { name: "routes", pubsub: inner, holds: "followed", broadcastPeriodMs: 1, heartbeatPeriodMs: 50 },
          );
          onTestFinished(() => route.stop({ handoffMs: 0 }));
          const wire = counted(inner);
          const runtime = new VirtualRuntime();
          const server = await startServer(
            (channels) => {
              channels.socket("/socket").channel("room:*", {
                join: () => ({ ok: {} }),
                handleIn: {
                  say(channel, payload) {
                    channel.broadcastFrom("said", payload);
                    return { ok: {} };
                  },
                },
              });
            },
            { pubsub: wire.pubsub, route, runtime },
          );
          await runtime.advance(GREETED_MS);
          return { wire, server, route };
        }),
      );
      const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
      const [left, right] = [a, b].map(({ server }) =>
        connectClient(phoenix, `${server.url}/socket`).channel("room:1"),
      ) as [
        ReturnType<InstanceType<typeof phoenix.Socket>["channel"]>,
        ReturnType<InstanceType<typeof phoenix.Socket>["channel"]>,
      ];
      for (const channel of [left, right])
        expect(await answer(channel.join())).toMatchObject({ status: "ok" });
      const say = async (text: string): Promise<void> => {
        const heard = nextEvent(right, "said");
        expect(await answer(left.push("say", { text }))).toMatchObject({ status: "ok" });
        expect(await heard).toEqual({ text });
      };
      const counters = () => [a, b, c].map(({ server }) => server.channels.health().counters);
      const framesOf = () => [a, b, c].map(({ wire }) => wire.broadcasts);
      // To all, until it is known who hears it.
      await vi.waitFor(async () => {
        await say("is anybody here?");
        expect(counters()[0]?.routedBroadcasts).toBe(1);
      }, 20_000);
      const before = framesOf();
      await say("hi");
      expect(framesOf().map((count, index) => count - (before[index] ?? 0))).toEqual([0, 1, 0]);
      // A node that nobody has joined it on may broadcast in it: to all at first.
      const both = [left, right].map((channel) => nextEvent(channel, "said"));
      c.server.channels.broadcast("room:1", "said", { text: "all" });
      expect(await Promise.all(both)).toEqual([{ text: "all" }, { text: "all" }]);
      expect(framesOf().map((count, index) => count - (before[index] ?? 0))).toEqual([1, 2, 1]);
      expect(counters()[2]).toMatchObject({ routedBroadcasts: 0, unsettledBroadcasts: 1 });
      await b.server.stop();
      // A server that has stopped says so at once.
      await vi.waitFor(() => expect(a.route.count("channels:room:1")).toBe(1));
    },
  );
});

describe("the option `route`", () => {
  it.each([{}, "routes", 7, null, { nodeName: "a", track: () => undefined }])(
    "refuses what is no tracker: %j",
    (route) => {
      const pubsub = new MemoryHub().node("a");
      const make = (): unknown =>
        new ChannelServer({ pubsub, route: route as unknown as ChannelServerOptions["route"] });
      expect(make).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", details: { option: "route", value: route } }),
      );
    },
  );

  it("refuses the tracker of another node", async () => {
    const hub = new MemoryHub();
    const route = await startTracker(hub.node("b"));
    expect(() => new ChannelServer({ pubsub: hub.node("a"), route })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });

  it("refuses a tracker that takes no entries: an observer, and one that was stopped", async () => {
    const hub = new MemoryHub();
    const observer = hub.node("a");
    const route = await startTracker(observer, { observer: true });
    expect(() => new ChannelServer({ pubsub: observer, route })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
    const pubsub = hub.node("b");
    const stopped = await startTracker(pubsub);
    await stopped.stop({ handoffMs: 0 });
    expect(() => new ChannelServer({ pubsub, route: stopped })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
