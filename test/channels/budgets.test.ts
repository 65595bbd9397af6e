/**
 * The limits that are counted in bytes, or over many sockets, each tried by clients that want to exceed it: the
 * process and the other sockets are unharmed, and what happened is counted and reported.
 */
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { refuse, type ChannelServer, type ChannelServerOptions } from "../../src/channels/index.js";
import { Presence, Session } from "../../src/index.js";
import {
  deferred,
  RawClient,
  refusedStatus,
  startServer,
  VirtualRuntime,
  type TestServer,
} from "./harness.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for something that happens elsewhere, and not for time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

function reported({ errors }: TestServer): string[] {
  return errors.map(({ code, details }) => `${code} ${String(details["limit"] ?? "")}`.trim());
}

/** Joined before the harm is done, and asked afterwards whether it noticed anything. */
async function bystander({ url }: TestServer): Promise<() => Promise<void>> {
  const client = await RawClient.connect(url);
  await client.join("room:bystander", "b");
  return async () => {
    client.send("b", "b2", "room:bystander", "echo", { well: true });
    expect((await client.next())[4]).toEqual({ status: "ok", response: { well: true } });
  };
}

describe("what waits for handlers", () => {
  /** A server whose handlers, or joins, wait until they are released. */
  async function waitingServer(options: Partial<ChannelServerOptions> = {}) {
    const release = deferred();
    let handled = 0;
    const server = await startServer(
      (channels) =>
        channels
          .socket("/socket")
          .channel("room:*", {
            join: () => ({ ok: {} }),
            handleIn: {
              echo: (_channel, payload) => ({ ok: payload }),
              wait: async () => {
                await release.promise;
                handled++;
                return { ok: {} };
              },
            },
          })
          .channel("slow:*", {
            join: async () => {
              await release.promise;
              return { ok: {} };
            },
            handleIn: {
              wait: () => {
                handled++;
                return { ok: {} };
              },
            },
          }),
      { messageBurst: 100_000, ...options },
    );
    return { server, release, handled: () => handled };
  }

  it.each(["room:1", "slow:1"])(
    "on %s is bounded in bytes: the socket is read no faster, and nothing is lost",
    async (topic) => {
      const { server, release, handled } = await waitingServer({ maxQueuedBytes: 200_000 });
      const unharmed = await bystander(server);
      const client = await RawClient.connect(server.url);
      client.send("1", "1", topic, "phx_join");
      if (topic === "room:1") await client.next();
      const text = "x".repeat(60_000);
      // More than the kernel takes between two processes that do not read.
      const count = 400;
      for (let number = 0; number < count; number++)
        client.send("1", String(number), topic, "wait", { text });
      await until(() => server.channels.health().counters.pausedReads > 0);
      await unharmed();
      for (let turns = 0; turns < 200; turns++) await turn();
      expect(client.socket.bufferedAmount).toBeGreaterThan(5_000_000);
      expect(reported(server)).toEqual(["LIMIT_REACHED maxQueuedBytes"]);
      release.resolve();
      await until(() => handled() === count);
      await unharmed();
      expect(reported(server)).toEqual(["LIMIT_REACHED maxQueuedBytes"]);
      expect(server.channels.health()).toMatchObject({ channels: 2, counters: { overflowedChannels: 0 } });
    },
  );

  it("is one budget for all channels of a socket", async () => {
    const { server, release, handled } = await waitingServer({ maxQueuedBytes: 200_000 });
    const client = await RawClient.connect(server.url);
    const topics = Array.from({ length: 20 }, (_, index) => `room:${index}`);
    for (const topic of topics) await client.join(topic);
    const text = "x".repeat(20_000);
    for (let round = 0; round < 40; round++) {
      for (const topic of topics) client.send("1", "2", topic, "wait", { text });
    }
    await until(() => server.channels.health().counters.pausedReads > 0);
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(client.socket.bufferedAmount).toBeGreaterThan(5_000_000);
    release.resolve();
    await until(() => handled() === 800);
  });

  it("counts a payload that was parsed with what it takes in memory", async () => {
    const { server, release, handled } = await waitingServer({ maxQueuedBytes: 500_000 });
    const client = await RawClient.connect(server.url);
    await client.join("room:1");
    // 60 kB of text are 1.3 MB of empty objects.
    client.send("1", "2", "room:1", "wait", { list: Array.from({ length: 20_000 }, () => ({})) });
    await until(() => server.channels.health().counters.pausedReads > 0);
    release.resolve();
    await until(() => handled() === 1);
    client.send("1", "3", "room:1", "echo", { still: "read" });
    expect((await client.next())[1]).toBe("2");
    expect((await client.next())[4]["response"]).toEqual({ still: "read" });
  });

  it("counts the parameters of a join with what they take in memory", async () => {
    const { server, release } = await waitingServer({ maxQueuedBytes: 500_000 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    client.send("1", "1", "slow:1", "phx_join", { list: Array.from({ length: 20_000 }, () => ({})) });
    await until(() => server.channels.health().counters.pausedReads > 0);
    expect(reported(server)).toEqual(["LIMIT_REACHED maxQueuedBytes"]);
    await unharmed();
    release.resolve();
    expect((await client.next())[4]["status"]).toBe("ok");
    expect((await client.join("room:1", "2"))[4]["status"]).toBe("ok");
  });

  it("counts a broadcast with what it takes in memory, also while its handler runs", async () => {
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
          handleOut: { news: () => new Promise(() => undefined) },
        }),
      { maxQueuedBytes: 1_000_000 },
    );
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    // 60 kB of text are 2 MB of empty objects: with the one that a handler has, a second one is too much.
    const news = { list: Array.from({ length: 20_000 }, () => ({})) };
    server.channels.broadcast("room:1", "news", news);
    expect(await client.untilHeartbeat()).toEqual([]);
    server.channels.broadcast("room:1", "news", news);
    expect((await client.next())[3]).toBe("phx_error");
    await unharmed();
  });

  describe("of broadcasts for handleOut slows their sender down", () => {
    async function room(handle: () => Promise<void>, options: Partial<ChannelServerOptions> = {}) {
      const server = await startServer(
        (channels) =>
          channels.socket("/socket").channel("room:*", {
            join: () => ({ ok: {} }),
            handleIn: { say: (channel, payload) => channel.broadcastFrom("said", payload) },
            handleOut: {
              said: async (channel, payload) => {
                await handle();
                channel.push("said", payload);
              },
            },
          }),
        { messageBurst: 100_000, ...options },
      );
      const [sender, receiver] = [await RawClient.connect(server.url), await RawClient.connect(server.url)];
      for (const client of [sender, receiver]) await client.join("room:1", "1");
      return { server, sender, receiver };
    }

    it.each([
      ["large ones", 100, 60_000],
      ["many small ones", 6_000, 10],
    ])("so that nobody is ended for what one client sent: %s", async (_name, count, size) => {
      const { server, sender, receiver } = await room(turn);
      const text = "x".repeat(size);
      for (let number = 0; number < count; number++)
        sender.send("1", null, "room:1", "say", { number, text });
      for (let number = 0; number < count; number++) {
        const [, , , event, payload] = await receiver.next();
        expect([event, payload["number"]]).toEqual(["said", number]);
      }
      expect(server.channels.health()).toMatchObject({ channels: 2, counters: { overflowedChannels: 0 } });
      expect(server.channels.health().counters.pausedReads).toBeGreaterThan(0);
    });

    it("but not for long by one that hangs: that one is ended", async () => {
      const runtime = new VirtualRuntime();
      const { server, sender, receiver } = await room(() => new Promise(() => undefined), {
        maxQueuedBytes: 400_000,
        runtime,
      });
      const text = "x".repeat(60_000);
      for (let number = 0; number < 20; number++) sender.send("1", null, "room:1", "say", { number, text });
      await until(() => server.channels.health().counters.pausedReads > 0);
      for (let turns = 0; turns < 50; turns++) await turn();
      expect(server.channels.health().counters.overflowedChannels).toBe(0);
      const ended = receiver.next();
      for (let round = 0; round < 4; round++) {
        await runtime.advance(5_000);
        for (let turns = 0; turns < 50; turns++) await turn();
      }
      expect((await ended)[3]).toBe("phx_error");
      expect(await sender.untilHeartbeat()).toEqual([]);
    });
  });

  it("of broadcasts counts once for all who keep them", async () => {
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
          handleOut: { news: () => new Promise(() => undefined) },
        }),
      { maxBufferedBytesTotal: 1_000_000 },
    );
    const clients: RawClient[] = [];
    for (let count = 0; count < 40; count++) clients.push(await RawClient.connect(server.url));
    for (const client of clients) await client.join("room:1", "1");
    const text = "x".repeat(50_000);
    // 150 kB each, and 6 MB if each of the 40 counted for itself.
    for (let count = 0; count < 5; count++) server.channels.broadcast("room:1", "news", { text });
    expect(server.channels.health()).toMatchObject({ sockets: 40, counters: { crowdedOut: 0 } });
    for (let count = 0; count < 5; count++) server.channels.broadcast("room:1", "news", { text });
    expect(server.channels.health().counters.crowdedOut).toBeGreaterThan(0);
  });

  it("of broadcasts for handleOut ends the channel, for their senders cannot be slowed down", async () => {
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: {
            echo: (_channel, payload) => ({ ok: payload }),
            hang: () => new Promise(() => undefined),
          },
          handleOut: { news: () => undefined },
        }),
      { maxQueuedBytes: 50_000 },
    );
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    client.send("1", "2", "room:1", "hang");
    expect(await client.untilHeartbeat()).toEqual([]);
    const text = "x".repeat(10_000);
    for (let count = 0; count < 4; count++) server.channels.broadcast("room:1", "news", { text });
    expect(await client.untilHeartbeat()).toEqual([]);
    server.channels.broadcast("room:1", "news", { text });
    expect((await client.next())[3]).toBe("phx_error");
    expect(server.channels.health().counters.overflowedChannels).toBe(1);
    expect(reported(server)).toContain("HANDLER_FAILED");
    expect((await client.join("room:2", "2"))[4]["status"]).toBe("ok");
    await unharmed();
  });

  it("of broadcasts kept for a join that hangs ends the channel too", async () => {
    const { server } = await waitingServer({ maxQueuedBytes: 50_000 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    client.send("1", "1", "slow:1", "phx_join");
    expect(await client.untilHeartbeat()).toEqual([]);
    const text = "x".repeat(10_000);
    for (let count = 0; count < 4; count++) server.channels.broadcast("slow:1", "news", { text });
    expect(await client.untilHeartbeat()).toEqual([]);
    server.channels.broadcast("slow:1", "news", { text });
    expect((await client.next())[3]).toBe("phx_error");
    await unharmed();
  });
});

describe("the rate", () => {
  const echo = (channels: ChannelServer): void => {
    channels.socket("/socket").channel("room:*", {
      join: () => ({ ok: {} }),
      handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
    });
  };

  it("counts bytes: every 4 KiB of a frame are a message, also of one that nobody wants", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(echo, { runtime, messageBurst: 20, messagesPerSecond: 10 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    const text = "x".repeat(40_000);
    for (let count = 0; count < 200; count++) client.send(null, String(count), "nowhere", "x", { text });
    await until(() => server.channels.health().counters.pausedReads > 0);
    await unharmed();
    for (let turns = 0; turns < 200; turns++) await turn();
    // 8 MB were sent: 20 + 10 messages a second are not 2,000.
    expect(client.socket.bufferedAmount).toBeGreaterThan(1_000_000);
    expect(reported(server)).toEqual(["LIMIT_REACHED messagesPerSecond"]);
    await runtime.advance(20_000);
    await unharmed();
    expect(reported(server), "said once per socket").toEqual(["LIMIT_REACHED messagesPerSecond"]);
  });

  it.each([
    ["pings", 0x89],
    ["pongs", 0x8a],
  ])("counts %s", async (_name, opcode) => {
    const runtime = new VirtualRuntime();
    const server = await startServer(echo, { runtime, messageBurst: 20, messagesPerSecond: 10 });
    const unharmed = await bystander(server);
    const socket = await rawUpgrade(server.port);
    const flood = Buffer.concat(
      Array.from({ length: 100_000 }, () => Buffer.from([opcode, 0x80, 0, 0, 0, 0])),
    );
    for (let count = 0; count < 20; count++) socket.write(flood);
    await until(() => server.channels.health().counters.pausedReads > 0);
    for (let turns = 0; turns < 200; turns++) await turn();
    await unharmed();
    expect(socket.writableLength).toBeGreaterThan(1_000_000);
    expect(server.channels.health().counters.pausedReads).toBe(1);
    expect(reported(server)).toEqual(["LIMIT_REACHED messagesPerSecond"]);
  });

  it("leaves pings answered, with what they held", async () => {
    const server = await startServer(echo);
    const client = await RawClient.connect(server.url);
    const answered = deferred<string>();
    client.socket.on("pong", (data) => answered.resolve(data.toString()));
    client.socket.ping("are you there");
    expect(await answered.promise).toBe("are you there");
  });

  it("is kept by a socket that was asked to close and sends on: it is cut off", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(echo, { runtime, messageBurst: 20 });
    const unharmed = await bystander(server);
    const socket = await rawUpgrade(server.port);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    const frame = (text: string): Buffer => {
      const data = Buffer.from(text);
      return Buffer.concat([Buffer.from([0x81, 0x80 | data.length, 0, 0, 0, 0]), data]);
    };
    socket.write(frame("junk"));
    for (let count = 0; count < 1_000; count++) socket.write(frame('[null,"1","phoenix","heartbeat",{}]'));
    await closed;
    await unharmed();
  });

  it("does not make a socket that it slowed down look idle", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(echo, { runtime, messageBurst: 1, messagesPerSecond: 0.01 });
    const client = await RawClient.connect(server.url);
    await client.join("room:1");
    client.send("1", "2", "room:1", "echo");
    expect((await client.next())[1]).toBe("2");
    expect(server.channels.health().counters.pausedReads).toBe(1);
    await runtime.advance(100_000);
    client.send("1", "3", "room:1", "echo");
    expect((await client.next())[1]).toBe("3");
    expect(server.channels.health().counters.idleSockets).toBe(0);
  });
});

describe("what a join causes to be sent", () => {
  const big = { text: "x".repeat(30_000) };
  const pushing = (channels: ChannelServer): void => {
    channels.socket("/socket").channel("room:*", {
      join: () => ({ ok: {} }),
      joined: (channel) => channel.push("big", big),
      handleIn: {
        get: () => ({ ok: big }),
        echo: (_channel, payload) => ({ ok: payload }),
      },
    });
  };

  it("is charged to the socket that joins, and to no other", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(pushing, { runtime, joinByteBurst: 40_000, joinBytesPerSecond: 10_000 });
    const client = await RawClient.connect(server.url);
    const other = await RawClient.connect(server.url);
    const refused = { status: "error", response: { reason: "too many joins" } };
    for (const topic of ["room:1", "room:2"]) {
      expect((await client.join(topic))[4]["status"]).toBe("ok");
      expect((await client.next())[3]).toBe("big");
    }
    // What handlers answer is not the join's.
    client.send("1", "2", "room:1", "get");
    await client.next();
    expect((await client.join("room:3"))[4]).toEqual(refused);
    expect((await other.join("room:3"))[4]["status"]).toBe("ok");
    expect(server.channels.health().counters.refusedJoins).toBe(1);
    expect(reported(server)).toEqual(["LIMIT_REACHED joinBytesPerSecond"]);
    await runtime.advance(1_900);
    expect((await client.join("room:3"))[4]).toEqual(refused);
    await runtime.advance(300);
    expect((await client.join("room:3"))[4]["status"]).toBe("ok");
  });

  it("is charged to all sockets of a key together: a new socket has no new burst", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(pushing, {
      runtime,
      key: ({ headers }) => headers["x-visitor"] as string | undefined,
      socketRatesPerKey: 2,
      joinBurst: 3,
    });
    const visit = async (visitor: string): Promise<unknown[]> => {
      const client = await RawClient.connect(server.url, undefined, { headers: { "x-visitor": visitor } });
      const statuses: unknown[] = [];
      for (const topic of ["room:1", "room:2", "room:3"]) {
        client.send("1", "1", topic, "phx_join");
        for (let frame = await client.next(); ; frame = await client.next()) {
          if (frame[3] !== "phx_reply") continue;
          statuses.push(frame[4]["status"]);
          break;
        }
      }
      client.socket.close();
      await client.closed;
      return statuses;
    };
    expect(await visit("ann")).toEqual(["ok", "ok", "ok"]);
    expect(await visit("ann")).toEqual(["ok", "ok", "ok"]);
    await until(() => server.channels.health().sockets === 0);
    expect(await visit("ann")).toEqual(["error", "error", "error"]);
    expect(await visit("bob")).toEqual(["ok", "ok", "ok"]);
    // As good as new after a while, and then forgotten.
    await runtime.advance(60_000);
    expect(await visit("ann")).toEqual(["ok", "ok", "ok"]);
  });
});

describe("the states that joins cause to be sent", () => {
  async function room(options: Partial<ChannelServerOptions>) {
    const pubsub = memoryPubSub();
    const presence = await Presence.start({ name: "rooms", pubsub });
    onTestFinished(() => presence.stop({ handoffMs: 0 }));
    const text = "x".repeat(1_000);
    const session = new Session();
    for (let count = 0; count < 30; count++) presence.track(session, "lobby", `user:${count}`, { text });
    const runtime = new VirtualRuntime();
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          joined: (channel) => channel.follow(presence, "lobby"),
          handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
        }),
      { pubsub, runtime, ...options },
    );
    return { server, runtime };
  }
  const states = (frames: readonly unknown[][]): number =>
    frames.filter(([, , , event]) => event === "presence_state").length;

  it.each([
    ["in one piece", 65_536],
    ["in pieces", 10_000],
  ])(
    "are charged before the next one goes out, however many joins came at once: %s",
    async (_name, bytes) => {
      const limits = { joinByteBurst: 40_000, joinBytesPerSecond: 10_000, maxPieceBytes: bytes };
      const { server, runtime } = await room(limits);
      const client = await RawClient.connect(server.url);
      const other = await RawClient.connect(server.url);
      for (let count = 0; count < 10; count++) client.send("1", String(count), `room:${count}`, "phx_join");
      // A state is 31 kB: the second one is begun with what is left, the third waits.
      const received = async (): Promise<unknown[][]> => {
        const frames: unknown[][] = [];
        for (let round = 0; round < 5; round++) frames.push(...(await client.untilHeartbeat()));
        return frames;
      };
      const frames = await received();
      expect(frames.filter(([, , , event]) => event === "phx_reply")).toHaveLength(10);
      expect(states(frames)).toBe(2);
      await other.join("room:1");
      expect((await other.next())[3]).toBe("presence_state");
      await runtime.advance(2_000);
      expect(states(await received())).toBe(0);
      await runtime.advance(1_000);
      expect(states(await received())).toBe(1);
      for (let count = 0; count < 7; count++) await runtime.advance(3_400);
      expect(states(await received())).toBe(7);
      expect(server.errors).toEqual([]);
    },
  );
});

describe("what waits on all sockets", () => {
  it("is bounded: the socket with the most is dropped, the others go on", async () => {
    const server = await startServer(
      (channels) =>
        channels.socket("/socket", { connect: () => ({}) }).channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
        }),
      { maxBufferedBytes: 100_000_000, maxBufferedBytesTotal: 40_000_000 },
    );
    const unharmed = await bystander(server);
    const readers: RawClient[] = [];
    for (let index = 0; index < 4; index++) {
      const reader = await RawClient.connect(server.url);
      await reader.join(`room:${index}`);
      reader.socket.pause();
      readers.push(reader);
    }
    const text = "x".repeat(1_000_000);
    // What the kernel takes off is the same for each: 2 and 4 times as much waits for the third and the fourth.
    const send = (reader: number, megabytes: number): void => {
      for (let count = 0; count < megabytes; count++)
        server.channels.broadcast(`room:${reader}`, "news", { text });
    };
    send(0, 8);
    send(1, 8);
    send(2, 10);
    expect(server.channels.health().counters.crowdedOut).toBe(0);
    send(3, 40);
    expect(server.channels.health().counters.crowdedOut).toBe(1);
    expect(reported(server)).toEqual(["LIMIT_REACHED maxBufferedBytesTotal"]);
    readers[3]?.socket.resume();
    expect((await readers[3]?.closed)?.code).toBe(1006);
    for (const [index, count] of [8, 8, 10].entries()) {
      const reader = readers[index] as RawClient;
      reader.socket.resume();
      for (let number = 0; number < count; number++) expect((await reader.next())[3]).toBe("news");
    }
    await unharmed();
  });
});

describe("how many sockets there are", () => {
  const open = (channels: ChannelServer): void => {
    channels.socket("/socket", {
      connect: ({ params }) => ({ user: params["user"] }),
      id: ({ user }) => (typeof user === "string" ? user : undefined),
    });
  };
  const path = (user = ""): string => `/socket/websocket?vsn=2.0.0${user && `&user=${user}`}`;
  const status = (url: string, user?: string, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url + path(user), { headers });
      onTestFinished(() => socket.terminate());
      socket.on("open", () => resolve(101));
      socket.on("unexpected-response", (_request, response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      socket.on("error", reject);
    });

  it("is limited in all, handshakes under way included, and a place is given back", async () => {
    const asked = deferred();
    const connecting = deferred<ReturnType<typeof refuse>>();
    const server = await startServer(
      (channels) => {
        open(channels);
        channels.socket("/slow", {
          connect: () => {
            asked.resolve();
            return connecting.promise;
          },
        });
      },
      { maxSockets: 2 },
    );
    const client = await RawClient.connect(server.url, path());
    const slow = refusedStatus(`${server.url}/slow/websocket?vsn=2.0.0`);
    await asked.promise;
    expect(await status(server.url)).toBe(503);
    expect(server.channels.health().counters.refusedConnections).toBe(1);
    expect(reported(server)).toEqual(["LIMIT_REACHED maxSockets"]);
    connecting.resolve(refuse(418));
    expect(await slow).toBe(418);
    expect(await status(server.url)).toBe(101);
    expect(await status(server.url)).toBe(503);
    client.socket.terminate();
    await until(() => server.channels.health().sockets === 1);
    expect(await status(server.url)).toBe(101);
  });

  it("is limited by id and by key", async () => {
    const server = await startServer(open, {
      maxSocketsPerId: 2,
      maxSocketsPerKey: 3,
      key: ({ headers }) => headers["x-address"] as string | undefined,
    });
    expect(await status(server.url, "ann")).toBe(101);
    expect(await status(server.url, "ann")).toBe(101);
    expect(await status(server.url, "ann")).toBe(429);
    expect(await status(server.url, "bob")).toBe(101);
    for (let count = 0; count < 3; count++) {
      expect(await status(server.url, undefined, { "x-address": "one" })).toBe(101);
    }
    expect(await status(server.url, undefined, { "x-address": "one" })).toBe(429);
    expect(await status(server.url, undefined, { "x-address": "two" })).toBe(101);
    expect(reported(server)).toEqual(["LIMIT_REACHED maxSocketsPerId", "LIMIT_REACHED maxSocketsPerKey"]);
  });

  it("is not counted by a key that fails: the connection is refused and the failure reported", async () => {
    const server = await startServer(open, {
      key: () => {
        throw new Error("no key");
      },
    });
    expect(await status(server.url)).toBe(500);
    expect(server.errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
      ["HANDLER_FAILED", "no key"],
    ]);
  });
});

/** A WebSocket by hand: whoever attacks keeps to no library's manners. */
async function rawUpgrade(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  socket.write(
    "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}
