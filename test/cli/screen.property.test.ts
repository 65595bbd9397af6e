/** Laws of what goes to a terminal: no line is wider than it, and no name can do anything to it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cutTo,
  plain,
  shortDuration,
  shortNumber,
  styled,
  table,
  textWidth,
  wrapped,
  type Column,
} from "../../src/cli/screen.js";

const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("東京", "👋🏽", "é", "\u001b[2J"),
);

const columns: readonly Column[] = [
  { title: "NODE", least: 8 },
  { title: "META", least: 8 },
  { title: "N", align: "right" },
  { title: "SPARE", spare: 1 },
];

describe("a table", () => {
  it("is no wider than the screen, has a line for each row, and no control characters", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(texts, texts, fc.nat(99_999), texts), { maxLength: 10 }),
        fc.integer({ min: 40, max: 200 }),
        (rows, width) => {
          const cells = rows.map((row) => row.map((each) => ({ text: String(each) })));
          const lines = table({ columns: width, hasColors: false }, columns, cells);
          expect(lines).toHaveLength(rows.length + 1);
          for (const line of lines) {
            expect(textWidth(line)).toBeLessThanOrEqual(width);
            expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
          }
          for (const [i, [, , count]] of rows.entries()) expect(lines[i + 1]).toContain(String(count));
        },
      ),
    );
  });

  it("leaves away what is spare before it cuts below the least", () => {
    const rows = [
      [{ text: "n".repeat(30) }, { text: "m".repeat(30) }, { text: "1" }, { text: "s".repeat(30) }],
    ];
    const narrow = table({ columns: 40, hasColors: false }, columns, rows);
    expect(narrow[0]).not.toContain("SPARE");
    const wide = table({ columns: 120, hasColors: false }, columns, rows);
    expect(wide[1]).toBe(`${"n".repeat(30)}  ${"m".repeat(30)}  1  ${"s".repeat(30)}`);
  });

  it("colours only where there are colours", () => {
    const rows = [[{ text: "down", style: "red" as const }]];
    const [column] = [{ title: "S" }];
    expect(table({ columns: 80, hasColors: false }, [column], rows)[1]).toBe("down");
    expect(table({ columns: 80, hasColors: true }, [column], rows)[1]).toBe("\u001b[31mdown\u001b[39m");
    expect(styled({ columns: 80, hasColors: true }, undefined, "x")).toBe("x");
  });
});

describe("texts", () => {
  it("are cut to a width, and not where they fit", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 50 }), (text, width) => {
        const shown = plain(text);
        const cut = cutTo(shown, width);
        expect(textWidth(cut)).toBeLessThanOrEqual(width);
        if (textWidth(shown) <= width) expect(cut).toBe(shown);
      }),
    );
  });

  it("keep all their words where they are wrapped", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, fc.integer({ min: 20, max: 80 }), (each, width) => {
        const lines = wrapped(each.join(" "), width, "  ");
        expect(lines.join(" ").split(/ +/)).toEqual(each);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it("of numbers and durations are short", () => {
    expect([0, 7, 0.24, 950, 999.6, 1_234, 34_500, 999_499, 999_600, 5e9].map(shortNumber)).toEqual([
      "0",
      "7",
      "0.2",
      "950",
      "1.0k",
      "1.2k",
      "35k",
      "999k",
      "1.0M",
      "5.0G",
    ]);
    expect([-5, 0, 999, 61_000, 3_600_000, 200_000_000].map(shortDuration)).toEqual([
      "-",
      "0s",
      "0s",
      "1m",
      "1h",
      "2d",
    ]);
  });
});
