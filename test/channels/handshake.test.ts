/** Who gets in. Everything here is decided before the upgrade, on real connections. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { get, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer, refuse, type ChannelServerOptions } from "../../src/channels/index.js";
import { TrackerError } from "../../src/errors.js";
import { deferred, RawClient, refusedStatus, startServer, VirtualRuntime } from "./harness.js";

const PATH = "/socket/websocket?vsn=2.0.0";

/** Sends bytes as they are, and resolves with all that comes back until the connection ends. */
async function rawExchange(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe("the connect hook", () => {
  it("refuses with an empty answer and the status that it returns, synchronously or later", async () => {
    const { url, port } = await startServer((channels) => {
      channels.socket("/sync", { connect: () => refuse(403) });
      channels.socket("/async", { connect: () => Promise.resolve(refuse(429)) });
    });
    expect(await refusedStatus(`${url}/async/websocket?vsn=2.0.0`)).toBe(429);
    const head = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket";
    expect(await rawExchange(port, `GET /sync/websocket?vsn=2.0.0 HTTP/1.1\r\n${head}\r\n\r\n`)).toBe(
      "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
  });

  it("that throws or rejects refuses with 500 and is reported", async () => {
    const { url, errors } = await startServer((channels) => {
      channels.socket("/sync", {
        connect: () => {
          throw new Error("thrown");
        },
      });
      channels.socket("/async", { connect: () => Promise.reject(new Error("rejected")) });
      channels.socket("/id", {
        connect: () => ({}),
        id: () => {
          throw new Error("id");
        },
      });
    });
    for (const path of ["sync", "async", "id"]) {
      expect(await refusedStatus(`${url}/${path}/websocket?vsn=2.0.0`)).toBe(500);
    }
    expect(errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
      ["HANDLER_FAILED", "thrown"],
      ["HANDLER_FAILED", "rejected"],
      ["HANDLER_FAILED", "id"],
    ]);
  });

  it("that hangs refuses with 503 after connectTimeoutMs, whatever it says later", async () => {
    const runtime = new VirtualRuntime();
    const hanging = deferred();
    const late = deferred<object>();
    const { url, channels } = await startServer(
      (server) =>
        server.socket("/socket", {
          connect: () => {
            hanging.resolve();
            return late.promise;
          },
        }),
      { runtime, connectTimeoutMs: 3_000 },
    );
    const status = refusedStatus(url + PATH);
    await hanging.promise;
    await runtime.advance(3_000);
    expect(await status).toBe(503);
    late.resolve({});
    await late.promise;
    expect(channels.health().sockets).toBe(0);
  });

  it("may outlast its client: nothing is left behind", async () => {
    const asked = deferred<IncomingMessage>();
    const late = deferred<object>();
    const { port, channels, errors } = await startServer((server) =>
      server.socket("/socket", {
        connect: ({ request }) => {
          asked.resolve(request);
          return late.promise;
        },
      }),
    );
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    const request = await asked.promise;
    const gone = new Promise((resolve) => request.socket.once("close", resolve));
    socket.resetAndDestroy();
    await gone;
    late.resolve({});
    await late.promise;
    expect(channels.health().sockets).toBe(0);
    expect(errors).toEqual([]);
  });

  it("knows an expired, a forged and a replayed token from a good one", async () => {
    const secret = "a secret of the test";
    const used = new Set<string>();
    const nowMs = 1_000_000;
    const sign = (user: string, expiresMs: number): string => {
      const body = `${user}.${expiresMs}`;
      return `${body}.${createHmac("sha256", secret).update(body).digest("hex")}`;
    };
    const valid = (token: unknown): boolean => {
      if (typeof token !== "string" || used.has(token)) return false;
      const [user = "", expiresMs = ""] = token.split(".");
      const expected = Buffer.from(sign(user, Number(expiresMs)));
      const given = Buffer.from(token);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
      if (Number(expiresMs) < nowMs) return false;
      used.add(token);
      return true;
    };
    const { url } = await startServer((channels) =>
      channels.socket("/socket", { connect: ({ params }) => (valid(params["token"]) ? {} : refuse(403)) }),
    );
    const path = (token: string): string => `${PATH}&token=${encodeURIComponent(token)}`;
    const good = sign("ann", nowMs + 1);
    await RawClient.connect(url, path(good));
    for (const bad of [good, sign("ann", nowMs - 1), `${good.slice(0, -1)}x`, "", "..."]) {
      expect(await refusedStatus(url + path(bad))).toBe(403);
    }
    expect(await refusedStatus(`${url}${PATH}&token[]=x`)).toBe(403);
  });

  it("gets a token of the subprotocol whatever alphabet it is written in, and the answer names the protocol", async () => {
    const tokens: unknown[] = [];
    const { port, url } = await startServer((channels) =>
      channels.socket("/socket", {
        connect: ({ authToken }) => {
          tokens.push(authToken);
          return {};
        },
      }),
    );
    const upgrade = (protocols: string): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const request = httpRequest({
          port,
          host: "127.0.0.1",
          path: PATH,
          headers: {
            Connection: "Upgrade",
            Upgrade: "websocket",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": protocols,
          },
        });
        request.on("upgrade", (response, socket) => {
          socket.destroy();
          resolve(response);
        });
        request.on("error", reject);
        request.end();
      });
    // The bytes 0xfb 0xff, which plain base64 writes with `+` and `/`, and its url alphabet with `-` and `_`.
    for (const token of ["Pz8/Pj4+", "Pz8_Pj4-", "Pz8/Pj4+".replace(/=/g, "")]) {
      const { headers } = await upgrade(`phoenix, base64url.bearer.phx.${token}`);
      expect(headers["sec-websocket-protocol"]).toBe("phoenix");
    }
    expect(tokens).toEqual(["???>>>", "???>>>", "???>>>"]);
    const client = await RawClient.connect(url);
    expect(client.socket.protocol).toBe("");
    expect(tokens.at(-1)).toBeUndefined();
  });
});

describe("the version of the protocol", () => {
  it("is 2, or the connection is refused with 403", async () => {
    const { url } = await startServer((channels) => channels.socket("/socket"));
    for (const query of ["", "?vsn=1.0.0", "?vsn=3.0.0", "?vsn=2", "?vsn=", "?vsn=junk", "?vsn[]=2.0.0"]) {
      expect(await refusedStatus(`${url}/socket/websocket${query}`), query).toBe(403);
    }
    await RawClient.connect(url, "/socket/websocket?vsn=2.0.0");
  });
});

describe("the origin", () => {
  const server = (
    checkOrigin?: ChannelServerOptions["checkOrigin"],
  ): Promise<{ url: string; port: number }> =>
    startServer((channels) => channels.socket("/socket"), checkOrigin === undefined ? {} : { checkOrigin });

  it("must be the host itself by default; no origin is no browser", async () => {
    const { url, port } = await server();
    for (const origin of ["https://evil.example", `http://127.0.0.1:${port + 1}`, "null", "junk", ""]) {
      expect(await refusedStatus(url + PATH, { headers: { Origin: origin } }), origin).toBe(403);
    }
    await RawClient.connect(url, PATH, { headers: { Origin: `http://127.0.0.1:${port}` } });
    await RawClient.connect(url, PATH);
  });

  it("takes the port of a scheme for granted", async () => {
    const { url } = await server();
    await RawClient.connect(url, PATH, {
      headers: { Origin: "https://shop.example", Host: "shop.example:443" },
    });
    expect(
      await refusedStatus(url + PATH, {
        headers: { Origin: "http://shop.example", Host: "shop.example:443" },
      }),
    ).toBe(403);
  });

  it("may be one of a list, with or without subdomains", async () => {
    const { url } = await server(["https://shop.example", "https://*.shop.example:8443"]);
    for (const origin of [
      "https://shop.example",
      "https://a.shop.example:8443",
      "https://a.b.shop.example:8443",
    ]) {
      await RawClient.connect(url, PATH, { headers: { Origin: origin } });
    }
    for (const origin of [
      "http://shop.example",
      "https://shop.example:1",
      "https://a.shop.example",
      "https://evilshop.example:8443",
      "https://shop.example.evil.example",
    ]) {
      expect(await refusedStatus(url + PATH, { headers: { Origin: origin } }), origin).toBe(403);
    }
  });

  it("may be left to a function, or not be checked; a socket's own check wins", async () => {
    const { url } = await startServer(
      (channels) => {
        channels.socket("/socket", { checkOrigin: (origin) => origin.endsWith(".example") });
        channels.socket("/open", { checkOrigin: false });
      },
      { checkOrigin: ["https://nobody.example"] },
    );
    await RawClient.connect(url, PATH, { headers: { Origin: "https://a.example" } });
    await RawClient.connect(url, "/open/websocket?vsn=2.0.0", { headers: { Origin: "https://evil.test" } });
    expect(await refusedStatus(url + PATH, { headers: { Origin: "https://evil.test" } })).toBe(403);
  });
});

describe("hooks that answer with what is no answer", () => {
  const origin = { headers: { Origin: "https://shop.example" } };

  it("refuse: an origin check allows by true alone, and is told once", async () => {
    const { url, errors } = await startServer((channels) => {
      for (const [path, result] of [
        ["/promise", Promise.resolve(true)],
        ["/rejection", Promise.reject(new Error("late"))],
        ["/text", "yes"],
        ["/nothing", undefined],
      ] as const) {
        if (result instanceof Promise) result.catch(() => undefined);
        const checkOrigin = (): never =>
          (result instanceof Promise ? result.then((value) => value) : result) as never;
        channels.socket(path, { checkOrigin });
      }
    });
    for (const path of ["promise", "rejection", "text", "nothing"]) {
      for (let time = 0; time < 2; time++) {
        expect(await refusedStatus(`${url}/${path}/websocket?vsn=2.0.0`, origin), path).toBe(403);
      }
    }
    expect(errors.filter(({ code }) => code === "CONNECTION_REFUSED")).toHaveLength(4);
    expect(errors.filter(({ code }) => code === "HANDLER_FAILED")).toEqual([]);
  });

  it("refuse: an id or a key that is no text, with 500", async () => {
    const { url, channels, errors } = await startServer(
      (server) => {
        server.socket("/number", { connect: () => ({}), id: () => 7 as never });
        server.socket("/promise", {
          connect: () => ({}),
          id: () => Promise.reject(new Error("late")) as never,
        });
      },
      { key: ({ headers }) => (headers["x-key"] ? (Promise.reject(new Error("late")) as never) : undefined) },
    );
    expect(await refusedStatus(`${url}/number/websocket?vsn=2.0.0`)).toBe(500);
    expect(await refusedStatus(`${url}/promise/websocket?vsn=2.0.0`)).toBe(500);
    expect(await refusedStatus(`${url}/number/websocket?vsn=2.0.0`, { headers: { "X-Key": "1" } })).toBe(500);
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED", "HANDLER_FAILED", "HANDLER_FAILED"]);
    expect(channels.health().sockets).toBe(0);
  });

  it("refuse: a connect hook that returns an error, true or a list, with 403 and told once", async () => {
    const results: unknown[] = [new Error("not you"), true, []];
    const { url, errors } = await startServer((channels) => {
      for (const [at, result] of results.entries()) {
        channels.socket(`/now${at}`, { connect: () => result as object });
        channels.socket(`/later${at}`, { connect: () => Promise.resolve(result as object) });
      }
    });
    for (const when of ["now", "later"]) {
      for (const at of results.keys()) {
        for (let time = 0; time < 2; time++) {
          expect(await refusedStatus(`${url}/${when}${at}/websocket?vsn=2.0.0`), `${when}${at}`).toBe(403);
        }
      }
    }
    expect(errors.map(({ code }) => code)).toEqual(Array(6).fill("CONNECTION_REFUSED"));
  });
});

describe("the HTTP server", () => {
  it("gets its unknown upgrades ended with 404, and plain requests answered, where nobody else listens", async () => {
    const { url, port } = await startServer((channels) => channels.socket("/socket"));
    expect(await refusedStatus(`${url}/elsewhere/websocket?vsn=2.0.0`)).toBe(404);
    expect(await refusedStatus(`${url}/socket?vsn=2.0.0`)).toBe(404);
    const status = (path: string): Promise<number | undefined> =>
      new Promise((resolve) =>
        get({ port, host: "127.0.0.1", path }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }),
      );
    expect(await status("/socket/websocket")).toBe(426);
    expect(await status("/elsewhere")).toBe(404);
  });

  it("keeps its other listeners, for upgrades and for requests", async () => {
    const { url, port, httpServer } = await startServer((channels) => channels.socket("/socket"));
    httpServer.on("upgrade", (request, socket) => {
      if (request.url === "/theirs") socket.end("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n");
    });
    httpServer.on("request", (_request, response) => response.end("theirs"));
    expect(await refusedStatus(`${url}/theirs`)).toBe(418);
    await RawClient.connect(url);
    const body = await new Promise<string>((resolve) =>
      get({ port, host: "127.0.0.1", path: "/socket/websocket" }, (response) => {
        response.on("data", (data) => resolve(String(data)));
      }),
    );
    expect(body).toBe("theirs");
  });

  it("may carry several channel servers, and one of them several sockets", async () => {
    const { url, httpServer } = await startServer((channels) => {
      channels.socket("/one");
      channels.socket("/two");
    });
    const other = new ChannelServer({ pubsub: memoryPubSub() });
    other.socket("/three");
    const detach = other.attach(httpServer);
    for (const path of ["one", "two", "three"]) await RawClient.connect(url, `/${path}/websocket?vsn=2.0.0`);
    expect(await refusedStatus(`${url}/four/websocket?vsn=2.0.0`)).toBe(404);
    detach();
    detach();
    expect(await refusedStatus(`${url}/three/websocket?vsn=2.0.0`)).toBe(404);
    await other.stop();
  });

  it("may send upgrades that are no WebSockets, or no proper ones", async () => {
    const { port } = await startServer((channels) => channels.socket("/socket"));
    const status = async (start: string, headers: string): Promise<string | undefined> =>
      (
        await rawExchange(port, `${start} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${headers}\r\n`)
      ).split(" ")[1];
    expect(await status(`GET ${PATH}`, "Upgrade: h2c\r\n")).toBe("426");
    expect(await status(`POST ${PATH}`, "Upgrade: websocket\r\n")).toBe("405");
    expect(await status(`GET ${PATH}`, "Upgrade: websocket\r\n")).toBe("400");
    expect(await status(`GET ${PATH}&a${"[b]".repeat(20)}=1`, "Upgrade: websocket\r\n")).toBe("400");
  });
});

describe("misuse", () => {
  const code = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      if (error instanceof TrackerError) return error.code;
      throw error;
    }
    return "none";
  };

  it("of options, paths, patterns and statuses throws", () => {
    const pubsub = memoryPubSub();
    const options =
      (values: object): (() => unknown) =>
      () =>
        new ChannelServer({ pubsub, ...values });
    expect(code(() => new ChannelServer({} as ChannelServerOptions))).toBe("INVALID_OPTION");
    for (const values of [
      { name: "" },
      { maxFrameBytes: 0 },
      { maxChannelsPerSocket: 1.5 },
      { joinBurst: NaN },
      { messagesPerSecond: -1 },
      { idleTimeoutMs: Infinity },
      { maxBufferedBytes: "1" },
      { checkOrigin: ["shop.example"] },
      { checkOrigin: "https://shop.example" },
      { checkOrigin: ["https://shop.example/path"] },
    ]) {
      expect(code(options(values)), JSON.stringify(values)).toBe("INVALID_OPTION");
    }
    const server = new ChannelServer({ pubsub });
    const mount = server.socket("/socket");
    for (const path of ["socket", "/", "/socket/", "/socket", ""]) {
      expect(
        code(() => server.socket(path)),
        path,
      ).toBe("INVALID_ARGUMENT");
    }
    const handlers = { join: () => ({ ok: {} }) };
    mount.channel("room:*", handlers).channel("lobby", handlers);
    for (const pattern of ["", "a*b", "*:a", "room:*", "lobby", "**"]) {
      expect(
        code(() => mount.channel(pattern, handlers)),
        pattern,
      ).toBe("INVALID_ARGUMENT");
    }
    expect(code(() => mount.channel("x", {} as typeof handlers))).toBe("INVALID_ARGUMENT");
    expect(code(() => server.socket("/x", { connect: 7 as never }))).toBe("INVALID_OPTION");
    expect(() => server.socket("/x", { checkOrigins: false } as never)).toThrow(
      "did you mean `checkOrigin`?",
    );
    for (const status of [200, 399, 600, 403.5, NaN])
      expect(code(() => refuse(status))).toBe("INVALID_ARGUMENT");
    for (const payload of [undefined, null, 7, "text", [], { toJSON: () => undefined }, { big: 1n }]) {
      expect(code(() => server.broadcast("t", "e", payload as object))).toBe("INVALID_ARGUMENT");
    }
    expect(code(() => server.broadcast("t".repeat(256), "e", new Uint8Array(1)))).toBe("INVALID_ARGUMENT");
    expect(code(() => server.on("close" as "error", () => undefined))).toBe("INVALID_ARGUMENT");
  });
});
