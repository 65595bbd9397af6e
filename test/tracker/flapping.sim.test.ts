/** Connections that come and go: the dead go down however often, and the living stay. Virtual time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

const DOWN_MS = 8_000;
const PERMDOWN_MS = 60_000;
/** A tick late, and cut off at each end of a connection. */
const BLUR_MS = 2_000;

/** How long a connection lasts, and how long it is away: below and above every period of the tracker. */
const flaps = [
  [50, 50],
  [100, 900],
  [450, 50],
  [500, 4_500],
  [1_900, 100],
  [2_000, 6_000],
  [4_900, 100],
  [7_900, 100],
  [8_100, 20_000],
] as const;

/** Lets a connection come and go for so long that it is there for `connectedMs` in all. */
async function flap(
  lanes: Lanes,
  nodes: readonly LaneNode[],
  [upMs, awayMs]: readonly [number, number],
  connectedMs: number,
  look: () => void = () => undefined,
): Promise<void> {
  for (let passedMs = 0; passedMs < connectedMs; passedMs += upMs) {
    for (const node of nodes) node.setConnected(false);
    await lanes.advance(awayMs);
    for (const node of nodes) node.setConnected(true);
    await lanes.advance(upMs);
    look();
  }
}

describe.each(flaps)("a connection that lasts %d ms and is away for %d ms", (upMs, awayMs) => {
  const rhythm = [upMs, awayMs] as const;
  const start = async (): Promise<{ lanes: Lanes; a: LaneNode; b: LaneNode }> => {
    const lanes = new Lanes(upMs + awayMs);
    const a = await lanes.start("a", { permdownPeriodMs: PERMDOWN_MS });
    const b = await lanes.start("b", { permdownPeriodMs: PERMDOWN_MS });
    track(b, "ann");
    await lanes.advance(3_000);
    return { lanes, a, b };
  };

  it("keeps nobody who has died, up or known", async () => {
    const { lanes, a, b } = await start();
    b.kill();
    // Silence, forgiven once, and silence again.
    await flap(lanes, [a], rhythm, 2 * DOWN_MS + BLUR_MS);
    expect(a.seen).toEqual(["join ann", "leave ann down"]);
    // After each reconnect others are heard out for a round of heartbeats.
    await lanes.advance(3_000);
    expect(a.tracker.health().complete).toBe(true);
    await flap(lanes, [a], rhythm, PERMDOWN_MS);
    expect(a.tracker.health().replicas).toEqual([]);
  });

  it("keeps nobody who dies while it is away", async () => {
    const { lanes, a, b } = await start();
    a.setConnected(false);
    await lanes.advance(100);
    b.kill();
    a.setConnected(true);
    await flap(lanes, [a], rhythm, 2 * DOWN_MS + BLUR_MS);
    expect(a.seen).toEqual(["join ann", "leave ann down"]);
  });

  it("hides nobody who lives", async () => {
    const { lanes, a } = await start();
    await flap(lanes, [a], rhythm, 20 * DOWN_MS);
    expect(a.seen).toEqual(["join ann"]);
  });

  it("hides nobody when all lose it together", async () => {
    const { lanes, a, b } = await start();
    await flap(lanes, [a, b], rhythm, 10 * DOWN_MS);
    expect(a.seen).toEqual(["join ann"]);
  });

  it("lets a window end in as much of it as ever", async () => {
    const { lanes, a, b } = await start();
    await b.stop(DOWN_MS);
    await lanes.advance(20);
    await flap(lanes, [a], rhythm, DOWN_MS + BLUR_MS);
    expect(a.seen).toEqual(["join ann", "leave ann departed"]);
    expect(a.tracker.health().replicas).toEqual([]);
  });
});

describe("an outage", () => {
  it.each([100, 7_900, 60_000, 3_600_000])("of %d ms hides nobody who lives", async (outageMs) => {
    for (const silentMs of [0, 1_000, 1_900]) {
      const lanes = new Lanes(outageMs + silentMs);
      const nodes = [await lanes.start("a"), await lanes.start("b"), await lanes.start("c")];
      const [a, b] = nodes as [LaneNode, LaneNode, LaneNode];
      track(b, "ann");
      await lanes.advance(5_000 + silentMs);
      for (const node of nodes) node.setConnected(false);
      await lanes.advance(outageMs);
      // The others find it back later than this node does.
      a.setConnected(true);
      await lanes.advance(5_000);
      for (const node of nodes) node.setConnected(true);
      await lanes.advance(30_000);
      expect(a.seen).toEqual(["join ann"]);
    }
  });

  it("that is told of again and again is one", async () => {
    const lanes = new Lanes(1);
    const a = await lanes.start("a");
    const b = await lanes.start("b");
    track(b, "ann");
    await lanes.advance(3_000);
    b.kill();
    for (let time = 0; time < 40; time += 1) {
      a.setConnected(true);
      await lanes.advance(250);
    }
    expect(a.seen).toEqual(["join ann", "leave ann down"]);
  });

  it.each(["before", "after"])(
    "that is told %s the first timer after a stall hides nobody whose frames wait",
    async (when) => {
      for (let offsetMs = 5_000; offsetMs <= 8_000; offsetMs += 100) {
        const lanes = new Lanes(2);
        const a = await lanes.start("a");
        const b = await lanes.start("b");
        track(b, "ann");
        await lanes.advance(5_000);
        lanes.loses = (from) => from === "b";
        await lanes.advance(offsetMs);
        lanes.loses = () => false;
        // It had been silent for long enough before.
        if (a.seen.length > 1) continue;
        const flap = (): void => {
          a.setConnected(false);
          a.setConnected(true);
        };
        lanes.stall("a", 3_000, when === "before" ? undefined : flap);
        await lanes.advance(2_999);
        if (when === "before") flap();
        await lanes.advance(10_000);
        expect(a.seen, `after ${offsetMs} ms`).toEqual(["join ann"]);
      }
    },
  );

  it("that comes with every stall keeps nobody up who has died", async () => {
    for (const stallMs of [400, 900, 1_500, 3_000]) {
      const lanes = new Lanes(stallMs);
      const a = await lanes.start("a");
      const b = await lanes.start("b");
      track(b, "ann");
      await lanes.advance(3_000);
      b.kill();
      for (let time = 0; time < 60; time += 1) {
        lanes.stall("a", stallMs, () => {
          a.setConnected(false);
          a.setConnected(true);
        });
        await lanes.advance(stallMs + 20);
      }
      expect(a.seen, `${stallMs} ms`).toEqual(["join ann", "leave ann down"]);
    }
  });
});

describe("connections that come and go in any rhythm (law)", () => {
  const rhythms = fc.array(
    fc.tuple(fc.integer({ min: 100, max: 9_000 }), fc.integer({ min: 1, max: 9_000 })),
    { minLength: 1, maxLength: 8 },
  );

  it("keep nobody up who has died, and hide nobody who lives", async () => {
    await fc.assert(
      fc.asyncProperty(rhythms, fc.integer({ min: 0, max: 4_000 }), async (rhythm, diesMs) => {
        const lanes = new Lanes(diesMs);
        const a = await lanes.start("a");
        const b = await lanes.start("b");
        const c = await lanes.start("c");
        track(b, "ann");
        await lanes.advance(3_000);
        track(c, "ben");
        await lanes.advance(3_000);
        lanes.time.at(lanes.time.nowMs + diesMs, () => b.kill());
        let connectedMs = -diesMs;
        for (let i = 0; connectedMs < 2 * DOWN_MS + BLUR_MS; i += 1) {
          const [upMs, awayMs] = rhythm[i % rhythm.length]!;
          a.setConnected(false);
          await lanes.advance(awayMs);
          a.setConnected(true);
          await lanes.advance(upMs);
          connectedMs += upMs;
        }
        expect(a.seen).toEqual(["join ann", "join ben", "leave ann down"]);
      }),
      { numRuns: 60 },
    );
  });
});
