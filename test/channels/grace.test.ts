/** Channels whose entries stay for a while when their connection is lost, and only then. */
import { describe, expect, it, onTestFinished } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { ChannelServer } from "../../src/channels/index.js";
import { Presence } from "../../src/presence/index.js";
import { codeOf } from "../tracker/recorder.js";
import { deferred, RawClient, startServer } from "./harness.js";

async function startRoom(): Promise<{
  readonly url: string;
  readonly channels: ChannelServer;
  readonly presence: Presence;
  /** Resolves with the reason for which the next channel ends. */
  ended(): Promise<string>;
}> {
  const presence = await Presence.start({ name: "room", pubsub: memoryPubSub() });
  onTestFinished(() => presence.stop({ handoffMs: 0 }));
  let end = deferred<string>();
  const server = await startServer((channels) => {
    channels.socket("/socket", { id: () => "ann" }).channel("room:*", {
      graceMs: 60_000,
      join: () => ({ ok: {} }),
      joined: ({ session, topic }) => void presence.track(session, topic, "ann", {}),
      handleIn: {
        crash: () => {
          throw new Error("asked to");
        },
        stop: (channel) => channel.stop(),
        drop: ({ socket }) => socket.disconnect(),
        ping: () => ({ ok: {} }),
      },
      terminate: (_channel, reason) => end.resolve(reason),
    });
  });
  return {
    ...server,
    presence,
    ended: () => {
      end = deferred<string>();
      return end.promise;
    },
  };
}

async function joined(url: string): Promise<RawClient> {
  const client = await RawClient.connect(url);
  await client.join("room:1");
  client.send("1", "2", "room:1", "ping");
  await client.next();
  return client;
}

describe("a channel with graceMs", () => {
  it("keeps its entries when the connection is lost, until the client is back", async () => {
    const { url, presence, ended } = await startRoom();
    const seen: string[] = [];
    presence.subscribe("room:1", {
      state: () => undefined,
      diff: () => undefined,
      online: (key) => seen.push(`+${key}`),
      offline: (key) => seen.push(`-${key}`),
    });
    for (const lose of ["terminate", "close", "terminate"] as const) {
      const client = await joined(url);
      expect(presence.count("room:1")).toBe(1);
      const reason = ended();
      client.socket[lose]();
      expect(await reason).toBe("closed");
      expect(presence.count("room:1")).toBe(1);
    }
    expect(seen).toEqual(["+ann"]);
  });

  it("lets them leave at once when the client leaves, and when this server ends the channel or the socket", async () => {
    const { url, channels, presence, ended } = await startRoom();
    const leaves: readonly [string, (client: RawClient) => void][] = [
      ["left", (client) => client.send("1", "3", "room:1", "phx_leave")],
      ["failed", (client) => client.send("1", "3", "room:1", "crash")],
      ["stopped", (client) => client.send("1", "3", "room:1", "stop")],
      ["closed", (client) => client.send("1", "3", "room:1", "drop")],
      ["closed", () => channels.disconnect("ann")],
    ];
    for (const [expected, leave] of leaves) {
      const client = await joined(url);
      const reason = ended();
      leave(client);
      expect(await reason).toBe(expected);
      expect(presence.count("room:1")).toBe(0);
    }
  });

  it("ends for good when its entry is evicted, and its session with it", async () => {
    const { url, presence, ended } = await startRoom();
    const client = await joined(url);
    const reason = ended();
    const leaves: unknown[] = [];
    presence.on("evicted", ({ key, reason: why, session }) => leaves.push([key, why, session.closed]));
    expect(presence.evict("room:1", "ann", "banned")).toBe(1);
    expect(await reason).toBe("evicted");
    expect(leaves).toEqual([["ann", "banned", true]]);
    expect(await client.next()).toEqual(["1", "1", "room:1", "phx_close", {}]);
    expect(presence.count("room:1")).toBe(0);
  });

  it("refuses a time that is none", async () => {
    await startServer((channels) => {
      const socket = channels.socket("/socket");
      const handlers = { join: () => ({ ok: {} }), graceMs: -1 };
      expect(codeOf(() => socket.channel("room:*", handlers))).toBe("INVALID_OPTION");
    });
  });
});
