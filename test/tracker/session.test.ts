/** What a session ends with, and what it holds on to. */
import { EventEmitter, getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { Session } from "../../src/session.js";
import type { SessionOwner } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { codeOf } from "./recorder.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The fewest methods that an emitter may have: there is no way to take a listener off. */
class Fuse {
  readonly listeners: (() => void)[] = [];

  once(_event: string, listener: () => void): void {
    this.listeners.push(listener);
  }
}

describe("the end of a source", () => {
  it("has one listener for all sessions, which is taken off with the last", () => {
    const emitter = new EventEmitter();
    const target = new EventTarget();
    const { signal } = new AbortController();
    const sessions = Array.from({ length: 200 }, () => [
      Session.from(emitter, "close"),
      Session.from(target, "close"),
      Session.from(signal),
      Session.from(signal, "abort"),
    ]).flat();
    expect(emitter.listenerCount("close")).toBe(1);
    expect(getEventListeners(target, "close")).toHaveLength(1);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    for (const session of sessions.splice(1)) session.close();
    expect(emitter.listenerCount("close")).toBe(1);
    sessions[0]?.close();
    expect(emitter.eventNames()).toEqual([]);
    expect(getEventListeners(target, "close")).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("closes those that are open, and those that are made after it again", () => {
    const emitter = new EventEmitter();
    const [one, two, three] = [1, 2, 3].map(() => Session.from(emitter, "close"));
    const other = Session.from(emitter, "disconnect");
    two?.close();
    emitter.emit("close");
    expect([one, two, three, other].map((session) => session?.closed)).toEqual([true, true, true, false]);
    expect(emitter.listenerCount("close")).toBe(0);
    const later = Session.from(emitter, "close");
    expect([later.closed, emitter.listenerCount("close")]).toEqual([false, 1]);
    emitter.emit("close");
    expect(later.closed).toBe(true);
  });

  it("closes all sessions although one of them closes another on its way", () => {
    const emitter = new EventEmitter();
    const sessions = [1, 2, 3, 4].map(() => Session.from(emitter, "close"));
    const owner: SessionOwner = { ended: false, sessionClosed: () => sessions[2]?.close() };
    sessions[0]?.hold(owner, 1);
    emitter.emit("close");
    expect(sessions.every(({ closed }) => closed)).toBe(true);
  });

  it("keeps one listener on a source that has no way to take it off", () => {
    const fuse = new Fuse();
    for (let number = 0; number < 50; number++) Session.from(fuse, "close").close();
    const open = Session.from(fuse, "close");
    expect(fuse.listeners).toHaveLength(1);
    for (const listener of fuse.listeners) listener();
    expect(open.closed).toBe(true);
  });

  it("may come while it is being listened to", () => {
    const source = { once: (_: string, listener: () => void) => listener() };
    expect(Session.from(source, "close").closed).toBe(true);
    expect(Session.from(source, "close").closed).toBe(true);
  });

  it("is not waited for where listening throws", () => {
    let isBroken = true;
    const listeners: (() => void)[] = [];
    const source = {
      once(_: string, listener: () => void) {
        if (isBroken) throw new RangeError("mine");
        listeners.push(listener);
      },
    };
    expect(() => Session.from(source, "close")).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", cause: new RangeError("mine") }),
    );
    isBroken = false;
    Session.from(source, "close");
    expect(listeners).toHaveLength(1);
  });

  it.each([
    ["nothing", undefined, "close"],
    ["null", null, "close"],
    ["a text", "socket", "close"],
    ["a number", 5, "close"],
    ["an object that emits nothing", {}, "close"],
    ["an AbortController instead of its signal", new AbortController(), "abort"],
    ["an emitter without an event", new EventEmitter(), undefined],
    ["an emitter with an empty event", new EventEmitter(), ""],
    ["an event that is no text", new EventEmitter(), 5],
    ["an event that a signal never emits", new AbortController().signal, "close"],
    ["the same of one that has aborted", AbortSignal.abort(), "close"],
  ])("is not to be had from %s", (_, source, event) => {
    expect(codeOf(() => Session.from(source as never, event as never))).toBe("INVALID_ARGUMENT");
  });
});

describe("what a session holds", () => {
  const owner = (): SessionOwner & { ended: boolean; closed: number } => ({
    ended: false,
    closed: 0,
    sessionClosed() {
      this.closed += 1;
    },
  });

  it("is in one place per owner, whoever holds and releases in what order", () => {
    const session = new Session();
    const [one, two] = [owner(), owner()];
    session.hold(one, 1);
    session.hold(two, 2);
    session.release(one);
    session.hold(two, 3);
    expect([session.heldBy(one), session.heldBy(two)]).toEqual([undefined, 3]);
    session.release(two);
    expect(session.heldBy(two)).toBeUndefined();
    session.hold(two, 4);
    session.hold(one, 5);
    session.close();
    expect([one.closed, two.closed]).toEqual([1, 1]);
  });

  it("is let go when its owner has ended", () => {
    const session = new Session();
    const [one, two, three] = [owner(), owner(), owner()];
    for (const each of [one, two, three]) session.hold(each, each);
    one.ended = two.ended = true;
    session.hold(three, 3);
    expect([one, two, three].map((each) => session.heldBy(each))).toEqual([undefined, undefined, 3]);
  });

  it("is not a tracker that has stopped, though the session lives on", async () => {
    const session = new Session();
    const pubsub = memoryPubSub();
    const startAndStop = async (): Promise<WeakRef<Tracker>> => {
      const tracker = await Tracker.start({}, { name: "test", pubsub });
      tracker.track(session, "room", "ann", {});
      await tracker.stop({ handoffMs: 0 });
      return new WeakRef(tracker);
    };
    const references: WeakRef<Tracker>[] = [];
    for (let number = 0; number < 5; number++) references.push(await startAndStop());
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect(references.filter((reference) => reference.deref() !== undefined)).toEqual([]);
    expect(session.closed).toBe(false);
  });
});
