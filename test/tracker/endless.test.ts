/** A handler that changes what it is told of, each time, ends as a report; others may change as much as they like. */
import { describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import type { TrackerError } from "../../src/errors.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { startAlone } from "./recorder.js";

async function start(handleDiff: TrackerBehaviour["handleDiff"] & object) {
  const fold = new DiffFold();
  let diffs = 0;
  const tracker = await startAlone({
    handleDiff(diff, given) {
      diffs += 1;
      expect(fold.apply(diff)).toEqual([]);
      handleDiff(diff, given);
    },
  });
  const errors: TrackerError[] = [];
  tracker.on("error", (error) => errors.push(error));
  return { tracker, fold, errors, count: () => diffs };
}

describe("a handler that updates in answer to an update", () => {
  it("is refused at the end of the chain, and the diffs add up to the list", async () => {
    const session = new Session();
    let n = 0;
    const { tracker, fold, errors, count } = await start((_, given) => {
      given.update(session, "room", "me", { n: ++n });
    });
    tracker.track(session, "room", "me", { n });
    expect(count()).toBe(1_001);
    expect(errors.map(({ code }) => code)).toEqual(["TOO_MANY_CHANGES", "HANDLER_FAILED"]);
    expect((errors[1]?.cause as TrackerError).code).toBe("TOO_MANY_CHANGES");
    expect(tracker.list("room").map(({ meta }) => meta)).toEqual([{ n: 1_000 }]);
    expect(fold.topics()).toEqual(["room"]);
    // The next change from outside begins anew.
    tracker.update(session, "room", "me", { n: -1 });
    expect(count()).toBe(2_002);
    await tracker.stop();
  });

  it("is refused also if it catches what it is refused with", async () => {
    const session = new Session();
    const { tracker, errors, count } = await start((_, given) => {
      try {
        given.update(session, "room", "me", { n: count() });
      } catch {
        given.untrack(session);
      }
    });
    tracker.track(session, "room", "me", {});
    expect(errors.map(({ code }) => code)).toEqual(["TOO_MANY_CHANGES"]);
    expect([count(), tracker.count("room")]).toEqual([1_002, 0]);
    await tracker.stop();
  });

  it("is refused where each change causes several", async () => {
    const { tracker, errors, count } = await start((_, given) => {
      for (let number = 0; number < 3; number++) given.track(new Session(), "room", "me", {});
    });
    tracker.track(new Session(), "room", "me", {});
    expect(errors[0]?.code).toBe("TOO_MANY_CHANGES");
    expect(count()).toBeGreaterThan(100_000);
    expect(count()).toBeLessThan(100_010);
    expect(tracker.count("room")).toBe(count());
    // Two in three diffs are told to a handler that is refused: that is one report, and then one with their number.
    await tracker.stop();
    const failures = errors.slice(1);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(["HANDLER_FAILED"]));
    // A machine that takes longer than six seconds for it is told again meanwhile.
    expect(failures.length).toBeLessThan(10);
    const told = failures.reduce((all, { details }) => all + 1 + Number(details["unreported"] ?? 0), 0);
    expect(told).toBeGreaterThan(60_000);
  });

  it("is refused where it goes by the handler of another tracker", async () => {
    const hub = new MemoryHub();
    const session = new Session();
    const trackers: Tracker[] = [];
    const errors: TrackerError[] = [];
    let n = 0;
    for (const [index, name] of ["ping", "pong"].entries()) {
      const handleDiff = (): void => void trackers[1 - index]?.set(session, "room", "me", { n: ++n });
      const tracker = await Tracker.start({ handleDiff }, { name, pubsub: hub.node("a") });
      tracker.on("error", (error) => errors.push(error));
      trackers.push(tracker);
    }
    trackers[0]?.track(session, "room", "me", {});
    expect(n).toBeLessThan(5_000);
    expect(errors.map(({ code }) => code)).toContain("TOO_MANY_CHANGES");
    for (const tracker of trackers) await tracker.stop();
  });
});

describe("a handler that changes much", () => {
  it("is not refused: 20,000 entries in answer to one, and a chain of 900", async () => {
    const session = new Session();
    const { tracker, errors, count } = await start((diff, given) => {
      if (diff.has("start")) {
        for (let number = 0; number < 20_000; number++) given.track(session, "room", `${number}`, {});
      }
      for (const { meta } of diff.get("chain")?.joins ?? []) {
        const n = meta["n"] as number;
        if (n < 900) given.track(session, "chain", `${n}`, { n: n + 1 });
      }
    });
    tracker.track(session, "start", "me", {});
    tracker.track(session, "chain", "me", { n: 0 });
    expect(errors).toEqual([]);
    expect([tracker.count("room"), tracker.count("chain")]).toEqual([20_000, 901]);
    expect(count()).toBe(20_000 + 1 + 901);
    session.close();
    expect(tracker.topics()).toEqual([]);
    await tracker.stop();
  });
});
