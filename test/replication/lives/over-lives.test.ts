/** The memory of lives that are over: exact while it has room, bounded always. */
import { describe, expect, it } from "vitest";
import type { Life } from "../../../src/replication/life.js";
import { OverLives } from "../../../src/replication/lives/over-lives.js";

function life(name: string, number: number): Life {
  return { name, incarnation: String(number).padStart(14, "0") };
}

describe("lives that are over", () => {
  it("are known one by one, and what came before them by their order", () => {
    const over = new OverLives(10);
    over.add(life("a", 3));
    expect([over.has(life("a", 3)), over.has(life("a", 2)), over.has(life("b", 3))]).toEqual([
      true,
      false,
      false,
    ]);
    expect([2, 3, 4].map((number) => over.hasLater(life("a", number)))).toEqual([true, false, false]);
    expect(over.hasLater(life("b", 1))).toBe(false);
  });

  it("are counted once, and not after they are deleted", () => {
    const over = new OverLives(10);
    over.add(life("a", 1));
    over.add(life("a", 1));
    over.add(life("b", 1));
    expect(over.size).toBe(2);
    over.delete(life("a", 1));
    over.delete(life("a", 1));
    over.delete(life("c", 1));
    expect(over.size).toBe(1);
    expect(over.has(life("a", 1))).toBe(false);
  });

  it("are forgotten from the name that ended the longest ago", () => {
    const over = new OverLives(3);
    over.add(life("a", 1));
    over.add(life("b", 1));
    over.add(life("b", 2));
    over.add(life("a", 2));
    expect(over.size).toBe(3);
    expect(over.has(life("b", 1))).toBe(false);
    expect(over.has(life("a", 1))).toBe(true);
    for (let number = 3; number < 1_000; number++) over.add(life("a", number));
    expect(over.size).toBe(3);
    expect(over.has(life("a", 999))).toBe(true);
  });
});
