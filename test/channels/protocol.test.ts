/** Every row of the server's side of the protocol, frame by frame. */
import { describe, expect, it } from "vitest";
import { deferred, RawClient, startServer } from "./harness.js";

const lobby = { join: () => ({ ok: {} }) };

describe("messages", () => {
  it("answers heartbeats at any time", async () => {
    const { url } = await startServer((channels) => channels.socket("/socket"));
    const client = await RawClient.connect(url);
    client.send(null, "7", "phoenix", "heartbeat");
    expect(await client.next()).toEqual([null, "7", "phoenix", "phx_reply", { status: "ok", response: {} }]);
  });

  it("answers a join with the value that join returns", async () => {
    const { url } = await startServer((channels) =>
      channels
        .socket("/socket")
        .channel("room:*", { join: (channel, params) => ({ ok: { topic: channel.topic, params } }) })
        .channel("closed", { join: () => ({ error: { reason: "closed" } }) }),
    );
    const client = await RawClient.connect(url);
    expect(await client.join("room:1", "3", { page: "/" })).toEqual([
      "3",
      "3",
      "room:1",
      "phx_reply",
      { status: "ok", response: { topic: "room:1", params: { page: "/" } } },
    ]);
    expect(await client.join("closed", "4")).toEqual([
      "4",
      "4",
      "closed",
      "phx_reply",
      { status: "error", response: { reason: "closed" } },
    ]);
  });

  it("echoes refs that are numbers as numbers", async () => {
    const { url } = await startServer((channels) => channels.socket("/socket").channel("lobby", lobby));
    const client = await RawClient.connect(url);
    client.send(1, 1, "lobby", "phx_join");
    expect((await client.next()).slice(0, 2)).toEqual([1, 1]);
    client.send(1, 2, "lobby", "phx_leave");
    expect((await client.next()).slice(0, 2)).toEqual([1, 2]);
  });

  it("answers a join of an unknown topic without a join ref", async () => {
    const { url } = await startServer((channels) => channels.socket("/socket").channel("room:*", lobby));
    const client = await RawClient.connect(url);
    expect(await client.join("nowhere", "3")).toEqual([
      null,
      "3",
      "nowhere",
      "phx_reply",
      { status: "error", response: { reason: "unmatched topic" } },
    ]);
  });

  it("answers an event of a topic that is not joined, and a leave of it with ok", async () => {
    const { url } = await startServer((channels) => channels.socket("/socket").channel("lobby", lobby));
    const client = await RawClient.connect(url);
    client.send("1", "2", "lobby", "shout");
    expect(await client.next()).toEqual([
      null,
      "2",
      "lobby",
      "phx_reply",
      { status: "error", response: { reason: "unmatched topic" } },
    ]);
    client.send("1", "3", "lobby", "phx_leave");
    expect(await client.next()).toEqual(["1", "3", "lobby", "phx_reply", { status: "ok", response: {} }]);
  });

  it("answers a leave, then closes the channel with the ref of its join", async () => {
    const reasons: string[] = [];
    const { url } = await startServer((channels) =>
      channels
        .socket("/socket")
        .channel("lobby", { ...lobby, terminate: (_channel, reason) => void reasons.push(reason) }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "5");
    client.send("5", "6", "lobby", "phx_leave");
    expect(await client.next()).toEqual(["5", "6", "lobby", "phx_reply", { status: "ok", response: {} }]);
    expect(await client.next()).toEqual(["5", "5", "lobby", "phx_close", {}]);
    expect(reasons).toEqual(["left"]);
  });

  it("ignores what carries the ref of another join, and takes what carries none", async () => {
    const seen: unknown[] = [];
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: {
          shout: (_channel, payload) => {
            seen.push(payload["text"]);
            return { ok: {} };
          },
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "5");
    client.send("4", "6", "lobby", "shout", { text: "stale" });
    client.send("4", "7", "lobby", "phx_leave");
    client.send(null, "8", "lobby", "shout", { text: "none" });
    expect(await client.next()).toEqual(["5", "8", "lobby", "phx_reply", { status: "ok", response: {} }]);
    expect(seen).toEqual(["none"]);
  });

  it("replaces the channel of a topic that is joined again, and closes the old one under its own ref", async () => {
    const reasons: string[] = [];
    const { url, channels } = await startServer((server) =>
      server
        .socket("/socket")
        .channel("lobby", { ...lobby, terminate: (_channel, reason) => void reasons.push(reason) }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    client.send("2", "2", "lobby", "phx_join");
    expect(await client.next()).toEqual(["1", "1", "lobby", "phx_close", {}]);
    expect(await client.next()).toEqual(["2", "2", "lobby", "phx_reply", { status: "ok", response: {} }]);
    expect(reasons).toEqual(["rejoined"]);
    channels.broadcast("lobby", "news", { text: "once" });
    expect(await client.untilHeartbeat()).toEqual([[null, null, "lobby", "news", { text: "once" }]]);
  });

  it("starts the new join when the old channel has ended, terminate included", async () => {
    const steps: string[] = [];
    const release = deferred();
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        join: () => {
          steps.push("join");
          return { ok: {} };
        },
        terminate: async () => {
          steps.push("terminating");
          await release.promise;
          steps.push("terminated");
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    client.send("2", "2", "lobby", "phx_join");
    expect((await client.next())[3]).toBe("phx_close");
    expect(await client.untilHeartbeat()).toEqual([]);
    release.resolve();
    expect((await client.next()).slice(0, 2)).toEqual(["2", "2"]);
    expect(steps).toEqual(["join", "terminating", "terminated", "join"]);
  });

  it("waits no longer than terminateTimeoutMs for the old channel", async () => {
    const { url } = await startServer(
      (channels) =>
        channels
          .socket("/socket")
          .channel("lobby", { ...lobby, terminate: () => new Promise(() => undefined) }),
      { terminateTimeoutMs: 5 },
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    client.send("2", "2", "lobby", "phx_join");
    expect((await client.next())[3]).toBe("phx_close");
    expect((await client.next()).slice(0, 2)).toEqual(["2", "2"]);
  });

  it("writes the answer to a join before broadcasts that came meanwhile, and those before what joined pushes", async () => {
    const release = deferred();
    const joining = deferred();
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("lobby", {
        join: async () => {
          joining.resolve();
          await release.promise;
          return { ok: {} };
        },
        joined: (channel) => channel.push("welcome", {}),
      }),
    );
    const client = await RawClient.connect(url);
    client.send("1", "1", "lobby", "phx_join");
    await joining.promise;
    channels.broadcast("lobby", "first", {});
    channels.broadcast("lobby", "second", {});
    expect(await client.untilHeartbeat()).toEqual([]);
    release.resolve();
    const events = [];
    for (let count = 0; count < 4; count++) events.push((await client.next())[3]);
    expect(events).toEqual(["phx_reply", "first", "second", "welcome"]);
  });

  it("ends a channel whose client leaves while it joins: terminate runs, joined does not", async () => {
    const release = deferred();
    const terminated = deferred<string>();
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("lobby", {
        join: async () => {
          await release.promise;
          return { ok: {} };
        },
        joined: () => terminated.reject(new Error("joined must not run")),
        terminate: (_channel, reason) => terminated.resolve(reason),
      }),
    );
    const client = await RawClient.connect(url);
    client.send("3", "3", "lobby", "phx_join");
    client.send("3", "4", "lobby", "phx_leave");
    expect(await client.next()).toEqual(["3", "4", "lobby", "phx_reply", { status: "ok", response: {} }]);
    expect(await client.next()).toEqual(["3", "3", "lobby", "phx_close", {}]);
    expect(channels.health()).toMatchObject({ channels: 0, topics: 0 });
    release.resolve();
    expect(await terminated.promise).toBe("left");
    expect(await client.untilHeartbeat()).toEqual([]);
  });

  it("answers pushes with ok, error, a status of one's own, later, or not at all", async () => {
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: {
          good: () => ({ ok: { n: 1 } }),
          bad: () => ({ error: { reason: "no" } }),
          own: () => ({ status: "busy", response: { n: 2 } }),
          promised: () => Promise.resolve({ ok: { n: 3 } }),
          late: (channel, _payload, reply) => channel.send(reply),
          none: () => undefined,
        },
        handleInfo: (_channel, message) => (message as (reply: object) => void)({ ok: { n: 4 } }),
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    for (const [index, event] of ["good", "bad", "own", "promised", "late", "none"].entries()) {
      client.send("1", String(index + 2), "lobby", event);
    }
    const replies = [];
    for (let count = 0; count < 5; count++) replies.push(await client.next());
    expect(replies.map(([joinRef, ref, , event, payload]) => [joinRef, ref, event, payload])).toEqual([
      ["1", "2", "phx_reply", { status: "ok", response: { n: 1 } }],
      ["1", "3", "phx_reply", { status: "error", response: { reason: "no" } }],
      ["1", "4", "phx_reply", { status: "busy", response: { n: 2 } }],
      ["1", "5", "phx_reply", { status: "ok", response: { n: 3 } }],
      ["1", "6", "phx_reply", { status: "ok", response: { n: 4 } }],
    ]);
    expect(await client.untilHeartbeat()).toEqual([]);
  });

  it("answers an event without a handler, also one that objects inherit", async () => {
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", { ...lobby, handleIn: { good: () => ({ ok: {} }) } }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    for (const event of ["unknown", "constructor", "__proto__", "toString"]) {
      client.send("1", "2", "lobby", event);
      expect((await client.next())[4]).toEqual({ status: "error", response: { reason: "unknown event" } });
    }
  });

  it("joins topics and takes payloads named like parts of objects", async () => {
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("*", {
        ...lobby,
        handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
      }),
    );
    const client = await RawClient.connect(url);
    for (const topic of ["__proto__", "constructor", "hasOwnProperty"]) {
      expect((await client.join(topic, "1"))[4]["status"]).toBe("ok");
      client.socket.send(`["1","2",${JSON.stringify(topic)},"echo",{"__proto__":{"polluted":true}}]`);
      expect(JSON.stringify(await client.next())).toContain('{"__proto__":{"polluted":true}}');
    }
    expect(channels.health().topics).toBe(3);
    expect("polluted" in {}).toBe(false);
  });
});

describe("handlers", () => {
  it("run one after another for one channel, and do not wait for another channel", async () => {
    const release = deferred();
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        ...lobby,
        handleIn: {
          slow: async () => {
            await release.promise;
            return { ok: { slow: true } };
          },
          fast: () => ({ ok: { fast: true } }),
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("room:1", "1");
    await client.join("room:2", "2");
    client.send("1", "3", "room:1", "slow");
    client.send("1", "4", "room:1", "fast");
    client.send("2", "5", "room:2", "fast");
    expect((await client.next())[1]).toBe("5");
    release.resolve();
    expect((await client.next())[1]).toBe("3");
    expect((await client.next())[1]).toBe("4");
  });

  it("that throw or reject end their channel with phx_error, are reported, and leave the socket alone", async () => {
    const reasons: string[] = [];
    const { url, errors } = await startServer((channels) =>
      channels.socket("/socket").channel("room:*", {
        ...lobby,
        handleIn: {
          throws: () => {
            throw new Error("thrown");
          },
          rejects: () => Promise.reject(new Error("rejected")),
          fine: () => ({ ok: {} }),
        },
        terminate: (_channel, reason) => void reasons.push(reason),
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("room:other", "9");
    for (const event of ["throws", "rejects"]) {
      await client.join("room:1", "1");
      client.send("1", "2", "room:1", event);
      expect(await client.next()).toEqual(["1", "1", "room:1", "phx_error", { reason: "channel_crash" }]);
    }
    client.send("9", "10", "room:other", "fine");
    expect((await client.next())[1]).toBe("10");
    expect(errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
      ["HANDLER_FAILED", "thrown"],
      ["HANDLER_FAILED", "rejected"],
    ]);
    expect(reasons).toEqual(["failed", "failed"]);
  });

  it("that fail in join, joined, handleInfo, handleOut and terminate are each reported", async () => {
    const fail = (): never => {
      throw new Error("broken");
    };
    const { url, errors, channels } = await startServer((server) =>
      server
        .socket("/socket")
        .channel("join", { join: fail })
        .channel("join-async", { join: () => Promise.reject(new Error("broken")) })
        .channel("join-nonsense", { join: () => JSON.parse("7") as { ok: object } })
        .channel("joined", { ...lobby, joined: fail })
        .channel("info", { ...lobby, joined: (channel) => channel.send("go"), handleInfo: fail })
        .channel("out", { ...lobby, handleOut: { news: fail } })
        .channel("terminate", { ...lobby, terminate: fail }),
    );
    const client = await RawClient.connect(url);
    const crashed = { status: "error", response: { reason: "join crashed" } };
    for (const topic of ["join", "join-async", "join-nonsense"]) {
      expect((await client.join(topic))[4]).toEqual(crashed);
    }
    for (const topic of ["joined", "info"]) {
      expect((await client.join(topic))[4]["status"]).toBe("ok");
      expect((await client.next())[3]).toBe("phx_error");
    }
    await client.join("out");
    channels.broadcast("out", "news", {});
    expect((await client.next())[3]).toBe("phx_error");
    await client.join("terminate");
    client.send("1", "2", "terminate", "phx_leave");
    expect((await client.next())[1]).toBe("2");
    expect((await client.next())[3]).toBe("phx_close");
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => "HANDLER_FAILED"));
    expect(channels.health().channels).toBe(0);
  });

  it("that push what has no encoding fail like any other", async () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const { url, errors } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: { cycle: (channel) => channel.broadcast("x", cycle), list: () => ({ ok: [1] }) },
      }),
    );
    const client = await RawClient.connect(url);
    for (const event of ["cycle", "list"]) {
      await client.join("lobby", "1");
      client.send("1", "2", "lobby", event);
      expect((await client.next())[3]).toBe("phx_error");
    }
    expect(errors.map(({ cause }) => (cause as { code?: string }).code)).toEqual([
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
    ]);
  });

  it("may stop their channel: the answer goes out, then phx_close", async () => {
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: {
          bye: (channel) => {
            channel.stop();
            return { ok: {} };
          },
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    client.send("1", "2", "lobby", "bye");
    expect((await client.next()).slice(0, 4)).toEqual(["1", "2", "lobby", "phx_reply"]);
    expect(await client.next()).toEqual(["1", "1", "lobby", "phx_close", {}]);
  });

  it("get a closed session where nobody has asked for it before the channel has ended", async () => {
    const asked = deferred<boolean[]>();
    const { url } = await startServer((server) =>
      server.socket("/socket").channel("lobby", {
        ...lobby,
        terminate: (channel) => {
          const { session } = channel;
          asked.resolve([session.closed, session.signal.aborted, channel.session === session]);
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    client.send("1", "2", "lobby", "phx_leave");
    expect(await asked.promise).toEqual([true, true, true]);
  });

  it("close the session in the same turn as the channel ends, and outlive it quietly", async () => {
    const release = deferred();
    const finished = deferred<boolean>();
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: {
          slow: async (channel) => {
            await release.promise;
            channel.push("too", { late: true });
            channel.broadcast("too", { late: true });
            channel.send("late");
            finished.resolve(channel.session.closed && channel.ended);
            return { ok: {} };
          },
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    const other = await RawClient.connect(url);
    await other.join("lobby", "1");
    client.send("1", "2", "lobby", "slow");
    await client.untilHeartbeat();
    client.send("2", "2", "lobby", "phx_join");
    expect((await client.next())[3]).toBe("phx_close");
    expect(channels.health().channels).toBe(2);
    release.resolve();
    expect(await finished.promise).toBe(true);
    expect((await client.next()).slice(0, 2)).toEqual(["2", "2"]);
    expect(await other.untilHeartbeat()).toEqual([]);
  });
});

describe("binary frames", () => {
  it("carry bytes in pushes, replies, server pushes and broadcasts", async () => {
    const { url } = await startServer((channels) =>
      channels.socket("/socket").channel("lobby", {
        ...lobby,
        handleBinary: {
          image: (channel, data) => {
            channel.push("pushed", data);
            channel.broadcast("cast", new Uint8Array(data).buffer);
            return { ok: Uint8Array.from(data, (byte) => byte + 1) };
          },
        },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    const head = Buffer.from([0, 1, 1, 5, 5]);
    client.socket.send(Buffer.concat([head, Buffer.from("12lobbyimage"), Buffer.from([1, 2, 3])]));
    const frames = [];
    for (let count = 0; count < 3; count++) frames.push(await client.nextData());
    expect(frames).toEqual([
      Buffer.concat([Buffer.from([0, 1, 5, 6]), Buffer.from("1lobbypushed"), Buffer.from([1, 2, 3])]),
      Buffer.concat([Buffer.from([2, 5, 4]), Buffer.from("lobbycast"), Buffer.from([1, 2, 3])]),
      Buffer.concat([Buffer.from([1, 1, 1, 5, 2]), Buffer.from("12lobbyok"), Buffer.from([2, 3, 4])]),
    ]);
  });

  it("are not intercepted, and an event that takes none is answered", async () => {
    const { url, channels } = await startServer((server) =>
      server.socket("/socket").channel("lobby", {
        ...lobby,
        handleIn: { image: () => ({ ok: {} }) },
        handleOut: { cast: (channel) => channel.push("intercepted", {}) },
      }),
    );
    const client = await RawClient.connect(url);
    await client.join("lobby", "1");
    channels.broadcast("lobby", "cast", {});
    expect((await client.next())[3]).toBe("intercepted");
    channels.broadcast("lobby", "cast", Uint8Array.from([1]));
    const head = Buffer.from([2, 5, 4]);
    expect(await client.nextData()).toEqual(
      Buffer.concat([head, Buffer.from("lobbycast"), Buffer.from([1])]),
    );
    const push = Buffer.concat([Buffer.from([0, 1, 1, 5, 5]), Buffer.from("12lobbyimage")]);
    client.socket.send(push);
    expect((await client.next())[4]).toEqual({ status: "error", response: { reason: "unknown event" } });
  });
});
