/** Clients without a WebSocket: the official ones with their own long polling, and requests as they are. */
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type Server,
} from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import * as phoenix18 from "phoenix";
import * as phoenix17 from "phoenix17";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MemoryHub, memoryPubSub } from "../../src/adapters/memory.js";
import { refuse, type ChannelServer } from "../../src/channels/index.js";
import type { TrackerError } from "../../src/errors.js";
import { Presence } from "../../src/presence/index.js";
import {
  answer,
  connectClient,
  deferred,
  nextEvent,
  RawClient,
  startServer,
  VirtualRuntime,
  type PhoenixClient,
} from "./harness.js";

// The long polling of 1.7 looks for what a browser has when it is loaded, and knows no `fetch`.
vi.hoisted(() => {
  class XMLHttpRequest {
    readyState = 0;
    responseText = "";
    timeout = 0;
    onerror: () => void = () => undefined;
    onreadystatechange: () => void = () => undefined;
    ontimeout: () => void = () => undefined;
    readonly #headers: Record<string, string> = {};
    readonly #aborted = new AbortController();
    #method = "";
    #url = "";

    open(method: string, url: string): void {
      this.#method = method;
      this.#url = url;
    }

    setRequestHeader(name: string, value: string): void {
      this.#headers[name] = value;
    }

    abort(): void {
      this.#aborted.abort();
    }

    async send(body: string | null): Promise<void> {
      const signals = [this.#aborted.signal, AbortSignal.timeout(this.timeout)];
      try {
        const response = await fetch(this.#url, {
          method: this.#method,
          headers: this.#headers,
          body,
          signal: AbortSignal.any(signals),
        });
        this.responseText = await response.text();
        this.readyState = 4;
        this.onreadystatechange();
      } catch {
        if (this.#aborted.signal.aborted) return;
        if (signals[1]?.aborted) this.ontimeout();
        else this.onerror();
      }
    }
  }
  Object.assign(globalThis, { self: globalThis, XMLHttpRequest });
});

const { LongPoll: longPoll18 } = phoenix18 as unknown as { LongPoll: never };
const { LongPoll: longPoll17 } = phoenix17 as unknown as { LongPoll: never };
const CLIENTS: { line: string; phoenix: PhoenixClient; transport: never }[] = [
  { line: "1.8", phoenix: phoenix18, transport: longPoll18 },
  { line: "1.7", phoenix: phoenix17, transport: longPoll17 },
];

/** Joins again at once. Reconnecting needs its time: each attempt of 1.7 ends the one before. */
const eager = { rejoinAfterMs: () => 1 };

const PATH = "/socket/longpoll?vsn=2.0.0";

function room(channels: ChannelServer): void {
  channels
    .socket("/socket", {
      connect: ({ params, authToken }) => (params["refused"] ? refuse(403) : { token: authToken ?? "none" }),
      id: ({ token }) => token,
    })
    .channel("room:*", {
      join: ({ socket }) => ({ ok: { token: socket.assigns.token } }),
      handleIn: {
        echo: (_channel, payload) => ({ ok: payload }),
        cast: (channel, payload) => channel.broadcast("cast", payload),
        bytes: (channel) => channel.push("bytes", new Uint8Array(3)),
        quotes: () => ({ ok: { text: '"'.repeat(50_000) } }),
        big: () => ({ ok: { text: "x".repeat(100_000) } }),
      },
      handleBinary: { size: (_channel, data) => ({ ok: { size: data.length } }) },
    });
}

interface Answered {
  readonly status: number;
  readonly token?: string;
  readonly messages?: string[];
  readonly headers: IncomingMessage["headers"];
}

/** One request as it is. */
function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; agent?: Agent } = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: "127.0.0.1", path, ...options }, (response) => {
      let text = "";
      response.on("data", (data) => (text += String(data)));
      response.on("end", () => {
        const body = (text.startsWith("{") ? JSON.parse(text) : { status: response.statusCode }) as Answered;
        resolve({ ...body, headers: response.headers });
      });
    });
    request.on("error", reject);
    request.end(options.body);
  });
}

async function openSession(port: number, path = PATH): Promise<string> {
  const { status, token } = await ask(port, path);
  expect(status).toBe(410);
  return `${PATH}&token=${encodeURIComponent(token ?? "")}`;
}

const post = (port: number, path: string, ...messages: unknown[]): Promise<Answered> =>
  ask(port, path, {
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson" },
    body: messages
      .map((message) => (typeof message === "string" ? message : JSON.stringify(message)))
      .join("\n"),
  });

describe.each(CLIENTS)("phoenix $line on long polling", ({ line, phoenix, transport }) => {
  it("joins, pushes, is answered, hears broadcasts in order, and leaves", async () => {
    const { url } = await startServer(room);
    const socket = connectClient(phoenix, `${url}/socket`, { transport, authToken: "a+/token" });
    const channel = socket.channel("room:1");
    const joined = await answer(channel.join());
    // 1.7 has no way to send its token.
    expect(joined).toEqual({ status: "ok", response: { token: line === "1.7" ? "none" : "a+/token" } });
    expect((await answer(channel.push("echo", { a: "é\n\u2028" }))).response).toEqual({ a: "é\n\u2028" });
    const bytes = new Uint8Array([91, 0, 255]).buffer;
    expect((await answer(channel.push("size", bytes))).response).toEqual({ size: 3 });
    const heard: unknown[] = [];
    channel.on("cast", (payload: unknown) => void heard.push(payload));
    const last = answer(channel.push("echo", {}));
    for (let number = 0; number < 250; number++) channel.push("cast", { number });
    await last;
    await answer(channel.push("echo", {}));
    expect(heard).toEqual(Array.from({ length: 250 }, (_, number) => ({ number })));
    const other = await RawClient.connect(url);
    await other.join("room:1");
    const cast = nextEvent(channel, "cast");
    other.send("1", "2", "room:1", "cast", { from: "a WebSocket" });
    expect(await cast).toEqual({ from: "a WebSocket" });
  });

  it("shows who is there", async () => {
    const pubsub = memoryPubSub();
    const presence = await Presence.start({ name: "rooms", pubsub, broadcastPeriodMs: 1 });
    onTestFinished(() => presence.stop({ handoffMs: 0 }));
    const { url } = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          joined(channel) {
            presence.track(channel.session, channel.topic, "ann", {});
            channel.follow(presence);
          },
        }),
      { pubsub },
    );
    const channel = connectClient(phoenix, `${url}/socket`, { transport }).channel("room:1");
    const list = new phoenix.Presence(channel);
    const shown = deferred();
    list.onSync(() => {
      if (list.list().length === 1) shown.resolve();
    });
    channel.join();
    await shown.promise;
  });

  it("comes back after a restart of the server, and joins again", async () => {
    const first = await startServer(room);
    const socket = connectClient(phoenix, `${first.url}/socket`, { transport, ...eager });
    const joins: (() => void)[] = [];
    const joined = [deferred(), deferred()];
    const channel = socket.channel("room:1");
    channel.join().receive("ok", () => {
      joins.push(() => undefined);
      joined[joins.length - 1]?.resolve();
    });
    await joined[0]?.promise;
    await first.stop();
    await startServer(room, { port: first.port });
    await joined[1]?.promise;
    expect((await answer(channel.push("echo", {}))).status).toBe("ok");
    expect(joins).toHaveLength(2);
  });

  it("is served by any of two nodes, and by the other one when one has stopped", async () => {
    const hub = new MemoryHub();
    const runtimes = [new VirtualRuntime(), new VirtualRuntime()];
    const nodes = await Promise.all(
      runtimes.map((runtime, index) => startServer(room, { pubsub: hub.node(`node-${index}`), runtime })),
    );
    let count = 0;
    const served = new Set<number>();
    const balancer = createServer((request, response) => {
      const { port } = nodes[count++ % nodes.length] ?? { port: 0 };
      served.add(port);
      const { url, method, headers } = request;
      const options = { port, host: "127.0.0.1", path: url, method, headers, agent: false };
      const upstream = httpRequest(options, (answered) => {
        response.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.pipe(response);
      });
      upstream.on("error", () => response.destroy());
      response.on("close", () => upstream.destroy());
      request.pipe(upstream);
    });
    balancer.listen(0, "127.0.0.1");
    await once(balancer, "listening");
    onTestFinished(() => {
      balancer.closeAllConnections();
      balancer.close();
    });
    const { port } = balancer.address() as AddressInfo;
    const socket = connectClient(phoenix, `ws://127.0.0.1:${port}/socket`, { transport, ...eager });
    const channel = socket.channel("room:1");
    let rejoined = (): void => undefined;
    let joins = 0;
    const push = channel.join().receive("ok", () => {
      joins++;
      rejoined();
    });
    await answer(push);
    for (let number = 0; number < 10; number++) {
      expect((await answer(channel.push("echo", { number }))).response).toEqual({ number });
    }
    expect(served.size).toBe(2);
    expect(joins).toBe(1);
    const sessions = nodes.map(({ channels }) => channels.health().sockets);
    expect([...sessions].sort()).toEqual([0, 1]);
    let isBack = false;
    rejoined = () => (isBack = true);
    const [owner] = nodes.splice(sessions.indexOf(1), 1);
    await owner?.stop();
    // The other node waits for the one that has stopped, if it is asked for its session.
    while (!isBack) {
      for (const runtime of runtimes) await runtime.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await answer(channel.push("echo", {}))).status).toBe("ok");
    expect(nodes[0]?.channels.health().sockets).toBe(1);
  });
});

describe("long polling", () => {
  it("answers as Phoenix does: a session, its messages, nothing after a window", async () => {
    const runtime = new VirtualRuntime();
    const { port, channels } = await startServer(room, { runtime });
    const session = await openSession(port);
    expect(channels.health().sockets).toBe(1);
    const join = [["1", "1", "room:1", "phx_join", {}]];
    const polled = ask(port, session);
    expect((await post(port, session, ...join)).status).toBe(200);
    expect(await polled).toMatchObject({
      status: 200,
      messages: ['["1","1","room:1","phx_reply",{"status":"ok","response":{"token":"none"}}]'],
    });
    const empty = ask(port, session);
    await post(port, session, [null, "9", "nowhere", "phx_leave", {}]);
    expect((await empty).messages).toHaveLength(1);
    let status = 0;
    void ask(port, session).then((answered) => (status = answered.status));
    while (status === 0) {
      await runtime.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(status).toBe(204);
    expect(channels.health().sockets).toBe(1);
  });

  it("ends a session whose client does not ask any more, with all its channels", async () => {
    const runtime = new VirtualRuntime();
    const { port, channels } = await startServer(room, { runtime });
    const session = await openSession(port);
    await post(port, session, ["1", "1", "room:1", "phx_join", {}]);
    expect(channels.health().channels).toBe(1);
    await runtime.advance(15_000);
    expect(channels.health().sockets).toBe(1);
    await runtime.advance(5_001);
    expect(channels.health()).toMatchObject({ sockets: 0, channels: 0, counters: { idleSockets: 1 } });
    expect((await ask(port, session)).status).toBe(500);
    expect((await post(port, session, [])).status).toBe(500);
  });

  it("charges lines without anything: they cost as much to find", async () => {
    const runtime = new VirtualRuntime();
    const { port, channels } = await startServer(room, { runtime, messageBurst: 20, messagesPerSecond: 10 });
    const session = await openSession(port);
    let answered = false;
    const posted = post(port, session, "\n".repeat(100)).then(({ status }) => {
      answered = true;
      return status;
    });
    while (channels.health().counters.pausedReads === 0)
      await new Promise((resolve) => setImmediate(resolve));
    await runtime.advance(1_000);
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    for (let second = 0; second < 12; second++) await runtime.advance(1_000);
    expect(await posted).toBe(200);
  });

  it("has one answer at most that nobody reads, whatever connection it asks by", async () => {
    const { port, channels, httpServer } = await startServer(room);
    const connections: Socket[] = [];
    httpServer.on("connection", (socket) => connections.push(socket));
    const session = await openSession(port);
    await post(port, session, ["1", "1", "room:1", "phx_join", {}]);
    await ask(port, session);
    const unsent = (): number =>
      connections.reduce((bytes, socket) => bytes + (socket.destroyed ? 0 : socket.writableLength), 0);
    for (let count = 0; count < 4; count++) {
      // 3.5 MB of quotes, twice as much as text in a list: more than the kernel takes for one that does not read.
      const pushes = Array.from({ length: 35 }, (_, ref) => ["1", String(ref), "room:1", "quotes", {}]);
      expect((await post(port, session, ...pushes)).status).toBe(200);
      const known = connections.length;
      const socket = connect(port, "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => undefined);
      socket.pause();
      socket.write(`GET ${session} HTTP/1.1\r\nHost: x\r\n\r\n`);
      while ((connections[known]?.bytesWritten ?? 0) < 1_000_000) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(unsent()).toBeGreaterThan(0);
    expect(unsent()).toBeLessThan(8_000_000);
    expect(channels.health()).toMatchObject({ sockets: 1, counters: { slowReaders: 0 } });
  });

  it("does not fill the server with sessions that nobody uses", async () => {
    const { port, url, channels, errors } = await startServer(room, { maxSockets: 20 });
    const used = await openSession(port);
    expect((await post(port, used, [null, "1", "phoenix", "heartbeat", {}])).status).toBe(200);
    for (let count = 0; count < 50; count++) await openSession(port);
    expect(channels.health()).toMatchObject({
      sockets: 6,
      counters: { crowdedOut: 45, refusedConnections: 0 },
    });
    expect(errors.map(({ code, details }) => [code, details["limit"]])[0]).toEqual([
      "LIMIT_REACHED",
      "maxSockets",
    ]);
    expect((await post(port, used, [null, "2", "phoenix", "heartbeat", {}])).status).toBe(200);
    await RawClient.connect(url);
  });

  it("opens nothing by a token that is forged, of another process, or of a node that is silent", async () => {
    const runtime = new VirtualRuntime();
    const hub = new MemoryHub();
    const one = await startServer(room, { runtime, pubsub: hub.node("one") });
    const two = await startServer(room, { runtime, pubsub: hub.node("two") });
    const session = await openSession(one.port);
    const [node = "", server = "", id = "", mac = ""] = decodeURIComponent(
      session.split("token=")[1] ?? "",
    ).split(".");
    const silent = Buffer.from("three").toString("base64url");
    const forged = [
      "junk",
      "....",
      `${node}.${server}.${id}.${mac.slice(0, -1)}`,
      `${node}.${server}.other.${mac}`,
      `${node}.${server}.__proto__.${mac}`,
      `${Buffer.from("one\u0000").toString("base64url")}.x.${id}.${mac}`,
      `${silent}.x.${id}.${mac}`,
      `${node}.x.${id}.${mac}`,
      "x".repeat(2_000),
    ];
    for (const token of forged) {
      for (const { port } of [one, two]) {
        let status = 0;
        void ask(port, `${PATH}&token=${token}`).then((answered) => (status = answered.status));
        while (status === 0) {
          await runtime.advance(500);
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(status, token).toBe(500);
      }
    }
    expect([one, two].map(({ channels }) => channels.health().sockets)).toEqual([1, 0]);
    expect([...one.errors, ...two.errors]).toEqual([]);
    expect([one, two].map(({ channels }) => channels.health().counters.refusedPolls)).toEqual([9, 9]);
  });

  it("asks nobody about forged tokens, but a few times for a key that it may have missed", async () => {
    const runtime = new VirtualRuntime();
    const hub = new MemoryHub();
    const one = await startServer(room, { runtime, pubsub: hub.node("one") });
    const pubsub = hub.node("two");
    const two = await startServer(room, { runtime, pubsub });
    const send = vi.spyOn(pubsub, "send");
    const session = await openSession(one.port);
    const token = decodeURIComponent(session.split("token=")[1] ?? "");
    const [node = "", server = "", id = "", mac = ""] = token.split(".");
    for (let count = 0; count < 50; count++) {
      expect((await ask(two.port, `${PATH}&token=${node}.${server}.${id}${count}.${mac}`)).status).toBe(500);
    }
    expect(send).not.toHaveBeenCalled();
    for (let count = 0; count < 50; count++) {
      const body = "x".repeat(100_000);
      const path = `${PATH}&token=${node}.other${count}.${id}.${mac}`;
      expect((await ask(two.port, path, { method: "POST", body })).status).toBe(500);
    }
    expect(send).toHaveBeenCalledTimes(10);
    expect(two.channels.health().counters).toMatchObject({ refusedPolls: 100, refusedBodies: 0 });
    expect(two.errors).toEqual([]);
    expect((await post(two.port, session, ["1", "1", "room:1", "phx_join", {}])).status).toBe(200);
  });

  it("is passed on to its node at the rate of a socket", async () => {
    const runtime = new VirtualRuntime();
    const hub = new MemoryHub();
    const limits = { messageBurst: 5, messagesPerSecond: 1 };
    const one = await startServer(room, { runtime, pubsub: hub.node("one"), ...limits, messageBurst: 100 });
    const two = await startServer(room, { runtime, pubsub: hub.node("two"), ...limits });
    const session = await openSession(one.port);
    const heartbeat = [null, "1", "phoenix", "heartbeat", {}];
    for (let count = 0; count < 5; count++)
      expect((await post(two.port, session, heartbeat)).status).toBe(200);
    expect((await post(two.port, session, heartbeat)).status).toBe(500);
    expect(two.channels.health().counters.refusedPolls).toBe(1);
    expect(two.errors.map(({ code, details }) => [code, details["limit"]])).toEqual([
      ["LIMIT_REACHED", "messagesPerSecond"],
    ]);
    await runtime.advance(1_000);
    expect((await post(two.port, session, heartbeat)).status).toBe(200);
  });

  it("has the same origin check as a WebSocket, and tells browsers of other origins what they may", async () => {
    const allowed = "https://shop.example";
    const runtime = new VirtualRuntime();
    const { port, errors, channels } = await startServer(room, { runtime, checkOrigin: [allowed] });
    const preflight = await ask(port, PATH, { method: "OPTIONS", headers: { Origin: allowed } });
    expect(preflight.headers).toMatchObject({
      "access-control-allow-origin": allowed,
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "content-type, x-phoenix-authtoken",
    });
    const opened = await ask(port, PATH, { headers: { Origin: allowed } });
    expect([opened.status, opened.headers["access-control-allow-origin"]]).toEqual([410, allowed]);
    for (const headers of [{ Origin: "https://evil.example" }, { "Sec-Fetch-Site": "cross-site" }]) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const refused = await ask(port, PATH, { method, headers });
        expect([refused.status, refused.headers["access-control-allow-origin"]]).toEqual([403, undefined]);
      }
    }
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["ORIGIN_REFUSED"]));
    expect(channels.health()).toMatchObject({ sockets: 1, counters: { refusedOrigins: 6 } });
  });

  it("answers 500 where the origin check throws, and goes on", async () => {
    const { port, channels, errors } = await startServer(
      (server) =>
        server.socket("/socket", { checkOrigin: (origin) => new URL(origin).hostname === "shop.example" }),
      { runtime: new VirtualRuntime() },
    );
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const answered = await ask(port, `${PATH}&token=x`, { method, headers: { Origin: "null" } });
      expect(answered.status, method).toBe(500);
    }
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill("HANDLER_FAILED"));
    expect(channels.health().counters).toMatchObject({ refusedConnections: 3, refusedOrigins: 0 });
    expect((await ask(port, PATH, { headers: { Origin: "https://shop.example" } })).status).toBe(410);
  });

  it("leaves nothing on a connection that is kept alive, however often it is refused", async () => {
    const sockets = new Set<Socket>();
    const { port } = await startServer((server) =>
      server.socket("/socket", {
        connect: ({ request, params }) => {
          sockets.add(request.socket);
          return params["later"] ? Promise.resolve(refuse(403)) : refuse(403);
        },
      }),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const counts: number[] = [];
    for (let time = 0; time < 6; time++) {
      await ask(port, time % 2 === 0 ? PATH : `${PATH}&later=1`, { agent });
      counts.push([...sockets].at(-1)?.listenerCount("error") ?? 0);
    }
    expect(sockets.size).toBe(1);
    expect(new Set(counts).size).toBe(1);
  });

  it("counts what a session that is closing still holds, until it is gone", async () => {
    const runtime = new VirtualRuntime();
    const { port, channels, errors } = await startServer(room, { runtime, maxBufferedBytesTotal: 350_000 });
    for (let at = 0; at < 4; at++) {
      const session = await openSession(port, `${PATH}&at=${at}`);
      await post(port, session, ["1", "1", "room:1", "phx_join", {}]);
      await post(port, session, ["1", "2", "room:1", "big", {}]);
      channels.disconnect("none");
    }
    expect(channels.health().counters.crowdedOut).toBe(1);
    expect(errors.map(({ details }) => details["limit"])).toEqual(["maxBufferedBytesTotal"]);
  });

  describe("reads bodies", () => {
    /** Sends the beginning of a body of bytes; resolves with the answer. */
    const begin = (
      port: number,
      path: string,
      bytes: number,
    ): { readonly answered: Promise<string>; readonly request: ClientRequest } => {
      const request = httpRequest({ port, host: "127.0.0.1", path, method: "POST" });
      const answered = new Promise<string>((resolve) => {
        request.on("error", () => undefined);
        request.on("response", (response) => {
          let text = "";
          response.on("data", (data) => (text += String(data)));
          response.on("close", () => resolve(text));
        });
      });
      request.write("x".repeat(bytes));
      onTestFinished(() => void request.destroy());
      return { answered, request };
    };
    /** Resolves when the next request has been handed to the channels, past whom no listener hears of it. */
    const nextRequest = (httpServer: Server): Promise<void> =>
      new Promise((resolve) => {
        const emit = httpServer.emit.bind(httpServer) as (...args: unknown[]) => boolean;
        httpServer.emit = (...args: unknown[]) => {
          const heard = emit(...args);
          if (args[0] === "request") resolve();
          return heard;
        };
      });
    const limits = (errors: readonly TrackerError[]): unknown[] =>
      errors.map(({ details }) => details["limit"]);

    it("for no longer than two windows", async () => {
      const runtime = new VirtualRuntime();
      const { port, httpServer, channels, errors } = await startServer(room, { runtime });
      const session = await openSession(port);
      const requested = nextRequest(httpServer);
      const { answered } = begin(port, session, 10);
      await requested;
      await runtime.advance(20_000);
      expect(JSON.parse(await answered)).toEqual({ status: 500 });
      expect(limits(errors)).toEqual(["longPollWindowMs"]);
      expect(channels.health().counters.refusedBodies).toBe(1);
    });

    it("of which all together are no more than may wait on all sockets", async () => {
      const runtime = new VirtualRuntime();
      const { port, channels, errors } = await startServer(room, { runtime, maxBufferedBytesTotal: 100_000 });
      const begun: Promise<string>[] = [];
      for (let at = 0; at < 4; at++) begun.push(begin(port, await openSession(port), 50_000).answered);
      expect(JSON.parse(await Promise.race(begun))).toEqual({ status: 500 });
      expect(channels.health().counters.refusedBodies).toBeGreaterThan(0);
      expect(limits(errors)).toContain("maxBufferedBytesTotal");
    });

    it("one of a session at once, and unharmed in pieces of one byte", async () => {
      const { port, httpServer } = await startServer(room, { runtime: new VirtualRuntime() });
      const session = await openSession(port);
      const requested = nextRequest(httpServer);
      const { answered, request } = begin(port, session, 0);
      request.setNoDelay(true);
      request.flushHeaders();
      await requested;
      for (const byte of '["1","1","room:ä","phx_join",{}]') {
        request.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await post(port, session, [null, "1", "phoenix", "heartbeat", {}])).status).toBe(500);
      request.end();
      expect(JSON.parse(await answered)).toMatchObject({ status: 200 });
      expect((await ask(port, session)).messages?.[0]).toContain('"room:ä","phx_reply",{"status":"ok"');
    });
  });

  it("is refused by the hook, by the version, and where it is switched off", async () => {
    const { port } = await startServer((channels) => {
      room(channels);
      channels.socket("/off", { longPoll: false });
    });
    expect((await ask(port, `${PATH}&refused=1`)).status).toBe(403);
    expect((await ask(port, "/socket/longpoll?vsn=1.0.0")).status).toBe(403);
    expect((await ask(port, "/off/longpoll?vsn=2.0.0")).status).toBe(404);
    expect((await ask(port, PATH, { method: "PUT" })).status).toBe(400);
  });

  it("keeps to the limits: frames, bodies, the rate, what waits, and what cannot be sent", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer(room, {
      runtime,
      maxFrameBytes: 10_000,
      maxQueuedBytes: 50_000,
      maxBufferedBytes: 150_000,
      messageBurst: 30,
      messagesPerSecond: 10,
    });
    const { port, channels, errors } = server;
    const limits = (): unknown[] => errors.splice(0).map(({ code, details }) => details["limit"] ?? code);

    const tooLarge = await openSession(port);
    expect(
      (await post(port, tooLarge, ["1", "1", "room:1", "echo", { text: "x".repeat(10_000) }])).status,
    ).toBe(500);
    expect(limits()).toEqual(["maxFrameBytes"]);
    const body = await openSession(port);
    expect((await post(port, body, "x".repeat(50_001))).status).toBe(500);
    expect(limits()).toEqual(["maxQueuedBytes"]);
    const junk = await openSession(port);
    expect((await post(port, junk, "[junk]")).status).toBe(500);
    expect(limits()).toEqual(["INVALID_FRAME"]);

    const bytes = await openSession(port);
    await post(port, bytes, ["1", "1", "room:1", "phx_join", {}], ["1", "2", "room:1", "bytes", {}]);
    expect(channels.health().counters.undeliverableFrames).toBe(1);
    expect(limits()).toEqual(["INVALID_ARGUMENT"]);

    const slow = await openSession(port);
    await post(port, slow, ["1", "1", "room:1", "phx_join", {}]);
    const before = channels.health().sockets;
    await post(port, slow, ...["2", "3", "4"].map((ref) => ["1", ref, "room:1", "big", {}]));
    expect(channels.health()).toMatchObject({ sockets: before - 1, counters: { slowReaders: 1 } });
    expect((await ask(port, slow)).status).toBe(500);
    expect(limits()).toEqual(["maxBufferedBytes"]);

    const flood = await openSession(port);
    let answered = false;
    const beats = Array.from({ length: 100 }, (_, ref) => [null, String(ref), "phoenix", "heartbeat", {}]);
    const flooded = post(port, flood, ...beats).then(() => (answered = true));
    const polled: string[] = [];
    while (polled.length < 30) polled.push(...((await ask(port, flood)).messages ?? []));
    expect(answered).toBe(false);
    expect(limits()).toEqual(["messagesPerSecond"]);
    await runtime.advance(9_000);
    await flooded;
    while (polled.length < 100) polled.push(...((await ask(port, flood)).messages ?? []));
    expect(polled.map((text) => (JSON.parse(text) as string[])[1])).toEqual(beats.map(([, ref]) => ref));
  });

  it("ends with what was sent last, when the server or a disconnect ends it", async () => {
    const { port, channels } = await startServer(room);
    const session = await openSession(port);
    await post(port, session, ["1", "1", "room:1", "phx_join", {}]);
    await ask(port, session);
    channels.broadcast("room:1", "cast", { last: true });
    channels.disconnect("none");
    expect((await ask(port, session)).messages).toEqual(['[null,null,"room:1","cast",{"last":true}]']);
    expect((await ask(port, session)).status).toBe(500);
    expect(channels.health().sockets).toBe(0);
    const waiting = ask(port, await openSession(port));
    // The poll is there when another request has been answered.
    await ask(port, "/nothing");
    await channels.stop();
    expect((await waiting).status).toBe(500);
  });

  it("takes its requests before any other listener, and leaves all others alone", async () => {
    const heard: (string | undefined)[] = [];
    const runtime = new VirtualRuntime();
    const server = await startServer(room, { runtime });
    server.httpServer.on("request", (request, response) => {
      heard.push(request.url);
      response.statusCode = 418;
      response.end();
    });
    server.httpServer.prependListener("request", (request) => heard.push(request.url));
    await openSession(server.port);
    expect(heard).toEqual([]);
    expect((await ask(server.port, "/theirs")).status).toBe(418);
    expect(heard).toEqual(["/theirs", "/theirs"]);
    const stopped = server.channels.stop();
    await runtime.advance(5_000);
    await stopped;
    expect((await ask(server.port, PATH)).status).toBe(418);
  });
});
