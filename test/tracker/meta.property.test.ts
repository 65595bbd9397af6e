/** What is listed at home is exactly what travels, whatever a meta is made of; and getters cannot act between. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import type { TrackerError } from "../../src/errors.js";
import type { Entry } from "../../src/words.js";
import { copyMeta } from "../../src/tracker/meta.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { codeOf, startAlone } from "./recorder.js";

const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toJSON",
    "length",
    "0",
    "-0",
    "",
    "\ud800",
    "\udc00x",
    "s",
    "v",
  ),
);
const leaves = fc.oneof(
  texts,
  fc.constantFrom(-0, 0, 5e-324, -1.7976931348623157e308, 2 ** 53 + 2, 1e21, true, false, null, undefined),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
/** What is no JSON value, or looks like one; some of it is refused. */
const odd = fc.constantFrom<() => unknown>(
  () => new String("boxed"),
  () => new Number(5),
  () => Object("boxed") as unknown,
  () => new Array(3),
  () => Object.assign([1, -0], { extra: 2 }),
  () => Object.assign(Object.create(null) as object, { a: -0 }),
  () => Object.create(Object.create(null, { inherited: { value: 1, enumerable: true } })) as unknown,
  () => ({ [Symbol("s")]: 1, a: 1 }),
  () => Object.defineProperty({ a: 1 }, "hidden", { value: 2 }),
  () => ({ toJSON: () => "other" }),
  () => new Map([["a", 1]]),
  () => new Proxy({ a: -0 }, {}),
  () => {
    let reads = 0;
    return {
      get n() {
        return (reads += 1) % 2 === 0 ? -0 : reads;
      },
    };
  },
);
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaves,
    odd.map((make) => make()),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(texts, tie("value")), { maxLength: 4 }).map((pairs) => objectOf(pairs)),
  ),
})).value;
const metas = fc.array(fc.tuple(texts, values), { maxLength: 5 }).map((pairs) => objectOf(pairs));

function objectOf(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, value] of pairs) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

describe("a meta", () => {
  it("is on all nodes what it is at home, to the sign of a zero and the order of properties", async () => {
    const { time, runtime } = virtualRuntime();
    const hub = new MemoryHub();
    const options = { name: "test", runtime, broadcastPeriodMs: 0 };
    const home = await Tracker.start({}, { ...options, pubsub: hub.node("home") });
    const away = await Tracker.start({}, { ...options, pubsub: hub.node("away") });
    await time.advance(1_000);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(metas, async (meta) => {
        using session = new Session();
        const code = codeOf(() => home.track(session, "room", "ann", meta));
        if (code !== undefined) {
          expect(code).toBe("INVALID_META");
          return;
        }
        accepted += 1;
        await time.advance(1);
        const [here, there] = [home.list("room"), away.list("room")];
        expect(there.map(textOf)).toEqual(here.map(textOf));
        expect(isDeepStrictEqual(there[0]?.meta, here[0]?.meta)).toBe(true);
        expect(Object.isFrozen(here[0]?.meta)).toBe(true);
        session.close();
        await time.advance(1);
        expect(away.list("room")).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(100);
    await Promise.all([home.stop({ handoffMs: 0 }), away.stop({ handoffMs: 0 })]);
  });

  it("is copied as JSON would have it, or refused", () => {
    fc.assert(
      fc.property(metas, (meta) => {
        let copy: unknown;
        try {
          copy = copyMeta(meta, 1_000_000);
        } catch (error) {
          expect((error as TrackerError).code).toBe("INVALID_META");
          return;
        }
        expect(isDeepStrictEqual(JSON.parse(JSON.stringify(copy)), copy)).toBe(true);
        expect(isDeepStrictEqual(copyMeta(copy, 1_000_000), copy)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** With the order of the properties, and what tells -0 from 0. */
function textOf({ meta, ref }: Entry): string {
  return `${ref} ${JSON.stringify(meta, (_, value: unknown) => (Object.is(value, -0) ? "minus zero" : value))}`;
}

describe("a getter in a meta", () => {
  it.each(["track", "set", "update"] as const)("that closes the session: %s does nothing", async (call) => {
    const tracker = await startAlone();
    const session = new Session();
    if (call === "update") tracker.track(session, "room", "ann", {});
    const meta = {
      get name() {
        session.close();
        return "ann";
      },
    };
    expect(tracker[call](session, "room", "ann", meta)).toBeUndefined();
    expect(tracker.list("room")).toEqual([]);
    expect(tracker.health().counters.closedSessionCalls).toBe(1);
    await tracker.stop();
  });

  it.each(["track", "set", "update"] as const)("that stops the tracker: %s is refused", async (call) => {
    const tracker = await startAlone();
    const session = new Session();
    if (call === "update") tracker.track(session, "room", "ann", {});
    const meta = {
      get name() {
        void tracker.stop();
        return "bob";
      },
    };
    expect(codeOf(() => tracker[call](session, "room", "ann", meta))).toBe("TRACKER_STOPPED");
    expect(tracker.list("room").map((entry) => entry.meta)).toEqual(call === "update" ? [{}] : []);
  });

  it("that tracks or untracks the same: what is there then counts", async () => {
    const tracker = await startAlone();
    const session = new Session();
    const meta = (act: () => void): { readonly name: string } => ({
      get name() {
        act();
        return "mine";
      },
    });
    const track = (): void => void tracker.track(session, "room", "ann", { name: "theirs" });
    const untrack = (): void => void tracker.untrack(session, "room", "ann");
    expect(codeOf(() => tracker.track(session, "room", "ann", meta(track)))).toBe("ALREADY_TRACKED");
    expect(codeOf(() => tracker.update(session, "room", "ann", meta(untrack)))).toBe("NOT_TRACKED");
    expect(tracker.list("room")).toEqual([]);
    tracker.set(session, "room", "ann", meta(track));
    tracker.set(session, "room", "ann", meta(untrack));
    expect(tracker.list("room").map((entry) => entry.meta)).toEqual([{ name: "mine" }]);
    await tracker.stop();
  });
});

describe("untrack", () => {
  it("refuses a key without a topic, and takes nothing away", async () => {
    const tracker = await startAlone();
    const session = new Session();
    for (const key of ["ann", "bob"]) tracker.track(session, "room", key, {});
    expect(codeOf(() => tracker.untrack(session, undefined, "ann"))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => tracker.untrack(session, null as never))).toBe("INVALID_ARGUMENT");
    expect(tracker.count("room")).toBe(2);
    expect(tracker.untrack(session)).toBe(2);
    await tracker.stop();
  });
});
