/** Whatever is passed to the public borders: an error that names it, never one of the language from inside. */
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../src/adapters/memory.js";
import { postgresPubSub, type PostgresClient } from "../src/adapters/postgres.js";
import { redisPubSub } from "../src/adapters/redis.js";
import { sealed } from "../src/adapters/sealed.js";
import { ChannelServer } from "../src/channels/index.js";
import { PresenceClient } from "../src/client/index.js";
import { checked } from "../src/client/selection.js";
import { TrackerError } from "../src/errors.js";
import { Presence } from "../src/presence/presence.js";
import { Session } from "../src/session.js";
import { simulate } from "../src/testing/index.js";
import { Tracker } from "../src/tracker/tracker.js";

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const odd: readonly unknown[] = [
  null,
  NaN,
  -1,
  7n,
  Symbol("odd"),
  "",
  "x".repeat(1_000_000),
  "\ud800",
  [],
  {},
  cycle,
  new Map(),
  () => 1,
];
const here = { name: "odd", pubsub: memoryPubSub() };

/** What a call comes to: the code of its error, or that it was accepted. */
async function outcomeOf(call: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await call();
    return { code: "accepted", message: "" };
  } catch (error) {
    const { code = "no code", message } = error as { code?: string; message: string };
    return { code, message };
  }
}

describe.each<[name: string, call: (value: never) => unknown, mayBe?: (value: unknown) => boolean]>([
  ["runtime of a tracker", (runtime) => Tracker.start({}, { ...here, runtime })],
  ["runtime of a presence", (runtime) => Presence.start({ ...here, runtime })],
  ["runtime of a channel server", (runtime) => new ChannelServer({ pubsub: here.pubsub, runtime })],
  ["runtime of a sealed pubsub", (runtime) => sealed(here.pubsub, { keys: ["k".repeat(32)], runtime })],
  ["name of a tracker", (name) => Tracker.start({}, { ...here, name }), isEscaped],
  ["name of a presence", (name) => Presence.start({ ...here, name }), isEscaped],
  ["nodeName", (nodeName) => memoryPubSub({ nodeName })],
  ["prefix", (prefix) => redisPubSub({ publisher: {} as never, subscriber: {} as never, prefix })],
  ["options of a tracker", (options) => Tracker.start({}, options)],
  ["options of a presence", (options) => Presence.start(options)],
  ["options of a client", (options) => new PresenceClient(options), isEmpty],
  ["client of a component", (client) => checked(client, {})],
  ["selection of a component", (selection) => checked(new PresenceClient(), selection), isEmpty],
  ["select of a component", (select) => checked(new PresenceClient(), { select }), isFunction],
  ["options of a simulation", (options) => simulate(options)],
  ["seed of a simulation", (seed) => simulate({ seed, nodes: [] }), isSeed],
  ["nodes of a simulation", (nodes) => simulate({ seed: 1, nodes }), (value) => Array.isArray(value)],
  ["client of the postgres adapter", (client) => postgresPubSub({ client })],
  ["connect of the postgres adapter", (connect) => postgresPubSub({ connect }), isFunction],
])("%s", (_, call, mayBe = () => false) => {
  it("is refused with a code and a short message, whatever it is", async () => {
    for (const [index, value] of odd.entries()) {
      if (mayBe(value)) continue;
      const { code, message } = await outcomeOf(() => call(value as never));
      expect(code, `odd[${index}]: ${message.slice(0, 200)}`).toMatch(/^INVALID_(OPTION|ARGUMENT)$/);
      expect(message.length, `odd[${index}]`).toBeLessThan(400);
    }
  });
});

/** Objects that say nothing are as good as none. */
function isEmpty(value: unknown): boolean {
  if (typeof value === "function") return true;
  return typeof value === "object" && value !== null && value !== cycle;
}

/** Adapters escape what brokers would change. */
function isEscaped(value: unknown): boolean {
  return value === "\ud800";
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isSeed(value: unknown): boolean {
  return typeof value === "string" || value === -1;
}

describe("what is made by start alone", () => {
  it("says so to those who say new", () => {
    for (const [name, make] of [
      ["Tracker", Tracker],
      ["Presence", Presence],
    ] as const) {
      const New = make as unknown as new (...values: unknown[]) => unknown;
      expect(() => new New({}, {})).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining(`${name}.start`),
        }),
      );
    }
  });
});

describe("a time in the options of a call", () => {
  it("is refused as an option is", async () => {
    const tracker = await Tracker.start({}, { ...here, name: "times" });
    for (const timeoutMs of [NaN, -1, Infinity, 2 ** 31, "1" as never]) {
      await expect(tracker.whenComplete({ timeoutMs })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
    await tracker.stop({ handoffMs: 0 });
  });
});

describe("a meta that cannot be read", () => {
  it("is invalid, with what it threw as the cause and the path to it", async () => {
    const tracker = await Tracker.start({}, { ...here, name: "metas" });
    const cause = new Error("not now");
    const failing = {
      list: [
        {
          get page(): string {
            throw cause;
          },
        },
      ],
    };
    const session = new Session();
    expect(() => tracker.track(session, "room", "ann", failing as never)).toThrow(
      expect.objectContaining({ code: "INVALID_META", cause, details: { path: ["list", 0, "page"] } }),
    );
    expect(() => tracker.track(session, "room", "ann", { deep: revoked() } as never)).toThrow(TrackerError);
    const names = new Proxy(
      {},
      {
        ownKeys: () => {
          throw cause;
        },
      },
    );
    expect(() => tracker.track(session, "room", "ann", names)).toThrow(TrackerError);
    expect(tracker.count("room")).toBe(0);
    await tracker.stop({ handoffMs: 0 });
  });

  it("is that of an async function, too, whose rejection ends no process", async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on("unhandledRejection", note);
    const tracker = await Tracker.start({}, { ...here, name: "async" });
    const session = new Session();
    tracker.track(session, "room", "ann", { n: 1 });
    const failing = async (): Promise<never> => {
      throw new Error("nobody waits for this");
    };
    expect(() => tracker.update(session, "room", "ann", failing as never)).toThrow(
      expect.objectContaining({ code: "INVALID_META" }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(rejections).toEqual([]);
    await tracker.stop({ handoffMs: 0 });
  });

  it("of names that cannot be iterated is none of the language's errors", async () => {
    const tracker = await Tracker.start({}, { ...here, name: "among" });
    const half = { [Symbol.iterator]: () => ({}) } as never;
    expect(() => tracker.responsible("job", half)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    await tracker.stop({ handoffMs: 0 });
  });
});

describe("a client of pg", () => {
  const client = (more: object = {}): PostgresClient => {
    const query = async (): Promise<unknown> => ({ rows: [] });
    return { query, end: async () => undefined, on: () => undefined, off: () => undefined, ...more } as never;
  };

  it("that nobody has connected is named by the start, whichever way it came", async () => {
    const idle = client({ _connected: false, _connecting: false });
    const start = (pubsub: ReturnType<typeof postgresPubSub>): Promise<unknown> =>
      Tracker.start({}, { name: "pg", pubsub, startTimeoutMs: 50 });
    const said = (thrown: unknown): string => {
      const { message, cause } = thrown as Error;
      return `${message} ${cause instanceof Error ? said(cause) : ""}`;
    };
    for (const source of [{ client: idle }, { connect: async () => idle }]) {
      const pubsub = postgresPubSub(source);
      const thrown: unknown = await start(pubsub).catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
      expect(said(thrown)).toContain("await its connect() first");
      await pubsub.close();
    }
    const nothing = postgresPubSub({ connect: (async () => undefined) as never });
    expect(said(await start(nothing).catch((error: unknown) => error))).toContain("has returned no Client");
    await nothing.close();
  });

  it("is no pool", () => {
    expect(() => postgresPubSub({ client: client({ totalCount: 0 }) })).toThrow(/a Pool/);
  });
});
