/** Sockets that may stay only until some time, by the wall clock. */
import { describe, expect, it } from "vitest";
import { Expiries } from "../../src/channels/expiries.js";
import type { ChannelServer } from "../../src/channels/index.js";
import {
  answer,
  CLIENTS,
  connectClient,
  deferred,
  RawClient,
  refusedStatus,
  startServer,
  VirtualRuntime,
} from "./harness.js";

const PATH = "/socket/websocket?vsn=2.0.0";

/** Sockets may stay until the time that they name; a handler renews them. */
function expiring(channels: ChannelServer): void {
  channels
    .socket("/socket", {
      connect: ({ params }) => ({ name: params["name"], expiresAtMs: Number(params["until"]) }),
    })
    .channel("*", {
      join: ({ socket }) => ({ ok: { name: socket.assigns.name } }),
      handleIn: {
        renew({ socket }, { name, expiresAtMs }) {
          socket.renew({ name: String(name), expiresAtMs: Number(expiresAtMs) }, Number(expiresAtMs));
          return { ok: {} };
        },
        forever({ socket }) {
          socket.renew(socket.assigns);
          return { ok: {} };
        },
        name: ({ socket }) => ({ ok: { name: socket.assigns.name } }),
      },
    });
}

describe("a socket with expiresAtMs", () => {
  it("is closed with 4001 when that is over, and no other", async () => {
    const runtime = new VirtualRuntime();
    const { url, channels } = await startServer(expiring, { runtime });
    const first = await RawClient.connect(url, `${PATH}&until=10000`);
    const second = await RawClient.connect(url, `${PATH}&until=20000`);
    await runtime.advance(9_999);
    expect(channels.health().sockets).toBe(2);
    expect(await first.untilHeartbeat()).toEqual([]);
    await runtime.advance(1);
    expect(await first.closed).toEqual({ code: 4001, reason: "expired" });
    expect(await second.untilHeartbeat()).toEqual([]);
    await runtime.advance(10_000);
    expect((await second.closed).code).toBe(4001);
  });

  it("of seconds is an error that names milliseconds, also where it is renewed", async () => {
    const server = await startServer(expiring);
    const inSeconds = Math.floor(Date.now() / 1000) + 900;
    expect(await refusedStatus(`${server.url}${PATH}&until=${inSeconds}`)).toBe(500);
    const client = await RawClient.connect(server.url, `${PATH}&until=${inSeconds * 1000}`);
    await client.join("a");
    client.send("1", "2", "a", "renew", { name: "new", expiresAtMs: inSeconds });
    expect((await client.next())[3]).toBe("phx_error");
    expect(server.errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual(
      [1, 2].map(() => [
        "HANDLER_FAILED",
        `expiresAtMs must be milliseconds since 1970, and looks like seconds: is it ${inSeconds} * 1000?`,
      ]),
    );
  });

  it("stays when a handler renews it, for all its channels, and may stay for ever", async () => {
    const runtime = new VirtualRuntime();
    const { url } = await startServer(expiring, { runtime });
    const client = await RawClient.connect(url, `${PATH}&until=10000&name=old`);
    expect((await client.join("a"))[4]["response"]).toEqual({ name: "old" });
    await client.join("b");
    client.send("1", "2", "a", "renew", { name: "new", expiresAtMs: 20_000 });
    await client.next();
    await runtime.advance(15_000);
    client.send("1", "3", "b", "name");
    expect((await client.next())[4]["response"]).toEqual({ name: "new" });
    client.send("1", "4", "b", "forever");
    await client.next();
    await runtime.advance(30_000);
    expect(await client.untilHeartbeat()).toEqual([]);
  });

  it("that is over already is refused, and one that is no time is a failure of the hook", async () => {
    const runtime = new VirtualRuntime();
    const { url, errors } = await startServer(expiring, { runtime });
    await runtime.advance(5_000);
    expect(await refusedStatus(`${url}${PATH}&until=5000`)).toBe(403);
    expect(await refusedStatus(`${url}${PATH}&until=soon`)).toBe(500);
    const client = await RawClient.connect(url, `${PATH}&until=6000`);
    await client.join("a");
    client.send("1", "2", "a", "renew", { expiresAtMs: "later" });
    expect((await client.next())[3]).toBe("phx_error");
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED", "HANDLER_FAILED"]);
  });

  it.each(CLIENTS)(
    "is opened again by phoenix $line, through the hook, with a new token",
    async ({ phoenix }) => {
      const runtime = new VirtualRuntime();
      const { url } = await startServer(expiring, { runtime });
      let until = 10_000;
      const socket = connectClient(phoenix, `${url}/socket`, {
        params: () => ({ until, name: `until ${until}` }),
        reconnectAfterMs: () => 1,
        rejoinAfterMs: () => 1,
      });
      const channel = socket.channel("a");
      const joins: unknown[] = [];
      const rejoined = deferred();
      const push = channel.join().receive("ok", (response: unknown) => {
        joins.push(response);
        if (joins.length === 2) rejoined.resolve();
      });
      await answer(push);
      until = 90_000;
      await runtime.advance(10_000);
      await rejoined.promise;
      expect(joins).toEqual([{ name: "until 10000" }, { name: "until 90000" }]);
    },
  );

  it("costs one timer for all, and a look at all once a second at most", async () => {
    const runtime = new VirtualRuntime();
    let timers = 0;
    const schedule = runtime.schedule.bind(runtime);
    runtime.schedule = (delayMs, callback) => {
      timers++;
      return schedule(delayMs, callback);
    };
    const expiries = new Expiries(runtime);
    const late: number[] = [];
    for (let count = 0; count < 10_000; count++) {
      const atMs = 60_000 + count;
      const socket = { expire: () => late.push(runtime.wallClockMs() - atMs) };
      expiries.set(socket, atMs);
      if (count % 10 === 9) expiries.forget(socket);
    }
    await runtime.advance(120_000);
    expect(late).toHaveLength(9_000);
    expect(Math.max(...late)).toBeLessThanOrEqual(1_000);
    expect(timers).toBeLessThan(20);
    // A clock that is set forward is noticed within an hour.
    let expired = false;
    expiries.set({ expire: () => (expired = true) }, runtime.wallClockMs() + 30 * 24 * 3_600_000);
    const wallClockMs = runtime.wallClockMs.bind(runtime);
    runtime.wallClockMs = () => wallClockMs() + 31 * 24 * 3_600_000;
    await runtime.advance(3_600_000);
    expect(expired).toBe(true);
    expiries.set({ expire: () => undefined }, runtime.wallClockMs() + 1);
    expiries.stop();
    timers = 0;
    await runtime.advance(10_000);
    expect(timers).toBe(0);
  });
});
