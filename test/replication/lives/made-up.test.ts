/** One frame that somebody made up in the name of a node: the node is listened to again after a down period. */
import { describe, expect, it } from "vitest";
import type { Life } from "../../../src/replication/life.js";
import { DOWN_MS, life, PERMDOWN_MS, Table } from "./table.js";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** Frames of a life, one a second. Returns after how many seconds it was heard, and after how many it was up. */
function speak(table: Table, who: Life, from: number, seconds: number): { heard: number; up: number } {
  const heard: string[] = [];
  for (let second = 0; second < seconds; second++) {
    heard.push(table.hear(who, from + second));
    table.pass(SECOND_MS);
  }
  return { heard: heard.findIndex((what) => what === "up" || what === "departing"), up: heard.indexOf("up") };
}

describe("a later life that nobody runs", () => {
  const [b, made] = [life("b", 1), life("b", 9)];

  it.each<[string, (table: Table) => void]>([
    ["a goodbye", (table) => (table.hear(made, 1), table.goodbye("b", PERMDOWN_MS))],
    ["a heartbeat that promises the next in an hour", (table) => table.hear(made, 1, false, HOUR_MS)],
    ["a heartbeat like all others", (table) => table.hear(made, 1, false, 2_000)],
  ])("R38: yields by %s to the life that insists, and it is reported", (_, forge) => {
    for (const isKnown of [true, false]) {
      const table = new Table();
      if (isKnown) table.hear(b, 1);
      table.pass(SECOND_MS);
      forge(table);
      expect(speak(table, b, 2, 20).up).toBe(DOWN_MS / SECOND_MS + 1);
      expect(table.take()).toEqual(expect.arrayContaining(["ended b9", "ahead of b1"]));
      expect(table.hear(made, 2)).toBe("over");
      expect(table.replica("b")?.life).toEqual(b);
    }
  });

  it("R38: does not yield to what is left of a life that has ended", () => {
    const table = new Table();
    table.hear(b, 1);
    table.hear(made, 1, false, HOUR_MS);
    expect(speak(table, b, 2, DOWN_MS / SECOND_MS).heard).toBe(-1);
    table.pass(10 * DOWN_MS);
    expect([table.hear(b, 100), table.hear(b, 99), table.hear(b, 100)]).toEqual(["over", "over", "over"]);
  });

  it("R38: does not yield while it is heard, however slow it is", () => {
    const table = new Table();
    table.hear(made, 1, false, HOUR_MS);
    for (let second = 0; second < 60; second++) {
      expect(table.hear(b, second + 1)).toBe("superseded");
      if (second % 7 === 0) table.hear(made, second + 2);
      table.pass(SECOND_MS);
    }
    expect(table.take()).toEqual(["appeared b9", "conflict b 1 9"]);
  });

  it("R38: leaves its entries, if it has any, for the window that it was granted", () => {
    const table = new Table();
    table.hear(made, 1);
    table.give("b");
    table.goodbye("b", 60_000);
    expect(speak(table, b, 1, 20).up).toBe(DOWN_MS / SECOND_MS + 1);
    expect(table.take()).toEqual(["appeared b9", "departs b9", "ahead of b1", "appeared b1"]);
    for (let second = 20; second < 60; second++) speak(table, b, second + 1, 1);
    expect(table.take()).toEqual(["ended b9"]);
  });
});

describe("a goodbye that nobody said", () => {
  const b = life("b", 1);

  it("R43: ends when the life goes on for longer than a down period, and it is reported", () => {
    const table = new Table();
    table.hear(b, 1);
    table.hear(b, 2);
    table.goodbye("b", PERMDOWN_MS);
    expect(speak(table, b, 3, 20).up).toBe(DOWN_MS / SECOND_MS + 1);
    expect(table.take()).toEqual(["appeared b1", "departs b1", "stays b1", "insisted b1"]);
    // Its silence counts again, and its next goodbye is one.
    table.pass(DOWN_MS + 1);
    expect(table.take()).toEqual(["down b1"]);
  });

  it("R43: is taken back with the counter that came with it", () => {
    const table = new Table();
    table.hear(b, 1);
    table.hear(b, 900);
    table.goodbye("b", PERMDOWN_MS);
    expect(speak(table, b, 2, 20).up).toBe(DOWN_MS / SECOND_MS + 1);
    expect(table.take()).toEqual(["appeared b1", "departs b1", "stays b1", "insisted b1"]);
  });

  it("R43: is taken back when its window has ended, no later", () => {
    const table = new Table();
    table.hear(b, 1);
    table.goodbye("b", 3_000);
    expect(speak(table, b, 2, 20).up).toBe(DOWN_MS / SECOND_MS + 1);
    expect(table.take()).toEqual(["appeared b1", "departs b1", "ended b1", "appeared b1"]);
  });

  it("R43: is one, whatever comes late of what was said before it", () => {
    const table = new Table();
    table.hear(b, 1);
    table.hear(b, 50);
    table.goodbye("b", 60_000);
    // Answers take another way, and each is later than the one before.
    for (let counter = 2; counter < 50; counter++) {
      table.hear(b, counter, true);
      table.pass(SECOND_MS);
    }
    expect(table.replica("b")?.status).toBe("departing");
    table.pass(20_000);
    expect(table.take()).toEqual(["appeared b1", "departs b1", "ended b1"]);
  });

  it("R83: is not contradicted by what was sent before the first that was heard", () => {
    for (const [late, up] of [
      [1, "departing"],
      [4, "down"],
    ] as const) {
      const table = new Table(3);
      table.hear(b, 3);
      table.hear(b, 5);
      table.goodbye("b", 30_000);
      table.pass(2_000);
      expect(table.hear(b, late)).toBe("late");
      table.pass(DOWN_MS + 1_000);
      expect(table.replica("b")?.status).toBe(up);
    }
  });
});
