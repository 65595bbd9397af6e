/** Nodes whose timers are held back, as those of a hidden page are: they stay listed, and say how late they are. */
import { describe, expect, it } from "vitest";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

/** What Chrome does to a page that has been hidden for five minutes; and less. */
const HELD_BACK = [1_000, 5_000, 20_000, 60_000];

function leavesOf({ seen }: LaneNode): string[] {
  return seen.filter((line) => line.startsWith("leave"));
}

function saidBy(name: string, { tracker }: LaneNode): number | undefined {
  return tracker.health().replicas.find((replica) => replica.name === name)?.heartbeatPeriodMs;
}

describe.each(HELD_BACK)("a page whose timers ring every %d ms", (everyMs) => {
  it("stays in the list of a page that is seen, whose frames it hears", async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const lanes = new Lanes(seed);
      const [front, back] = [await lanes.start("front"), await lanes.start("back")];
      track(back, "ann");
      await lanes.advance(3_000);
      lanes.holdsBackMs = (name) => (name === "back" ? everyMs : undefined);
      await lanes.advance(600_000);
      expect(leavesOf(front), `seed ${seed}`).toEqual([]);
      expect(leavesOf(back), `seed ${seed}`).toEqual([]);
    }
  });

  it("R60: is judged by what it says, where it hears nothing that would wake it", async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const lanes = new Lanes(seed);
      const [front, back] = [await lanes.start("front"), await lanes.start("back")];
      track(back, "ann");
      await lanes.advance(3_000);
      lanes.loses = (from) => from === "front";
      lanes.holdsBackMs = (name) => (name === "back" ? everyMs : undefined);
      await lanes.advance(3 * everyMs + 20_000);
      const before = leavesOf(front).length;
      // Until it has been late twice nobody can know.
      expect(before, `seed ${seed}`).toBeLessThanOrEqual(2);
      await lanes.advance(1_200_000);
      expect(leavesOf(front).length, `seed ${seed}`).toBe(before);
      expect(saidBy("back", front)).toBeLessThanOrEqual(Math.max(2_000, everyMs) + 2_000);
      // Seen again, it is judged as before within eight heartbeats.
      lanes.holdsBackMs = () => undefined;
      await lanes.advance(everyMs + 10 * 2_000);
      expect(saidBy("back", front)).toBe(2_000);
      back.kill();
      await lanes.advance(9_500);
      expect(leavesOf(front).length, `seed ${seed}`).toBe(before + 1);
    }
  });

  it("is told from one that has died, in the time that it says", async () => {
    const lanes = new Lanes(7);
    const [front, back] = [await lanes.start("front"), await lanes.start("back")];
    track(back, "ann");
    lanes.loses = (from) => from === "front";
    lanes.holdsBackMs = (name) => (name === "back" ? everyMs : undefined);
    await lanes.advance(10 * everyMs + 20_000);
    back.kill();
    const before = leavesOf(front).length;
    await lanes.advance(3 * (everyMs + 2_000) + 8_000 + 1_000);
    expect(leavesOf(front).length).toBe(before + 1);
  });
});

it("a page that is frozen leaves once, and comes back once", async () => {
  const lanes = new Lanes(11);
  const [front] = [await lanes.start("front"), await lanes.start("back").then((back) => track(back, "ann"))];
  await lanes.advance(3_000);
  lanes.stall("back", 300_000);
  await lanes.advance(330_000);
  expect(front.seen).toEqual(["join ann", "leave ann down", "join ann"]);
  await lanes.advance(60_000);
  expect(front.seen.length).toBe(3);
});

it("R60: one stall is not often: nothing is said of it", async () => {
  const lanes = new Lanes(12);
  const [front] = [await lanes.start("front"), await lanes.start("back")];
  await lanes.advance(3_000);
  lanes.stall("back", 6_000);
  await lanes.advance(20_000);
  expect(saidBy("back", front)).toBe(2_000);
});

it("R60: nobody says more than a quarter of the time after which others forget it", async () => {
  const lanes = new Lanes(13, { permdownPeriodMs: 100_000 });
  const [front] = [await lanes.start("front"), await lanes.start("back")];
  await lanes.advance(3_000);
  lanes.loses = (from) => from === "front";
  lanes.holdsBackMs = (name) => (name === "back" ? 60_000 : undefined);
  await lanes.advance(300_000);
  expect(saidBy("back", front)).toBe(25_000);
});
