/** Errors of one kind: some are told at once, the others are counted, and none is lost. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrackerError } from "../src/errors.js";
import { Reporter } from "../src/reports.js";
import type { TrackerErrorCode } from "../src/errors.js";
import { virtualRuntime } from "./support/virtual-runtime.js";

function start(hasListener = true) {
  const { time, runtime } = virtualRuntime();
  const warnings: string[] = [];
  const reporter = new Reporter(
    "a test",
    { ...runtime, warn: (text) => void warnings.push(text) },
    { error: true },
  );
  const told: TrackerError[] = [];
  if (hasListener) reporter.on("error", (error) => told.push(error));
  const report = (times: number, code: TrackerErrorCode = "PUBLISH_FAILED", details = {}): void => {
    for (let i = 0; i < times; i += 1) reporter.report(code, `no. ${i}`, details);
  };
  return { time, reporter, told, report, warnings };
}

/** How many reports some errors stand for. */
function sum(told: readonly TrackerError[]): number {
  return told.reduce((all, { details }) => all + 1 + Number(details["unreported"] ?? 0), 0);
}

describe("errors of one kind", () => {
  it("are told ten at once, then the last of them with the number of the others, every six seconds", async () => {
    const { time, told, report } = start();
    report(66_669);
    expect(told).toHaveLength(10);
    await time.advance(5_999);
    expect(told).toHaveLength(10);
    await time.advance(2);
    expect(told).toHaveLength(11);
    expect(told[10]).toMatchObject({
      code: "PUBLISH_FAILED",
      message: "no. 66668",
      details: { unreported: 66_658 },
    });
    await time.advance(60_000);
    expect(told).toHaveLength(11);
  });

  it("say how many were left out before when one is told again", async () => {
    const { time, told, report } = start();
    report(15);
    await time.advance(12_000);
    report(1);
    expect(sum(told)).toBe(16);
  });

  it("are apart by code, and by what failed", () => {
    const { told, report } = start();
    report(100);
    report(3, "DIVERGENCE");
    report(3, "HANDLER_FAILED", { what: "handleDiff" });
    report(3, "HANDLER_FAILED", { what: "a listener of evicted" });
    expect(told).toHaveLength(19);
  });

  it("are apart for a bounded number of kinds, however many somebody makes up", () => {
    const { told, report } = start();
    for (let i = 0; i < 100_000; i += 1) report(1, "INVALID_FRAME", { reason: `reason ${i}` });
    expect(told.length).toBeLessThan(300);
  });

  it("are one where a handler is refused again and again", async () => {
    const { time, told, reporter } = start();
    const endless = new TrackerError("TOO_MANY_CHANGES", "too many");
    const fail = (): void => {
      reporter.guard("handleDiff", () => {
        throw endless;
      });
    };
    for (let i = 0; i < 66_669; i += 1) fail();
    expect(told).toHaveLength(1);
    await time.advance(1);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({
      code: "HANDLER_FAILED",
      cause: endless,
      details: { unreported: 66_667 },
    });
    fail();
    await time.advance(3_000);
    expect(told).toHaveLength(2);
    await time.advance(3_001);
    expect(told).toHaveLength(3);
  });

  it("are told at the end, whatever is left", () => {
    const { told, report, reporter } = start();
    report(12);
    reporter.tellRest();
    reporter.tellRest();
    expect(told).toHaveLength(11);
    expect(sum(told)).toBe(12);
  });

  it("that nobody listens to are warnings, which say how many there were", async () => {
    const { time, report, warnings } = start(false);
    report(40);
    expect(warnings).toEqual(["a test: no. 0"]);
    await time.advance(61_000);
    report(1);
    expect(warnings).toEqual([
      "a test: no. 0",
      "a test: no. 0 (and 39 more PUBLISH_FAILED since the last one)",
    ]);
  });

  it("are all told of, and never more than so often (law)", async () => {
    const bursts = fc.array(fc.tuple(fc.nat(30), fc.nat(20_000)), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(bursts, async (sequence) => {
        const { time, told, report, reporter } = start();
        let reported = 0;
        let passedMs = 0;
        for (const [times, ms] of sequence) {
          report(times);
          reported += times;
          await time.advance(ms);
          passedMs += ms;
          expect(told.length).toBeLessThanOrEqual(10 + passedMs / 6_000);
        }
        reporter.tellRest();
        expect(sum(told)).toBe(reported);
      }),
    );
  });
});
