/** Effects are carried out in their order, whoever calls back in between. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../src/replication/step.js";
import { CarryingOut } from "../../src/tracker/carrying-out.js";

const wakes = (...times: number[]): Effect[] => times.map((atMs) => ({ type: "wake", atMs }));

describe("effects", () => {
  it("that come while one is carried out are carried out behind what is left, before that call returns", () => {
    const seen: (number | string)[] = [];
    const carryingOut = new CarryingOut((effect) => {
      if (effect.type !== "wake") return;
      seen.push(effect.atMs);
      if (effect.atMs !== 1) return;
      carryingOut.carryOut(wakes(3, 4));
      seen.push("the pubsub returns");
    });
    carryingOut.carryOut(wakes(1, 2));
    carryingOut.carryOut(wakes(5));
    expect(seen).toEqual([1, 2, 3, 4, "the pubsub returns", 5]);
  });

  it("behind one that fails are carried out with the next, once", () => {
    const seen: number[] = [];
    const carryingOut = new CarryingOut((effect) => {
      if (effect.type !== "wake") return;
      seen.push(effect.atMs);
      if (effect.atMs === 2) throw new Error("no timer");
    });
    expect(() => carryingOut.carryOut(wakes(1, 2, 3))).toThrow("no timer");
    carryingOut.carryOut([]);
    carryingOut.carryOut(wakes(4));
    expect(seen).toEqual([1, 2, 3, 4]);
  });
});
