/** What a session ends with is the application's own: it may take listeners off, and throw. */
import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";

const raise = (): never => {
  throw new Error("mine");
};

describe("Session.from", () => {
  it("listens anew on an emitter whose listeners were all taken off, and only then", () => {
    const emitter = new EventEmitter();
    const first = Session.from(emitter, "close");
    Session.from(emitter, "close");
    expect(emitter.listenerCount("close")).toBe(1);
    emitter.removeAllListeners("close");
    const second = Session.from(emitter, "close");
    expect(emitter.listenerCount("close")).toBe(1);
    emitter.emit("close");
    expect([first.closed, second.closed]).toEqual([true, true]);
  });

  it("listens anew on an event target from which its listener was taken off", () => {
    const put: EventListener[] = [];
    const target = new EventTarget();
    const add = target.addEventListener.bind(target);
    target.addEventListener = (...given: Parameters<typeof add>) => {
      put.push(given[1] as EventListener);
      add(...given);
    };
    Session.from(target, "close");
    target.removeEventListener("close", put[0]!);
    const second = Session.from(target, "close");
    target.dispatchEvent(new Event("close"));
    expect(second.closed).toBe(true);
  });

  it.each([
    { once: raise },
    { addEventListener: raise },
    Object.defineProperty({ once: () => undefined }, "destroyed", { get: raise }),
    new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise }),
  ])("refuses a source that throws", (source) => {
    expect(() => Session.from(source as never, "close")).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  it("closes though its source refuses to take the listener off", () => {
    const session = Session.from({ once: () => undefined, off: raise } as never, "close");
    session.close();
    expect(session.closed).toBe(true);
  });
});
