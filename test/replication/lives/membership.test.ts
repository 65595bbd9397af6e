/** Membership by itself: what a frame's life and counter lead to, and what healthy time does. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/replication/limits.js";
import { DOWN_MS, life, PERMDOWN_MS, Table } from "./table.js";

describe("membership", () => {
  it("hears a life once per counter, broadcasts and direct frames each by themselves", () => {
    const table = new Table();
    const a = life("a", 1);
    expect([table.hear(a, 5), table.hear(a, 5), table.hear(a, 4)]).toEqual(["up", "late", "late"]);
    expect([table.hear(a, 3, true), table.hear(a, 3, true), table.hear(a, 6)]).toEqual(["up", "late", "up"]);
    expect(table.take()).toEqual(["appeared a1"]);
  });

  it("does not believe a counter that no life could have reached", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 1);
    expect(table.hear(a, 2 ** 52)).toBe("implausible");
    expect(table.hear(a, 2)).toBe("up");
  });

  it("does not count a late frame as a sign of life", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 2);
    table.pass(DOWN_MS - 1);
    table.hear(a, 1);
    table.pass(2);
    expect(table.take()).toEqual(["appeared a1", "down a1"]);
  });

  it("goes down, and is gone only after that", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.pass(PERMDOWN_MS * 2);
    expect(table.take()).toEqual(["appeared a1", "down a1"]);
    table.pass(1);
    expect(table.take()).toEqual(["ended a1"]);
    expect(table.membership.size).toBe(0);
  });

  it("comes back when heard, and is hidden until it has caught up", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 1);
    table.pass(DOWN_MS + 1);
    expect(table.hear(a, 2)).toBe("returning");
    expect(table.take()).toEqual(["appeared a1", "down a1", "back a1"]);
  });

  it("tells also when one falls silent that was coming back: nothing more is asked of it", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 1);
    table.pass(DOWN_MS + 1);
    table.hear(a, 2);
    table.pass(DOWN_MS + 1);
    expect(table.take()).toEqual(["appeared a1", "down a1", "back a1", "down again a1"]);
  });

  it("replaces a smaller life, which departs with what is left of its time, and is over", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.pass(3_000);
    expect(table.hear(life("a", 2), 1)).toBe("up");
    expect(table.take()).toEqual(["appeared a1", "departs a1", "appeared a2"]);
    expect(table.hear(life("a", 1), 2)).toBe("over");
    table.hear(life("a", 2), 2);
    table.pass(4_999);
    expect(table.take()).toEqual([]);
    table.pass(2);
    expect(table.take()).toEqual(["ended a1"]);
  });

  it("R38: ignores a smaller life beside a larger one, also when that is down, until it insists", () => {
    const table = new Table();
    table.hear(life("a", 2), 1);
    expect(table.hear(life("a", 1), 1)).toBe("superseded");
    table.pass(DOWN_MS + 1);
    let counter = 2;
    for (let passedMs = 0; passedMs <= DOWN_MS; passedMs += 1_000) {
      expect(table.hear(life("a", 1), counter)).toBe("superseded");
      table.pass(1_000);
      counter += 1;
    }
    expect(table.hear(life("a", 1), counter)).toBe("up");
    expect(table.take()).toEqual(["appeared a2", "down a2", "ended a2", "ahead of a1", "appeared a1"]);
  });

  it("R38: takes frames that the network repeats for no life beside a larger one that is down", () => {
    const table = new Table();
    table.hear(life("a", 2), 1);
    table.pass(DOWN_MS + 1);
    for (const counter of [3, 7, 5, 6, 7, 9]) {
      expect(table.hear(life("a", 1), counter)).toBe("superseded");
      table.pass(1_500);
    }
    table.pass(10 * DOWN_MS);
    expect(table.hear(life("a", 1), 10)).toBe("superseded");
    expect(table.take()).toEqual(["appeared a2", "down a2"]);
  });

  it("reports a rival that keeps speaking, once, and not what is left of a life that has ended", () => {
    const table = new Table();
    const rivalFor = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        table.pass(1_000);
        counter += 1;
        table.hear(life("a", 2), counter);
        table.hear(life("a", 1), counter);
      }
    };
    let counter = 1;
    table.hear(life("a", 2), 1);
    rivalFor(DOWN_MS);
    expect(table.take()).toEqual(["appeared a2"]);
    rivalFor(3 * DOWN_MS);
    expect(table.take()).toEqual(["conflict a 1 2"]);
  });

  it("takes no silence that a reconnect forgave for a sign of a conflict", () => {
    const table = new Table();
    table.hear(life("a", 2), 1);
    for (let second = 1; second <= 40; second++) {
      // What is up here has been dead since the start; its successor's clock went back.
      table.hear(life("a", 1), second);
      table.pass(1_000);
      if (second % 7 === 0 && second < 22) table.forgiveSilence();
    }
    expect(table.take()).toEqual(["appeared a2", "down a2", "ended a2", "ahead of a1", "appeared a1"]);
  });

  it("hears a life again that it took for replaced, if no other is alive and it insists", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    // A late frame of a life that is dead, and whose clock stood further ahead.
    table.hear(life("a", 2), 7);
    let counter = 1;
    const passed: string[] = [];
    for (let second = 0; second < 20; second++) {
      table.pass(1_000);
      counter += 1;
      passed.push(table.hear(life("a", 1), counter));
    }
    expect(passed.indexOf("up")).toBeGreaterThan(DOWN_MS / 1_000);
    expect(passed.slice(passed.indexOf("up")).every((status) => status === "up")).toBe(true);
  });

  it("does not hear one again by frames that are repeated", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.hear(life("a", 2), 7);
    for (let second = 0; second < 60; second++) {
      table.pass(1_000);
      expect(table.hear(life("a", 1), 9)).toBe("over");
    }
  });

  it("takes a late frame of a life before one that is over for over as well", () => {
    const table = new Table();
    table.hear(life("a", 4), 1);
    table.goodbye("a", 0);
    expect(table.take()).toEqual(["appeared a4", "ended a4"]);
    expect(table.hear(life("a", 1), 2)).toBe("over");
    expect(table.take()).toEqual([]);
    expect(table.hear(life("a", 5), 1)).toBe("up");
  });

  it.each([0, DOWN_MS])("hears a successor whose clock went back, after a goodbye of %d ms", (windowMs) => {
    const table = new Table();
    table.hear(life("a", 4), 1);
    table.goodbye("a", windowMs);
    const passed: string[] = [];
    for (let second = 0; second < 20; second++) {
      passed.push(table.hear(life("a", 1), second + 1));
      table.pass(1_000);
    }
    expect(passed.indexOf("up")).toBe(DOWN_MS / 1_000 + 1);
    expect(table.take()).toContain("appeared a1");
  });

  it("ends a goodbye's window by healthy time, whoever repeats it", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 1);
    table.goodbye("a", 5_000);
    table.pass(4_000);
    table.goodbye("a", 5_000);
    table.pass(1_001);
    expect(table.take()).toEqual(["appeared a1", "departs a1", "ended a1"]);
    expect(table.hear(a, 2)).toBe("over");
  });

  it("grants no goodbye a window longer than silence may last", () => {
    const table = new Table();
    const a = life("a", 1);
    table.hear(a, 1);
    table.goodbye("a", 2 ** 31 - 1);
    table.pass(PERMDOWN_MS - 1);
    expect(table.take()).toEqual(["appeared a1", "departs a1"]);
    table.pass(1);
    expect(table.take()).toEqual(["ended a1"]);
  });

  it("forgives silence after a reconnect to those that were up", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.pass(DOWN_MS - 1);
    table.forgiveSilence();
    table.pass(DOWN_MS - 1);
    expect(table.take()).toEqual(["appeared a1"]);
  });

  it("knows a bounded number of lives at a time", () => {
    const table = new Table();
    for (let number = 0; number < LIMITS.knownLives; number++) table.hear(life(`node ${number}`, 1), 1);
    expect(table.hear(life("one more", 1), 1)).toBe("crowded");
    expect(table.hear(life("node 7", 1), 2)).toBe("up");
    expect(table.membership.size).toBe(LIMITS.knownLives);
  });

  it("remembers a bounded number of lives that are over", () => {
    const table = new Table();
    for (let number = 1; number <= 3 * LIMITS.livesOver; number++) table.hear(life("a", number), 1);
    expect(table.membership.remembered).toBeLessThanOrEqual(2 * LIMITS.livesOver);
    table.pass(DOWN_MS + 1);
    expect(table.membership.size).toBe(1);
  });
});
