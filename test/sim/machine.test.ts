/** The parts of the simulation that need no tracker: random, virtual time, machines and their stalls. */
import { describe, expect, it } from "vitest";
import { Machine } from "../../src/testing/machine.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";

function numbers(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.next());
}

function makeMachine(time: VirtualTime, clockOffsetMs = 0): Machine {
  return new Machine({ time, random: new SeededRandom(1), clockOffsetMs, afterTask: () => undefined });
}

describe("the seeded random", () => {
  it("returns the same numbers for the same seed and others for another", () => {
    expect(numbers(new SeededRandom(7), 20)).toEqual(numbers(new SeededRandom(7), 20));
    expect(numbers(new SeededRandom(7), 20)).not.toEqual(numbers(new SeededRandom(8), 20));
  });

  it("forks streams that do not depend on what was drawn before", () => {
    const drawn = new SeededRandom(7);
    numbers(drawn, 5);
    expect(numbers(drawn.fork("network"), 5)).toEqual(numbers(new SeededRandom(7).fork("network"), 5));
    expect(numbers(drawn.fork("network"), 5)).not.toEqual(numbers(drawn.fork("machine"), 5));
  });

  it("is spread evenly over its range", () => {
    const random = new SeededRandom(3);
    const buckets = new Array<number>(10).fill(0);
    for (let count = 0; count < 10_000; count += 1) {
      const bucket = random.integer(0, 9);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const bucket of buckets) expect(Math.abs(bucket - 1_000)).toBeLessThan(150);
  });

  it("keeps whole numbers within both ends", () => {
    const random = new SeededRandom(4);
    const seen = new Set(Array.from({ length: 200 }, () => random.integer(2, 4)));
    expect([...seen].sort()).toEqual([2, 3, 4]);
  });
});

describe("virtual time", () => {
  it("runs events in the order of their times, then of their scheduling", async () => {
    const time = new VirtualTime();
    const order: string[] = [];
    for (const [name, atMs] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
      ["d", 40],
    ] as const) {
      time.at(atMs, () => order.push(`${name}@${time.nowMs}`));
    }
    await time.advance(30);
    expect(order).toEqual(["a@10", "b1@20", "b2@20", "c@30"]);
    await time.advance(10);
    expect(order.at(-1)).toBe("d@40");
  });

  it("stays in order with thousands of events that schedule more", async () => {
    const time = new VirtualTime();
    const random = new SeededRandom(5);
    const times: number[] = [];
    for (let count = 0; count < 2_000; count += 1) {
      time.at(random.between(0, 1_000), () => {
        times.push(time.nowMs);
        time.at(time.nowMs + random.between(0, 50), () => times.push(time.nowMs));
      });
    }
    await time.advance(2_000);
    expect(times).toHaveLength(4_000);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("lets promises settle between two events when it is told of them", async () => {
    const time = new VirtualTime();
    const order: string[] = [];
    time.at(1, () => {
      time.promisesMayBePending();
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push("promise"));
    });
    time.at(1, () => order.push("event"));
    await time.advance(1);
    expect(order).toEqual(["promise", "event"]);
  });

  it("does not run what was cancelled", async () => {
    const time = new VirtualTime();
    let ran = false;
    time.at(5, () => (ran = true))();
    await time.advance(10);
    expect(ran).toBe(false);
  });
});

describe("a machine", () => {
  it("calls timers back late by a little, never early and never synchronously", async () => {
    const time = new VirtualTime();
    const { runtime } = makeMachine(time);
    const firedMs: number[] = [];
    const startMs = runtime.monotonicMs();
    for (let count = 0; count < 50; count += 1) {
      runtime.schedule(100, () => firedMs.push(runtime.monotonicMs() - startMs));
    }
    runtime.schedule(0, () => firedMs.push(0));
    expect(firedMs).toEqual([]);
    await time.advance(200);
    expect(firedMs[0]).toBe(0);
    expect(Math.min(...firedMs.slice(1))).toBeGreaterThanOrEqual(100);
    expect(Math.max(...firedMs)).toBeLessThan(103);
  });

  it("runs nothing while it is stalled, then due timers first and arrivals after them", async () => {
    const time = new VirtualTime();
    const machine = makeMachine(time);
    const order: string[] = [];
    machine.runtime.schedule(300, () => order.push("timer 2"));
    machine.runtime.schedule(200, () => {
      order.push("timer 1");
      machine.runtime.schedule(0, () => order.push("immediate"));
    });
    time.at(100, () => machine.arrive(() => order.push("arrival 1")));
    time.at(400, () => machine.arrive(() => order.push("arrival 2")));
    machine.stall(500);
    await time.advance(499);
    expect(order).toEqual([]);
    await time.advance(1);
    expect(order).toEqual(["timer 1", "timer 2", "arrival 1", "arrival 2", "immediate"]);
    expect(machine.stalledMsSince(0)).toBe(500);
  });

  it("runs arrivals first where the stall was in a timer", async () => {
    const time = new VirtualTime();
    const machine = makeMachine(time);
    const order: string[] = [];
    machine.runtime.schedule(10, () => order.push("timer"));
    time.at(20, () => machine.arrive(() => order.push("arrival")));
    machine.stall(50, "arrivals");
    await time.advance(60);
    expect(order).toEqual(["arrival", "timer"]);
  });

  it("does not run a waiting timer that another one cancels", async () => {
    const time = new VirtualTime();
    const machine = makeMachine(time);
    let ran = false;
    const cancel = machine.runtime.schedule(20, () => (ran = true));
    machine.runtime.schedule(10, () => cancel());
    machine.stall(100);
    await time.advance(200);
    expect(ran).toBe(false);
  });

  it("stalls longer when it is stalled again", async () => {
    const time = new VirtualTime();
    const machine = makeMachine(time);
    let ranMs = 0;
    machine.runtime.schedule(10, () => (ranMs = time.nowMs));
    machine.stall(100);
    await time.advance(50);
    machine.stall(100);
    await time.advance(200);
    expect(ranMs).toBe(150);
    expect(machine.stalledMsSince(120)).toBe(30);
  });

  it("runs nothing once it has ended", async () => {
    const time = new VirtualTime();
    const machine = makeMachine(time);
    let ran = false;
    machine.runtime.schedule(10, () => (ran = true));
    machine.end();
    machine.arrive(() => (ran = true));
    await time.advance(100);
    expect(ran).toBe(false);
  });

  it("has a wall clock that can be off", () => {
    const time = new VirtualTime();
    const right = makeMachine(time).runtime.wallClockMs();
    expect(makeMachine(time, -60_000).runtime.wallClockMs()).toBe(right - 60_000);
  });
});
