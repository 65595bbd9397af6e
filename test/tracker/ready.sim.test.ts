/** What a probe asks: whether a node was complete once, whom it waits for, and what of each node is missing. */
import { describe, expect, it } from "vitest";
import type { TrackerError } from "../../src/errors.js";
import { Lanes, track } from "../support/lanes.js";

async function timeoutOf(lanes: Lanes, waiting: Promise<void>): Promise<TrackerError | undefined> {
  let error: TrackerError | undefined;
  waiting.catch((failure: TrackerError) => (error = failure));
  await lanes.advance(1_000);
  return error;
}

describe("health", () => {
  it("is ready from the first completion on, through outages and deafness, until it stops", async () => {
    const lanes = new Lanes(1);
    const a = await lanes.start("a");
    const health = (): unknown => {
      const { ready, complete, connection } = a.tracker.health();
      return { ready, complete, connection };
    };
    expect(health()).toEqual({ ready: false, complete: false, connection: "connected" });
    await lanes.advance(3_000);
    expect(health()).toEqual({ ready: true, complete: true, connection: "connected" });
    a.setConnected(false);
    await lanes.advance(60_000);
    expect(health()).toEqual({ ready: true, complete: false, connection: "disconnected" });
    a.setConnected(true);
    lanes.mutes = () => true;
    await lanes.advance(10_000);
    expect(health()).toEqual({ ready: true, complete: false, connection: "deaf" });
    await a.stop(0);
    expect(health()).toMatchObject({ ready: false });
  });

  it("is ready though nobody asked while it was complete", async () => {
    const lanes = new Lanes(2);
    const a = await lanes.start("a");
    await lanes.advance(10_000);
    a.setConnected(false);
    await lanes.advance(10);
    expect(a.tracker.health()).toMatchObject({ ready: true, complete: false });
  });

  it("is not ready before it was complete, and says per node what is missing", async () => {
    const lanes = new Lanes(3);
    const a = await lanes.start("a");
    track(a, "ann");
    // Summaries and deltas of `a` arrive, and no answer to what is asked.
    lanes.loses = (from, _to, _lane, payload) => from === "a" && /^\[\d+,1,/.test(payload);
    const b = await lanes.start("b");
    const error = await timeoutOf(lanes, b.tracker.whenComplete({ timeoutMs: 500 }));
    expect(error).toMatchObject({ code: "TIMEOUT", details: { waitsFor: ["a"] } });
    expect(error?.message).toMatch(/the others have not been heard out; 1 changes of a are missing$/);
    await lanes.advance(10_000);
    const { ready, complete, replicas } = b.tracker.health();
    expect([ready, complete]).toEqual([false, false]);
    expect(replicas).toMatchObject([{ name: "a", complete: false, waitsFor: "entries", lagDots: 1 }]);
    lanes.loses = () => false;
    await lanes.advance(30_000);
    expect(b.tracker.health()).toMatchObject({ ready: true, replicas: [{ waitsFor: undefined }] });
  });

  it("names those who are expected, and a connection that is none", async () => {
    const lanes = new Lanes(4);
    const a = await lanes.start("a", { expect: ["b", "c"] });
    expect(await timeoutOf(lanes, a.tracker.whenComplete({ timeoutMs: 100 }))).toMatchObject({
      message:
        "Not complete within 100 ms: the others have not been heard out; b was not heard; c was not heard",
      details: { waitsFor: ["b", "c"] },
    });
    a.setConnected(false);
    expect(await timeoutOf(lanes, a.tracker.whenComplete({ timeoutMs: 100 }))).toMatchObject({
      message: "Not complete within 100 ms: the pubsub is disconnected",
    });
  });
});
