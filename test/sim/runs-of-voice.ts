/** Runs of their own for the rules of a node that hears itself, or does not: see `runs.ts`. */
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError } from "../../src/testing/cluster.js";
import { codesOf, Lanes, track, type LaneNode } from "../support/lanes.js";
import { by } from "./protocol.js";

const HEARTBEAT_MS = 2_000;

/** Two nodes, and the way in which their connections die: without a word. */
class VoicePair {
  readonly lanes: Lanes;
  /** Whose connection is dead. */
  readonly dead = new Set<string>();
  #a: LaneNode | undefined;
  #b: LaneNode | undefined;

  constructor(seed: number, protocol: Protocol = PROTOCOL) {
    this.lanes = new Lanes(seed, by(protocol, {}));
    this.lanes.loses = (from, to) => this.dead.has(from) || this.dead.has(to);
    this.lanes.mutes = (name) => this.dead.has(name);
  }

  get a(): LaneNode {
    return this.#a!;
  }

  get b(): LaneNode {
    return this.#b!;
  }

  async start(afterMs: number): Promise<void> {
    this.#a = await this.lanes.start("a");
    this.#b = await this.lanes.start("b");
    track(this.a, "ann");
    track(this.b, "ben");
    await this.lanes.advance(3_000 + afterMs);
  }

  fail(what: string): never {
    throw new SimulationError([what], this.lanes.time.nowMs);
  }
}

/** A node whose connection dies without a word says so, once, and asks for another. */
export async function theDeafSaySo(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const pair = new VoicePair(seed, protocol);
  await pair.start(10 * seed);
  const { lanes, a, dead } = pair;
  dead.add("a");
  await lanes.advance(2.75 * HEARTBEAT_MS);
  const { connected, complete, connection } = a.tracker.health();
  if (connected || complete || connection !== "deaf")
    pair.fail("says that it is connected, and hears nobody");
  await lanes.advance(20 * HEARTBEAT_MS);
  if (codesOf(a).join() !== "DEAF") pair.fail("does not tell, once, that it does not hear itself");
  if (a.reconnects < 2) pair.fail("does not ask for another connection, again and again");
}

/** A node that does not hear itself speaks with every tick, and no more often because its connection flaps. */
export async function theDeafAreNoNoise(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const pair = new VoicePair(seed, protocol);
  await pair.start(10 * seed);
  const { lanes, a, dead } = pair;
  dead.add("a");
  await lanes.advance(2.75 * HEARTBEAT_MS);
  const { framesSent } = a.tracker.health().counters;
  for (let flaps = 0; flaps < 200; flaps += 1) {
    a.setConnected(false);
    await lanes.advance(5);
    a.setConnected(true);
    await lanes.advance(15);
  }
  // In each quarter of a heartbeat it says on two ways that it is there, sends a heartbeat to others and to itself, and
  // with every second connection it asks the other node.
  const sent = a.tracker.health().counters.framesSent - framesSent;
  if (sent > 4 * 9 + 100) pair.fail(`sends ${sent} frames in two heartbeats, as its connection flaps`);
}

/** A node whose connection dies without a word hides nobody, and is whole within two heartbeats. */
export async function theDeafHideNobody(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const pair = new VoicePair(seed, protocol);
  await pair.start(10 * seed);
  const { lanes, a, b, dead } = pair;
  dead.add("a");
  await lanes.advance(15 * HEARTBEAT_MS);
  dead.clear();
  track(b, "eve");
  await lanes.advance(2 * HEARTBEAT_MS + 100);
  if (a.seen.some((what) => what.startsWith("leave"))) pair.fail("a node that is deaf hides who is there");
  const { connected, complete } = a.tracker.health();
  if (!connected || !complete || !a.tracker.has("room", "eve") || !b.tracker.has("room", "ann"))
    pair.fail("is not whole two heartbeats after it hears itself again");
}

/** Where the broker stood still, others hear themselves again later than this node: nobody leaves. */
export async function theBrokerMayStandStill(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const pair = new VoicePair(seed, protocol);
  await pair.start(10 * seed);
  const { lanes, a, b, dead } = pair;
  dead.add("a").add("b");
  await lanes.advance(6 * HEARTBEAT_MS);
  dead.delete("a");
  await lanes.advance(2.75 * HEARTBEAT_MS);
  dead.delete("b");
  await lanes.advance(5 * HEARTBEAT_MS);
  if ([...a.seen, ...b.seen].some((what) => what.startsWith("leave")))
    pair.fail("somebody leaves though only the broker stood still");
}
