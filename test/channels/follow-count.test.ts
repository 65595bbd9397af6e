/** Rooms too big to list, as a client is told of them: how many are there, and the first of them. */
import { describe, expect, it, onTestFinished } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { Channel } from "../../src/channels/index.js";
import { Presence, Session } from "../../src/index.js";
import { RawClient, startServer } from "./harness.js";

async function roomThat(joined: (channel: Channel, presence: Presence) => void) {
  const pubsub = memoryPubSub();
  const presence = await Presence.start({ name: "rooms", pubsub });
  onTestFinished(() => presence.stop({ handoffMs: 0 }));
  const server = await startServer(
    (channels) =>
      channels.socket("/socket").channel("room:*", {
        join: () => ({ ok: {} }),
        joined: (channel) => joined(channel, presence),
        handleIn: { stop: (channel) => channel.stop() },
      }),
    { pubsub },
  );
  const client = await RawClient.connect(server.url);
  const [, , , answer] = await client.join("room:1");
  expect(answer).toBe("phx_reply");
  const next = async () => (await client.next()).slice(2);
  return { presence, server, client, next };
}

describe("followCount", () => {
  it("sends the counts of the channel's topic, or of another under its own event", async () => {
    const { presence, server, next } = await roomThat((channel, source) => {
      channel.followCount(source);
      channel.followCount(source);
      channel.followCount(source, "hall", { event: "hall_count", periodMs: 1 });
    });
    const counts = [await next(), await next()];
    expect(counts).toEqual([
      ["room:1", "presence_count", { metas: 0, keys: 0 }],
      ["room:1", "hall_count", { metas: 0, keys: 0 }],
    ]);
    for (const key of ["ann", "ann", "bo"]) presence.track(new Session(), "hall", key, {});
    expect(await next()).toEqual(["room:1", "hall_count", { metas: 3, keys: 2 }]);
    expect(server.errors).toEqual([]);
  });

  it("ends with the channel", async () => {
    const { presence, client, next } = await roomThat((channel, source) =>
      channel.followCount(source, "room:1", { periodMs: 1 }),
    );
    expect(await next()).toEqual(["room:1", "presence_count", { metas: 0, keys: 0 }]);
    client.send("1", "2", "room:1", "stop");
    expect((await next())[1]).toBe("phx_close");
    presence.track(new Session(), "room:1", "ann", {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await client.untilHeartbeat()).toEqual([]);
  });

  it("reports a wrong period as the failure of the handler that asked for it", async () => {
    const { server, client } = await roomThat((channel, source) =>
      channel.followCount(source, undefined, { periodMs: -1 }),
    );
    expect((await client.next())[3]).toBe("phx_error");
    expect(server.errors.map(({ cause }) => (cause as { code?: string }).code)).toEqual(["INVALID_OPTION"]);
  });
});

describe("follow with a limit", () => {
  it("sends the first keys, who moves up and out, and how many there are of the rest", async () => {
    const { presence, next } = await roomThat((channel, source) => {
      for (const key of ["b", "c", "d"]) source.track(new Session(), "room:1", key, {});
      channel.follow(source, "room:1", { limit: 2 });
      const events = { state: "s", diff: "d", rest: "r" };
      channel.follow(source, "room:1", { limit: 1, events });
    });
    const started = [await next(), await next(), await next(), await next()];
    const keysOf = (payload: unknown): string[] => Object.keys(payload as object);
    expect(started.map(([, event]) => event).sort()).toEqual(["presence_rest", "presence_state", "r", "s"]);
    const payloads = new Map(started.map(([, event, payload]) => [event, payload]));
    expect(keysOf(payloads.get("presence_state"))).toEqual(["b", "c"]);
    expect(payloads.get("presence_rest")).toEqual({ metas: 1, keys: 1 });
    expect([keysOf(payloads.get("s")), payloads.get("r")]).toEqual([["b"], { metas: 2, keys: 2 }]);

    presence.track(new Session(), "room:1", "a", {});
    const changed = new Map(
      [await next(), await next(), await next(), await next()].map(([, event, payload]) => [event, payload]),
    );
    const { joins, leaves } = changed.get("presence_diff") as { joins: object; leaves: object };
    expect([keysOf(joins), keysOf(leaves)]).toEqual([["a"], ["c"]]);
    expect(changed.get("presence_rest")).toEqual({ metas: 2, keys: 2 });
    expect(keysOf((changed.get("d") as { joins: object }).joins)).toEqual(["a"]);
    expect(changed.get("r")).toEqual({ metas: 3, keys: 3 });
  });
});
