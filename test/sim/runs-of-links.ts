/** Runs of their own for rules of links, of periods, and of connections that come and go: see `runs.ts`. */
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { LIMITS } from "../../src/replication/limits.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError } from "../../src/testing/cluster.js";
import { codesOf, Lanes, track, type Lane, type LaneNode } from "../support/lanes.js";
import { by } from "./protocol.js";

const DOWN_MS = 8_000;
const PERMDOWN_MS = 60_000;
const user = "ann";

function fail(lanes: Lanes, what: string): never {
  throw new SimulationError([what], lanes.time.nowMs);
}

async function pair(seed: number, protocol: Protocol): Promise<{ lanes: Lanes; a: LaneNode; b: LaneNode }> {
  const lanes = new Lanes(seed, by(protocol, {}));
  const a = await lanes.start("a", { permdownPeriodMs: PERMDOWN_MS });
  const b = await lanes.start("b", { permdownPeriodMs: PERMDOWN_MS });
  await lanes.advance(3_000 + 10 * seed);
  return { lanes, a, b };
}

/** A node that has died goes down, though the connection to the broker comes and goes. */
export async function theDeadGoDownWhileItFlaps(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(b, user);
  await lanes.advance(100);
  b.kill();
  for (let time = 0; time < 6; time += 1) {
    await lanes.advance(4_900);
    a.setConnected(false);
    await lanes.advance(100);
    a.setConnected(true);
  }
  if (a.tracker.has("room", user)) fail(lanes, "a node that has died is kept up by reconnecting");
}

/** Who lives stays up, though no connection lasts until its next heartbeat. */
export async function theLivingStayUpWhileItFlaps(
  seed: number,
  protocol: Protocol = PROTOCOL,
): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(b, user);
  await lanes.advance(100);
  for (let time = 0; time < 60; time += 1) {
    a.setConnected(false);
    await lanes.advance(5_500);
    a.setConnected(true);
    await lanes.advance(500);
    if (!a.tracker.has("room", user)) fail(lanes, "a node that lives goes down while the connection flaps");
  }
}

/** One lane between two nodes is lost; what one of them tracks is listed by the other all the same. */
async function oneLane(seed: number, lane: Lane, protocol: Protocol): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(b, user);
  await lanes.advance(100);
  // What is tracked now is missed, whichever lane it would have taken.
  lanes.loses = () => true;
  track(a, "ben");
  await lanes.advance(100);
  lanes.loses = (_from, _to, used) => used === lane;
  await lanes.advance(2 * DOWN_MS);
  if (!b.tracker.has("room", "ben")) fail(lanes, `without ${lane}s something is missing for good`);
  await lanes.advance(2 * DOWN_MS);
  if (b.seen.concat(a.seen).some((what) => what.endsWith("down")))
    fail(lanes, `without ${lane}s a node goes down`);
  if (!codesOf(b).includes("LINK_BROKEN")) fail(lanes, `does not tell that ${lane}s are lost`);
}

export function withoutDirectMessages(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return oneLane(seed, "direct", protocol);
}

export function withoutBroadcasts(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return oneLane(seed, "broadcast", protocol);
}

/** A node that no direct message reaches starts again, and goes on asking: what it tracks is listed all the same. */
export async function deafInboxesAreMadeUpFor(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(a, user);
  await lanes.advance(1_000);
  lanes.loses = (_from, to, lane) => to === "b" && lane === "direct";
  b.kill();
  await lanes.advance(500);
  const again = await lanes.start("b", { permdownPeriodMs: PERMDOWN_MS });
  track(again, "ben");
  await lanes.advance(3 * DOWN_MS);
  if (!a.tracker.has("room", "ben")) fail(lanes, "does not list what a node with a deaf inbox tracks");
}

/** A node that is heard only when it is asked is heard again after a time in which nothing of it is. */
export async function hiccupsEnd(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(a, user);
  await lanes.advance(100);
  const loses: Lanes["loses"] = (from, _to, lane) => from === "a" && lane === "broadcast";
  lanes.loses = loses;
  await lanes.advance(3 * DOWN_MS);
  lanes.loses = (from) => from === "a";
  await lanes.advance(1.5 * DOWN_MS);
  lanes.loses = loses;
  await lanes.advance(DOWN_MS);
  if (!b.tracker.has("room", user)) fail(lanes, "does not reach again a node whose broadcasts are lost");
}

/** A node that does not hear any more may still be heard. */
export async function theForgottenAreSpokenTo(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  lanes.loses = (from) => from === "b";
  await lanes.advance(PERMDOWN_MS + 3 * DOWN_MS);
  track(a, user);
  await lanes.advance(5_000);
  if (!b.tracker.has("room", user)) fail(lanes, "says nothing to a node that it has forgotten");
}

/** Whose timers are held back, and hears nothing meanwhile, is hidden twice at the most: then it has said so. */
export async function whoIsOftenLateSaysSo(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const lanes = new Lanes(seed, by(protocol, {}));
  const [front, back] = [await lanes.start("front"), await lanes.start("back")];
  track(back, "ann");
  lanes.loses = (from) => from === "front";
  lanes.holdsBackMs = (name) => (name === "back" ? 60_000 : undefined);
  await lanes.advance(600_000);
  const leaves = front.seen.filter((line) => line.startsWith("leave")).length;
  if (leaves > 2) fail(lanes, `a node that is often late is hidden ${leaves} times`);
}

/** A node that sends its heartbeats less often stays up as well, and is told of. */
export async function periodsMayDiffer(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a } = await pair(seed, protocol);
  const slow = await lanes.start("slow", { heartbeatPeriodMs: 20_000, downPeriodMs: 80_000 });
  track(slow, user);
  await lanes.advance(10 * DOWN_MS);
  if (a.seen.join() !== `join ${user}`) fail(lanes, "a node of another period flickers");
  if (codesOf(a).join() !== "PERIODS_DIFFER") fail(lanes, "does not tell, once, that periods differ");
}

/** A node whose clock was ahead in one life is heard at once from its second start after that. */
export async function clocksMayBeAheadOnce(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a } = await pair(seed, protocol);
  const ahead = await lanes.start("c", {}, 365 * 86_400_000);
  await lanes.advance(3_000);
  await ahead.stop(0);
  for (let start = 1; start <= 3; start += 1) {
    const node = await lanes.start("c");
    track(node, user);
    await lanes.advance(start === 1 ? 2 * DOWN_MS : 500);
    if (!a.tracker.has("room", user)) fail(lanes, "a start is not heard long after a clock that was ahead");
    await node.stop(0);
    await lanes.advance(1_000);
  }
  if (codesOf(a).join() !== "CLOCK_AHEAD") fail(lanes, "does not tell, once, that a clock was ahead");
}

/** Names that somebody made up keep no node out. */
export async function thoseMadeUpMakeRoom(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a } = await pair(seed, protocol);
  for (let number = 0; number < LIMITS.knownLives; number += 1) {
    const incarnation = number.toString(36).padStart(14, "0");
    a.receive(
      encodeFrame({
        from: { name: `made up ${number}`, incarnation },
        to: undefined,
        counter: 1,
        message: { type: "heartbeat", poolSize: 1, firstShard: 0, shards: [] },
      }),
    );
  }
  const node = await lanes.start("c");
  track(node, user);
  await lanes.advance(DOWN_MS);
  if (!a.tracker.has("room", user)) fail(lanes, "has no room for a node beside those that were made up");
  if (!codesOf(a).includes("CROWDED")) fail(lanes, "does not tell that it has no room");
}

/** One frame in the name of a node, with a counter that it has not reached, does not close the ears to it. */
export async function forgedCountersAreDoubted(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a, b } = await pair(seed, protocol);
  track(b, user);
  await lanes.advance(3_000);
  const [replica] = a.tracker.health().replicas;
  a.receive(
    encodeFrame({
      from: { name: "b", incarnation: replica?.incarnation ?? "" },
      to: undefined,
      counter: 1_000 * seed,
      message: {
        type: "heartbeat",
        poolSize: 4,
        firstShard: 0,
        shards: [{ clock: 99, count: 9, digest: 9 }],
      },
    }),
  );
  await lanes.advance(2.5 * DOWN_MS);
  if (!a.tracker.has("room", user)) fail(lanes, "one forged frame closes the ears to a node");
  if (!codesOf(a).includes("COUNTER_AHEAD")) fail(lanes, "does not tell of a forged counter");
  if (!a.tracker.health().complete) fail(lanes, "is not complete after a forged frame");
}

/** A pubsub that loses its connection with every broadcast, and has it back at once, is not broadcast to without end. */
export async function reconnectsAreNotAnswered(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { lanes, a } = await pair(seed, protocol);
  let broadcasts = 0;
  lanes.loses = (from, _to, lane) => {
    if (from === "a" && lane === "broadcast") broadcasts += 1;
    return false;
  };
  let seen = 0;
  for (let turn = 0; turn < 200; turn += 1) {
    await lanes.advance(10);
    if (broadcasts === seen) continue;
    seen = broadcasts;
    a.setConnected(false);
    a.setConnected(true);
  }
  if (broadcasts > 8)
    fail(lanes, `${broadcasts} broadcasts in two seconds, of which each broke the connection`);
}
