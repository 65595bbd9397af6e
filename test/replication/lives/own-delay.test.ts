/** How long frames of this node take: each is timed once, and only those that it has said to hear itself. */
import { describe, expect, it } from "vitest";
import { OwnDelay } from "../../../src/replication/lives/own-delay.js";

describe("the delay of a node's own frames", () => {
  it("R82: is the longest of the last eight that came back", () => {
    const delay = new OwnDelay();
    expect(delay.longestMs).toBe(0);
    delay.spoke(1, 2, 1_000);
    delay.heard(1, 1_900);
    delay.heard(2, 1_500);
    expect(delay.longestMs).toBe(900);
    for (let i = 3; i < 10; i += 1) {
      delay.spoke(i, i, 10_000 * i);
      delay.heard(i, 10_000 * i + 5);
    }
    expect(delay.longestMs).toBe(500);
    delay.spoke(10, 10, 100_000);
    delay.heard(10, 100_005);
    expect(delay.longestMs).toBe(5);
  });

  it("R82: is not that of frames which come again, or which it has not sent to hear itself", () => {
    const delay = new OwnDelay();
    delay.spoke(1, 2, 0);
    delay.heard(1, 5);
    delay.heard(1, 60_000);
    delay.heard(3, 60_000);
    expect(delay.longestMs).toBe(5);
  });

  it("R82: is known when something has come back that was said since it could hear", () => {
    const delay = new OwnDelay();
    expect(delay.isKnown).toBe(false);
    delay.spoke(1, 2, 0);
    delay.heard(1, 5);
    expect(delay.isKnown).toBe(true);
    delay.forgetUnderWay();
    delay.heard(2, 6_000);
    expect(delay.isKnown).toBe(false);
    delay.spoke(3, 3, 6_001);
    delay.heard(3, 6_006);
    expect([delay.isKnown, delay.longestMs]).toEqual([true, 5]);
  });

  it("R82: is bounded, and so are the frames that are remembered", () => {
    const delay = new OwnDelay();
    for (let i = 1; i <= 1_000; i += 1) delay.spoke(i, i, i);
    delay.heard(1, 2_000);
    expect(delay.longestMs).toBe(0);
    delay.heard(1_000, 1_000_000);
    expect(delay.longestMs).toBe(15_000);
  });
});
