/** What the pubsub tells is taken in its order, and no turn of the event loop takes more than a turn should. */
import { describe, expect, it } from "vitest";
import { Intake } from "../../src/tracker/intake.js";

/** A tracker that takes so long for each frame, and what it has taken. */
class Taking {
  nowMs = 1_000;
  isListening = true;
  isPublishing = false;
  turns = 0;
  readonly taken: string[] = [];
  readonly refused: string[] = [];
  readonly intake = new Intake({
    now: () => this.nowMs,
    isListening: () => this.isListening,
    isPublishing: () => this.isPublishing,
    goOn: () => (this.turns += 1),
    refuse: (reason, isFirst) => this.refused.push(`${isFirst ? "first" : "again"}: ${reason}`),
  });

  frame(name: string, tookMs: number, length = 10): void {
    const take = (): void => {
      const sinceMs = this.nowMs;
      this.nowMs += tookMs;
      this.taken.push(name);
      this.intake.took(sinceMs);
    };
    if (this.intake.mayTakeNow()) take();
    else this.intake.addFrame(take, length);
  }
}

describe("an intake", () => {
  it("takes what comes at once, as long as that does not make a long turn", () => {
    const taking = new Taking();
    for (let i = 0; i < 8; i++) taking.frame(`f${i}`, 1);
    expect(taking.taken).toEqual(["f0", "f1", "f2", "f3", "f4"]);
    expect(taking.turns).toBe(3);
    taking.intake.beginTurn();
    expect(taking.taken).toEqual(["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]);
    expect(taking.intake.isEmpty).toBe(true);
  });

  it("takes no more than a turn should of what has waited", () => {
    const taking = new Taking();
    for (let i = 0; i < 20; i++) taking.frame(`f${i}`, 2);
    const lengths: number[] = [];
    while (!taking.intake.isEmpty) {
      taking.intake.beginTurn();
      lengths.push(taking.taken.length);
    }
    expect(lengths).toEqual([6, 9, 12, 15, 18, 20]);
  });

  it("begins anew after a moment in which nothing came", () => {
    const taking = new Taking();
    for (let i = 0; i < 20; i++) {
      taking.frame(`f${i}`, 4);
      taking.nowMs += 3;
    }
    expect(taking.taken.length).toBe(20);
    expect(taking.turns).toBe(0);
  });

  it("keeps the order, whatever the pubsub tells meanwhile", () => {
    const taking = new Taking();
    taking.frame("long", 30);
    taking.frame("second", 1);
    taking.intake.inTurn(() => taking.taken.push("status"));
    taking.nowMs += 10;
    taking.frame("third", 1);
    expect(taking.taken).toEqual(["long"]);
    taking.intake.beginTurn();
    expect(taking.taken).toEqual(["long", "second", "status", "third"]);
  });

  it("loses nothing where more comes in long turns than may wait: then it takes all", () => {
    const taking = new Taking();
    taking.frame("long", 30);
    for (let i = 0; i < 16_385; i++) taking.frame(`f${i}`, 0);
    expect(taking.taken.length).toBe(16_386);
    expect(taking.taken.at(-1)).toBe("f16384");
    expect(taking.refused).toEqual([]);
  });

  it("refuses, and says so once, what cannot wait while the pubsub is being called", () => {
    const taking = new Taking();
    taking.isPublishing = true;
    for (let i = 0; i < 16_387; i++) taking.frame(`f${i}`, 0);
    expect(taking.taken).toEqual([]);
    expect(taking.refused.map((text) => text.slice(0, 5))).toEqual(["first", "again", "again"]);
    taking.isPublishing = false;
    for (let turn = 0; turn < 17; turn++) taking.intake.beginTurn();
    expect(taking.taken.length).toBe(16_384);
  });
});
