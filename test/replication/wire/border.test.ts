/** The border of replication: what comes from outside is as bounded as what `track` accepts. */
import { describe, expect, it, vi } from "vitest";
import { decodeFrame } from "../../../src/replication/wire/codec.js";

describe("the border of replication", () => {
  const births = (strings: unknown[], shapes: unknown[], prefix: string, rows: unknown[], upTo = 1): string =>
    JSON.stringify([1, 1, "a", "0".repeat(14), 0, 1, 0, 0, upTo, 1, 1, [], [strings, shapes, prefix, rows]]);
  const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  const goodbyeOf = (name: string): string => JSON.stringify([1, 6, name, "0".repeat(14), 0, 1, 0]);
  const many = (count: number, row: readonly unknown[]): unknown[] =>
    Array.from({ length: count }, () => row).flat();

  it.each([
    ["a topic", births(["t".repeat(512), "k"], [[]], "", [1, 0, 1, "s", 0])],
    ["a key of control characters", births(["t", "\0".repeat(85)], [[]], "", [1, 0, 1, "s", 0])],
    ["a session", births(["t", "k"], [[]], "", [1, 0, 1, "s".repeat(64), 0])],
    ["a prefix", births(["t", "k"], [[]], "s".repeat(60), [1, 0, 1, 1234, 0])],
    ["a depth", births(["t", "k"], [["va"]], "", [1, 0, 1, "s", 0, nested(64)])],
    ["the depth of a plain meta", births(["t", "k"], [], "", [1, 0, 1, "s", -1, { a: nested(64) }])],
    ["a node name", goodbyeOf("n".repeat(128))],
    ["births", births(["t", "k"], [[]], "", many(16_384, [1, 0, 1, "s", 0]), 20_000)],
  ])("R49: accepts %s of the largest size", (_, text) => {
    expect(decodeFrame(text).frame).toBeDefined();
  });

  it.each([
    ["a topic", "topic", births(["t".repeat(513), "k"], [[]], "", [1, 0, 1, "s", 0])],
    ["a key", "key", births(["t", "k".repeat(200_000)], [[]], "", [1, 0, 1, "s", 0])],
    ["a key of control characters", "key", births(["t", "\0".repeat(86)], [[]], "", [1, 0, 1, "s", 0])],
    ["a session", "session", births(["t", "k"], [[]], "", [1, 0, 1, "s".repeat(65), 0])],
    ["a prefix", "session", births(["t", "k"], [[]], "s".repeat(65), [1, 0, 1, 1, 0])],
    ["a prefix with its number", "session", births(["t", "k"], [[]], "s".repeat(60), [1, 0, 1, 12_345, 0])],
    ["a depth", "depth", births(["t", "k"], [["va"]], "", [1, 0, 1, "s", 0, nested(65)])],
    ["the depth of a plain meta", "depth", births(["t", "k"], [], "", [1, 0, 1, "s", -1, { a: nested(65) }])],
    ["a node name", "name", goodbyeOf("n".repeat(129))],
    ["births", "number of births", births(["t", "k"], [[]], "", many(16_385, [1, 0, 1, "s", 0]), 20_000)],
    [
      "the expansion of a text",
      "expansion",
      births(["t", "k", "x".repeat(4_000)], [["sa"]], "", many(1_100, [1, 0, 1, "s", 0, 2]), 2_000),
    ],
    [
      "the expansion of a name",
      "expansion",
      births(["t", "k"], [[`v${"a".repeat(4_000)}`]], "", many(1_100, [1, 0, 1, "s", 0, 2]), 2_000),
    ],
    ["a payload", "too long", goodbyeOf("a") + " ".repeat(256 * 1_024)],
  ])("R49: refuses %s above it", (_, what, text) => {
    expect(decodeFrame(text)).toMatchObject({ refused: expect.stringContaining(what) as string });
  });

  it.each(["", "\n", "a\u001b[2K", "\u007f", "\u0085", "\u009b31m", "a\u2028b", 7, null])(
    "R52: refuses the node name %j",
    (name) => {
      const text = JSON.stringify([1, 6, name, "0".repeat(14), 0, 1, 0]);
      expect(decodeFrame(text)).toMatchObject({ refused: "bad name" });
    },
  );

  it.each([
    ["no object", 7],
    ["null", null],
    ["a list", [1]],
    ["nothing", undefined],
  ])("refuses a plain meta that is %s", (_, meta) => {
    const rows = meta === undefined ? [1, 0, 1, "s", -1] : [1, 0, 1, "s", -1, meta];
    expect(decodeFrame(births(["t", "k"], [], "", rows)).frame).toBeUndefined();
  });

  it("R48: does not parse what is longer than any frame", () => {
    const parse = vi.spyOn(JSON, "parse");
    try {
      expect(decodeFrame("x".repeat(20_000_000))).toMatchObject({ refused: "too long" });
      expect(decodeFrame(Buffer.from("[]") as never)).toMatchObject({ refused: "not a text" });
      expect(parse).not.toHaveBeenCalled();
    } finally {
      parse.mockRestore();
    }
  });
});
