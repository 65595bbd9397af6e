/**
 * What somebody who can publish can have a node tell its application: for each event and each error of a tracker a flood of
 * frames that cause it. Errors and what is told with them are told ten at once and then one every six seconds, and none is
 * left out without a number; who is up is told as often as a life finds room; the rest as often as time or entries allow.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/replication/limits.js";
import type { Message } from "../../src/replication/message.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { trackerEventNames, type TrackerEvents } from "../../src/tracker/events.js";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

const HEARTBEAT_MS = 2_000;
const FRAMES = 5_000;
/** Told at once, and what comes of it while the flood lasts. */
const AT_ONCE = 10;
const PER_SECOND = 1 / 6;

interface Told {
  readonly counts: Map<string, number>;
  /** How many reports of a code or event there were, those left out included. */
  readonly sums: Map<string, number>;
}

/** Counts all that a tracker tells. */
function listen({ tracker }: LaneNode): Told {
  const counts = new Map<string, number>();
  const sums = new Map<string, number>();
  const add = (what: string, unreported: unknown): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
    sums.set(what, (sums.get(what) ?? 0) + 1 + Number(unreported ?? 0));
  };
  for (const event of Object.keys(trackerEventNames) as (keyof TrackerEvents)[]) {
    tracker.on(event, (payload) => {
      if (event === "error") {
        const { code, details } = payload as TrackerEvents["error"];
        add(code, details["unreported"]);
      } else add(event, (payload as { unreported?: number }).unreported);
    });
  }
  return { counts, sums };
}

const heartbeat = (clock: number, digest = 0, periodMs = HEARTBEAT_MS): Message =>
  ({
    ...{ type: "heartbeat", poolSize: 1, firstShard: 0, periodMs },
    shards: [{ clock, count: clock, digest }],
  }) as Message;

interface Flood {
  readonly what: string;
  readonly lasts: number;
  /** The frame of that number. */
  readonly frame: (number: number) => string | readonly [name: string, counter: number, message: Message];
  readonly told: readonly (keyof TrackerEvents | string)[];
}

const delta = (clock: number): Message => ({
  ...{ type: "delta", shard: 0, since: clock - 1, upTo: clock, part: 1, parts: 1, removed: [] },
  births: [{ clock, topic: "room", key: `user:${clock}`, session: "s", meta: {} }],
});

const floods: readonly Flood[] = [
  {
    what: "slices that differ from what is said of them",
    lasts: 10_000,
    frame: (number) => [
      `forged ${Math.floor(number / 2)}`,
      1 + (number % 2),
      number % 2 === 0 ? delta(1) : heartbeat(1, 7),
    ],
    told: ["divergence", "DIVERGENCE"],
  },
  {
    what: "lives with another period",
    lasts: 10_000,
    frame: (number) => [`forged ${number}`, 1, heartbeat(0, 0, 1_000)],
    told: ["PERIODS_DIFFER"],
  },
  {
    what: "payloads that are no frames",
    lasts: 10_000,
    frame: (number) => `[${number}]`,
    told: ["INVALID_FRAME"],
  },
];

function payloadOf(frame: ReturnType<Flood["frame"]>): string {
  if (typeof frame === "string") return frame;
  const [name, counter, message] = frame;
  const from = { name, incarnation: "1".padStart(14, "0") };
  return encodeFrame({ from, to: undefined, counter, message });
}

async function flood({ lasts, frame }: Flood): Promise<Told> {
  const lanes = new Lanes(1);
  const a = await lanes.start("a");
  const told = listen(a);
  await lanes.advance(3_000);
  for (let number = 0; number < FRAMES; number += 1) {
    a.receive(payloadOf(frame(number)));
    if (number % 500 === 499) await lanes.advance(lasts / 10);
  }
  await lanes.advance(60_000);
  return told;
}

describe("an error that frames cause, and what is told with it", () => {
  it.each(floods)("is told seldom, and counted: $what", async (each) => {
    const { counts, sums } = await flood(each);
    const most = AT_ONCE + Math.ceil((each.lasts + 60_000) * 0.001 * PER_SECOND) + 1;
    for (const what of each.told) {
      expect(counts.get(what), what).toBeGreaterThan(AT_ONCE);
      expect(counts.get(what), what).toBeLessThanOrEqual(most);
      expect(sums.get(what), what).toBeGreaterThan(2_000);
    }
    expect(new Set(each.told.map((what) => sums.get(what))).size).toBe(1);
  });
});

/** Says that two lives of each of so many names are there, which nobody runs. */
async function rivals(names: number): Promise<Told> {
  const lanes = new Lanes(1);
  const a = await lanes.start("a");
  const told = listen(a);
  for (let turn = 1; turn <= 20; turn += 1) {
    for (let name = 0; name < names; name += 1) {
      for (const life of ["2", "1"]) {
        const from = { name: `forged ${name}`, incarnation: life.padStart(14, "0") };
        a.receive(encodeFrame({ from, to: undefined, counter: turn, message: heartbeat(0) }));
      }
    }
    await lanes.advance(HEARTBEAT_MS);
  }
  return told;
}

describe("a conflict of names", () => {
  it("is told as often as its error", async () => {
    const { counts, sums } = await rivals(200);
    expect(counts.get("nameConflict")).toBeLessThanOrEqual(AT_ONCE + 8);
    expect(counts.get("nameConflict")).toBe(counts.get("NAME_CONFLICT"));
    expect(sums.get("nameConflict")).toBe(200);
  });
});

describe("who is up, down or gone", () => {
  it("is told as often as a life finds room, so that none who counts them is wrong", async () => {
    const lanes = new Lanes(1);
    const a = await lanes.start("a");
    const { counts } = listen(a);
    for (let number = 0; number < 20_000; number += 1) {
      const from = { name: `forged ${number}`, incarnation: "1".padStart(14, "0") };
      a.receive(encodeFrame({ from, to: undefined, counter: 1, message: heartbeat(0) }));
      if (number % 1_000 === 999) await lanes.advance(100);
    }
    expect(counts.get("replicaUp")).toBe(LIMITS.knownLives);
    expect(counts.get("replicaDown") ?? 0).toBe(0);
    expect(counts.get("CROWDED")).toBe(1);
    await lanes.advance(30_000);
    expect(counts.get("replicaDown")).toBe(LIMITS.knownLives);
  });
});

describe("an entry of this node that is evicted", () => {
  it("is told once, however often somebody wants it to go", async () => {
    const lanes = new Lanes(1);
    const a = await lanes.start("a");
    const { counts } = listen(a);
    track(a, "ann", "ben");
    for (let counter = 1; counter <= FRAMES; counter += 1) {
      const from = { name: "forged", incarnation: "1".padStart(14, "0") };
      const message: Message = { type: "evict", topic: "room", key: "ann", reason: "", sessions: [] };
      a.receive(encodeFrame({ from, to: undefined, counter, message }));
    }
    await lanes.advance(100);
    expect(counts.get("evicted") ?? 0).toBeLessThanOrEqual(1);
    expect(a.tracker.has("room", "ben")).toBe(true);
  });
});
