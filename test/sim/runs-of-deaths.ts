/** Runs of their own for deaths that the pubsub tells: see `runs.ts`. */
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { Lanes, track, type LaneNode } from "../support/lanes.js";
import { by } from "./protocol.js";

const SECONDS = 1_000;

async function pair(seed: number, protocol: Protocol): Promise<{ lanes: Lanes; a: LaneNode; b: LaneNode }> {
  const lanes = new Lanes(seed, by(protocol, {}));
  lanes.knowsListeners = true;
  const a = await lanes.start("a");
  const b = await lanes.start("b");
  track(b, "ben");
  await lanes.advance(10 * SECONDS + 37 * seed);
  return { lanes, a, b };
}

function fail(lanes: Lanes, what: string): never {
  throw new SimulationError([what], lanes.time.nowMs);
}

/** A kill is noticed within four seconds, whenever it is. */
export async function killsAreNoticed(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  b.kill();
  await lanes.advance(4 * SECONDS);
  if (a.tracker.has("room", "ben")) fail(lanes, "a kill is noticed late");
}

/** A connection that is cut for less than two seconds, again and again, is no death. */
export async function cutsAreNoDeaths(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  const random = new SeededRandom(`cuts ${seed}`);
  for (let cut = 0; cut < 100; cut += 1) {
    b.setConnected(false);
    await lanes.advance(random.between(0, 1_900));
    b.setConnected(true);
    await lanes.advance(random.between(2_000, 5_000));
    if (a.seen.some((what) => what.startsWith("leave")))
      fail(lanes, "a node whose connection is cut is hidden");
  }
}

/** A node that was seen to be away and came back is known for it: a longer cut is no death then. */
export async function theUnsteadyHaveMoreTime(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  // Each begins shortly before a heartbeat, but for the first.
  for (const cutMs of [500, 1_700, 2_800, 2_800]) {
    b.setConnected(false);
    await lanes.advance(cutMs);
    b.setConnected(true);
    await lanes.advance(9_800);
  }
  if (a.seen.some((what) => what.startsWith("leave"))) fail(lanes, "a node that is cut again is hidden");
}

/** A node that has just reconnected may be early, and asks nobody: the others have lost their connection, too. */
export async function theEarlyAskNobody(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  a.setConnected(false);
  b.setConnected(false);
  await lanes.advance(3 * SECONDS);
  a.setConnected(true);
  await lanes.advance(6 * SECONDS);
  b.setConnected(true);
  await lanes.advance(1 * SECONDS);
  if (a.seen.some((what) => what.startsWith("leave"))) fail(lanes, "a node that reconnects later is hidden");
}

/** A pubsub that does not even know who asks does not know who has died. */
export async function theIgnorantAreNotBelieved(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a } = await pair(seed, protocol);
  lanes.knowsNobody = true;
  // Nothing of b comes for a while, and it is there.
  lanes.loses = (from) => from === "b";
  await lanes.advance(6 * SECONDS);
  if (a.seen.some((what) => what.startsWith("leave"))) fail(lanes, "a pubsub that knows nobody is believed");
}
