/** The official client, unmodified, in both lines that are in use: what it does when the server does what it does. */
import { describe, expect, it } from "vitest";
import { refuse, type ChannelServer } from "../../src/channels/index.js";
import { MemoryHub } from "../../src/adapters/memory.js";
import {
  answer,
  CLIENTS,
  connectClient,
  deferred,
  nextEvent,
  startServer,
  VirtualRuntime,
} from "./harness.js";

/** Retries at once instead of after seconds: only the waiting is shortened, not what happens. */
const eager = { reconnectAfterMs: () => 1, rejoinAfterMs: () => 1 };

function lobbyServer(channels: ChannelServer): void {
  channels.socket("/socket").channel("room:*", {
    join: (_channel, params) => ({ ok: { params } }),
    handleIn: {
      echo: (_channel, payload) => ({ ok: payload }),
      refuse: () => ({ error: { reason: "refused" } }),
      say: (channel, payload) => channel.broadcast("said", payload),
      tell_others: (channel, payload) => channel.broadcastFrom("said", payload),
      crash: () => {
        throw new Error("crash");
      },
      stop: (channel) => channel.stop(),
      drop: (channel) => channel.socket.disconnect(),
    },
    handleBinary: {
      echo: (_channel, data) => ({ ok: data }),
      say: (channel, data) => channel.broadcast("said", data),
      push: (channel, data) => channel.push("pushed", data),
    },
  });
}

describe.each(CLIENTS)("phoenix $line", ({ phoenix }) => {
  it("joins, pushes and gets answers", async () => {
    const { url } = await startServer(lobbyServer);
    const socket = connectClient(phoenix, `${url}/socket`);
    const room = socket.channel("room:1", { page: "/" });
    expect(await answer(room.join())).toEqual({ status: "ok", response: { params: { page: "/" } } });
    expect(await answer(room.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
    expect(await answer(room.push("refuse", {}))).toEqual({
      status: "error",
      response: { reason: "refused" },
    });
  });

  it("sends what was pushed before the join was answered", async () => {
    const release = deferred();
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        join: async () => {
          await release.promise;
          return { ok: {} };
        },
        handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
      }),
    );
    const room = connectClient(phoenix, `${url}/socket`).channel("room:1");
    const joined = answer(room.join());
    const echoed = answer(room.push("echo", { early: true }));
    release.resolve();
    expect((await joined).status).toBe("ok");
    expect(await echoed).toEqual({ status: "ok", response: { early: true } });
  });

  it("hears broadcasts, its own too, and not those from itself", async () => {
    const { url } = await startServer(lobbyServer);
    const rooms = [1, 2].map(() => connectClient(phoenix, `${url}/socket`).channel("room:1"));
    const [ann, bob] = rooms as [(typeof rooms)[0], (typeof rooms)[0]];
    await Promise.all(rooms.map((room) => answer(room.join())));
    const heard: string[] = [];
    ann.on("said", ({ text }: { text: string }) => void heard.push(`ann ${text}`));
    bob.on("said", ({ text }: { text: string }) => void heard.push(`bob ${text}`));
    ann.push("say", { text: "one" });
    await answer(ann.push("echo", {}));
    await answer(bob.push("echo", {}));
    ann.push("tell_others", { text: "two" });
    await answer(ann.push("echo", {}));
    await answer(bob.push("echo", {}));
    expect(heard.sort()).toEqual(["ann one", "bob one", "bob two"]);
  });

  it("sends and gets bytes", async () => {
    const { url } = await startServer(lobbyServer);
    const room = connectClient(phoenix, `${url}/socket`).channel("room:1");
    await answer(room.join());
    const bytes = Uint8Array.from([0, 1, 254, 255]).buffer;
    const { response } = await answer(room.push("echo", bytes));
    expect(Buffer.from(response as ArrayBuffer)).toEqual(Buffer.from([0, 1, 254, 255]));
    for (const [push, event] of [
      ["say", "said"],
      ["push", "pushed"],
    ] as const) {
      const next = nextEvent(room, event);
      room.push(push, bytes);
      expect(Buffer.from((await next) as ArrayBuffer)).toEqual(Buffer.from([0, 1, 254, 255]));
    }
  });

  it("keeps retrying a refused join, until it leaves", async () => {
    let joins = 0;
    const tries = deferred();
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("room:*", {
        join: () => {
          if (++joins === 3) tries.resolve();
          return { error: { reason: "full" } };
        },
      }),
    );
    const room = connectClient(phoenix, `${url}/socket`, eager).channel("room:1");
    expect(await answer(room.join())).toEqual({ status: "error", response: { reason: "full" } });
    await tries.promise;
    room.leave();
    expect(room.state).toBe("closed");
    expect(channels.health().channels).toBe(0);
  });

  it("gets the error of an unmatched topic and of one channel too many", async () => {
    const { url } = await startServer(lobbyServer, { maxChannelsPerSocket: 2 });
    const socket = connectClient(phoenix, `${url}/socket`);
    expect((await answer(socket.channel("elsewhere").join())).response).toEqual({
      reason: "unmatched topic",
    });
    const answers = [];
    for (const topic of ["room:1", "room:2", "room:3"])
      answers.push(await answer(socket.channel(topic).join()));
    expect(answers.map(({ status }) => status)).toEqual(["ok", "ok", "error"]);
    expect(answers[2]?.response).toEqual({ reason: "too many channels joined" });
  });

  it("rejoins after phx_error with fresh parameters, on the same connection", async () => {
    const { url } = await startServer(lobbyServer);
    const socket = connectClient(phoenix, `${url}/socket`, eager);
    let opened = 0;
    socket.onOpen(() => void opened++);
    let attempt = 0;
    const room = socket.channel("room:1", () => ({ attempt: ++attempt }));
    const rejoined = deferred<unknown>();
    room.join().receive("ok", ({ params }: { params: { attempt: number } }) => {
      if (params.attempt === 1) room.push("crash", {});
      else rejoined.resolve(params);
    });
    const reason = new Promise((resolve) => room.onError(resolve));
    expect(await reason).toEqual({ reason: "channel_crash" });
    expect(await rejoined.promise).toEqual({ attempt: 2 });
    expect(opened).toBe(1);
    expect((await answer(room.push("echo", { well: true }))).status).toBe("ok");
  });

  it("closes for good on phx_close", async () => {
    let joins = 0;
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        join: () => ({ ok: { join: ++joins } }),
        handleIn: { stop: (channel) => channel.stop(), echo: () => ({ ok: {} }) },
      }),
    );
    const socket = connectClient(phoenix, `${url}/socket`, eager);
    const room = socket.channel("room:1");
    await answer(room.join());
    const closed = new Promise<void>((resolve) => room.onClose(() => resolve()));
    room.push("stop", {});
    await closed;
    expect(room.state).toBe("closed");
    const other = socket.channel("room:2");
    await answer(other.join());
    await answer(other.push("echo", {}));
    expect(joins).toBe(2);
  });

  it("leaves, and its channel is gone on the server", async () => {
    const left = deferred<string>();
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("room:*", {
        join: () => ({ ok: {} }),
        terminate: (_channel, reason) => left.resolve(reason),
      }),
    );
    const room = connectClient(phoenix, `${url}/socket`).channel("room:1");
    await answer(room.join());
    expect(channels.health().channels).toBe(1);
    room.leave();
    expect(await left.promise).toBe("left");
    expect(channels.health()).toMatchObject({ channels: 0, topics: 0, sockets: 1 });
  });

  it("gives up a join that takes too long, leaves it, and joins anew: one channel is left", async () => {
    const releases: (() => void)[] = [];
    const ended: string[] = [];
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("room:*", {
        join: async (channel) => {
          if (releases.length === 0) await new Promise<void>((resolve) => releases.push(resolve));
          return { ok: { session: channel.session.id } };
        },
        terminate: (_channel, reason) => {
          ended.push(reason);
        },
      }),
    );
    const room = connectClient(phoenix, `${url}/socket`, eager).channel("room:1");
    const joined = new Promise((resolve) => room.join(20).receive("ok", resolve));
    // The second join has been accepted when the first one's hook is let go.
    await joined;
    releases[0]?.();
    await nextTurn();
    expect(ended).toEqual(["left"]);
    expect(room.state).toBe("joined");
    expect(channels.health()).toMatchObject({ channels: 1, topics: 1 });
  });

  it("reconnects and rejoins when the server ends the connection, or restarts", async () => {
    const first = await startServer(lobbyServer);
    const socket = connectClient(phoenix, `${first.url}/socket`, eager);
    const room = socket.channel("room:1");
    const joins: (() => void)[] = [];
    const nextJoin = (): Promise<void> => new Promise((resolve) => joins.push(resolve));
    let joined = nextJoin();
    room.join().receive("ok", () => joins.shift()?.());
    await joined;
    joined = nextJoin();
    const closed = new Promise<CloseEvent>((resolve) => socket.onClose((event) => resolve(event)));
    room.push("drop", {});
    expect((await closed).code).toBe(1001);
    await joined;
    joined = nextJoin();
    const restarting = deferred<number>();
    socket.onClose((event: CloseEvent) => restarting.resolve(event.code));
    await first.stop();
    expect(await restarting.promise).toBe(1012);
    await startServer(lobbyServer, { port: first.port });
    await joined;
    expect((await answer(room.push("echo", { again: true }))).response).toEqual({ again: true });
  });

  it("stays as long as it sends heartbeats, and is closed with 1001 when it sends none", async () => {
    const runtime = new VirtualRuntime();
    const { url, channels } = await startServer(lobbyServer, { runtime });
    const lively = connectClient(phoenix, `${url}/socket`, eager);
    const silent = connectClient(phoenix, `${url}/socket`, eager);
    await Promise.all(
      [lively, silent].map((socket) => new Promise<void>((resolve) => socket.onOpen(resolve))),
    );
    let livelyCloses = 0;
    lively.onClose(() => void livelyCloses++);
    const closed = new Promise<CloseEvent>((resolve) => silent.onClose((event) => resolve(event)));
    await runtime.advance(40_000);
    await new Promise((resolve) => lively.ping(resolve));
    await runtime.advance(20_000);
    expect((await closed).code).toBe(1001);
    await new Promise((resolve) => lively.ping(resolve));
    expect(livelyCloses).toBe(0);
    expect(channels.health().counters.idleSockets).toBe(1);
  });

  it("backs off while the upgrade is refused, and connects when it no longer is", async () => {
    let requests = 0;
    const { url } = await startServer((channels) =>
      channels.socket("/socket", { connect: () => (++requests < 4 ? refuse(403) : { user: "ann" }) }),
    );
    const waits: number[] = [];
    const socket = connectClient(phoenix, `${url}/socket`, {
      reconnectAfterMs: (tries) => {
        waits.push(tries);
        return 1;
      },
    });
    await new Promise<void>((resolve) => socket.onOpen(resolve));
    // The count of tries grows, so the real client waits longer each time: an accepted upgrade would reset it.
    expect(waits).toEqual([1, 2, 3]);
  });

  it("passes nested parameters, and functions of them, to the connect hook", async () => {
    const seen: unknown[] = [];
    const { url } = await startServer((channels) =>
      channels.socket("/socket", {
        connect: ({ params }) => {
          seen.push(params);
          return {};
        },
      }),
    );
    const socket = connectClient(phoenix, `${url}/socket`, {
      params: () => ({ token: "a+b/c=", user: { name: "Ann & Bob", "a[b": 1 }, tags: ["x", "y"] }),
    });
    await new Promise<void>((resolve) => socket.onOpen(resolve));
    expect(seen).toEqual([expect.objectContaining({ token: "a+b/c=", tags: ["x", "y"], vsn: "2.0.0" })]);
    expect((seen[0] as { user: object }).user).toMatchObject({ name: "Ann & Bob" });
  });

  it("types and keeps assigns per socket and channel", async () => {
    interface Cart {
      items: number[];
    }
    const { url } = await startServer((channels) =>
      channels
        .socket("/socket", { connect: ({ params }) => ({ user: String(params["user"]) }) })
        .channel<Cart>("cart:*", {
          join: (channel) => ({ ok: { user: channel.socket.assigns.user }, assigns: { items: [] } }),
          handleIn: {
            add(channel, { item }) {
              if (typeof item !== "number") return { error: { reason: "not an item" } };
              channel.assigns.items.push(item);
              return { ok: { items: channel.assigns.items, user: channel.socket.assigns.user } };
            },
          },
        }),
    );
    const socket = connectClient(phoenix, `${url}/socket`, { params: { user: "ann" } });
    const [one, two] = ["cart:1", "cart:2"].map((topic) => socket.channel(topic)) as [
      ReturnType<typeof socket.channel>,
      ReturnType<typeof socket.channel>,
    ];
    expect((await answer(one.join())).response).toEqual({ user: "ann" });
    await answer(two.join());
    await answer(one.push("add", { item: 1 }));
    expect((await answer(one.push("add", { item: 2 }))).response).toEqual({ items: [1, 2], user: "ann" });
    expect((await answer(two.push("add", { item: 3 }))).response).toEqual({ items: [3], user: "ann" });
    expect((await answer(two.push("add", { item: "3" }))).status).toBe("error");
  });

  it("gets what an intercepted broadcast is turned into, per channel", async () => {
    const { url, channels } = await startServer((server) =>
      server
        .socket("/socket", { connect: ({ params }) => ({ user: String(params["user"]) }) })
        .channel("room:*", {
          join: () => ({ ok: {} }),
          handleOut: {
            said: (channel, { from, text }) => {
              if (from !== channel.socket.assigns.user) channel.push("heard", { text });
            },
          },
          handleIn: { echo: () => ({ ok: {} }) },
        }),
    );
    const heard: string[] = [];
    const rooms = await Promise.all(
      ["ann", "bob"].map(async (user) => {
        const room = connectClient(phoenix, `${url}/socket`, { params: { user } }).channel("room:1");
        room.on("said", () => void heard.push("said"));
        room.on("heard", ({ text }: { text: string }) => void heard.push(`${user} ${text}`));
        await answer(room.join());
        return room;
      }),
    );
    channels.broadcast("room:1", "said", { from: "ann", text: "hi" });
    await Promise.all(rooms.map((room) => answer(room.push("echo", {}))));
    expect(heard).toEqual(["bob hi"]);
  });

  it("hears broadcasts of the other node, and is disconnected by it", async () => {
    const hub = new MemoryHub();
    const configure = (channels: ChannelServer): void => {
      channels
        .socket("/socket", {
          connect: ({ params }) => ({ user: String(params["user"]) }),
          id: ({ user }) => `user:${user}`,
        })
        .channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: {
            say: (channel, payload) => channel.broadcastFrom("said", payload),
            echo: () => ({ ok: {} }),
          },
          handleBinary: { say: (channel, data) => channel.broadcastFrom("said", data) },
        });
    };
    const one = await startServer(configure, { pubsub: hub.node("one") });
    const two = await startServer(configure, { pubsub: hub.node("two") });
    const ann = connectClient(phoenix, `${one.url}/socket`, { ...eager, params: { user: "ann" } });
    const bob = connectClient(phoenix, `${two.url}/socket`, { ...eager, params: { user: "bob" } });
    const [annRoom, bobRoom] = [ann.channel("room:1"), bob.channel("room:1")];
    await Promise.all([answer(annRoom.join()), answer(bobRoom.join())]);
    let next = nextEvent(bobRoom, "said");
    annRoom.push("say", { text: "across" });
    expect(await next).toEqual({ text: "across" });
    next = nextEvent(bobRoom, "said");
    annRoom.push("say", Uint8Array.from([7, 8]).buffer);
    expect(Buffer.from((await next) as ArrayBuffer)).toEqual(Buffer.from([7, 8]));
    const closed = new Promise<CloseEvent>((resolve) => bob.onClose((event) => resolve(event)));
    let annCloses = 0;
    ann.onClose(() => void annCloses++);
    one.channels.disconnect("user:bob");
    expect((await closed).code).toBe(1001);
    await answer(annRoom.push("echo", {}));
    expect(annCloses).toBe(0);
    expect([...one.errors, ...two.errors]).toEqual([]);
  });
});

describe("phoenix 1.8", () => {
  it("carries its authToken as a subprotocol", async () => {
    const tokens: unknown[] = [];
    const { url, httpServer } = await startServer((channels) =>
      channels.socket("/socket", {
        connect: ({ authToken }) => {
          tokens.push(authToken);
          return authToken === "s3cret, with spaces" ? {} : refuse(401);
        },
      }),
    );
    const urls: unknown[] = [];
    httpServer.prependListener("upgrade", (request: { url?: string }) => void urls.push(request.url));
    const [{ phoenix }] = CLIENTS;
    const socket = connectClient(phoenix, `${url}/socket`, { authToken: "s3cret, with spaces" });
    await new Promise<void>((resolve) => socket.onOpen(resolve));
    expect(tokens).toEqual(["s3cret, with spaces"]);
    expect(urls).toEqual(["/socket/websocket?vsn=2.0.0"]);
  });
});

/** One turn of the event loop: what was resolved has been handled. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
