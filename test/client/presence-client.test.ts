import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";

interface User {
  id?: number;
}

const meta = (phx_ref: string, rest: object = {}): object => ({ phx_ref, ...rest });
const presence = (...refs: string[]): object => ({ metas: refs.map((ref) => meta(ref)) });
const diff = (joins: object, leaves: object): object => ({ joins, leaves });

/** A client and everything it told, as texts in order. */
function recorded(): { client: PresenceClient<User>; told: string[] } {
  const client = new PresenceClient<User>();
  const told: string[] = [];
  const refs = (of: { metas: readonly { phx_ref: string }[] } | undefined): string =>
    of === undefined ? "none" : `[${of.metas.map((each) => each.phx_ref).join(" ")}]`;
  client.onJoin((key, current, joined) => told.push(`join ${key} ${refs(current)} + ${refs(joined)}`));
  client.onLeave((key, current, left) => told.push(`leave ${key} ${refs(current)} - ${refs(left)}`));
  client.onUpdate((key, previous, current) =>
    told.push(`update ${key} ${previous.phx_ref} -> ${current.phx_ref}`),
  );
  client.onSync(() => told.push("sync"));
  return { client, told };
}

describe("the first state", () => {
  it("becomes the list, and the payload is left as it was", () => {
    const { client, told } = recorded();
    const payload = { u1: presence("1"), u2: presence("2", "3") };
    const before = JSON.stringify(payload);
    client.receive("presence_state", payload);
    expect(client.list()).toEqual(payload);
    expect(Object.getPrototypeOf(client.list())).toBe(null);
    expect(JSON.stringify(payload)).toBe(before);
    expect(client.synced).toBe(true);
    expect(told).toEqual(["join u1 none + [1]", "join u2 none + [2 3]", "sync"]);
  });

  it("accepts a frozen payload, as presence.forward sends in one process", () => {
    const client = new PresenceClient();
    const frozen = Object.freeze({ u1: Object.freeze({ metas: Object.freeze([Object.freeze(meta("1"))]) }) });
    client.receive("presence_state", frozen);
    client.receive("presence_diff", diff({ u1: presence("2") }, { u1: presence("1") }));
    expect(client.get("u1")).toEqual(presence("2"));
  });
});

describe("a later state", () => {
  it("tells of new keys as joins, and of missing ones as leaves of all they had", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u2: presence("2") });
    told.length = 0;
    client.receive("presence_state", { u1: presence("1") });
    expect(told).toEqual(["join u1 none + [1]", "leave u2 [] - [2]", "sync"]);
    expect(client.list()).toEqual({ u1: presence("1") });
  });

  it("tells only of the metas that are new to a key", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u3: presence("3") });
    told.length = 0;
    client.receive("presence_state", { u3: presence("3", "3.new") });
    expect(told).toEqual(["join u3 [3] + [3.new]", "sync"]);
  });

  it("tells only of the metas that a key lost", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u3: presence("3", "4") });
    told.length = 0;
    client.receive("presence_state", { u3: presence("4") });
    expect(told).toEqual(["leave u3 [4] - [3]", "sync"]);
  });

  it("renews what was fetched for a key, even if its metas are the same", () => {
    const client = new PresenceClient<User, { name: string }>();
    client.receive("presence_state", { u1: { metas: [meta("1")], name: "Ann" } });
    client.receive("presence_state", { u1: { metas: [meta("1")], name: "Anne" } });
    expect(client.get("u1")?.name).toBe("Anne");
  });
});

describe("a diff", () => {
  it("joins a key that was not there", () => {
    const { client, told } = recorded();
    client.receive("presence_state", {});
    client.receive("presence_diff", diff({ u1: presence("1") }, {}));
    expect(client.list()).toEqual({ u1: presence("1") });
    expect(told).toEqual(["sync", "join u1 none + [1]", "sync"]);
  });

  it("adds a meta behind those of its key, and drops a key without metas", () => {
    const { client } = recorded();
    client.receive("presence_state", { u1: presence("1"), u2: presence("2") });
    client.receive("presence_diff", diff({ u1: presence("1.2") }, { u2: presence("2") }));
    expect(client.list()).toEqual({ u1: presence("1", "1.2") });
    expect(client.get("u2")).toBeUndefined();
  });

  it("drops one meta and keeps the key's others", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u1: presence("1", "1.2") });
    told.length = 0;
    client.receive("presence_diff", diff({}, { u1: presence("1") }));
    expect(client.list()).toEqual({ u1: presence("1.2") });
    expect(told).toEqual(["leave u1 [1.2] - [1]", "sync"]);
  });

  it("ignores the leave of a key that is not there", () => {
    const { client, told } = recorded();
    client.receive("presence_state", {});
    client.receive("presence_diff", diff({}, { ghost: presence("1") }));
    expect(told).toEqual(["sync", "sync"]);
  });

  it("does not double a meta that the state had already", () => {
    const { client } = recorded();
    client.receive("presence_state", { u1: presence("1") });
    client.receive("presence_diff", diff({ u1: presence("1") }, {}));
    expect(client.list()).toEqual({ u1: presence("1") });
  });

  it("that updates tells of the join, the leave and then the update", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u1: { metas: [meta("1", { id: 1 })] } });
    told.length = 0;
    const next = meta("2", { id: 2, phx_ref_prev: "1" });
    client.receive(
      "presence_diff",
      diff({ u1: { metas: [next] } }, { u1: { metas: [meta("1", { id: 1 })] } }),
    );
    expect(client.list()).toEqual({ u1: { metas: [next] } });
    expect(told).toEqual(["join u1 [1] + [2]", "leave u1 [2] - [1]", "update u1 1 -> 2", "sync"]);
  });

  it("takes the extras of a join", () => {
    const client = new PresenceClient<User, { name: string }>();
    client.receive("presence_state", { u1: { metas: [meta("1")], name: "Ann" } });
    client.receive("presence_diff", diff({ u1: { metas: [meta("2")], name: "Anne" } }, {}));
    expect(client.get("u1")).toEqual({ metas: [meta("1"), meta("2")], name: "Anne" });
  });
});

describe("before the first state", () => {
  it("diffs wait, and nobody is told", () => {
    const { client, told } = recorded();
    client.receive("presence_diff", diff({}, { u1: presence("1") }));
    client.receive("presence_diff", diff({ u2: presence("2") }, {}));
    expect(client.list()).toEqual({});
    expect(told).toEqual([]);
    client.receive("presence_state", { u1: presence("1") });
    expect(client.list()).toEqual({ u2: presence("2") });
    expect(told).toEqual(["join u1 none + [1]", "leave u1 [] - [1]", "join u2 none + [2]", "sync"]);
  });

  it("no more than maxPendingDiffs wait: the oldest gives way and is counted", () => {
    const client = new PresenceClient({ maxPendingDiffs: 2 });
    for (const ref of ["1", "2", "3"]) client.receive("presence_diff", diff({ [ref]: presence(ref) }, {}));
    client.receive("presence_state", {});
    expect(Object.keys(client.list())).toEqual(["2", "3"]);
    expect(client.ignored).toBe(1);
  });
});

describe("reset", () => {
  it("keeps the list, lets diffs wait, and has the next state tell what changed meanwhile", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u1: presence("1"), u2: presence("2") });
    client.reset();
    told.length = 0;
    expect(client.synced).toBe(false);
    client.receive("presence_diff", diff({ u4: presence("4") }, {}));
    expect(Object.keys(client.list())).toEqual(["u1", "u2"]);
    client.receive("presence_state", { u2: presence("2"), u3: presence("3") });
    expect(told).toEqual(["join u3 none + [3]", "leave u1 [] - [1]", "join u4 none + [4]", "sync"]);
    expect(client.list()).toEqual({ u2: presence("2"), u3: presence("3"), u4: presence("4") });
  });

  it("forgets diffs of the connection before", () => {
    const { client } = recorded();
    client.receive("presence_diff", diff({ old: presence("1") }, {}));
    client.reset();
    client.receive("presence_state", {});
    expect(client.list()).toEqual({});
  });
});

describe("keys that are names of Object.prototype", () => {
  const keys = ["__proto__", "constructor", "hasOwnProperty"];
  const payload = (): object =>
    JSON.parse(`{${keys.map((key) => `"${key}":{"metas":[{"phx_ref":"1"}]}`).join(",")}}`) as object;

  it.each([
    ["state", (client: PresenceClient<User>) => client.receive("presence_state", {})],
    [
      "diff",
      (client: PresenceClient<User>) => client.receive("presence_diff", { joins: {}, leaves: payload() }),
    ],
  ])("join and leave by a %s like any other", (_, leave) => {
    const { client, told } = recorded();
    client.receive("presence_state", payload());
    expect(Object.keys(client.list())).toEqual(keys);
    expect(JSON.stringify(client.list())).toBe(JSON.stringify(payload()));
    leave(client);
    expect(client.list()).toEqual({});
    expect(told.filter((each) => each.startsWith("leave"))).toHaveLength(3);
    expect(({} as Record<string, unknown>)["metas"]).toBeUndefined();
    expect(client.get("toString")).toBeUndefined();
  });
});

describe("junk", () => {
  it.each([
    ["presence_state", null],
    ["presence_state", "text"],
    ["presence_state", []],
    ["presence_state", { u1: null }],
    ["presence_state", { u1: { metas: {} } }],
    ["presence_state", { u1: { metas: [null] } }],
    ["presence_state", { u1: { metas: [{ phx_ref: 1 }] } }],
    ["presence_state", { u9: presence("9"), u1: { metas: [{}] } }],
    ["presence_diff", undefined],
    ["presence_diff", {}],
    ["presence_diff", { joins: { u9: presence("9") } }],
    ["presence_diff", { joins: { u9: presence("9") }, leaves: [] }],
  ])("in %s is ignored whole and counted: %j", (event, payload) => {
    const { client, told } = recorded();
    client.receive("presence_state", { u1: presence("1") });
    told.length = 0;
    client.receive(event, payload);
    expect(client.ignored).toBe(1);
    expect(client.list()).toEqual({ u1: presence("1") });
    expect(told).toEqual([]);
  });

  it("a state that is ignored leaves diffs waiting", () => {
    const client = new PresenceClient();
    client.receive("presence_state", 1);
    client.receive("presence_diff", diff({ u1: presence("1") }, {}));
    expect(client.synced).toBe(false);
    client.receive("presence_state", {});
    expect(Object.keys(client.list())).toEqual(["u1"]);
  });

  it("does not include other events: they are somebody else's", () => {
    const { client, told } = recorded();
    client.receive("new_message", { body: "hello" });
    expect(client.ignored).toBe(0);
    expect(told).toEqual([]);
  });

  it("a key without metas is nobody", () => {
    const { client, told } = recorded();
    client.receive("presence_state", { u1: presence() });
    client.receive("presence_diff", diff({ u2: presence() }, {}));
    expect(client.list()).toEqual({});
    expect(told).toEqual(["sync", "sync"]);
  });
});

describe("listeners", () => {
  it("may be several, each ends alone, and ending twice does nothing", () => {
    const client = new PresenceClient();
    const told: string[] = [];
    const listener = (): void => void told.push("twice");
    const end = client.onSync(listener);
    client.onSync(listener);
    client.onSync(() => told.push("other"));
    client.receive("presence_state", {});
    end();
    end();
    client.receive("presence_state", {});
    expect(told).toEqual(["twice", "twice", "other", "twice", "other"]);
  });

  it("that throw cost nothing else, and the first failure is thrown at the end", () => {
    const { client, told } = recorded();
    client.onJoin(() => {
      throw new RangeError("from onJoin");
    });
    client.onJoin((key) => told.push(`second ${key}`));
    expect(() => client.receive("presence_state", { u1: presence("1"), u2: presence("2") })).toThrow(
      RangeError,
    );
    expect(told).toEqual(["join u1 none + [1]", "second u1", "join u2 none + [2]", "second u2", "sync"]);
    expect(() => client.receive("presence_diff", diff({}, { u1: presence("1") }))).not.toThrow();
    expect(Object.keys(client.list())).toEqual(["u2"]);
  });
});
