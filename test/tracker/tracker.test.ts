import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { TrackerError } from "../../src/errors.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { nodeRuntime } from "../../src/runtime.js";
import type { Diff } from "../../src/words.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { codeOf, plainDiff, startAlone } from "./recorder.js";
import { hearingItself } from "../support/own-voice.js";

const running: Tracker[] = [];

async function start(...input: Parameters<typeof startAlone>): Promise<Tracker> {
  const tracker = await startAlone(...input);
  running.push(tracker);
  return tracker;
}

afterEach(async () => {
  for (const tracker of running.splice(0)) await tracker.stop({ handoffMs: 0 });
});

describe("track", () => {
  it("lists the entry at once, with a ref, the node and the session", async () => {
    const tracker = await start();
    const session = new Session();
    const ref = tracker.track(session, "room", "ann", { device: "phone" });
    expect(tracker.list("room")).toEqual([
      { key: "ann", meta: { device: "phone" }, ref, node: "alone", session: session.id },
    ]);
    expect(tracker.getByKey("room", "ann")).toEqual(tracker.list("room"));
    expect(tracker.getByKey("room", "bob")).toEqual([]);
    expect([tracker.count("room"), tracker.countKeys("room"), tracker.has("room", "ann")]).toEqual([
      1,
      1,
      true,
    ]);
    expect(tracker.topics()).toEqual(["room"]);
  });

  it("refuses the same topic and key of one session a second time, and changes nothing", async () => {
    const diffs: Diff[] = [];
    const tracker = await start({ handleDiff: (diff) => void diffs.push(diff) });
    const session = new Session();
    tracker.track(session, "room", "ann", { n: 1 });
    expect(codeOf(() => tracker.track(session, "room", "ann", { n: 2 }))).toBe("ALREADY_TRACKED");
    expect(tracker.list("room").map(({ meta }) => meta)).toEqual([{ n: 1 }]);
    expect(diffs).toHaveLength(1);
  });

  it("takes one key of many sessions and many keys and topics of one session", async () => {
    const tracker = await start();
    const phone = new Session();
    const desktop = new Session();
    tracker.track(phone, "room", "ann", { n: 1 });
    tracker.track(desktop, "room", "ann", { n: 2 });
    tracker.track(phone, "room", "bob", {});
    tracker.track(phone, "hall", "ann", {});
    expect([tracker.count("room"), tracker.countKeys("room"), tracker.count("hall")]).toEqual([3, 2, 1]);
    expect(tracker.getByKey("room", "ann")).toHaveLength(2);
    phone.close();
    expect(tracker.list("room").map(({ meta }) => meta)).toEqual([{ n: 2 }]);
    expect(tracker.topics()).toEqual(["room"]);
  });

  it("does nothing on a closed session, and counts it", async () => {
    const tracker = await start();
    const session = new Session();
    session.close();
    expect(tracker.track(session, "room", "ann", {})).toBeUndefined();
    expect(tracker.set(session, "room", "ann", {})).toBeUndefined();
    expect(tracker.update(session, "room", "ann", {})).toBeUndefined();
    expect(tracker.list("room")).toEqual([]);
    expect(tracker.health().counters.closedSessionCalls).toBe(3);
  });

  it.each(["__proto__", "constructor", "hasOwnProperty", "", "0", "a b:c/d", "ключ", "\u0000"])(
    "takes %j as topic, key and name of a property",
    async (name) => {
      const tracker = await start();
      const session = new Session();
      const meta = JSON.parse(`{${JSON.stringify(name)}: "value"}`) as Record<string, string>;
      tracker.track(session, name, name, meta);
      expect(tracker.has(name, name)).toBe(true);
      const [entry] = tracker.list(name);
      expect(Object.getOwnPropertyDescriptor(entry?.meta, name)?.value).toBe("value");
      expect(Object.getPrototypeOf(entry?.meta)).toBe(Object.prototype);
      expect(({} as Record<string, unknown>)["value"]).toBeUndefined();
      session.close();
      expect(tracker.topics()).toEqual([]);
    },
  );

  it("hands out what nobody can change", async () => {
    const tracker = await start();
    const nested = { list: [1, { deep: true }] };
    tracker.track(new Session(), "room", "ann", nested);
    nested.list.push(2);
    const [entry] = tracker.list("room");
    expect(entry?.meta).toEqual({ list: [1, { deep: true }] });
    const meta = entry?.meta as { list: [number, { deep: boolean }] };
    expect(() => (meta.list[1].deep = false)).toThrow(TypeError);
    expect(() => Object.assign(entry as object, { key: "bob" })).toThrow(TypeError);
    expect(tracker.has("room", "ann")).toBe(true);
  });
});

describe("metas", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = { cycle };
  let deep: unknown = {};
  for (let level = 0; level < 200_000; level++) deep = { deep };

  it.each([
    ["a Date", { at: new Date() }, ["at"]],
    ["a function", { a: { b: () => 1 } }, ["a", "b"]],
    ["a symbol", { s: Symbol("s") }, ["s"]],
    ["a bigint", { n: 1n }, ["n"]],
    ["NaN", { n: Number.NaN }, ["n"]],
    ["infinity", { list: [1, Number.POSITIVE_INFINITY] }, ["list", 1]],
    ["undefined in an array", { list: [undefined] }, ["list", 0]],
    ["a Map", { m: new Map() }, ["m"]],
    ["an array", [1], []],
    ["a text", "text", []],
    ["null", null, []],
    ["nothing", undefined, []],
  ])("refuses %s, and says where", async (_, meta, path) => {
    const tracker = await start();
    let error: TrackerError | undefined;
    try {
      tracker.track(new Session(), "room", "ann", meta as never);
    } catch (thrown) {
      error = thrown as TrackerError;
    }
    expect(error?.code).toBe("INVALID_META");
    expect(error?.details["path"]).toEqual(path);
    expect(tracker.list("room")).toEqual([]);
  });

  it("refuses a cycle and 200,000 levels without overflowing", async () => {
    const tracker = await start();
    expect(codeOf(() => tracker.track(new Session(), "room", "ann", cycle))).toBe("INVALID_META");
    expect(codeOf(() => tracker.track(new Session(), "room", "ann", { deep }))).toBe("INVALID_META");
    expect(tracker.topics()).toEqual([]);
  });

  it("refuses a megabyte, and takes exactly the limit in bytes", async () => {
    const tracker = await start();
    const session = new Session();
    expect(codeOf(() => tracker.track(session, "room", "ann", { text: "x".repeat(2 ** 20) }))).toBe(
      "META_TOO_LARGE",
    );
    const room = 4_096 - JSON.stringify({ text: "" }).length;
    expect(codeOf(() => tracker.track(session, "room", "ann", { text: "x".repeat(room + 1) }))).toBe(
      "META_TOO_LARGE",
    );
    // Two bytes each in UTF-8, and one for a parity that does not divide.
    const text = "é".repeat(Math.floor(room / 2)) + "x".repeat(room % 2);
    expect(tracker.track(session, "room", "ann", { text })).toBeTypeOf("string");
  });

  it("drops properties that are undefined, as JSON does", async () => {
    const tracker = await start();
    tracker.track(new Session(), "room", "ann", { here: 1, gone: undefined, nested: { gone: undefined } });
    const [entry] = tracker.list("room");
    expect(Object.keys(entry?.meta ?? {})).toEqual(["here", "nested"]);
    expect(entry?.meta).toStrictEqual({ here: 1, nested: {} });
  });

  it("takes metas typed by an interface", async () => {
    interface Viewer {
      device: "phone" | "desktop";
      page?: string;
    }
    const tracker = await startAlone<Viewer>();
    tracker.track(new Session(), "room", "ann", { device: "phone" });
    expect(tracker.list("room")[0]?.meta.device).toBe("phone");
    await tracker.stop({ handoffMs: 0 });
  });
});

describe("set and update", () => {
  it("set tracks, then updates, and does nothing for the same meta", async () => {
    const diffs: Diff[] = [];
    const tracker = await start({ handleDiff: (diff) => void diffs.push(diff) });
    const session = new Session();
    const first = tracker.set(session, "room", "ann", { a: 1, b: [1, 2] });
    expect(tracker.set(session, "room", "ann", { b: [1, 2], a: 1 })).toBe(first);
    const second = tracker.set(session, "room", "ann", { a: 2 });
    expect(second).not.toBe(first);
    expect(diffs.map(plainDiff)).toEqual([{ room: ["join ann"] }, { room: ["update ann"] }]);
    expect(tracker.list("room")).toMatchObject([{ meta: { a: 2 }, ref: second, prevRef: first }]);
  });

  it("update replaces the meta and tells what was before", async () => {
    const diffs: Diff[] = [];
    const tracker = await start({ handleDiff: (diff) => void diffs.push(diff) });
    const session = new Session();
    const first = tracker.track(session, "room", "ann", { n: 1, page: "home" });
    const second = tracker.update(session, "room", "ann", (meta) => ({ ...meta, n: 2 }));
    const third = tracker.update(session, "room", "ann", { n: 3 });
    expect(new Set([first, second, third]).size).toBe(3);
    expect(diffs[1]?.get("room")).toEqual({
      joins: [],
      leaves: [],
      updates: [
        {
          key: "ann",
          meta: { n: 2, page: "home" },
          ref: second,
          prevRef: first,
          previous: { n: 1, page: "home" },
          node: "alone",
          session: session.id,
        },
      ],
    });
    expect(tracker.list("room")).toMatchObject([{ meta: { n: 3 }, ref: third, prevRef: second }]);
  });

  it("update of what is not tracked throws NOT_TRACKED", async () => {
    const tracker = await start();
    const session = new Session();
    tracker.track(session, "room", "ann", {});
    expect(codeOf(() => tracker.update(session, "room", "bob", {}))).toBe("NOT_TRACKED");
    expect(codeOf(() => tracker.update(new Session(), "room", "ann", {}))).toBe("NOT_TRACKED");
  });

  it("a function that throws, or untracks, changes nothing else", async () => {
    const tracker = await start();
    const session = new Session();
    const ref = tracker.track(session, "room", "ann", { n: 1 });
    const failing = (): never => {
      throw new RangeError("mine");
    };
    expect(() => tracker.update(session, "room", "ann", failing)).toThrow(RangeError);
    expect(tracker.list("room")[0]?.ref).toBe(ref);
    const untracking = (): object => {
      tracker.untrack(session);
      return {};
    };
    expect(codeOf(() => tracker.update(session, "room", "ann", untracking))).toBe("NOT_TRACKED");
    expect(tracker.list("room")).toEqual([]);
  });
});

describe("untrack", () => {
  it("takes back one entry, a topic or all, and says how many", async () => {
    const diffs: Diff[] = [];
    const tracker = await start({ handleDiff: (diff) => void diffs.push(diff) });
    const session = new Session();
    for (const topic of ["a", "b", "c"]) for (const key of ["x", "y"]) tracker.track(session, topic, key, {});
    diffs.length = 0;
    expect(tracker.untrack(session, "a", "x")).toBe(1);
    expect(tracker.untrack(session, "a", "x")).toBe(0);
    expect(tracker.untrack(session, "b")).toBe(2);
    expect(tracker.untrack(session)).toBe(3);
    expect(tracker.untrack(session)).toBe(0);
    expect(tracker.untrack(new Session(), "never")).toBe(0);
    expect(diffs.map(plainDiff)).toEqual([
      { a: ["leave x untracked"] },
      { b: ["leave x untracked", "leave y untracked"] },
      { a: ["leave y untracked"], c: ["leave x untracked", "leave y untracked"] },
    ]);
    expect(tracker.topics()).toEqual([]);
  });

  it("lets go of a session that has no entry left", async () => {
    const tracker = await start();
    const session = new Session();
    tracker.track(session, "room", "ann", {});
    const release = vi.spyOn(session, "release");
    tracker.untrack(session);
    expect(release).toHaveBeenCalledOnce();
    session.close();
    expect(tracker.track(new Session(), "room", "ann", {})).toBeTypeOf("string");
  });
});

describe("sessions", () => {
  it("closing gives one diff per tracker, and closing twice none", async () => {
    const diffs: Diff[] = [];
    const behaviour = { handleDiff: (diff: Diff) => void diffs.push(diff) };
    const carts = await start(behaviour, { name: "carts" });
    const pages = await start(behaviour, { name: "pages" });
    const session = new Session();
    for (const topic of ["a", "b"]) carts.track(session, topic, "ann", {});
    pages.track(session, "p", "ann", {});
    diffs.length = 0;
    session.close();
    session.close();
    expect(diffs.map(plainDiff)).toEqual([
      { a: ["leave ann closed"], b: ["leave ann closed"] },
      { p: ["leave ann closed"] },
    ]);
  });

  it("are closed at the end of a using block", () => {
    const session = new Session();
    session[Symbol.dispose]();
    expect(session.closed).toBe(true);
  });

  it("follow an abort signal", () => {
    const controller = new AbortController();
    const session = Session.from(controller.signal);
    expect(session.closed).toBe(false);
    controller.abort();
    expect(session.closed).toBe(true);
    expect(Session.from(controller.signal).closed).toBe(true);
  });

  it("follow the named event of an emitter or an event target", () => {
    const emitter = new EventEmitter();
    const session = Session.from(emitter, "disconnect");
    emitter.emit("close");
    expect(session.closed).toBe(false);
    emitter.emit("disconnect");
    expect(session.closed).toBe(true);
    const target = new EventTarget();
    const other = Session.from(target, "close");
    target.dispatchEvent(new Event("close"));
    expect(other.closed).toBe(true);
  });

  it.each([
    ["a destroyed socket", { destroyed: true, once() {} }],
    ["a closed WebSocket", { readyState: 3, once() {} }],
    ["a disconnected Socket.IO socket", { disconnected: true, once() {} }],
  ])("of %s are closed from the beginning", (_, source) => {
    expect(Session.from(source, "close").closed).toBe(true);
  });

  it("refuse a missing event, an IncomingMessage, and what emits nothing", () => {
    const emitter = new EventEmitter();
    expect(codeOf(() => Session.from(emitter as never))).toBe("INVALID_ARGUMENT");
    const request = Object.assign(new EventEmitter(), { httpVersion: "1.1", headers: {}, complete: false });
    expect(codeOf(() => Session.from(request, "close"))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => Session.from({} as never, "close"))).toBe("INVALID_ARGUMENT");
  });
});

describe("delivery", () => {
  it("comes after the change is committed, so a handler sees it in the list", async () => {
    const seen: number[] = [];
    const tracker = await start({ handleDiff: (_, itself) => void seen.push(itself.count("room")) });
    const session = new Session();
    tracker.track(session, "room", "ann", {});
    tracker.track(session, "room", "bob", {});
    session.close();
    expect(seen).toEqual([1, 2, 0]);
  });

  it("of what a handler changes comes after the handler, before the outermost call returns", async () => {
    const order: string[] = [];
    const session = new Session();
    const tracker = await start({
      handleDiff(diff, itself) {
        const [topic] = diff.keys();
        order.push(`begin ${topic}`);
        if (topic === "a") {
          itself.track(session, "b", "ann", {});
          itself.track(session, "c", "ann", {});
        }
        order.push(`end ${topic}`);
      },
    });
    tracker.track(session, "a", "ann", {});
    expect(order).toEqual(["begin a", "end a", "begin b", "end b", "begin c", "end c"]);
  });

  it("reports a handler that throws or rejects, and loses no later diff", async () => {
    const errors: TrackerError[] = [];
    const seen: string[] = [];
    const tracker = await start({
      handleDiff(diff) {
        const [topic] = diff.keys();
        seen.push(String(topic));
        if (topic === "throws") throw new RangeError("mine");
        if (topic === "rejects") return Promise.reject(new RangeError("mine too")) as never;
      },
    });
    tracker.on("error", (error) => void errors.push(error));
    const session = new Session();
    for (const topic of ["throws", "rejects", "fine"]) tracker.track(session, topic, "ann", {});
    await Promise.resolve();
    await Promise.resolve();
    expect(seen).toEqual(["throws", "rejects", "fine"]);
    expect(errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
      ["HANDLER_FAILED", "mine"],
      ["HANDLER_FAILED", "mine too"],
    ]);
    expect(tracker.topics()).toHaveLength(3);
  });

  it("turns an error that nobody listens to into one warning a minute, never into silence or a crash", async () => {
    let nowMs = 0;
    const warnings: string[] = [];
    const runtime = {
      ...nodeRuntime,
      monotonicMs: () => nowMs,
      warn: (_: string, code: string) => void warnings.push(code),
    };
    const failing = {
      handleDiff() {
        throw new Error("mine");
      },
    };
    const tracker = await start(failing, { runtime });
    const session = new Session();
    for (let i = 0; i < 10; i++) tracker.track(session, "room", `u${i}`, {});
    expect(warnings).toEqual(["HANDLER_FAILED"]);
    nowMs += 60_000;
    tracker.untrack(session, "room", "u0");
    expect(warnings).toEqual(["HANDLER_FAILED", "HANDLER_FAILED"]);
  });

  it("is not broken by a listener of errors that throws", async () => {
    const warnings: string[] = [];
    const runtime = { ...nodeRuntime, warn: (_: string, code: string) => void warnings.push(code) };
    const failing = {
      handleDiff() {
        throw new Error("mine");
      },
    };
    const tracker = await start(failing, { runtime });
    const off = tracker.on("error", () => {
      throw new Error("the listener's");
    });
    tracker.track(new Session(), "room", "ann", {});
    expect(warnings).toEqual(["HANDLER_FAILED"]);
    off();
    off();
    expect(tracker.count("room")).toBe(1);
  });

  it("works with a class that keeps its own state", async () => {
    class Counting {
      joined = 0;
      handleDiff(diff: Diff): void {
        for (const { joins } of diff.values()) this.joined += joins.length;
      }
    }
    const counting = new Counting();
    const tracker = await start(counting);
    tracker.track(new Session(), "room", "ann", {});
    expect(counting.joined).toBe(1);
  });
});

describe("start and stop", () => {
  it.each([
    ["name", { name: "" }],
    ["name", { name: 5 }],
    ["name", { name: "x".repeat(129) }],
    ["name", { name: "two\nlines" }],
    ["pubsub", { pubsub: {} }],
    ["poolSize", { poolSize: 0 }],
    ["poolSize", { poolSize: 1.5 }],
    ["poolSize", { poolSize: 1_025 }],
    ["broadcastPeriodMs", { broadcastPeriodMs: -1 }],
    ["heartbeatPeriodMs", { heartbeatPeriodMs: 0 }],
    ["heartbeatPeriodMs", { heartbeatPeriodMs: Number.NaN }],
    ["downPeriodMs", { downPeriodMs: 5_999 }],
    ["permdownPeriodMs", { permdownPeriodMs: 8_000 }],
    ["permdownPeriodMs", { permdownPeriodMs: 2 ** 31 }],
    ["maxMetaBytes", { maxMetaBytes: 300_000 }],
    ["startTimeoutMs", { startTimeoutMs: "1s" }],
  ])("refuses a wrong %s: %j", async (option, wrong) => {
    const options = { name: "test", pubsub: memoryPubSub(), ...wrong } as never;
    await expect(Tracker.start({}, options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      details: { option },
    });
  });

  it.each(["a\nb", "a\u001b[2K", "a\u0085b", "a\u2028b", "\u007f"])(
    "refuses the node name %j, and says so in one line",
    async (nodeName) => {
      const starting = Tracker.start({}, { name: "test", pubsub: memoryPubSub({ nodeName }) });
      const error = await starting.then(
        () => undefined,
        (refused: TrackerError) => refused,
      );
      expect(error).toMatchObject({ code: "INVALID_OPTION", details: { option: "pubsub.nodeName" } });
      expect(error?.message).not.toMatch(/[\p{Cc}\u2028]/u);
    },
  );

  it.each([0, -1, Number.NaN, "8000", null])("refuses the payload limit %j", async (maxPayloadBytes) => {
    const pubsub = Object.assign(Object.create(memoryPubSub()) as PubSub, { maxPayloadBytes });
    await expect(Tracker.start({}, { name: "test", pubsub })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      details: { option: "pubsub.maxPayloadBytes" },
    });
  });

  it("refuses a session whose id could not travel", async () => {
    class LongSession extends Session {
      override readonly id = "s".repeat(65);
    }
    const tracker = await Tracker.start({}, { name: "test", pubsub: memoryPubSub() });
    expect(() => tracker.track(new LongSession(), "room", "ann", {})).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    await tracker.stop();
  });

  it("says in one line whatever stands in names and causes", async () => {
    const warnings: string[] = [];
    const runtime = { ...nodeRuntime, warn: (message: string) => void warnings.push(message) };
    const behaviour = {
      handleDiff() {
        throw new Error("first\nsecond\u001b[2K\u009b");
      },
    };
    const tracker = await Tracker.start(behaviour, { name: "test", pubsub: memoryPubSub(), runtime });
    const session = new Session();
    tracker.track(session, "room\u0085", "a\u2028b", {});
    expect(warnings).toEqual([expect.stringContaining("first\\u000asecond\\u001b[2K\\u009b")]);
    expect(() => tracker.track(session, "room\u0085", "a\u2028b", {})).toThrow(/room\\u0085.*a\\u2028b/);
    await tracker.stop();
  });

  it("refuses a payload limit that could not fit one entry", async () => {
    const pubsub: PubSub = Object.assign(Object.create(memoryPubSub()) as PubSub, { maxPayloadBytes: 4_000 });
    await expect(Tracker.start({}, { name: "test", pubsub })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it.each([[undefined], [null], ["text"], [{ handleDiff: 5 }]])(
    "refuses the behaviour %j",
    async (behaviour) => {
      await expect(
        Tracker.start(behaviour as never, { name: "test", pubsub: memoryPubSub() }),
      ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    },
  );

  it("refuses the same name twice on one pubsub, until the first has stopped", async () => {
    const pubsub = memoryPubSub();
    const first = await Tracker.start({}, { name: "test", pubsub });
    await expect(Tracker.start({}, { name: "test", pubsub })).rejects.toMatchObject({ code: "NAME_IN_USE" });
    const other = await Tracker.start({}, { name: "other", pubsub });
    await first.stop();
    const second = await Tracker.start({}, { name: "test", pubsub });
    await Promise.all([second.stop(), other.stop()]);
  });

  it("rejects when the pubsub does not answer in time, or refuses, and may be tried again", async () => {
    const silent: PubSub = {
      nodeName: "n",
      broadcast() {},
      send() {},
      subscribe: () => new Promise(() => {}),
    };
    await expect(
      Tracker.start({}, { name: "test", pubsub: silent, startTimeoutMs: 5 }),
    ).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
    });
    const refusing: PubSub = { ...silent, subscribe: () => Promise.reject(new Error("no")) };
    const attempt = Tracker.start({}, { name: "test", pubsub: refusing });
    await expect(attempt).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE", cause: { message: "no" } });
    await expect(Tracker.start({}, { name: "test", pubsub: refusing })).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
    });
  });

  it("undoes a subscription that comes about too late", async () => {
    let answer: ((unsubscribe: () => void) => void) | undefined;
    const unsubscribed = vi.fn();
    const slow: PubSub = {
      nodeName: "n",
      broadcast() {},
      send() {},
      subscribe: () => new Promise((resolve) => (answer = resolve)),
    };
    await expect(Tracker.start({}, { name: "test", pubsub: slow, startTimeoutMs: 5 })).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
    });
    answer?.(unsubscribed);
    await vi.waitFor(() => expect(unsubscribed).toHaveBeenCalledOnce());
  });

  it("holds a bounded number of bytes until it has started, and refuses what is no text", async () => {
    const junk = "x".repeat(256 * 1_024);
    let subscriptions = 0;
    const own = hearingItself("n");
    const eager: PubSub = {
      ...own,
      subscribe: (channel, receive) => {
        subscriptions += 1;
        const end = own.subscribe(channel, receive);
        if (subscriptions > 1) return end;
        receive(undefined as never);
        for (let count = 0; count < 40; count += 1) receive(junk);
        return end;
      },
    };
    const tracker = await Tracker.start({}, { name: "test", pubsub: eager });
    tracker.on("error", () => undefined);
    const refused = (): number => tracker.health().counters.framesRefused;
    // No text, sixteen that wait, and what could not wait: each is counted, and none is forgotten.
    const couldNotWait = refused();
    expect(couldNotWait).toBe(40 - 16);
    await vi.waitFor(() => expect(refused()).toBe(couldNotWait + 1 + 16));
    await tracker.stop();
  });

  it("keeps answering after it has stopped, changes nothing any more, and stops once", async () => {
    const diffs: Diff[] = [];
    const tracker = await start({ handleDiff: (diff) => void diffs.push(diff) });
    const session = new Session();
    tracker.track(session, "room", "ann", {});
    const stopping = tracker.stop();
    expect(tracker.stop({ handoffMs: 5 })).toBe(stopping);
    session.close();
    await stopping;
    expect(tracker.stopped).toBe(true);
    expect(tracker.count("room")).toBe(1);
    expect(diffs).toHaveLength(1);
    for (const call of [
      () => tracker.track(new Session(), "room", "bob", {}),
      () => tracker.set(new Session(), "room", "bob", {}),
      () => tracker.update(session, "room", "ann", {}),
      () => tracker.untrack(session),
    ]) {
      expect(codeOf(call)).toBe("TRACKER_STOPPED");
    }
    await expect(tracker.whenComplete()).rejects.toMatchObject({ code: "TRACKER_STOPPED" });
  });

  it("is stopped at the end of an await using block", async () => {
    const tracker = await startAlone();
    await tracker[Symbol.asyncDispose]();
    expect(tracker.stopped).toBe(true);
  });

  it("refuses wrong arguments by name", async () => {
    const tracker = await start();
    const session = new Session();
    const long = "x".repeat(513);
    for (const call of [
      () => tracker.track({} as never, "room", "ann", {}),
      () => tracker.track(session, 5 as never, "ann", {}),
      () => tracker.track(session, "room", undefined as never, {}),
      () => tracker.track(session, long, "ann", {}),
      () => tracker.track(session, "room", "é".repeat(257), {}),
      () => tracker.untrack(undefined as never),
      () => tracker.untrack(session, 5 as never),
      () => tracker.on("error", undefined as never),
      () => tracker.stop({ handoffMs: -1 }),
    ]) {
      expect(codeOf(call)).toBe("INVALID_ARGUMENT");
    }
    expect(tracker.stopped).toBe(false);
    expect(tracker.track(session, "x".repeat(512), "é".repeat(256), {})).toBeTypeOf("string");
  });

  it("reports what the pubsub refuses, and goes on", async () => {
    const pubsub = { ...hearingItself("n") };
    const tracker = await start({}, { pubsub });
    pubsub.broadcast = () => Promise.reject(new Error("broker gone"));
    const error = new Promise<TrackerError>((resolve) => void tracker.on("error", resolve));
    tracker.track(new Session(), "room", "ann", {});
    expect(await error).toMatchObject({ code: "PUBLISH_FAILED", cause: { message: "broker gone" } });
    expect(tracker.count("room")).toBe(1);
  });
});
