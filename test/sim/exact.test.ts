/** What schedules make and compare to the last bit: metas of many shapes, zeros with a sign, refs before. */
import { describe, expect, it } from "vitest";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { exactText, metaShapes, sameValue, shapedMeta, travelledText } from "../../src/testing/metas.js";
import { NaiveModel } from "../../src/testing/naive-model.js";
import { copyMeta } from "../../src/tracker/meta.js";

describe("comparing exactly", () => {
  it("tells a minus zero from a zero, at any depth, and nothing from its order", () => {
    expect(sameValue({ a: [{ b: 0 }] }, { a: [{ b: -0 }] })).toBe(false);
    expect(sameValue({ a: 1, b: 2 }, { b: 2, a: 1 })).toBe(true);
    expect(sameValue({ a: [] }, { a: {} })).toBe(false);
    expect(sameValue({ a: null }, {})).toBe(false);
    expect(exactText({ a: [-0, 0] })).toBe('{"a":[-0,0]}');
    expect(exactText({ b: 1, a: "x" })).toBe(exactText({ a: "x", b: 1 }));
    expect(travelledText({ a: -0, b: undefined })).toBe('{"a":0}');
  });

  it("finds a previous meta that differs in the sign of a zero", () => {
    const fold = new DiffFold();
    const entry = { key: "user:1", ref: "1", node: "a", session: "s", meta: { at: 0 } };
    fold.apply(new Map([["room:1", { joins: [entry], updates: [], leaves: [] }]]));
    const update = { ...entry, ref: "2", prevRef: "1", previous: { at: -0 } };
    const wrong = fold.apply(new Map([["room:1", { joins: [], updates: [update], leaves: [] }]]));
    expect(wrong).toEqual([expect.stringMatching(/with a previous meta that was not there/)]);
  });
});

describe("metas of many shapes", () => {
  it("are accepted by a tracker, are near the size that was asked for, and each differs from the others", () => {
    for (const shape of metaShapes) {
      for (const bytesMax of [40, 128, 1_000, 4_096]) {
        const meta = shapedMeta(7, shape, bytesMax);
        expect(Buffer.byteLength(JSON.stringify(copyMeta(meta, bytesMax)))).toBeLessThanOrEqual(bytesMax);
        expect(travelledText(meta)).not.toBe(travelledText(shapedMeta(8, shape, bytesMax)));
        if (bytesMax >= 128) expect(Object.keys(meta).length, shape).toBeGreaterThan(1);
      }
      expect(Buffer.byteLength(JSON.stringify(shapedMeta(1, shape, 4_096))), shape).toBeGreaterThan(4_000);
    }
  });
});

describe("the model", () => {
  const entry = { node: "a", life: 1, session: "s", topic: "room:1", key: "user:1" };

  it("knows of each revision how its stay ended, and how much its life has removed since", () => {
    const model = new NaiveModel();
    model.put({ ...entry, version: 1 });
    model.put({ ...entry, version: 2 });
    expect(model.endingOf(1)).toBeUndefined();
    model.remove("s", "room:1", "user:1");
    model.put({ ...entry, version: 3 });
    model.close("s");
    expect(model.endingOf(1)).toEqual({ reason: "untracked", removalsSince: 2 });
    expect(model.endingOf(2)).toEqual({ reason: "untracked", removalsSince: 1 });
    expect(model.endingOf(3)).toEqual({ reason: "closed", removalsSince: 0 });
  });
});
