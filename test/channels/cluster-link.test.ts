/** What channel servers of several nodes say to each other, and what they make of anything else. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { ClusterLink, type ClusterReceiver } from "../../src/channels/cluster-link.js";
import { zeroCounters } from "../../src/channels/counters.js";
import { ErrorReports } from "../../src/channels/error-reports.js";
import { Broadcast } from "../../src/channels/subscribers.js";
import type { TrackerError } from "../../src/errors.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { VirtualRuntime } from "./harness.js";

describe("the link to other nodes", () => {
  function link(pubsub: PubSub, runtime = new VirtualRuntime()) {
    const received: string[] = [];
    const keys: string[][] = [];
    const errors: TrackerError[] = [];
    const reports = new ErrorReports(runtime);
    reports.listen((error) => errors.push(error));
    const limits = { maxBroadcastBytes: 1_000 };
    const counters = zeroCounters();
    const receiver: ClusterReceiver = {
      broadcastReceived: ({ topic, event, encoded }) =>
        received.push(`${topic} ${event} ${Buffer.isBuffer(encoded) ? encoded.toString("hex") : encoded}`),
      disconnectReceived: (id, agoMs) => received.push(`disconnect ${id}${agoMs ? ` ${agoMs} ms ago` : ""}`),
      keyReceived: (server, key) => keys.push([server, key]),
      askReceived: () => expect.unreachable(),
      answerReceived: () => expect.unreachable(),
    };
    const settings = { pubsub, name: "channels", runtime, limits };
    return {
      link: new ClusterLink(settings, reports, receiver, counters),
      received,
      keys,
      errors,
      runtime,
      counters,
    };
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("carries broadcasts of text and bytes, and disconnects, to the others of its name only", async () => {
    const hub = new MemoryHub();
    const [one, two] = [link(hub.node("one")), link(hub.node("two"))];
    await Promise.all([one.link.open(), two.link.open()]);
    one.link.broadcast(new Broadcast("a\nb", "e", { text: "line\nbreak" }));
    one.link.broadcast(new Broadcast("t", "e", Uint8Array.from([0, 255])));
    one.link.disconnect("user:1");
    await turn();
    expect(two.received).toEqual(['a\nb e {"text":"line\\nbreak"}', "t e 00ff", "disconnect user:1"]);
    expect(one.received).toEqual([]);
    await two.link.close();
    one.link.disconnect("user:2");
    await turn();
    expect(two.received).toHaveLength(3);
  });

  it("tells the others what its tokens are signed with, whoever comes first", async () => {
    const hub = new MemoryHub();
    const [one, two] = [link(hub.node("one")), link(hub.node("two"))];
    one.link.announce("key one");
    two.link.announce("key two");
    await one.link.open();
    await two.link.open();
    await turn();
    expect(new Map(one.keys as [string, string][])).toEqual(new Map([[two.link.server, "key two"]]));
    expect(new Map(two.keys as [string, string][])).toEqual(new Map([[one.link.server, "key one"]]));
    one.keys.length = 0;
    one.link.askKey("two");
    await turn();
    expect(one.keys).toEqual([[two.link.server, "key two"]]);
  });

  it.each(["one", "two"])("says again who was ended while %s was cut off", async (cut) => {
    const hub = new MemoryHub();
    const runtime = new VirtualRuntime();
    const [one, two] = [link(hub.node("one"), runtime), link(hub.node("two"), runtime)];
    await Promise.all([one.link.open(), two.link.open()]);
    await runtime.advance(10_000);
    hub.disconnect(cut);
    one.link.disconnect("user:1");
    await runtime.advance(30_000);
    one.link.disconnect("user:2");
    await turn();
    expect(two.received).toEqual([]);
    await runtime.advance(1_000);
    hub.reconnect(cut);
    await turn();
    expect(two.received).toContain("disconnect user:1 31000 ms ago");
    expect(two.received).toContain("disconnect user:2 1000 ms ago");
    expect(one.received).toEqual([]);
    // For ten minutes, and no longer.
    hub.disconnect(cut);
    await runtime.advance(600_000);
    two.received.length = 0;
    hub.reconnect(cut);
    await runtime.advance(10_000);
    await turn();
    expect(two.received).toEqual([]);
  });

  it("ignores its own echo, reports junk and other versions, and goes on", async () => {
    let deliver = (_payload: string): void => undefined;
    const echoing: PubSub = {
      nodeName: "one",
      broadcast: (_channel, payload) => deliver(payload),
      send: () => undefined,
      subscribe: (_channel, receive) => {
        deliver = receive;
        return () => undefined;
      },
    };
    const { link: made, received, errors, counters } = link(echoing);
    await made.open();
    made.broadcast(new Broadcast("t", "e", {}));
    expect(received).toEqual([]);
    const junk = [
      "",
      "junk",
      "\n",
      "{}\n{}",
      "[1]\n{}",
      '[1,"x","json","t"]\n{}',
      '[1,"x","json","t",7]\n{}',
      '[1,"x","","t","e"]\n{}',
      '[1,"x","json","t","e"]\n{',
      '[1,"x","ended"]\n[["id",-1]]',
      '[1,"x","ended"]\n{}',
      '[1,"x","json","t","e"]\n[]',
      '[1,"x","json","t","e"]\nnull',
      `[1,"x","bytes",${JSON.stringify("t".repeat(300))},"e"]\nAAAA`,
    ];
    for (const payload of junk) deliver(payload);
    deliver('[2,"x","something","new"]\n?');
    deliver('[1,"x","json","t","e"]\n{"fine":true}');
    expect(received).toEqual(['t e {"fine":true}']);
    expect(counters.furtherFrames).toBe(0);
    // What a later version adds is left alone, and counted.
    deliver('[1,"x","json","t","e","more",{"and":"more"}]\n{"also":"fine"}');
    deliver('[1,"x","added","t"]\nwhatever');
    expect(received).toEqual(['t e {"fine":true}', 't e {"also":"fine"}']);
    expect(counters.furtherFrames).toBe(2);
    expect(errors.map(({ code }) => code)).toEqual([...junk.map(() => "INVALID_FRAME"), "UNKNOWN_PROTOCOL"]);
    expect(counters.invalidFrames).toBe(junk.length);
  });

  it("takes no names that are longer than a server writes: they would be remembered", async () => {
    const hub = new MemoryHub();
    const one = link(hub.node("one"));
    await one.link.open();
    const send = (head: unknown[]) =>
      hub.node("two").broadcast("rollcall:channels:channels", `${JSON.stringify(head)}\n{}`);
    const [longest, longer] = ["x".repeat(128), "x".repeat(129)];
    for (const [server, node] of [
      [longest, longest],
      [longer, "two"],
      ["server", longer],
    ])
      void send([1, server, "hello", node, "key", ""]);
    void send([1, longer, "json", "t", "e"]);
    await turn();
    expect(one.keys).toEqual([[longest, "key"]]);
    expect(one.received).toEqual([]);
    expect(one.counters.invalidFrames).toBe(3);
  });

  it("takes the ids of a list in which others are none, and counts and reports that once", async () => {
    const hub = new MemoryHub();
    const { link: made, received, errors, counters } = link(hub.node("one"));
    await made.open();
    const rows = [["ann", 5], [null, 5], [7, 5], ["x"], ["x", "5"], ["x", -1], {}, null, ["eve", 7]];
    const other = hub.node("two");
    await other.broadcast("rollcall:channels:channels", `[1,"x","ended"]\n${JSON.stringify(rows)}`);
    await turn();
    expect(received).toEqual(["disconnect ann 5 ms ago", "disconnect eve 7 ms ago"]);
    expect([counters.invalidFrames, errors.map(({ code }) => code)]).toEqual([1, ["INVALID_FRAME"]]);
    await made.close();
  });

  it("refuses what is too large before it is read, sends nothing of the kind, and quotes nobody's text", async () => {
    let deliver = (_payload: string): void => undefined;
    const sent: string[] = [];
    const pubsub: PubSub = {
      nodeName: "one",
      broadcast: (_channel, payload) => void sent.push(payload),
      send: () => undefined,
      subscribe: (_channel, receive) => {
        deliver = receive;
        return () => undefined;
      },
    };
    const { link: made, received, errors } = link(pubsub);
    await made.open();
    // What it says to those who are there already.
    sent.length = 0;
    const frame = (text: string): string => `[1,"x","json","t","e"]\n{"text":"${text}"}`;
    const fits = "x".repeat(1_000 - frame("").length);
    const parse = vi.spyOn(JSON, "parse");
    onTestFinished(() => parse.mockRestore());
    deliver(frame(`${fits}x`));
    deliver(`SECRET${"[".repeat(1_000_000)}`);
    expect(parse).not.toHaveBeenCalled();
    deliver(frame(fits));
    deliver("SECRET\nSECRET");
    deliver('[1,"x","json","t","e"]\n{"text":SECRET}');
    expect(received).toHaveLength(1);
    made.broadcast(new Broadcast("t", "e", { text: "SECRET".repeat(200) }));
    expect(sent).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual([
      ...Array.from({ length: 4 }, () => "INVALID_FRAME"),
      "PUBLISH_FAILED",
    ]);
    for (const { message, details, cause } of errors) {
      expect(`${message} ${JSON.stringify(details)} ${String(cause)}`).not.toContain("SECRET");
    }
  });

  it("asks again, ever more slowly, while the pubsub refuses the subscription", async () => {
    let attempts = 0;
    const refusing: PubSub = {
      nodeName: "one",
      broadcast: () => undefined,
      send: () => undefined,
      subscribe: () => {
        if (++attempts < 4) return Promise.reject(new Error("not yet"));
        return () => undefined;
      },
    };
    const { link: made, errors, runtime } = link(refusing);
    let open = false;
    void made.whenOpen().then(() => (open = true));
    await made.open();
    expect(attempts).toBe(1);
    await runtime.advance(500);
    await runtime.advance(999);
    expect(attempts).toBe(2);
    await runtime.advance(1);
    expect([attempts, open]).toEqual([3, false]);
    await runtime.advance(2_000);
    expect([attempts, open]).toEqual([4, true]);
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 3 }, () => "PUBSUB_UNAVAILABLE"));
  });

  it("reports failures of the pubsub that have no caller, until it is closed", async () => {
    let fail: (error: unknown) => void = () => undefined;
    const pubsub: PubSub = {
      nodeName: "one",
      broadcast: () => undefined,
      send: () => undefined,
      subscribe: () => () => undefined,
      onError: (listener) => {
        fail = listener;
        return () => void (fail = () => undefined);
      },
    };
    const { link: made, errors } = link(pubsub);
    await made.open();
    fail(new Error("connection lost"));
    await made.close();
    fail(new Error("unheard"));
    expect(errors.map(({ code, cause }) => [code, String(cause)])).toEqual([
      ["PUBSUB_UNAVAILABLE", "Error: connection lost"],
    ]);
  });

  it("reports what the pubsub refuses or could never take, and throws at nobody", async () => {
    const failing: PubSub = {
      nodeName: "one",
      maxPayloadBytes: 200,
      broadcast: (_channel, payload) => {
        if (payload.includes("sync")) throw new Error("sync");
        return Promise.reject(new Error("async"));
      },
      send: () => undefined,
      subscribe: () => () => Promise.reject(new Error("unsubscribe")),
    };
    const { link: made, errors } = link(failing);
    await made.open();
    made.broadcast(new Broadcast("sync", "e", {}));
    made.broadcast(new Broadcast("t", "e", {}));
    made.broadcast(new Broadcast("t", "e", { text: "x".repeat(200) }));
    await turn();
    await made.close();
    expect(errors.map(({ code }) => code)).toEqual([
      "PUBLISH_FAILED",
      "PUBLISH_FAILED",
      "PUBLISH_FAILED",
      "PUBSUB_UNAVAILABLE",
    ]);
  });

  it("answers hellos by an account, and all that got none at once", async () => {
    let deliver = (_payload: string): void => undefined;
    let sentBytes = 0;
    let broadcasts = "";
    const pubsub: PubSub = {
      nodeName: "one",
      broadcast: (_channel, payload) => void (broadcasts += payload),
      send: (_node, _channel, payload) => void (sentBytes += payload.length),
      subscribe: (_channel, receive) => {
        deliver = receive;
        return () => undefined;
      },
    };
    const { link: made, errors, runtime, counters } = link(pubsub);
    await made.open();
    await runtime.advance(10_000);
    for (let index = 0; index < 5_000; index++)
      made.disconnect(`user:${index}:0123456789abcdef0123456789abcdef`);
    broadcasts = "";
    errors.length = 0;
    for (let index = 0; index < 100; index++) deliver(`[1,"x${index}","hello","two","k","answer"]\n`);
    expect(sentBytes).toBeGreaterThan(100_000);
    expect(sentBytes).toBeLessThan(1_000_000);
    expect(counters.refusedHellos).toBeGreaterThan(90);
    expect(errors[0]).toMatchObject({ code: "LIMIT_REACHED", details: { limit: "hellos" } });
    await runtime.advance(30_000);
    expect(broadcasts).toContain("user:4999:");
    expect(broadcasts.length).toBeLessThan(1_000_000);
    await made.close();
  });
});
