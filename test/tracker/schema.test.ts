/** Metas that are what they say: checked where they are tracked, and reported where others track something else. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { TrackerError } from "../../src/errors.js";
import type { Diff } from "../../src/words.js";
import { Session } from "../../src/session.js";
import { Presence } from "../../src/presence/index.js";
import type { MetaSchema, MetaSchemaResult } from "../../src/tracker/schema.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { codeOf, plainDiff, startAlone } from "./recorder.js";

interface Viewer {
  device: "phone" | "desktop";
  page: string;
}

/** A schema as libraries make them: it knows its devices, and adds the page that was not said. */
function viewerSchema(): MetaSchema<Viewer> & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const validate = (value: unknown): MetaSchemaResult<Viewer> => {
    asked.push(value);
    const { device, page = "home" } = value as Partial<Viewer>;
    if (device !== "phone" && device !== "desktop") {
      return { issues: [{ message: "is no device", path: [{ key: "device" }] }] };
    }
    return { value: { device, page } };
  };
  return { asked, "~standard": { version: 1, vendor: "test", validate } };
}

function schemaOf(validate: (value: unknown) => unknown): MetaSchema {
  return {
    "~standard": { version: 1, vendor: "test", validate: validate as () => MetaSchemaResult<object> },
  };
}

function thrown(run: () => unknown): TrackerError {
  try {
    run();
  } catch (error) {
    if (error instanceof TrackerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const phone = { device: "phone" } as Viewer;
const toaster = { device: "toaster" } as never;

describe("a schema, where something is tracked", () => {
  it("is asked by track, set and update, and what it returns is stored, frozen", async () => {
    const schema = viewerSchema();
    const tracker = await startAlone<Viewer>({}, { schema });
    const session = new Session();
    tracker.track(session, "room", "ann", phone);
    const metaOf = (): Viewer | undefined => tracker.list("room")[0]?.meta;
    expect(metaOf()).toEqual({ device: "phone", page: "home" });
    expect(Object.isFrozen(metaOf())).toBe(true);
    const { ref } = tracker.list("room")[0]!;
    expect(tracker.set(session, "room", "ann", phone), "the same, by what is stored").toBe(ref);
    tracker.update(session, "room", "ann", (meta) => ({ ...meta, device: "desktop" }));
    expect(metaOf()).toEqual({ device: "desktop", page: "home" });
    expect(schema.asked).toHaveLength(3);
    await tracker.stop({ handoffMs: 0 });
  });

  it("refuses what does not pass, says where, and changes nothing", async () => {
    const diffs: Diff<Viewer>[] = [];
    const tracker = await startAlone<Viewer>(
      { handleDiff: (diff) => void diffs.push(diff) },
      { schema: viewerSchema() },
    );
    const session = new Session();
    const error = thrown(() => tracker.track(session, "room", "ann", toaster));
    expect(error).toMatchObject({ code: "INVALID_META", details: { path: ["device"] } });
    expect(error.details["issues"]).toHaveLength(1);
    expect(codeOf(() => tracker.set(session, "room", "ann", toaster))).toBe("INVALID_META");
    expect(diffs).toEqual([]);
    tracker.track(session, "room", "ann", phone);
    expect(codeOf(() => tracker.set(session, "room", "ann", toaster))).toBe("INVALID_META");
    expect(codeOf(() => tracker.update(session, "room", "ann", toaster))).toBe("INVALID_META");
    expect(codeOf(() => tracker.update(session, "room", "ann", () => toaster))).toBe("INVALID_META");
    expect(diffs).toHaveLength(1);
    expect(tracker.list("room")[0]?.meta).toEqual({ device: "phone", page: "home" });
    await tracker.stop({ handoffMs: 0 });
  });

  it("is the user's code: it may throw, wait, and return what is no meta; the session may close meanwhile", async () => {
    const session = new Session();
    const cases: [MetaSchema, string][] = [
      [
        schemaOf(() => {
          throw new Error("broken");
        }),
        "INVALID_META",
      ],
      [schemaOf(() => Promise.reject(new Error("late"))), "INVALID_OPTION"],
      [schemaOf(() => Promise.resolve({ value: {} })), "INVALID_OPTION"],
      [schemaOf(() => undefined), "INVALID_META"],
      [schemaOf(() => ({ value: 5 })), "INVALID_META"],
      [schemaOf(() => ({ value: { at: new Date() } })), "INVALID_META"],
      [schemaOf(() => ({ value: { text: "x".repeat(5_000) } })), "META_TOO_LARGE"],
      [schemaOf(() => ({ issues: [] })), "INVALID_META"],
      [schemaOf(() => ({ issues: "none" })), "INVALID_META"],
    ];
    for (const [schema, code] of cases) {
      const tracker = await startAlone({}, { schema });
      expect(codeOf(() => tracker.track(session, "room", "ann", {}))).toBe(code);
      expect(tracker.count("room")).toBe(0);
      await tracker.stop({ handoffMs: 0 });
    }
    const closing = schemaOf((value) => {
      session.close();
      return { value };
    });
    const tracker = await startAlone({}, { schema: closing });
    expect(tracker.track(session, "room", "ann", {})).toBeUndefined();
    expect(tracker.count("room")).toBe(0);
    await tracker.stop({ handoffMs: 0 });
  });

  it("may be a function with the property, as some libraries make them; anything else is refused", async () => {
    const callable = Object.assign(() => undefined, viewerSchema());
    const tracker = await startAlone<Viewer>({}, { schema: callable });
    expect(codeOf(() => tracker.track(new Session(), "room", "ann", toaster))).toBe("INVALID_META");
    await tracker.stop({ handoffMs: 0 });
    for (const schema of [
      null,
      5,
      {},
      { "~standard": {} },
      { "~standard": { version: 2, validate: () => ({}) } },
    ]) {
      await expect(startAlone({}, { schema: schema as never })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
  });
});

describe("a schema, where others track", () => {
  async function pair(schema: MetaSchema<Viewer>, invalidMetas: "show" | "hide" = "show") {
    const { time, runtime } = virtualRuntime();
    const hub = new MemoryHub();
    const heard: string[] = [];
    const errors: TrackerError[] = [];
    const handleDiff = (diff: Diff<Viewer>): void => void heard.push(JSON.stringify(plainDiff(diff)));
    const options = { name: "test", runtime };
    const strict = await Tracker.start<Viewer>(
      { handleDiff },
      { ...options, pubsub: hub.node("strict"), schema, invalidMetas },
    );
    const old = await Tracker.start({}, { ...options, pubsub: hub.node("old") });
    strict.on("error", (error) => {
      errors.push(error);
      heard.push(error.code);
    });
    await time.advance(3_000);
    const stop = async (): Promise<void> => {
      const stopped = Promise.all([strict.stop({ handoffMs: 0 }), old.stop({ handoffMs: 0 })]);
      await time.advance(0);
      await stopped;
    };
    return { time, strict, old, heard, errors, stop };
  }

  it("reports a meta that does not pass before anybody is told of it, and shows it as it is", async () => {
    const { time, strict, old, heard, errors, stop } = await pair(viewerSchema());
    const session = new Session();
    old.track(session, "room", "ann", { device: "phone", page: "news", extra: 1 });
    old.track(session, "room", "bob", { device: "toaster" });
    await time.advance(2_000);
    expect(strict.getByKey("room", "ann")[0]?.meta, "not changed by the schema").toEqual({
      device: "phone",
      page: "news",
      extra: 1,
    });
    expect(strict.has("room", "bob")).toBe(true);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      code: "INVALID_META",
      details: { topic: "room", key: "bob", node: "old", session: session.id, path: ["device"] },
    });
    expect(heard.filter((each) => each.includes("bob") || each === "INVALID_META")[0]).toBe("INVALID_META");
    expect(strict.health().counters.invalidMetas).toBe(1);
    await stop();
  });

  it("hides a meta that does not pass where that is wanted, until an update passes, and again", async () => {
    const { time, strict, old, heard, errors, stop } = await pair(viewerSchema(), "hide");
    const session = new Session();
    old.track(session, "room", "ann", { device: "phone", page: "news" });
    old.track(session, "room", "bob", { device: "toaster" });
    old.track(session, "room", "cy", { device: "toaster" });
    await time.advance(2_000);
    expect(strict.list("room").map(({ key }) => key)).toEqual(["ann"]);
    expect(heard.some((each) => each.includes("bob"))).toBe(false);
    expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^INVALID_META A meta of old .* and hidden: /),
    ]);
    expect(strict.health().counters.invalidMetas).toBe(2);
    // One that is hidden leaves, or changes to what does not pass either, without a word.
    old.untrack(session, "room", "cy");
    old.update(session, "room", "bob", { device: "kettle" });
    await time.advance(2_000);
    expect(strict.countKeys("room")).toBe(1);
    old.update(session, "room", "bob", { device: "phone", page: "home" });
    await time.advance(2_000);
    expect(strict.has("room", "bob")).toBe(true);
    old.update(session, "room", "bob", { device: "toaster" });
    await time.advance(2_000);
    expect(strict.has("room", "bob")).toBe(false);
    expect(strict.health().counters.invalidMetas).toBe(4);
    expect(heard.filter((each) => each.includes("cy"))).toEqual([]);
    // Silent and heard again: what was hidden stays so, and is not asked for again.
    expect(strict.track(new Session(), "room", "dan", phone)).toBeDefined();
    expect(strict.count("room")).toBe(2);
    await stop();
  });

  it.each<[string, unknown]>([
    ["a path that is a text", { issues: [{ message: "no", path: "a.b" }] }],
    ["a path with nothing in it", { issues: [{ message: "no", path: [null, undefined, {}] }] }],
    ["no issue", { issues: [null] }],
    ["issues that are none", { issues: 7 }],
    [
      "issues that cannot be read",
      {
        get issues() {
          throw new Error("not today");
        },
      },
    ],
  ])("takes from a schema, as its answer, %s", async (_, answer) => {
    const isPhone = (value: unknown): boolean => (value as Partial<Viewer>).device === "phone";
    const schema = schemaOf((value) => (isPhone(value) ? { value } : answer));
    const { time, strict, old, errors, stop } = await pair(schema as MetaSchema<Viewer>, "hide");
    old.track(new Session(), "room", "bob", { device: "toaster" });
    old.track(new Session(), "room", "ann", { device: "phone", page: "news" });
    await time.advance(2_000);
    expect(strict.list("room").map(({ key }) => key)).toEqual(["ann"]);
    expect(errors.map(({ code }) => code)).toEqual(["INVALID_META"]);
    expect(strict.health().counters.invalidMetas).toBe(1);
    expect(thrown(() => strict.track(new Session(), "room", "cy", toaster)).code).toBe("INVALID_META");
    await stop();
  });

  it("does not let a schema change the tracker while it is asked what may be shown", async () => {
    const schema = viewerSchema();
    const calls: { track?: () => void } = {};
    const wrapped: MetaSchema<Viewer> = {
      "~standard": {
        ...schema["~standard"],
        validate: (value) => {
          calls.track?.();
          return schema["~standard"].validate(value);
        },
      },
    };
    const { time, strict, old, stop } = await pair(wrapped, "hide");
    calls.track = () => void strict.track(new Session(), "room", "extra", phone);
    old.track(new Session(), "room", "ann", { device: "phone", page: "news" });
    await time.advance(2_000);
    expect(strict.count("room")).toBe(0);
    expect(strict.health().counters.invalidMetas).toBe(1);
    calls.track = () => undefined;
    await stop();
    await expect(startAlone({}, { invalidMetas: "drop" as never })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("counts all of them and reports a node once a minute, updates too, and never this node's own", async () => {
    const { time, strict, old, errors, stop } = await pair(viewerSchema());
    const session = new Session();
    for (let i = 0; i < 50; i++) old.track(session, "room", `user-${i}`, { n: i });
    await time.advance(2_000);
    expect([strict.health().counters.invalidMetas, errors.length]).toEqual([50, 1]);
    old.update(session, "room", "user-0", { n: 1_000 });
    await time.advance(61_000);
    expect([strict.health().counters.invalidMetas, errors.length]).toEqual([51, 1]);
    old.update(session, "room", "user-0", { n: 2_000 });
    await time.advance(2_000);
    expect([strict.health().counters.invalidMetas, errors.length]).toEqual([52, 2]);
    strict.track(session, "room", "ann", phone);
    await time.advance(2_000);
    expect(strict.health().counters.invalidMetas).toBe(52);
    await stop();
  });

  it("may track when it is asked: diffs stay in order, and add up", async () => {
    const calls: { track?: () => void } = {};
    const schema = viewerSchema();
    const meddling: MetaSchema<Viewer> = {
      "~standard": {
        ...schema["~standard"],
        validate(value) {
          calls.track?.();
          return schema["~standard"].validate(value);
        },
      },
    };
    const { time, strict, old, heard, stop } = await pair(meddling);
    let isTracking = false;
    calls.track = () => {
      if (isTracking) return;
      isTracking = true;
      strict.track(new Session(), "echo", "me", phone);
      isTracking = false;
    };
    old.track(new Session(), "room", "ann", { device: "phone" });
    await time.advance(2_000);
    expect(heard).toEqual(['{"room":["join ann"]}', '{"echo":["join me"]}']);
    await stop();
  });
});

describe("the types", () => {
  it("follow from the schema", () => {
    const start = (hub: MemoryHub) =>
      Tracker.start({}, { name: "a", pubsub: hub.node("a"), schema: viewerSchema() });
    expectTypeOf(start).returns.resolves.toEqualTypeOf<Tracker<Viewer>>();
    const present = (hub: MemoryHub) =>
      Presence.start({ name: "a", pubsub: hub.node("a"), schema: viewerSchema() });
    expectTypeOf(present).returns.resolves.toEqualTypeOf<Presence<Viewer>>();
    const told = (hub: MemoryHub) =>
      Tracker.start(
        {
          handleDiff: (diff) =>
            void diff.get("room")?.joins.map(({ meta }) => meta.device satisfies "phone" | "desktop"),
        },
        { name: "a", pubsub: hub.node("a"), schema: viewerSchema() },
      );
    expectTypeOf(told).returns.resolves.toEqualTypeOf<Tracker<Viewer>>();
  });
});
