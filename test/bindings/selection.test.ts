/** What a component selects: made again only after a change, and the same object while it says the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSame, selectorOf, viewOf } from "../../src/client/selection.js";
import { PresenceClient } from "../../src/client/index.js";

const presence = (...refs: string[]) => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });

describe("a selection", () => {
  it("is of `initial` until a state has come, and then of the client, also after a reset", () => {
    const client = new PresenceClient();
    const initial = JSON.parse('{"ann":{"metas":[]},"__proto__":{"metas":[]}}');
    const selector = selectorOf(client, viewOf(initial), (view) => Object.keys(view.list()));
    expect(selector.current()).toEqual(["ann", "__proto__"]);
    expect(selector.current()).toBe(selector.first());
    client.reset();
    expect(selector.current()).toBe(selector.first());
    client.receive("presence_state", {});
    expect(selector.current()).toEqual([]);
    client.reset();
    expect([selector.current(), selector.first()]).toEqual([[], ["ann", "__proto__"]]);
    expect(viewOf(initial).get("constructor")).toBe(undefined);
    expect(viewOf(initial).get("__proto__")).toEqual({ metas: [] });
  });

  it("of one key of 10,000 is made once for a change, and asks for that key alone", () => {
    const client = new PresenceClient();
    const keys = Array.from({ length: 10_000 }, (_, i) => `u${i}`);
    client.receive("presence_state", Object.fromEntries(keys.map((key) => [key, presence(key)])));
    const asked = { list: 0, get: 0 };
    const counted = {
      get revision() {
        return client.revision;
      },
      subscribe: client.subscribe,
      list: () => (asked.list++, client.list()),
      get: (key: string) => (asked.get++, client.get(key)),
    };
    const selector = selectorOf(counted, viewOf(), (view) => view.get("u7"));
    const before = selector.current();
    for (let i = 0; i < 50; i++) {
      client.receive("presence_diff", { joins: { [`u${100 + i}`]: presence("new") }, leaves: {} });
      for (let reads = 0; reads < 3; reads++) expect(selector.current()).toBe(before);
    }
    expect(asked).toEqual({ list: 0, get: 51 });
    client.receive("presence_diff", { joins: { u7: presence("new") }, leaves: {} });
    expect(selector.current()).toEqual(presence("u7", "new"));
  });

  it("that is made anew is the same object while it says the same", () => {
    const client = new PresenceClient();
    client.receive("presence_state", { ann: presence("1"), bo: presence("2") });
    const selector = selectorOf(client, viewOf(), (view) =>
      Object.entries(view.list()).map(([key, { metas }]) => ({ key, devices: metas.length })),
    );
    const before = selector.current();
    client.receive("presence_diff", { joins: { ann: presence("3") }, leaves: { ann: presence("1") } });
    expect(selector.current()).toBe(before);
    client.receive("presence_diff", { joins: { ann: presence("4") }, leaves: {} });
    expect(selector.current()).toEqual([
      { key: "ann", devices: 2 },
      { key: "bo", devices: 1 },
    ]);
  });
});

describe("the revision of a client", () => {
  it("changes with the list and `synced`, and with nothing else", () => {
    const client = new PresenceClient();
    const steps = (...receive: (() => void)[]): number[] =>
      receive.map((step) => {
        const before = client.revision;
        step();
        return Math.sign(client.revision - before);
      });
    const state = (payload: unknown) => () => client.receive("presence_state", payload);
    const diff = (payload: unknown) => () => client.receive("presence_diff", payload);
    expect(client.revision).toBe(0);
    const joins = { ann: presence("1") };
    expect(
      steps(client.reset, diff({ joins, leaves: {} }), state({}), state(joins), state(joins), diff("junk")),
    ).toEqual([0, 0, 1, 0, 0, 0]);
    expect(
      steps(diff({ joins: {}, leaves: joins }), diff({ joins: {}, leaves: joins }), client.reset),
    ).toEqual([1, 0, 1]);
  });
});

describe("sameness", () => {
  it("is that of JSON, to a depth", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
        expect(isSame(a, JSON.parse(JSON.stringify(a)))).toBe(!hasNegativeZero(a));
        expect(isSame(a, b)).toBe(Object.is(canonical(a), canonical(b)));
      }),
    );
    const deep = (leaf: unknown) => ({ a: { b: { c: { d: { leaf } } } } });
    expect(isSame(deep(1), deep(1))).toBe(false);
  });

  it("ends for what goes round in circles, and compares nothing but lists and plain objects by what is in them", () => {
    const round: { self?: object; list?: object[] } = {};
    round.self = round;
    const other: typeof round = {};
    other.self = other;
    expect(isSame(round, other)).toBe(false);
    for (const make of [() => new Map(), () => new Date(0), () => () => 1, () => new (class {})()]) {
      const [one, two] = [make(), make()];
      expect([isSame(one, two), isSame(one, one)]).toEqual([false, true]);
    }
    expect([isSame([], {}), isSame({ a: undefined }, { b: undefined }), isSame(null, {})]).toEqual([
      ...[false, false, false],
    ]);
  });
});

/** Text that two values share if they say the same, whatever the order of their keys. */
function canonical(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join()}}`;
}

function hasNegativeZero(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Object.is(value, -0);
  return Object.values(value).some(hasNegativeZero);
}
