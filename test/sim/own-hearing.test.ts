/** What the simulation knows of whether a node hears itself, and of the time in which it could. */
import { expect, it } from "vitest";
import { Machine } from "../../src/testing/machine.js";
import { OwnHearing, timeWithin } from "../../src/testing/own-hearing.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

it.each([
  ["is none in which it is deaf", true, []],
  ["that it does not know of is", false, [{ fromMs: 2_250, untilMs: Infinity }]],
])("time without a connection %s, whatever comes late meanwhile", async (_, isKnown, deaf) => {
  const time = new VirtualTime();
  const machine = new Machine({
    time,
    random: new SeededRandom(1),
    clockOffsetMs: 0,
    afterTask: () => undefined,
  });
  const hearing = new OwnHearing(time, machine);
  hearing.deafAfterMs = 2_250;
  hearing.started();
  await time.advance(300);
  if (isKnown) hearing.disconnected();
  await time.advance(3_500);
  hearing.heard("send", 0);
  await time.advance(30);
  if (isKnown) hearing.reconnected(300);
  expect(hearing.deafStretches).toEqual(deaf);
});

it("time that is lost in two ways is lost once", () => {
  const stretches = [
    { fromMs: 50, untilMs: 60 },
    { fromMs: 0, untilMs: 20 },
    { fromMs: 15, untilMs: 30 },
    { fromMs: 16, untilMs: 17 },
  ];
  expect(timeWithin(stretches, 10)).toBe(20 + 10);
});

it.each([
  ["counts, if it knew for long enough of that time that it was disconnected", 600, []],
  ["says nothing else", 400, [{ fromMs: 2_250 + 400, untilMs: Infinity }]],
])("what was under way for long %s", async (_, awayMs, deaf) => {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const machine = new Machine({ time, random, clockOffsetMs: 0, afterTask: () => undefined });
  const hearing = new OwnHearing(time, machine);
  hearing.deafAfterMs = 2_250;
  hearing.memoryMs = 3_000;
  hearing.started();
  hearing.disconnected();
  await time.advance(awayMs);
  hearing.reconnected(0);
  await time.advance(3_500 - awayMs);
  hearing.heard("send", 0);
  hearing.heard("broadcast", 0);
  expect(hearing.deafStretches.filter(({ untilMs }) => untilMs === Infinity)).toEqual(deaf);
});

it("says that a node may know of its deafness, and need not, where it cannot tell how long a frame was under way", async () => {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const machine = new Machine({ time, random, clockOffsetMs: 0, afterTask: () => undefined });
  const hearing = new OwnHearing(time, machine);
  hearing.deafAfterMs = 2_250;
  hearing.memoryMs = 3_000;
  hearing.resolutionMs = 1_000;
  hearing.started();
  await time.advance(2_200);
  for (const sentMs of [200, 2_000]) {
    hearing.heard("send", sentMs);
    hearing.heard("broadcast", sentMs);
  }
  // One was under way for longer than the node may be able to tell, by a tenth of a second, and one was not.
  await time.advance(2_000);
  hearing.heard("send", 2_100);
  hearing.heard("broadcast", 2_200);
  await time.advance(1_000);
  expect([hearing.mayBeDeaf, hearing.deafStretches]).toEqual([true, []]);
});
