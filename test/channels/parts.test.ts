/** The parts of the channel server on their own: what no client could show as exactly. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import * as phoenix18 from "phoenix";
import { describe, expect, it } from "vitest";
import { Backlog } from "../../src/channels/backlog.js";
import { ErrorReports } from "../../src/channels/error-reports.js";
import {
  broadcastFrame,
  decodeBinary,
  decodeText,
  encodePayload,
  pushFrame,
  replyFrame,
  type Frame,
  type SharedFrame,
} from "../../src/channels/frames.js";
import { readPayload } from "../../src/channels/payload.js";
import { FeedEncodings } from "../../src/channels/presence-feed.js";
import { parseParams } from "../../src/channels/params.js";
import { RateLimit } from "../../src/channels/rate-limit.js";
import type { ChannelHandlers } from "../../src/channels/index.js";
import { ServerChannel } from "../../src/channels/server-channel.js";
import { SerialQueue } from "../../src/channels/serial-queue.js";
import { Broadcast, Subscribers, type Subscriber } from "../../src/channels/subscribers.js";
import { KeptBroadcasts } from "../../src/channels/waiting-broadcasts.js";
import type { TrackerError } from "../../src/errors.js";
import { deferred, VirtualRuntime } from "./harness.js";

/** The codec of the official client. */
interface Serializer {
  encode(message: object, callback: (data: string | ArrayBuffer) => void): void;
  decode(data: string | ArrayBuffer, callback: (message: Record<string, unknown>) => void): void;
}
const { Serializer: serializer } = phoenix18 as unknown as { Serializer: Serializer };

/** Takes the WebSocket header off. */
function unwrap({ wire }: SharedFrame): Frame {
  const short = (wire[1] ?? 0) & 127;
  const offset = short < 126 ? 2 : short === 126 ? 4 : 10;
  const length = short < 126 ? short : short === 126 ? wire.readUInt16BE(2) : Number(wire.readBigUInt64BE(2));
  const data = wire.subarray(offset);
  expect([wire[0], data.length]).toEqual([wire[0] === 0x82 ? 0x82 : 0x81, length]);
  return { data, bytes: length, binary: wire[0] === 0x82 };
}

function clientReads({ data, binary }: Frame): Record<string, unknown> {
  const bytes = Buffer.from(data);
  const raw = binary ? Uint8Array.from(bytes).buffer : bytes.toString();
  let read: Record<string, unknown> = {};
  serializer.decode(raw, (message) => (read = message));
  return read;
}

/** A field of a binary frame: at most 255 bytes, and not empty, which stands for none. */
const field = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((text) => Buffer.byteLength(text) <= 255 && Buffer.from(text).toString() === text);
const ref = field.filter((text) => Buffer.byteLength(text) <= 64);
const json = fc
  .dictionary(fc.string(), fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify(value)) as object);
const bytes = fc.uint8Array({ maxLength: 100 });

describe("what a payload is taken to take in memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heapBytes = async (): Promise<number> => {
    for (let count = 0; count < 4; count++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return process.memoryUsage().heapUsed;
  };
  let number = 0;

  it.each<[string, () => string]>([
    ["empty objects", () => "{}"],
    ["empty lists", () => "[]"],
    ["lists in lists", () => "[[]]"],
    ["doubles", () => "0.5"],
    ["doubles among others", () => "0.5,[]"],
    ["texts that are all different", () => `"${(number++).toString(36)}"`],
    ["wide characters", () => `"${"☃x".repeat(50)}"`],
    ["names that are all different", () => `{"k${(number++).toString(36)}":1}`],
    ["two names, one of them new", () => `{"a${(number++).toString(36)}":1,"b":1}`],
    ["large numbers as names", () => '{"9999999":1}'],
    ["numbers as names", () => '{"999":1}'],
  ])("is no less than it takes: %s", async (_name, item) => {
    const texts = Array.from({ length: 10 }, () => {
      const items: string[] = [];
      for (let length = 0; length < 60_000; length += (items.at(-1) ?? "").length + 1) items.push(item());
      return Buffer.from(`{"a":[${items.join(",")}]}`);
    });
    for (const text of texts.slice(0, 3)) readPayload(text.toString());
    let bytes = 0;
    let taken = Infinity;
    // What else happens in this process can only add to what is measured.
    for (let round = 0; round < 5 && taken > bytes; round++) {
      const read = new Array<unknown>(texts.length).fill(undefined);
      const before = await heapBytes();
      bytes = 0;
      for (const [index, text] of texts.entries()) {
        const payload = readPayload(text.toString());
        if (payload?.payload === undefined) expect.unreachable();
        read[index] = payload.payload;
        bytes += payload.bytes;
      }
      taken = Math.min(taken, (await heapBytes()) - before);
      expect(read).toHaveLength(texts.length);
    }
    expect(taken).toBeLessThanOrEqual(bytes);
  });
});

describe("frames", () => {
  it("of the official client are read as they were meant", () => {
    fc.assert(
      fc.property(ref, ref, field, field, fc.oneof(json, bytes), (joinRef, ref, topic, event, payload) => {
        const given = payload instanceof Uint8Array ? Uint8Array.from(payload).buffer : payload;
        let read: unknown;
        serializer.encode({ join_ref: joinRef, ref, topic, event, payload: given }, (data) => {
          read = typeof data === "string" ? decodeText(data) : decodeBinary(Buffer.from(data));
        });
        const expected = payload instanceof Uint8Array ? Buffer.from(payload) : JSON.stringify(payload);
        expect(read).toEqual({ joinRef, ref, topic, event, payload: expected });
        if (!(payload instanceof Uint8Array))
          expect(readPayload(JSON.stringify(payload))?.payload).toEqual(payload);
      }),
    );
  });

  it("are read, payload and all, exactly where the whole text is a list of five, however it is written", () => {
    const isRef = (value: unknown): boolean =>
      value === null || typeof value === "number" || (typeof value === "string" && value.length <= 16);
    const whole = (text: string): unknown => {
      try {
        const list = JSON.parse(text) as unknown;
        if (!Array.isArray(list) || list.length !== 5) return undefined;
        const [joinRef, ref, topic, event] = list as unknown[];
        const isMessage =
          isRef(joinRef) && isRef(ref) && typeof topic === "string" && typeof event === "string";
        return isMessage ? list : undefined;
      } catch {
        return undefined;
      }
    };
    const inParts = (text: string): unknown => {
      const message = decodeText(text);
      if (!message) return undefined;
      try {
        const { joinRef, ref, topic, event, payload } = message;
        return [joinRef, ref, topic, event, JSON.parse(String(payload))];
      } catch {
        return undefined;
      }
    };
    const word = fc.string({
      unit: fc.constantFrom('"', "\\", ",", "[", "]", "{", "}", "a", "é"),
      maxLength: 6,
    });
    const frame = fc.tuple(
      fc.oneof(word, fc.constant(null), fc.double()),
      fc.oneof(word, fc.constant(null), fc.integer()),
      fc.oneof(word, fc.jsonValue()),
      word,
      fc.jsonValue(),
    );
    const text = fc
      .tuple(
        frame,
        fc.constantFrom(undefined, 1),
        fc.nat(),
        fc.constantFrom("", " ", ",", "]", '"', "\\", "[1,"),
      )
      .map(([values, indent, place, extra]) => {
        const written = JSON.stringify(values, undefined, indent);
        const at = place % (written.length + 1);
        return written.slice(0, at) + extra + written.slice(at);
      });
    fc.assert(
      fc.property(fc.oneof(text, fc.json(), fc.string()), (given) => {
        expect(inParts(given)).toEqual(whole(given));
      }),
      { numRuns: 3_000 },
    );
  });

  it("of bytes do not keep alive all that was read with them", () => {
    const read = Buffer.alloc(65_536);
    read.set(Buffer.from("\0\u0001\u0001\u0001\u0001jrtexyz"), 100);
    const message = decodeBinary(read.subarray(100, 112));
    expect(message).toMatchObject({ joinRef: "j", ref: "r", topic: "t", event: "e" });
    expect(message?.payload.toString()).toBe("xyz");
    expect((message?.payload as Buffer).buffer.byteLength).toBe(3);
    const whole = decodeBinary(Buffer.concat([read.subarray(100, 109), Buffer.alloc(60_000)]));
    expect((whole?.payload as Buffer).length).toBe(60_000);
  });

  it("of any depth are measured as they are", () => {
    const depthOf = (value: unknown): number =>
      typeof value === "object" && value !== null
        ? 1 + Math.max(0, ...Object.values(value as object).map(depthOf))
        : 0;
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 80 })),
        fc.nat({ max: 70 }),
        (value, levels) => {
          let nested: unknown = value;
          for (let level = 0; level < levels; level++) nested = level % 2 ? [nested] : { nested };
          const read = readPayload(JSON.stringify({ nested }));
          expect(read?.payload === undefined).toBe(depthOf({ nested }) > 64);
        },
      ),
    );
  });

  it("are read by the official client as they were meant", () => {
    fc.assert(
      fc.property(field, field, field, field, fc.oneof(json, bytes), (joinRef, ref, topic, name, payload) => {
        const encoded = encodePayload(payload);
        const expected = payload instanceof Uint8Array ? Uint8Array.from(payload).buffer : payload;
        expect(clientReads(pushFrame(joinRef, topic, name, encoded))).toMatchObject({
          join_ref: joinRef,
          ref: null,
          topic,
          event: name,
        });
        expect(clientReads(pushFrame(joinRef, topic, name, encoded))["payload"]).toEqual(expected);
        expect(clientReads(replyFrame(joinRef, ref, topic, name, encoded))).toEqual({
          join_ref: joinRef,
          ref,
          topic,
          event: "phx_reply",
          payload: { status: name, response: expected },
        });
        const broadcast = clientReads(unwrap(broadcastFrame(topic, name, encoded)));
        expect(broadcast).toMatchObject({ join_ref: null, ref: null, topic, event: name });
        expect(broadcast["payload"]).toEqual(expected);
      }),
    );
  });

  it("of any junk are a message or nothing, and never an exception", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), bytes, (text, data) => {
        decodeText(text);
        decodeBinary(Buffer.from(data));
      }),
    );
  });
});

describe("parameters", () => {
  it("are nested as the brackets say", () => {
    const read = (query: string): string => JSON.stringify(parseParams(query));
    expect(read("")).toBe("{}");
    expect(read("a=1&b=x%20y+z")).toBe('{"a":"1","b":"x y z"}');
    expect(read("a[0]=x&a[1]=y")).toBe('{"a":["x","y"]}');
    expect(read("a[]=x&a[]=y")).toBe('{"a":["x","y"]}');
    expect(read("a[b][c]=1&a[b][d][]=2&a[1]=3")).toBe('{"a":{"1":"3","b":{"c":"1","d":["2"]}}}');
    expect(read("a=1&a=2&b[c]=1&b=2&d=1&d[e]=2")).toBe('{"a":"2","b":"2","d":{"e":"2"}}');
    expect(read("a[=1&[b]=2&a]b[=3&=4")).toBe('{"a[":"1","[b]":"2","a]b[":"3","":"4"}');
    expect(read("%E0%A4%A=1")).toContain(":");
  });

  it("cannot reach a prototype, nor be nested without bound", () => {
    const params = parseParams("__proto__[polluted]=1&constructor[prototype][polluted]=1&a[__proto__][b]=1");
    expect("polluted" in {}).toBe(false);
    expect(Object.keys(params ?? {})).toEqual(["__proto__", "constructor", "a"]);
    expect(parseParams(`a${"[b]".repeat(15)}=1`)).toBeDefined();
    expect(parseParams(`a${"[b]".repeat(16)}=1`)).toBeUndefined();
  });

  it("of any query never throw", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "[", "]", "=", "&", "%", "0") }),
        (query) => void parseParams(query),
      ),
    );
  });
});

describe("a rate limit", () => {
  it("never lets more through than its burst and its rate allow, and no less where it is used evenly", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 }),
        (perSecond, burst, gapsMs) => {
          const limit = new RateLimit(perSecond, burst, 0);
          let nowMs = 0;
          let taken = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            if (limit.take(nowMs)) taken++;
            expect(taken).toBeLessThanOrEqual(burst + (nowMs / 1000) * perSecond + 1e-6);
          }
          nowMs += (burst / perSecond) * 1000 + 1;
          for (let count = 0; count < burst; count++) expect(limit.take(nowMs)).toBe(true);
          expect(limit.take(nowMs)).toBe(false);
        },
      ),
    );
  });

  it("is owed no more than the debt it may have, or what was spent last", () => {
    const limit = new RateLimit(10, 20, 0, 20);
    for (let count = 0; count < 1_000; count++) limit.spend(0);
    expect(limit.spend(0)).toBe(2_000);
    expect(limit.spend(0, 50)).toBe(5_000);
    expect(limit.isSpent(4_900)).toBe(true);
    expect(limit.isFull(7_000)).toBe(true);
  });

  it("says how long to wait for what is owed", () => {
    const limit = new RateLimit(10, 2, 0);
    expect([limit.spend(0), limit.spend(0), limit.spend(0), limit.spend(0)]).toEqual([0, 0, 100, 200]);
    expect(limit.spend(200)).toBe(100);
    expect(limit.spend(1_000)).toBe(0);
  });
});

describe("a serial queue", () => {
  it("runs tasks in order, one at a time, and goes on after failures", async () => {
    const steps: string[] = [];
    const failures: unknown[] = [];
    const release = deferred();
    const queue = new SerialQueue({
      taskFailed: (error) => failures.push(error),
      loadHeld: () => undefined,
      loadReleased: () => undefined,
    });
    queue.push(() => {
      steps.push("a");
      queue.push(() => steps.push("c"));
      steps.push("b");
    });
    expect(steps).toEqual(["a", "b", "c"]);
    queue.push(() => release.promise.then(() => Promise.reject(new Error("async"))));
    queue.push(() => {
      throw new Error("sync");
    });
    queue.push(() => steps.push("d"));
    queue.pushFirst(() => steps.push("first"));
    expect(queue.length).toBe(3);
    const idle = queue.whenIdle();
    release.resolve();
    await idle;
    expect(steps).toEqual(["a", "b", "c", "first", "d"]);
    expect(failures.map(String)).toEqual(["Error: async", "Error: sync"]);
    expect(queue.whenIdle()).toBeUndefined();
  });

  it("says how many bytes its tasks keep: those that wait, and one whose promise is waited for", async () => {
    let held = 0;
    const peaks: number[] = [];
    const owner = {
      taskFailed: () => undefined,
      loadHeld: (bytes: number): void => {
        held += bytes;
        peaks.push(held);
      },
      loadReleased: (bytes: number): void => void (held -= bytes),
    };
    const queue = new SerialQueue<number>(owner);
    queue.push(() => undefined, 1_000);
    expect(peaks).toEqual([]);
    const first = deferred();
    queue.push(() => first.promise, 1);
    queue.push(() => undefined, 10);
    queue.push(() => Promise.reject(new Error("late")), 100);
    expect(held).toBe(111);
    first.resolve();
    await queue.whenIdle();
    expect([held, Math.max(...peaks)]).toEqual([0, 111]);
    const second = deferred();
    queue.push(() => second.promise, 1);
    queue.push(() => undefined, 10);
    queue.clear();
    expect(held).toBe(1);
    second.resolve();
    await queue.whenIdle();
    expect(held).toBe(0);
  });
});

const nobodyTold = { nowMs: () => 0, opened: () => undefined, emptied: () => undefined };

describe("subscribers", () => {
  it("all get the same bytes, encoded once", () => {
    let encodings = 0;
    const payload = {
      toJSON: () => {
        encodings++;
        return { text: "hi" };
      },
    };
    const subscribers = new Subscribers(nobodyTold);
    const frames = new Set<unknown>();
    for (let count = 0; count < 100; count++) {
      subscribers.add({ topic: "t", deliver: (broadcast) => void frames.add(broadcast.frame.wire) });
    }
    subscribers.deliver(new Broadcast("t", "e", payload));
    expect(encodings).toBe(1);
    expect(frames.size).toBe(1);
    const [wire] = [...frames] as [Buffer];
    expect(String(unwrap({ wire, headerBytes: 2 }).data)).toBe('[null,null,"t","e",{"text":"hi"}]');
  });

  it("see broadcasts in one order, also those made by one of them while it receives", () => {
    const subscribers = new Subscribers(nobodyTold);
    const seen: string[] = [];
    const subscriber = (name: string): Subscriber => ({
      topic: "t",
      deliver: ({ event }) => {
        seen.push(`${name} ${event}`);
        if (name === "first" && event === "outer") subscribers.deliver(new Broadcast("t", "inner", {}));
      },
    });
    const last = subscriber("last");
    subscribers.add(subscriber("first"));
    subscribers.add(last);
    subscribers.deliver(new Broadcast("t", "outer", {}));
    expect(seen).toEqual(["first outer", "last outer", "first inner", "last inner"]);
    subscribers.remove(last);
    subscribers.remove(last);
    subscribers.deliver(new Broadcast("t", "end", {}));
    expect(seen.slice(4)).toEqual(["first end"]);
    expect(subscribers.topicCount).toBe(1);
  });
});

describe("what comes late to subscribers", () => {
  it("is not delivered to those who came after it was made, and topics open and empty once", () => {
    let nowMs = 0;
    const told: string[] = [];
    const subscribers = new Subscribers({
      nowMs: () => nowMs,
      opened: (topic) => void told.push(`${topic} opened`),
      emptied: (topic) => void told.push(`${topic} emptied`),
    });
    const seen: string[] = [];
    const [early, late] = ["early", "late"].map((name) => ({
      topic: "t",
      deliver: ({ event }: Broadcast) => void seen.push(`${name} ${event}`),
    })) as [Subscriber, Subscriber];
    subscribers.add(early);
    nowMs = 10;
    subscribers.add(late);
    subscribers.deliver(new Broadcast("t", "before", {}), undefined, 9);
    subscribers.deliver(new Broadcast("t", "after", {}), undefined, 10);
    subscribers.deliver(new Broadcast("t", "now", {}));
    expect(seen).toEqual(["early before", "early after", "late after", "early now", "late now"]);
    subscribers.remove(early);
    subscribers.remove(late);
    subscribers.remove(late);
    expect(told).toEqual(["t opened", "t emptied"]);
  });
});

describe("a channel", () => {
  it("whose connection ends while the join is answered is terminated once, and never joined", () => {
    const steps: string[] = [];
    const reports = new ErrorReports(new VirtualRuntime());
    const handlers: ChannelHandlers = {
      join: () => ({ ok: {} }),
      joined: () => void steps.push("joined"),
      terminate: (_channel, reason) => void steps.push(reason),
    };
    const none = new Map<string, never>();
    const connection = {
      id: undefined,
      assigns: undefined,
      disconnect: () => undefined,
      renew: () => undefined,
      write: () => channel.end("closed"),
      writeShared: () => undefined,
      channelEnded: () => void steps.push("ended"),
      bytesHeld: () => undefined,
      broadcasts: new KeptBroadcasts(new Backlog(1), { maxQueuedBytes: 1 }, () => undefined),
      holdSent: () => () => undefined,
      joinCharges: { charge: () => undefined, whenPaid: () => undefined },
      malformed: () => undefined,
      messageRefused: () => undefined,
      readsTooSlowly: () => undefined,
      addPending: () => undefined,
      removePending: () => undefined,
    };
    const channel = new ServerChannel<undefined, unknown>(
      "t",
      "1",
      connection,
      { handlers, handleIn: none, handleBinary: none, handleOut: none },
      {
        subscribers: new Subscribers(nobodyTold),
        reports,
        counters: { overflowedChannels: 0 },
        maxQueuedMessages: 1,
        encodings: new FeedEncodings({ maxPieceBytes: 1, maxBufferedBytes: 1 }),
        broadcast: () => undefined,
        later: () => undefined,
      },
    );
    channel.start({}, "1", undefined, 0);
    expect(steps).toEqual(["ended", "closed"]);
    expect(channel.session.closed).toBe(true);
  });
});

describe("failures that clients cause", () => {
  it("are reported ten of a kind at once, and one more every six seconds with how many were not", async () => {
    const runtime = new VirtualRuntime();
    const reports = new ErrorReports(runtime);
    const heard: TrackerError[] = [];
    reports.listen((error) => heard.push(error));
    const fail = (kind: string): void =>
      reports.remark("HANDLER_FAILED", kind, {}, { cause: new Error("the cause"), kind });
    for (let count = 0; count < 100; count++) fail("one");
    fail("other");
    expect(heard.map(({ message, cause }) => [message, String(cause)])).toEqual([
      ...Array.from({ length: 10 }, () => ["one", "Error: the cause"]),
      ["other", "Error: the cause"],
    ]);
    await runtime.advance(6_000);
    // The last one is told with the number of those before it, also if no other comes.
    fail("one");
    fail("one");
    expect(heard).toHaveLength(12);
    expect(heard[11]?.details["unreported"]).toBe(89);
    await runtime.advance(6_000);
    expect(heard[12]?.details["unreported"]).toBe(1);
  });
});

describe("errors that nobody listens to", () => {
  it("become one warning per code and minute, and a listener that throws is no end of it", async () => {
    const runtime = new VirtualRuntime();
    const reports = new ErrorReports(runtime);
    const report = (message: string): void =>
      reports.report("HANDLER_FAILED", message, {}, new Error("the cause"));
    for (const message of ["first", "second"]) report(message);
    reports.report("INVALID_FRAME", "other", {}, undefined);
    await runtime.advance(60_000);
    report("third");
    const off = reports.listen(() => {
      throw new Error("the listener's");
    });
    const heard: TrackerError[] = [];
    const offToo = reports.listen((error) => heard.push(error));
    await runtime.advance(60_000);
    report("fourth");
    for (const remove of [off, off, offToo]) remove();
    await runtime.advance(60_000);
    report("fifth");
    expect(heard.map(({ code, message, cause }) => [code, message, String(cause)])).toEqual([
      ["HANDLER_FAILED", "fourth", "Error: the cause"],
    ]);
    expect(runtime.warnings).toEqual([
      "HANDLER_FAILED rollcall channels: first: the cause",
      "INVALID_FRAME rollcall channels: other",
      "HANDLER_FAILED rollcall channels: third: the cause (and 1 more HANDLER_FAILED since the last one)",
      "HANDLER_FAILED rollcall channels: a listener of error failed: the listener's",
      "HANDLER_FAILED rollcall channels: fifth: the cause",
    ]);
  });
});
