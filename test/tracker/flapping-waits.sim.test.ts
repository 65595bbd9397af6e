/**
 * Waits for completeness where the connection comes and goes in any rhythm, those of the heartbeats of others among them:
 * they end in a time that can be told, and never before what others had at the call is here. Virtual time.
 */
import { describe, expect, it } from "vitest";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

/** How long a connection lasts, and how long it is away. */
const lastsMs = [80, 120, 250, 450, 500, 1_000, 1_900, 2_000, 2_400, 3_950];
const awaysMs = [20, 50, 100, 1_000];
/** Heartbeats of the others: their own, that of this node, the time it hears them out, and one that is rare. */
const heartbeatsMs = [1_000, 2_000, 2_450, 4_000];
const ROUND_MS = 2_500;

/**
 * So many connections are enough: twice a round of them, of which one that is shorter than a fifth of a round counts for
 * less; and some in which those who are known are asked, twice, and what is missing is fetched.
 */
function connectionsNeeded(upMs: number): number {
  return (2 * ROUND_MS) / (upMs * Math.min(1, (5 * upMs) / ROUND_MS)) + 2 * (2 + 1_000 / upMs);
}

interface Flapping {
  readonly lanes: Lanes;
  readonly node: LaneNode;
  readonly upMs: number;
  readonly awayMs: number;
}

async function flap({ lanes, node, upMs, awayMs }: Flapping): Promise<void> {
  node.setConnected(false);
  await lanes.advance(awayMs);
  node.setConnected(true);
  await lanes.advance(upMs);
}

/** In how many connections a wait ends that begins now; who is listed when it does. */
async function wait(flapping: Flapping, most: number): Promise<{ connections: number; listed: string[] }> {
  const { tracker } = flapping.node;
  let listed: string[] | undefined;
  void tracker.whenComplete().then(() => (listed = tracker.list("room").map(({ key }) => key)));
  let connections = 0;
  for (; listed === undefined && connections < most; connections += 1) await flap(flapping);
  return { connections, listed: listed ?? ["not complete"] };
}

describe.each(heartbeatsMs)("R81: waits, where others have heartbeats of %d ms", (heartbeatPeriodMs) => {
  const rhythms = lastsMs.flatMap((upMs) => awaysMs.map((awayMs) => [upMs, awayMs] as const));

  it.each(rhythms)("end where a connection lasts %d ms and is away for %d ms", async (upMs, awayMs) => {
    for (const phaseMs of [0, 700]) {
      const lanes = new Lanes(upMs + awayMs + phaseMs);
      const b = await lanes.start("b", { heartbeatPeriodMs, downPeriodMs: 12_000 });
      track(b, "ann");
      await lanes.advance(3_000 + phaseMs);
      const node = await lanes.start("a");
      const flapping = { lanes, node, upMs, awayMs };
      // Of whom it has never heard it can know nothing.
      await lanes.advance(100);
      const most = Math.ceil(connectionsNeeded(upMs));
      const first = await wait(flapping, most);
      expect(first.listed, `phase ${phaseMs}`).toEqual(["ann"]);
      // And one that begins while it is away, for what has come then.
      node.setConnected(false);
      track(b, "bob");
      await lanes.advance(awayMs);
      const second = await wait(flapping, most);
      expect(second.listed.sort(), `phase ${phaseMs}`).toEqual(["ann", "bob"]);
      expect(node.tracker.health().ready).toBe(true);
      expect(node.seen).toEqual(["join ann", "join bob"]);
    }
  });
});
