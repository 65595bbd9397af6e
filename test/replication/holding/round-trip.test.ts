/** How long an answer is waited for: as long as answers take, whatever the distance. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  REQUEST_FIRST_PATIENCE_MS,
  REQUEST_PATIENCE_MAX_MS,
  REQUEST_RETRY_MAX_MS,
  REQUEST_RETRY_MS,
} from "../../../src/replication/limits.js";
import { Replica } from "../../../src/replication/replica.js";
import { Requests } from "../../../src/replication/holding/requests.js";
import { RoundTrip } from "../../../src/replication/holding/round-trip.js";
import { RemoteSlice } from "../../../src/replication/holding/remote-slice.js";
import { slicesOf } from "../lives/table.js";

describe("a round trip", () => {
  it("is what RFC 6298 says", () => {
    const roundTrip = new RoundTrip();
    expect(roundTrip.patienceMs).toBeUndefined();
    roundTrip.measured(1_000); // smoothed 1,000, variation 500
    expect(roundTrip.patienceMs).toBe(3_000);
    roundTrip.measured(1_800); // variation 575, smoothed 1,100
    expect(roundTrip.patienceMs).toBe(3_400);
  });

  it("stays within its bounds, and above what never varies", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1 }), (samples) => {
        const roundTrip = new RoundTrip();
        for (const sample of samples) roundTrip.measured(sample);
        expect(roundTrip.patienceMs).toBeGreaterThanOrEqual(REQUEST_RETRY_MS);
        expect(roundTrip.patienceMs).toBeLessThanOrEqual(REQUEST_PATIENCE_MAX_MS);
      }),
    );
  });
});

/** A life that answers each request after some time, and every answer makes one more necessary. */
function askFar(roundTripMs: number, answersWanted: number) {
  const requests = new Requests(() => 0.5, 0, 2_000);
  const replica = new Replica({ name: "far", incarnation: "00000000000001" }, "b@1");
  const slice = replica.held.slice(0);
  const sentMs: number[] = [];
  const answersMs: number[] = [];
  let answers = 0;
  let clock = 0;
  let nowMs = 0;
  slice.compare({ clock: 1_000_000, count: 1, digest: 1 }, 1);
  requests.want(replica, slice, nowMs);
  while (answers < answersWanted && nowMs < 600_000) {
    requests.advance(nowMs, () => {
      sentMs.push(nowMs);
      answersMs.push(nowMs + roundTripMs);
    });
    if (answersMs[0] !== undefined && answersMs[0] <= nowMs) {
      answersMs.shift();
      clock += 1;
      const delta = { type: "delta", shard: 0, since: clock - 1, upTo: clock, part: 1, parts: 1 } as const;
      slice.receiveDelta({ ...delta, births: [], removed: [] }, 0, true);
      requests.answered(slice, slice.nextRequest() === undefined, nowMs);
      answers += 1;
    }
    nowMs += 1;
  }
  return { sent: sentMs.length, answers, nowMs };
}

describe("requests", () => {
  it.each([1, 200, 1_000, 6_000])("go out once for each answer that takes %i ms", (roundTripMs) => {
    const { sent, answers } = askFar(roundTripMs, 20);
    expect(answers).toBe(20);
    // Beyond what is waited for at first, one or two more until the round trip is known.
    expect(sent).toBeLessThanOrEqual(roundTripMs > REQUEST_FIRST_PATIENCE_MS ? 24 : 20);
  });

  it("are repeated within some seconds by a node that has never got an answer", () => {
    const requests = new Requests(() => 1, 0, 2_000);
    const replica = new Replica({ name: "deaf", incarnation: "00000000000001" }, "b@1");
    const slice = new RemoteSlice(slicesOf(replica), 0);
    replica.held.slices.set(0, slice);
    slice.compare({ clock: 5, count: 5, digest: 1 }, 1);
    requests.want(replica, slice, 0);
    const asked: number[] = [];
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) requests.advance(nowMs, () => asked.push(nowMs));
    const gaps = asked.slice(1).map((askedMs, i) => askedMs - asked[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1.25 * REQUEST_FIRST_PATIENCE_MS + 10);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(REQUEST_RETRY_MAX_MS);
  });

  it("wait no longer than an answer took that may be to the first question or to the last", () => {
    const requests = new Requests(() => 1, 0, 2_000);
    const replica = new Replica({ name: "lossy", incarnation: "00000000000001" }, "b@1");
    const slice = replica.held.slice(0);
    slice.compare({ clock: 5, count: 5, digest: 1 }, 1);
    requests.want(replica, slice, 0);
    const asked: number[] = [];
    for (let nowMs = 0; nowMs < 20_000 && asked.length < 3; nowMs += 10) {
      requests.advance(nowMs, () => asked.push(nowMs));
      if (asked.length === 2) requests.answered(slice, slice.nextRequest() === undefined, nowMs); // the first was lost, and so is the next
    }
    const [first = 0, second = 0, third = 0] = asked;
    expect(second - first).toBeLessThanOrEqual(1.25 * REQUEST_FIRST_PATIENCE_MS + 10);
    expect(third - second).toBeLessThanOrEqual(10); // what is needed next
    for (let nowMs = third; nowMs < third + 20_000 && asked.length < 4; nowMs += 10) {
      requests.advance(nowMs, () => asked.push(nowMs));
    }
    expect(asked[3]! - third).toBeLessThanOrEqual(1.25 * (second - first + REQUEST_RETRY_MS) + 10);
  });

  it("learn how far one is, however near the others are", () => {
    const requests = new Requests(() => 0.5, 0, 2_000);
    const asked = ["near", "far"].map((name) => {
      const replica = new Replica({ name, incarnation: "00000000000001" }, "b@1");
      const slice = replica.held.slice(0);
      slice.compare({ clock: 1_000_000, count: 1, digest: 1 }, 1);
      return { replica, slice };
    });
    const slices = asked.map(({ slice }) => slice);
    const roundTripMs = [10, 5_000];
    const answersMs: number[][] = [[], []];
    const sent = [0, 0];
    const answered = [0, 0];
    for (let nowMs = 0; nowMs < 120_000; nowMs += 5) {
      // The far one is met when the near one is known.
      for (const [who, { replica, slice }] of asked.entries()) {
        if (nowMs === who * 5_000) requests.want(replica, slice, nowMs);
      }
      requests.advance(nowMs, (_, slice) => {
        const who = slices.indexOf(slice);
        sent[who]! += 1;
        answersMs[who]!.push(nowMs + roundTripMs[who]!);
      });
      for (const [who, slice] of slices.entries()) {
        if (answersMs[who]![0] === undefined || answersMs[who]![0] > nowMs) continue;
        answersMs[who]!.shift();
        const clock = ++answered[who]!;
        const delta = { type: "delta", shard: 0, since: clock - 1, upTo: clock, part: 1, parts: 1 } as const;
        slice.receiveDelta({ ...delta, births: [], removed: [] }, 0, true);
        requests.answered(slice, slice.nextRequest() === undefined, nowMs);
      }
    }
    expect(answered[1]).toBeGreaterThan(20);
    expect(sent[1]).toBeLessThan(1.5 * answered[1]!);
  });
});
