import { Presence } from "phoenix";
import { describe, expect, it } from "vitest";
import { toPresenceDiff, toPresences, toWireDiff } from "../../src/presence/wire.js";
import type { Entry, TopicDiff } from "../../src/words.js";

interface Meta {
  page: string;
}

const entry = (key: string, ref: string, page: string, session = "s-1"): Entry<Meta> => ({
  key,
  meta: { page },
  ref,
  node: "node1",
  session,
});
const nothing = new Map<string, object>();

/** One diff with everything: u1 joins and is updated and leaves by different sessions, u2 is updated. */
const mixed: TopicDiff<Meta> = {
  joins: [entry("u1", "j", "/joined", "s-1")],
  updates: [
    { ...entry("u1", "n", "/new", "s-2"), prevRef: "o", previous: { page: "/old" } },
    { ...entry("u2", "n2", "/new", "s-4"), prevRef: "o2", previous: { page: "/old" } },
  ],
  leaves: [{ ...entry("u1", "l", "/left", "s-3"), reason: "untracked" }],
};

describe("presence_state", () => {
  it("has the metas of each key in their order, and what was fetched", () => {
    const entries = [
      entry("u1", "b", "/b", "s-10"),
      entry("u2", "c", "/c"),
      { ...entry("u1", "a", "/a", "s-9"), prevRef: "z" },
    ];
    expect(toPresences(entries, new Map([["u2", { name: "Ann" }]]))).toEqual({
      u1: {
        metas: [
          { page: "/a", phx_ref: "a", phx_ref_prev: "z" },
          { page: "/b", phx_ref: "b" },
        ],
      },
      u2: { metas: [{ page: "/c", phx_ref: "c" }], name: "Ann" },
    });
  });

  it("returns a __proto__ inside a meta as a property, and no prototype", () => {
    const meta = JSON.parse('{"page": "/", "__proto__": {"polluted": true}}') as Meta;
    const [made] = toPresences([{ ...entry("u1", "a", "/"), meta }], nothing)["u1"]?.metas ?? [];
    expect(Object.keys(made ?? {})).toEqual(["page", "__proto__", "phx_ref"]);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
  });
});

describe("presence_diff", () => {
  it("always has joins and leaves, objects without a prototype", () => {
    const diff = toWireDiff(toPresenceDiff({ joins: [], updates: [], leaves: [] }, nothing));
    expect(JSON.stringify(diff)).toBe('{"joins":{},"leaves":{}}');
    expect(Object.getPrototypeOf(diff.joins)).toBe(null);
    expect(Object.getPrototypeOf(diff.leaves)).toBe(null);
  });

  it("has an update as the join of the new and the leave of the old, beside what else its key does", () => {
    const extras = new Map([["u1", { name: "Ann" }]]);
    expect(toWireDiff(toPresenceDiff(mixed, extras))).toEqual({
      joins: {
        u1: {
          name: "Ann",
          metas: [
            { page: "/joined", phx_ref: "j" },
            { page: "/new", phx_ref: "n", phx_ref_prev: "o" },
          ],
        },
        u2: { metas: [{ page: "/new", phx_ref: "n2", phx_ref_prev: "o2" }] },
      },
      leaves: {
        u1: {
          name: "Ann",
          metas: [
            { page: "/left", phx_ref: "l" },
            { page: "/old", phx_ref: "o" },
          ],
        },
        u2: { metas: [{ page: "/old", phx_ref: "o2" }] },
      },
    });
  });

  it("lets an extra named previous give way to the previous metas, and shows it to no Phoenix client", () => {
    const diff = toPresenceDiff(mixed, new Map([["u2", { previous: "mine" }]]));
    expect(diff.updates["u2"]?.previous).toEqual([{ page: "/old", phx_ref: "o2" }]);
    expect(Object.keys(toWireDiff(diff).joins["u2"] ?? {})).toEqual(["metas"]);
  });

  it("survives JSON for the key __proto__, whether it joins, is updated or leaves", () => {
    const key = "__proto__";
    const diff = toWireDiff(
      toPresenceDiff(
        {
          joins: [entry(key, "j", "/")],
          updates: [{ ...entry(key, "n", "/", "s-2"), prevRef: "o", previous: { page: "/" } }],
          leaves: [{ ...entry(key, "l", "/", "s-3"), reason: "closed" }],
        },
        nothing,
      ),
    );
    const received = JSON.parse(JSON.stringify(diff)) as typeof diff;
    expect(Object.keys(received.joins)).toEqual([key]);
    expect(Object.entries(received.joins)[0]?.[1].metas.map(({ phx_ref }) => phx_ref)).toEqual(["j", "n"]);
    expect(Object.entries(received.leaves)[0]?.[1].metas.map(({ phx_ref }) => phx_ref)).toEqual(["l", "o"]);
  });

  it("is made once per diff and cannot be changed, as many channels push the same", () => {
    const diff = toPresenceDiff(mixed, nothing);
    const wire = toWireDiff(diff);
    expect(toWireDiff(diff)).toBe(wire);
    expect(toWireDiff(toPresenceDiff(mixed, nothing))).not.toBe(wire);
    const parts: object[] = [diff, diff.joins, diff.updates, diff.leaves, wire, wire.joins, wire.leaves];
    for (const presences of [diff.joins, diff.updates, diff.leaves, wire.joins, wire.leaves]) {
      for (const presence of Object.values(presences))
        parts.push(presence, presence.metas, ...presence.metas);
    }
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });
});

describe("a value that was put right under its own ref", () => {
  it("joins in the place of the wrong one and does not leave", () => {
    const diff: TopicDiff<Meta> = {
      joins: [entry("u2", "b", "/right", "s-2")],
      updates: [
        { ...entry("u1", "a", "/right", "s-1"), prevRef: "a", previous: { page: "/wrong" } },
        { ...entry("u1", "n", "/new", "s-3"), prevRef: "o", previous: { page: "/old" } },
      ],
      leaves: [{ ...entry("u2", "b", "/right", "s_2"), reason: "untracked" }],
    };
    const { joins, leaves } = toWireDiff(toPresenceDiff(diff, nothing));
    const before = {
      u1: {
        metas: [
          { page: "/wrong", phx_ref: "a" },
          { page: "/old", phx_ref: "o" },
        ],
      },
      u2: { metas: [{ page: "/right", phx_ref: "b" }] },
    };
    expect(leaves["u1"]?.metas).toEqual([{ page: "/old", phx_ref: "o" }]);
    const after = Presence.syncDiff(before, { joins, leaves }) as typeof before;
    const refs = Object.entries(after).map(([key, { metas }]) => [
      key,
      metas.map((meta) => meta.phx_ref).sort(),
    ]);
    expect(refs).toEqual([
      ["u1", ["a", "n"]],
      ["u2", ["b"]],
    ]);
    expect(after.u1.metas.find((meta) => meta.phx_ref === "a")?.page).toBe("/right");
  });
});
