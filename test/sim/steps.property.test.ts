/** Any steps in any order end in a settled cluster: made by fast-check, which shortens what fails. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Step } from "../../src/testing/steps.js";
import { failureOf } from "./run-seed.js";

const names = ["a", "b", "c"];
const node = fc.constantFrom(...names);
const session = fc.integer({ min: 1, max: 2 });
const topic = fc.constantFrom("room:1", "room:2");
const key = fc.constantFrom("user:1", "user:2");
const faults = fc.record({
  lossRate: fc.constantFrom(0, 0.3),
  repeatRate: fc.constantFrom(0, 0.3),
  reorder: fc.boolean(),
  delayMs: fc.constantFrom([0, 2] as const, [0, 900] as const),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("set", "update", "untrack"), node, session, topic, key }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), node, session }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("faults" as const), faults }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("oneWay" as const), from: node, to: node }) },
  { weight: 1, arbitrary: fc.constant({ do: "heal" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), node }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("start" as const), node, clockOffsetMs: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("stop" as const),
      node,
      handoffMs: fc.constantFrom(undefined, 0, 500),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("stall" as const),
      node,
      ms: fc.integer({ min: 1, max: 12_000 }),
      first: fc.constantFrom("timers" as const, "arrivals" as const),
    }),
  },
);

describe("a simulated cluster", () => {
  it("settles after any steps", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e6 }),
        fc.array(step, { maxLength: 30 }),
        async (seed, steps) => {
          const schedule = {
            seed,
            nodes: names,
            network: {},
            options: { maxMetaBytes: 128, poolSize: 2 },
            announceCrashes: false,
            steps,
          };
          expect(await failureOf(schedule)).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });
});
