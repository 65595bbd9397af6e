/** Where nodes follow, what another life has is hidden and shown in parts, and the diffs add up after each. */
import { describe, expect, it } from "vitest";
import { livesAreShownInParts, whatChangesAtOnceIsToldInPortions } from "./runs-of-stretches.js";

const SEED = 7;

describe("where nodes follow", () => {
  it("what a life has leaves and comes back so many entries at a time", () => {
    expect(livesAreShownInParts(SEED, 20)).toEqual([]);
  });

  it("many changes of one turn are told in portions, all of them", () => {
    expect(whatChangesAtOnceIsToldInPortions(SEED)).toEqual([]);
  });
});
