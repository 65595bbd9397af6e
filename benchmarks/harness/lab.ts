/**
 * A cluster in one process for measuring: real trackers on virtual time and a metered wire, filled with the
 * workload. Nothing waits, so a figure is the cost of the work and of nothing else.
 */
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import type { TrackerOptions } from "../../src/tracker/options.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { virtualRuntime } from "../../test/support/virtual-runtime.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";
import { Wire, type HeldFrame, type WireOptions } from "./wire.js";

/** Options of a tracker that a lab may want to change. */
export type LabOptions = Partial<Omit<TrackerOptions, "pubsub" | "runtime" | "name">>;

/**
 * Sends a change after 1 ms at the latest and heartbeats so rarely that none falls into a measurement. One
 * shard, as Phoenix.Tracker has by default and was measured with.
 */
export const quietOptions: LabOptions = {
  poolSize: 1,
  broadcastPeriodMs: 1,
  heartbeatPeriodMs: 600_000,
  downPeriodMs: 3_600_000,
  permdownPeriodMs: 36_000_000,
};

export class Lab {
  readonly time: VirtualTime;
  readonly wire: Wire;
  readonly #random = new SeededRandom("lab");

  constructor(options: Omit<WireOptions, "time"> = {}, time = new VirtualTime()) {
    this.time = time;
    this.wire = new Wire({ ...options, time: this.time });
  }

  /** Starts the tracker of a node that has a name of its own on the wire. */
  start(
    nodeName: string,
    options: LabOptions = {},
    behaviour: TrackerBehaviour<Viewer> = {},
  ): Promise<Tracker<Viewer>> {
    return Tracker.start<Viewer>(behaviour, {
      name: "bench",
      pubsub: this.wire.node(nodeName),
      runtime: virtualRuntime({ time: this.time, random: this.#random.fork(nodeName) }).runtime,
      ...options,
    });
  }

  /** Lets virtual time pass: flushes, frames, ticks. */
  advance(durationMs: number): Promise<void> {
    return this.time.advance(durationMs);
  }

  /** Lets time pass in small steps until the condition holds. @throws Error if it does not within the limit. */
  async until(condition: () => boolean, limitMs = 600_000): Promise<void> {
    const endMs = this.time.nowMs + limitMs;
    while (!condition()) {
      if (this.time.nowMs > endMs) throw new Error("the lab did not get there");
      await this.advance(20);
    }
  }

  /** What the cluster broadcasts or sends while time passes, kept back. */
  async held(durationMs: number): Promise<HeldFrame[]> {
    this.wire.hold();
    await this.advance(durationMs);
    return this.wire.release();
  }

  /** Hands frames to their receivers now, in this call. */
  deliver(frames: readonly HeldFrame[]): void {
    for (const frame of frames) this.wire.deliver(frame);
  }
}

/**
 * Tracks presences `from` to `to`, each with a session of its own; returns the sessions in order. Sessions are
 * made on the way unless `makeSession` has them.
 */
export function trackRange(
  tracker: Tracker<Viewer>,
  from: number,
  to: number,
  makeSession: (i: number) => Session = () => new Session(),
): Session[] {
  const sessions: Session[] = [];
  for (let i = from; i <= to; i++) {
    const session = makeSession(i);
    tracker.track(session, topicOf(i), keyOf(i), metaOf(i));
    sessions.push(session);
  }
  return sessions;
}

/**
 * An author that has tracked presences 1 to `count`, and a receiver that holds them all. Filled by a thousand,
 * as Phoenix.Tracker was.
 */
export async function filledPair(
  count: number,
  options: LabOptions = quietOptions,
  behaviour: TrackerBehaviour<Viewer> = {},
): Promise<{
  lab: Lab;
  author: Tracker<Viewer>;
  receiver: Tracker<Viewer>;
  sessions: Session[];
}> {
  const lab = new Lab();
  const author = await lab.start("author", options);
  const receiver = await lab.start("receiver", options, behaviour);
  await lab.advance(500);
  const sessions: Session[] = [];
  for (let from = 1; from <= count; from += 1000) {
    const to = Math.min(count, from + 999);
    for (const session of trackRange(author, from, to)) sessions.push(session);
    await lab.advance(10);
  }
  await lab.until(() => countAll(receiver) === count);
  return { lab, author, receiver, sessions };
}

/** How many entries a tracker lists in all. */
export function countAll(tracker: Tracker<Viewer>): number {
  let total = 0;
  for (const topic of tracker.topics()) total += tracker.count(topic);
  return total;
}
