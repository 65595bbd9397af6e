/** Who is refused, and how anybody learns of it: the client by the answer, the application by an error. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket, WebSocketServer, type ClientOptions } from "ws";
import { MemoryHub, memoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer, refuse, type SocketOptions } from "../../src/channels/index.js";
import { Revocations } from "../../src/channels/revocations.js";
import type { TrackerError } from "../../src/errors.js";
import { deferred, RawClient, refusedStatus, startServer, VirtualRuntime } from "./harness.js";

const PATH = "/socket/websocket?vsn=2.0.0";

/** The answer to an upgrade that is refused. */
function refusal(url: string, options: ClientOptions = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options);
    socket.on("open", () => {
      socket.terminate();
      reject(new Error("the upgrade was accepted"));
    });
    socket.on("unexpected-response", (_request, response: IncomingMessage) => {
      let body = "";
      response.on("data", (data) => (body += String(data)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    socket.on("error", reject);
  });
}

describe("disconnect", () => {
  it("reaches a node that was cut off when it is back, and leaves those who have connected since", async () => {
    const hub = new MemoryHub();
    const runtime = new VirtualRuntime();
    const mount = (server: ChannelServer): void =>
      void server.socket("/socket", { connect: () => ({}), id: () => "user:1" });
    const here = await startServer(mount, { runtime, pubsub: hub.node("here") });
    const there = await startServer(mount, { runtime, pubsub: hub.node("there") });
    const before = await RawClient.connect(there.url);
    hub.disconnect("there");
    await runtime.advance(1_000);
    here.channels.disconnect("user:1");
    await runtime.advance(20_000);
    const after = await RawClient.connect(there.url);
    expect(await before.untilHeartbeat()).toEqual([]);
    hub.reconnect("there");
    expect(await before.closed).toMatchObject({ code: 1001 });
    expect(await after.untilHeartbeat()).toEqual([]);
    await runtime.advance(10_000);
    expect(await after.untilHeartbeat()).toEqual([]);
    expect(there.channels.health().sockets).toBe(1);
  });
});

describe("a refusal", () => {
  it("is known by its mark, whatever copy of the module has made it", async () => {
    vi.resetModules();
    const other = await import("../../src/channels/handlers.js");
    expect(other.refuse).not.toBe(refuse);
    const { url, errors } = await startServer((channels) => {
      channels.socket("/sync", { connect: () => other.refuse(403) });
      channels.socket("/async", { connect: () => Promise.resolve(other.refuse(429)) });
    });
    expect(await refusedStatus(`${url}/sync/websocket?vsn=2.0.0`)).toBe(403);
    expect(await refusedStatus(`${url}/async/websocket?vsn=2.0.0`)).toBe(429);
    expect(errors).toEqual([]);
  });

  it.each([
    ["false", false],
    ["null", null],
    ["nothing", undefined],
    ["an empty text", ""],
    ["zero", 0],
  ] as const)("is also meant by a connect hook that returns %s, and told once", async (_name, nothing) => {
    const options: SocketOptions<object> = { connect: () => nothing };
    const { url, errors, channels } = await startServer((server) => {
      server.socket("/sync", options);
      server.socket("/async", { connect: () => Promise.resolve(nothing) });
    });
    for (let count = 0; count < 3; count++) {
      expect(await refusedStatus(`${url}/sync/websocket?vsn=2.0.0`)).toBe(403);
      expect(await refusedStatus(`${url}/async/websocket?vsn=2.0.0`)).toBe(403);
    }
    expect(errors.map(({ code, details }) => [code, details])).toEqual([
      ["CONNECTION_REFUSED", { path: "/sync/websocket" }],
      ["CONNECTION_REFUSED", { path: "/async/websocket" }],
    ]);
    expect(channels.health()).toMatchObject({ sockets: 0, counters: { refusedConnections: 6 } });
  });

  it("of an origin or a version is counted, reported, and says why", async () => {
    const { url, errors, channels } = await startServer((server) => server.socket("/socket"));
    const origin = "http://localhost:5173";
    expect(await refusal(url + PATH, { origin })).toEqual({
      status: 403,
      body: "this origin may not connect (checkOrigin)",
    });
    for (const query of ["?vsn=1.0.0", ""]) {
      expect(await refusal(`${url}/socket/websocket${query}`)).toEqual({
        status: 403,
        body: "only version 2 of the channels protocol is spoken: vsn=2.0.0",
      });
    }
    expect(errors.map(({ code }) => code)).toEqual([
      "ORIGIN_REFUSED",
      "UNKNOWN_PROTOCOL",
      "UNKNOWN_PROTOCOL",
    ]);
    expect(errors[0]?.details).toMatchObject({ origin, path: "/socket/websocket" });
    expect(channels.health().counters).toMatchObject({ refusedConnections: 3, refusedOrigins: 1 });
  });

  it("of a path that is not served, or by ws for its headers, is counted and reported too", async () => {
    const { url, port, errors, channels } = await startServer((server) => void server.socket("/socket"));
    expect(await refusedStatus(`${url}/elsewhere/websocket?vsn=2.0.0`)).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/elsewhere/longpoll?vsn=2.0.0&token=SECRET`)).status).toBe(
      404,
    );
    expect((await fetch(`http://127.0.0.1:${port}${PATH}`)).status).toBe(426);
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(
      `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toContain("400 Bad Request");
    expect(channels.health()).toMatchObject({ sockets: 0, counters: { refusedConnections: 4 } });
    expect(errors.map(({ code, details }) => [code, details["path"]])).toEqual([
      ["CONNECTION_REFUSED", "/elsewhere/websocket"],
      ["CONNECTION_REFUSED", "/elsewhere/longpoll"],
      ["CONNECTION_REFUSED", "/socket/websocket"],
      ["CONNECTION_REFUSED", "/socket/websocket"],
    ]);
  });

  it("a thousand times over is reported ten times, and then one in six seconds", async () => {
    const runtime = new VirtualRuntime();
    const { url, errors } = await startServer((server) => server.socket("/socket"), { runtime });
    const tried = async (): Promise<number> => refusedStatus(url + PATH, { origin: "https://evil.example" });
    for (let count = 0; count < 30; count++) await tried();
    expect(errors).toHaveLength(10);
    await runtime.advance(6_000);
    await tried();
    expect(errors).toHaveLength(11);
    expect(errors[10]?.details["unreported"]).toBe(19);
  });

  it("and every other error keeps to itself what clients sent", async () => {
    const { url, errors } = await startServer((server) => {
      server
        .socket("/socket", {
          connect: ({ params }) => {
            if (params["fail"] === undefined) return {};
            throw new Error("the database is down");
          },
        })
        .channel("room:*", {
          join: () => ({ ok: {} }),
          handleIn: {
            login: (_channel, payload) => payload as never,
            set: (channel, { list }) => channel.push("set", list as object),
          },
        });
    });
    expect((await refusal(`${url}${PATH}&fail=1&token=SECRET`)).status).toBe(500);
    await refusal(`${url}/socket/websocket?vsn=1.0.0&token=SECRET`);
    await refusal(`${url}${PATH}&token=SECRET`, { origin: "https://evil.example" });
    const client = await RawClient.connect(url, `${PATH}&token=SECRET`);
    for (const [event, payload] of [
      ["login", { password: "SECRET" }],
      ["set", { list: ["SECRET"] }],
    ] as const) {
      await client.join("room:1", "1");
      client.send("1", "2", "room:1", event, payload);
      expect((await client.next())[3]).toBe("phx_error");
    }
    expect(errors).toHaveLength(5);
    const texts = errors.map((error) => {
      const cause = error.cause as TrackerError | undefined;
      return JSON.stringify([error.message, error.details, cause?.message, cause?.details]);
    });
    for (const text of texts) expect(text).not.toContain("SECRET");
  });
});

describe("origins", () => {
  const connects = async (url: string, origin: string): Promise<boolean> => {
    try {
      await RawClient.connect(url, PATH, { headers: { Origin: origin } });
      return true;
    } catch {
      return false;
    }
  };

  it("of a list may have any scheme, or be none", async () => {
    const allowed = ["capacitor://localhost", "chrome-extension://abcdef", "tauri://*.local:99", "null"];
    const { url } = await startServer((server) => server.socket("/socket"), { checkOrigin: allowed });
    for (const origin of [
      "capacitor://localhost",
      "chrome-extension://abcdef",
      "tauri://a.local:99",
      "null",
    ]) {
      expect(await connects(url, origin), origin).toBe(true);
    }
    for (const origin of [
      "ionic://localhost",
      "capacitor://localhost:1",
      "capacitor://evil",
      "chrome-extension://abcdefg",
      "tauri://a.local",
      "tauri://.local:99",
      "https://localhost",
      "NULL",
      "file:///etc",
    ]) {
      expect(await connects(url, origin), origin).toBe(false);
    }
  });

  it("of none are refused where the list does not say so", async () => {
    const { url } = await startServer((server) => server.socket("/socket"), {
      checkOrigin: ["https://shop.example", "https://*.shop.example"],
    });
    for (const origin of ["null", "https://.shop.example"]) {
      expect(await connects(url, origin), origin).toBe(false);
    }
  });
});

describe("a disconnect", () => {
  it("also meets those whose handshake is under way, on all nodes, and nobody who comes after it", async () => {
    const hub = new MemoryHub();
    const asked = [deferred(), deferred()];
    const hooks = [deferred(), deferred()];
    const servers = await Promise.all(
      [0, 1].map((node) =>
        startServer(
          (channels) =>
            channels.socket("/socket", {
              connect: async ({ params }) => {
                if (params["slow"] !== undefined) {
                  asked[node]?.resolve();
                  await hooks[node]?.promise;
                }
                return { user: params["user"] };
              },
              id: ({ user }) => String(user),
            }),
          { pubsub: hub.node(`node-${node}`) },
        ),
      ),
    );
    const [one, two] = servers;
    if (!one || !two) throw new Error("two servers");
    const slow = (url: string, user: string): Promise<number> =>
      refusedStatus(`${url}${PATH}&slow=1&user=${user}`).catch(() => 101);
    const during = [slow(one.url, "ann"), slow(two.url, "ann"), slow(two.url, "bob")];
    await Promise.all(asked.map(({ promise }) => promise));
    // Both of the second node have asked when a third one is answered there.
    await RawClient.connect(two.url, `${PATH}&user=carl`);
    one.channels.disconnect("ann");
    await new Promise((resolve) => setImmediate(resolve));
    for (const hook of hooks) hook.resolve();
    expect(await Promise.all(during)).toEqual([403, 403, 101]);
    await RawClient.connect(one.url, `${PATH}&user=ann`);
    await RawClient.connect(two.url, `${PATH}&user=ann`);
  });

  it("is remembered no longer than a handshake may take, and never more than so many", () => {
    const revocations = new Revocations(1_000);
    const begun = revocations.latest;
    revocations.revoke("ann", 0);
    expect(revocations.isRevoked("ann", begun)).toBe(true);
    expect(revocations.isRevoked("ann", revocations.latest)).toBe(false);
    revocations.revoke("bob", 1_001);
    expect(revocations.isRevoked("ann", begun)).toBe(false);
    const before = revocations.latest;
    expect(revocations.isRevoked("zoe", before)).toBe(false);
    for (let count = 0; count <= 10_000; count++) revocations.revoke(`user:${count}`, 1_002);
    // Too many to tell apart: whoever was under way has to begin anew.
    expect(revocations.isRevoked("zoe", before)).toBe(true);
    expect(revocations.isRevoked("zoe", revocations.latest)).toBe(false);
  });
});

describe("an HTTP server that others serve too", () => {
  it("keeps no upgrade that nobody answers, and leaves alone what somebody has answered", async () => {
    const runtime = new VirtualRuntime();
    const server = await startServer((channels) => channels.socket("/socket"), { runtime });
    const theirs = new WebSocketServer({ noServer: true });
    const seen = new Map(["/nothing?token=SECRET", "/reset", "/deaf"].map((url) => [url, deferred()]));
    server.httpServer.on("upgrade", (request, socket, head) => {
      seen.get(request.url ?? "")?.resolve();
      if (request.url === "/theirs") theirs.handleUpgrade(request, socket, head, () => undefined);
    });
    const open = new WebSocket(`${server.url}/theirs`);
    onTestFinished(() => open.terminate());
    await once(open, "open");
    const answer = refusal(`${server.url}/nothing?token=SECRET`);
    // A client that reads nothing keeps its side of the connection for as long as it likes.
    const deaf = connect(server.port, "127.0.0.1");
    onTestFinished(() => void deaf.destroy());
    const deafEnd = new Promise((resolve) => deaf.on("error", resolve));
    deaf.write("GET /deaf HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    const reset = connect(server.port, "127.0.0.1");
    reset.write("GET /reset HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await Promise.all([...seen.values()].map(({ promise }) => promise));
    reset.resetAndDestroy();
    let answered = false;
    void answer.then(() => (answered = true));
    await runtime.advance(9_999);
    expect(answered).toBe(false);
    await runtime.advance(1);
    expect((await answer).status).toBe(404);
    expect(deaf.closed).toBe(false);
    await runtime.advance(10_000);
    expect(await deafEnd).toMatchObject({ code: "ECONNRESET" });
    await runtime.advance(60_000);
    expect(open.readyState).toBe(WebSocket.OPEN);
    const told = server.errors.filter(({ details }) => details["path"] === "/nothing");
    expect(told.map(({ code, details }) => [code, details["limit"]])).toEqual([
      ["LIMIT_REACHED", "foreignUpgradeTimeoutMs"],
    ]);
  });

  it.each(["synchronous", "asynchronous"])(
    "has the newest of two channel servers of one path serve it, with %s hooks, and tells so once",
    async (kind) => {
      const httpServer = createServer();
      onTestFinished(() => void httpServer.close());
      httpServer.listen(0, "127.0.0.1");
      await once(httpServer, "listening");
      const url = `ws://127.0.0.1:${(httpServer.address() as AddressInfo).port}`;
      const load = (version: string): { channels: ChannelServer; errors: TrackerError[]; detach(): void } => {
        const channels = new ChannelServer({ pubsub: memoryPubSub() });
        const errors: TrackerError[] = [];
        channels.on("error", (error) => errors.push(error));
        channels
          .socket("/socket", {
            connect: () => (kind === "synchronous" ? { version } : Promise.resolve({ version })),
          })
          .channel("room:*", { join: ({ socket }) => ({ ok: { version: socket.assigns.version } }) });
        const detach = channels.attach(httpServer);
        onTestFinished(() => channels.stop({ graceMs: 1 }));
        return { channels, errors, detach };
      };
      const [older, newer] = [load("older"), load("newer")];
      const served = async (): Promise<unknown> => {
        const client = await RawClient.connect(url);
        const { response } = (await client.join("room:1"))[4] as { response: { version: unknown } };
        return response.version;
      };
      expect([await served(), await served()]).toEqual(["newer", "newer"]);
      expect([older.channels.health().sockets, newer.channels.health().sockets]).toEqual([0, 2]);
      expect(older.errors.map(({ code }) => code)).toEqual(["NAME_IN_USE"]);
      expect(newer.errors).toEqual([]);
      newer.detach();
      expect(await served()).toBe("older");
    },
  );
});

describe("a ws that is too old", () => {
  it("is told when the server is made", async () => {
    vi.resetModules();
    vi.doMock("ws", () => ({
      WebSocketServer: class {
        readonly options = { noServer: true };
      },
    }));
    onTestFinished(() => {
      vi.doUnmock("ws");
      vi.resetModules();
    });
    const old = await import("../../src/channels/channel-server.js");
    const runtime = new VirtualRuntime();
    new old.ChannelServer({ pubsub: memoryPubSub(), runtime });
    expect(runtime.warnings).toHaveLength(1);
    expect(runtime.warnings[0]).toMatch(/^UNSUPPORTED_DEPENDENCY .* ws is older than 8\.23\.0/);
  });
});
