/** Every limit at its edge, and every kind of junk: the process and the other sockets are unharmed. */
import { describe, expect, it } from "vitest";
import type { ChannelServer } from "../../src/channels/index.js";
import { deferred, RawClient, startServer, VirtualRuntime, type TestServer } from "./harness.js";

function roomServer(channels: ChannelServer): void {
  channels.socket("/socket").channel("room:*", {
    join: () => ({ ok: {} }),
    handleIn: {
      echo: (_channel, payload) => ({ ok: payload }),
      hang: () => new Promise<void>(() => undefined),
    },
  });
}

/** A bystander: joined before the harm is done, and asked afterwards whether it noticed anything. */
async function bystander({ url }: TestServer): Promise<() => Promise<void>> {
  const client = await RawClient.connect(url);
  await client.join("room:bystander", "b");
  return async () => {
    client.send("b", "b2", "room:bystander", "echo", { well: true });
    expect(await client.next()).toEqual([
      "b",
      "b2",
      "room:bystander",
      "phx_reply",
      { status: "ok", response: { well: true } },
    ]);
  };
}

describe("malformed frames", () => {
  const junk: [name: string, data: string | Buffer, code: number][] = [
    ["no JSON", "{", 1007],
    ["nothing", "", 1007],
    ["an object of version 1", '{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}', 1007],
    ["too few fields", '["1","1","room:1","phx_join"]', 1007],
    ["too many fields", '["1","1","room:1","phx_join",{},{}]', 1007],
    ["a topic that is no text", '["1","1",7,"phx_join",{}]', 1007],
    ["an event that is no text", '["1","1","room:1",null,{}]', 1007],
    ["a ref that is an object", '["1",{},"room:1","phx_join",{}]', 1007],
    ["a join ref that is a list", '[[],"1","room:1","phx_join",{}]', 1007],
    ["200,000 levels", "[".repeat(200_000), 1007],
    ["an empty binary frame", Buffer.alloc(0), 1003],
    ["a binary reply", Buffer.from([1, 0, 0, 0, 0]), 1003],
    ["binary fields longer than the frame", Buffer.from([0, 255, 255, 255, 255, 1]), 1003],
  ];

  it.each(junk)("%s: closed, counted, nobody else notices", async (_name, data, code) => {
    const server = await startServer(roomServer, { maxFrameBytes: 262_144 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    client.socket.send(data);
    expect((await client.closed).code).toBe(code);
    expect(server.channels.health().counters.malformedFrames).toBe(1);
    await unharmed();
  });

  it("text that is not UTF-8: closed with 1007", async () => {
    const server = await startServer(roomServer);
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect((await client.closed).code).toBe(1007);
    await unharmed();
  });

  it("a payload that is no object is answered, and the socket lives", async () => {
    const server = await startServer(roomServer);
    const client = await RawClient.connect(server.url);
    const refused = { status: "error", response: { reason: "payload must be an object" } };
    for (const payload of [null, 7, "text", [1], true]) {
      expect((await client.join("room:1", "1", payload))[4]).toEqual(refused);
    }
    await client.join("room:1", "1");
    for (const payload of [null, 7, "text", [1], true]) {
      client.send("1", "2", "room:1", "echo", payload);
      expect((await client.next())[4]).toEqual(refused);
    }
  });

  it("a payload of more than 64 levels is answered with an error, pushed or as the params of a join", async () => {
    const server = await startServer(roomServer, { maxFrameBytes: 262_144 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    const nested = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
    const refused = { status: "error", response: { reason: "payload is nested deeper than 64 levels" } };
    for (const levels of [65, 1_000, 30_000]) {
      client.socket.send(`["1","2","room:1","echo",${nested(levels)}]`);
      expect((await client.next())[4]).toEqual(refused);
      client.socket.send(`["2","2","room:2","phx_join",${nested(levels)}]`);
      expect((await client.next())[4]).toEqual(refused);
    }
    client.socket.send(`["1","3","room:1","echo",${nested(64)}]`);
    expect((await client.next())[4]["status"]).toBe("ok");
    client.socket.send(`["1","4","room:1","echo",{"text":${JSON.stringify('{"['.repeat(100))}}]`);
    expect((await client.next())[4]["status"]).toBe("ok");
    expect(server.channels.health().counters).toMatchObject({ refusedMessages: 3, refusedJoins: 3 });
    await unharmed();
  });

  it("a payload that is no JSON closes its socket also when it had to wait for its turn", async () => {
    const server = await startServer(roomServer);
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    client.socket.send('["1","2","room:1","echo",{"a":}]');
    expect((await client.closed).code).toBe(1007);
    expect(server.channels.health().counters.malformedFrames).toBe(1);
    await unharmed();
  });

  it("a ref of more than 64 bytes is no ref, in text and in binary", async () => {
    const server = await startServer(roomServer);
    const unharmed = await bystander(server);
    const long = "é".repeat(33);
    const binary = (ref: string): Buffer => {
      const fields = ["1", ref, "room:1", "echo"].map((field) => Buffer.from(field));
      return Buffer.concat([Buffer.from([0, ...fields.map(({ length }) => length)]), ...fields]);
    };
    const frames: [data: string | Buffer, code: number][] = [
      [JSON.stringify([long, "1", "room:1", "phx_join", {}]), 1007],
      [JSON.stringify(["1", long, "room:1", "phx_join", {}]), 1007],
      [binary(long), 1003],
    ];
    for (const [data, code] of frames) {
      const client = await RawClient.connect(server.url);
      client.socket.send(data);
      expect((await client.closed).code).toBe(code);
    }
    const client = await RawClient.connect(server.url);
    expect((await client.join("room:1", "é".repeat(32)))[4]["status"]).toBe("ok");
    expect(server.channels.health().counters.malformedFrames).toBe(3);
    await unharmed();
  });

  it("a topic of more than 512 bytes is unmatched", async () => {
    const { url } = await startServer(roomServer);
    const client = await RawClient.connect(url);
    expect((await client.join(`room:${"é".repeat(253)}x`))[4]["status"]).toBe("ok");
    expect((await client.join(`room:${"é".repeat(254)}`))[4]).toMatchObject({
      response: { reason: "unmatched topic" },
    });
  });
});

describe("limits", () => {
  it("maxFrameBytes: a larger frame closes its socket with 1009", async () => {
    const server = await startServer(roomServer, { maxFrameBytes: 1_000 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    client.send("1", "2", "room:1", "echo", { text: "x".repeat(900) });
    expect((await client.next())[1]).toBe("2");
    client.send("1", "3", "room:1", "echo", { text: "x".repeat(1_000) });
    expect((await client.closed).code).toBe(1009);
    // The server hears of the end of a connection that it closed after its client does.
    await expect.poll(() => server.channels.health().channels).toBe(1);
    expect(server.channels.health()).toMatchObject({ channels: 1, counters: { malformedFrames: 1 } });
    expect(server.errors.map(({ code, details }) => [code, details["limit"]])).toEqual([
      ["LIMIT_REACHED", "maxFrameBytes"],
    ]);
    await unharmed();
  });

  it("a message in more than 128 fragments closes its socket with 1008, be they empty or not", async () => {
    const server = await startServer(roomServer);
    for (const filling of ["", "x"]) {
      const client = await RawClient.connect(server.url);
      client.socket.send("[", { fin: false });
      for (let count = 0; count < 128; count++) client.socket.send(filling, { fin: false });
      expect((await client.closed).code).toBe(1008);
    }
    const client = await RawClient.connect(server.url);
    const text = '[null,"1","phoenix","heartbeat",{}]';
    for (const [at, byte] of [...text].entries()) {
      client.socket.send(byte, { fin: at === text.length - 1 });
    }
    expect((await client.next())[4]).toEqual({ status: "ok", response: {} });
  });

  it("maxChannelsPerSocket: joining ones count, a rejoin does not, an end frees a place", async () => {
    const { url } = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: ({ topic }) => (topic === "room:slow" ? new Promise(() => undefined) : { ok: {} }),
        }),
      { maxChannelsPerSocket: 2 },
    );
    const client = await RawClient.connect(url);
    client.send("1", "1", "room:slow", "phx_join");
    expect((await client.join("room:2", "2"))[4]["status"]).toBe("ok");
    const refused = [
      "3",
      "3",
      "room:3",
      "phx_reply",
      { status: "error", response: { reason: "too many channels joined" } },
    ];
    expect(await client.join("room:3", "3")).toEqual(refused);
    client.send("4", "4", "room:2", "phx_join");
    expect((await client.next())[3]).toBe("phx_close");
    expect((await client.next())[4]["status"]).toBe("ok");
    client.send("1", "5", "room:slow", "phx_leave");
    expect((await client.next())[1]).toBe("5");
    expect((await client.next())[3]).toBe("phx_close");
    expect((await client.join("room:3", "6"))[4]["status"]).toBe("ok");
  });

  it("joinBurst and joinsPerSecond: a flood of joins is refused, and let in again at the rate", async () => {
    const runtime = new VirtualRuntime();
    let joins = 0;
    const server = await startServer(
      (channels) => {
        roomServer(channels);
        channels.socket("/counted").channel("*", {
          join: () => {
            joins++;
            return { ok: {} };
          },
        });
      },
      { runtime, joinBurst: 3, joinsPerSecond: 2, messageBurst: 10_000 },
    );
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url, "/counted/websocket?vsn=2.0.0");
    for (let count = 1; count <= 1_000; count++) client.send(String(count), String(count), "a", "phx_join");
    const frames = await client.untilHeartbeat();
    expect(joins).toBe(3);
    const refused = frames.filter(([, , , , payload]) => payload["status"] === "error");
    expect(refused).toHaveLength(997);
    expect(refused[0]).toEqual([
      "4",
      "4",
      "a",
      "phx_reply",
      { status: "error", response: { reason: "too many joins" } },
    ]);
    expect(server.channels.health().counters.refusedJoins).toBe(997);
    await unharmed();
    await runtime.advance(1_000);
    for (const ref of ["x", "y", "z"]) client.send(ref, ref, "a", "phx_join");
    await client.untilHeartbeat();
    expect(joins).toBe(5);
  });

  it("messageBurst and messagesPerSecond: a flood is read no faster, and nothing of it is lost", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(roomServer, { runtime, messageBurst: 10, messagesPerSecond: 100 });
    const unharmed = await bystander(server);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    // More than one read of the socket takes, so that there is something to leave unread.
    const text = "x".repeat(1_000);
    for (let count = 0; count < 1_000; count++) client.send("1", String(count), "room:1", "echo", { text });
    await unharmed();
    const answers: Promise<unknown>[] = [];
    for (let count = 0; count < 1_000; count++) answers.push(client.next());
    let answered = 0;
    for (const answer of answers) void answer.then(() => answered++);
    await answers[9];
    await unharmed();
    expect(answered).toBeLessThan(1_000);
    const all = Promise.all(answers);
    let done = false;
    void all.then(() => (done = true));
    for (let second = 0; !done && second < 60; second++) await runtime.advance(1_000);
    expect(await all).toHaveLength(1_000);
    expect(server.channels.health().counters.pausedReads).toBeGreaterThan(1);
  });

  it("maxBufferedBytes: a slow reader is dropped, and the others get everything", async () => {
    const server = await startServer(roomServer, { maxBufferedBytes: 65_536 });
    const slow = await RawClient.connect(server.url);
    const fast = await RawClient.connect(server.url);
    await slow.join("room:1", "1");
    await fast.join("room:1", "1");
    slow.socket.pause();
    const text = "x".repeat(60_000);
    let sent = 0;
    while (server.channels.health().counters.slowReaders === 0 && sent < 2_000) {
      server.channels.broadcast("room:1", "news", { number: ++sent, text });
      expect((await fast.next())[4]["number"]).toBe(sent);
    }
    expect(server.channels.health()).toMatchObject({ channels: 1, counters: { slowReaders: 1 } });
    server.channels.broadcast("room:1", "news", { number: "last" });
    expect((await fast.next())[4]).toEqual({ number: "last" });
    slow.socket.resume();
    expect((await slow.closed).code).toBe(1006);
  });

  it("broadcasts of every length of header arrive whole, and in order with what is pushed", async () => {
    const server = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        join: () => ({ ok: {} }),
        handleIn: {
          mix: (channel, { size }) => {
            const payload = { text: "x".repeat(Number(size)) };
            channel.push("pushed", payload);
            channel.broadcast("cast", payload);
            channel.push("pushed", payload);
            return { ok: payload };
          },
        },
      }),
    );
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    for (const size of [0, 70, 90, 65_480, 65_500, 70_000]) {
      client.send("1", "2", "room:1", "mix", { size });
      const text = "x".repeat(size);
      expect(await client.next()).toEqual(["1", null, "room:1", "pushed", { text }]);
      expect(await client.next()).toEqual([null, null, "room:1", "cast", { text }]);
      expect(await client.next()).toEqual(["1", null, "room:1", "pushed", { text }]);
      expect((await client.next())[3]).toBe("phx_reply");
    }
  });

  it("maxBufferedBytes: one message of any size gets through to a reader that has nothing waiting", async () => {
    const server = await startServer(roomServer, { maxBufferedBytes: 1_000 });
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    server.channels.broadcast("room:1", "big", { text: "x".repeat(5_000_000) });
    expect((await client.nextData()).length).toBeGreaterThan(5_000_000);
  });

  it("maxQueuedMessages: what waits for a handler that hangs ends the channel, not the socket", async () => {
    const server = await startServer(roomServer, { maxQueuedMessages: 3 });
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    await client.join("room:2", "2");
    client.send("1", "3", "room:1", "hang");
    for (let count = 0; count < 3; count++) client.send("1", "4", "room:1", "echo");
    expect(await client.untilHeartbeat()).toEqual([]);
    client.send("1", "5", "room:1", "echo");
    expect(await client.next()).toEqual(["1", "1", "room:1", "phx_error", { reason: "channel_crash" }]);
    client.send("2", "6", "room:2", "echo");
    expect((await client.next())[1]).toBe("6");
    expect(server.errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED"]);
    expect(server.channels.health().channels).toBe(1);
  });

  it("maxQueuedMessages: broadcasts kept for a join that hangs are bounded too", async () => {
    const joining = deferred();
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => {
            joining.resolve();
            return new Promise(() => undefined);
          },
        }),
      { maxQueuedMessages: 3 },
    );
    const client = await RawClient.connect(server.url);
    client.send("1", "1", "room:1", "phx_join");
    await joining.promise;
    for (let count = 0; count < 3; count++) server.channels.broadcast("room:1", "news", {});
    expect(await client.untilHeartbeat()).toEqual([]);
    server.channels.broadcast("room:1", "news", {});
    expect((await client.next())[3]).toBe("phx_error");
    expect(server.channels.health()).toMatchObject({ channels: 0, topics: 0 });
  });

  it("idleTimeoutMs: a process that was stalled does not blame its clients", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(roomServer, { runtime });
    const client = await RawClient.connect(server.url);
    await runtime.advance(45_000);
    // The sweep that is due at 60 s runs at 90 s.
    const monotonicMs = runtime.monotonicMs.bind(runtime);
    runtime.monotonicMs = () => monotonicMs() + 30_000;
    await runtime.advance(15_000);
    expect(await client.untilHeartbeat()).toEqual([]);
    await runtime.advance(75_000);
    expect((await client.closed).code).toBe(1001);
  });
});

describe("the end", () => {
  it("drain closes with 1012, a batch at a time, and refuses newcomers with 503", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(roomServer, { runtime });
    const clients: RawClient[] = [];
    for (let count = 0; count < 5; count++) clients.push(await RawClient.connect(server.url));
    let closed = 0;
    for (const client of clients) void client.closed.then(() => closed++);
    const drained = server.channels.drain({ batchSize: 2, batchPeriodMs: 100 });
    await Promise.all(clients.slice(0, 2).map((client) => client.closed));
    await clients[4]?.untilHeartbeat();
    expect(closed).toBe(2);
    await runtime.advance(100);
    await Promise.all(clients.slice(2, 4).map((client) => client.closed));
    await clients[4]?.untilHeartbeat();
    expect(closed).toBe(4);
    await runtime.advance(100);
    await drained;
    const ends = await Promise.all(clients.map((client) => client.closed));
    expect(ends.map(({ code }) => code)).toEqual([1012, 1012, 1012, 1012, 1012]);
    await expect(RawClient.connect(server.url)).rejects.toThrow("503");
    expect(server.channels.health().sockets).toBe(0);
  });

  it("drain cuts off clients that do not answer within the grace", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(roomServer, { runtime });
    const deaf = await RawClient.connect(server.url);
    deaf.socket.pause();
    const drained = server.channels.drain({ graceMs: 2_000 });
    await runtime.advance(2_000);
    await drained;
    expect(server.channels.health().channels).toBe(0);
    deaf.socket.resume();
    await deaf.closed;
  });

  it("stop ends once, leaves the HTTP server open, and later broadcasts do nothing", async () => {
    const server = await startServer(roomServer);
    const client = await RawClient.connect(server.url);
    await client.join("room:1", "1");
    const { channels } = server;
    await Promise.all([channels.stop(), channels.stop(), channels.drain()]);
    await channels[Symbol.asyncDispose]();
    expect((await client.closed).code).toBe(1012);
    expect(server.httpServer.listening).toBe(true);
    channels.broadcast("room:1", "news", {});
    channels.disconnect("nobody");
    expect(server.errors).toEqual([]);
  });

  it("of a socket ends all its channels and sessions in one turn, however it ends", async () => {
    const sessions: { closed: boolean }[] = [];
    const reasons: string[] = [];
    const all = deferred();
    const server = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        join: ({ session }) => {
          sessions.push(session);
          return { ok: {} };
        },
        terminate: (_channel, reason) => {
          reasons.push(`${reason} ${sessions.filter(({ closed }) => closed).length}`);
          if (reasons.length === 6) all.resolve();
        },
      }),
    );
    for (const end of ["close", "terminate"] as const) {
      const client = await RawClient.connect(server.url);
      for (const topic of ["room:1", "room:2", "room:3"]) await client.join(topic);
      client.socket[end]();
      await client.closed;
    }
    await all.promise;
    expect(sessions.every(({ closed }) => closed)).toBe(true);
    expect(reasons.map((reason) => reason.split(" ")[0])).toEqual(Array.from({ length: 6 }, () => "closed"));
    expect(server.channels.health()).toMatchObject({ sockets: 0, channels: 0, topics: 0 });
  });
});
