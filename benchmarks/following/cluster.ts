/**
 * A cluster of unmodified trackers in one process, on virtual time and a metered wire that loses nothing, whose users sit
 * in rooms and read who is there. All options but `holds` are the defaults.
 *
 * Where nodes follow, all are whole. Where they hold everything a hundred of them would need the memory of a hundred
 * machines: three nodes hear everybody, the others only these three, as in `benchmarks/growth`.
 */
import { Lab } from "../harness/lab.js";
import { Sampling } from "../harness/sampling.js";
import { Session } from "../../src/session.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import type { Follow } from "../../src/tracker/follow.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, type Viewer } from "../workload.js";
import type { Placement } from "./placement.js";

export type Holds = "everything" | "followed";

interface Member {
  readonly session: Session;
  readonly room: number;
  readonly handle: Follow<Viewer>;
}

/** Sums over the measured nodes since the cluster began. */
export interface Totals {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly workMs: number;
}

const OBSERVERS = 3;
const START_APART_MS = 7;
const FILL_STEP = 500;
const STEP_MS = 50;

export class RoomsCluster {
  readonly measured: readonly number[];
  readonly #lab: Lab;
  readonly #sampling: Sampling | undefined;
  readonly #placement: Placement;
  readonly #trackers: Tracker<Viewer>[] = [];
  /** In the order in which they came. */
  #members: Member[] = [];
  readonly #sizes: Uint32Array;
  #lastUser = 0;

  private constructor(placement: Placement, holds: Holds) {
    const { nodes } = placement.size;
    this.#placement = placement;
    this.#sizes = new Uint32Array(placement.rooms.length);
    const isWhole = holds === "followed";
    const count = isWhole ? nodes : Math.min(nodes, OBSERVERS);
    this.measured = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * nodes) / count));
    const time = new VirtualTime();
    this.#sampling = isWhole ? undefined : new Sampling(this.measured.map(nameOf));
    this.#lab = new Lab(this.#sampling?.wire(time), time);
  }

  static async filled(placement: Placement, holds: Holds): Promise<RoomsCluster> {
    const cluster = new RoomsCluster(placement, holds);
    const { nodes } = placement.size;
    for (let node = 0; node < nodes; node++) {
      const options = { ...cluster.#sampling?.options(nameOf(node)), holds };
      // With a handler, or the trackers would make no diffs.
      cluster.#trackers.push(await cluster.#lab.start(nameOf(node), options, { handleDiff: () => {} }));
      await cluster.#lab.advance(START_APART_MS);
    }
    for (const [filled, room] of placement.arrivals().entries()) {
      cluster.#members.push(cluster.#join(room));
      if (filled % FILL_STEP === 0) await cluster.#lab.advance(STEP_MS);
    }
    await cluster.#lab.advance(20_000);
    cluster.check();
    return cluster;
  }

  /** @throws Error if a measured node lists a room that one of its members reads otherwise than all see it. */
  check(): void {
    let read = 0;
    for (const { room, handle } of this.#members) {
      if (handle.closed) continue;
      const isMeasured = this.#isMeasured.has(handle);
      if (!isMeasured) continue;
      read += 1;
      if (handle.count() === this.#sizes[room]) continue;
      throw new Error(`room ${room} has ${this.#sizes[room]} members, and ${handle.count()} are listed`);
    }
    if (read === 0) throw new Error("nobody reads a room");
  }

  readonly #isMeasured = new WeakSet<Follow<Viewer>>();

  idle(seconds: number): Promise<void> {
    return this.#lab.advance(seconds * 1_000);
  }

  /** The oldest members leave, and as many come to the same rooms, each on a node for that room. */
  async churn(seconds: number, sharePerSecond: number): Promise<void> {
    const { entries } = this.#placement.size;
    let left = 0;
    for (let step = 1; step <= (seconds * 1_000) / STEP_MS; step++) {
      const due = Math.round((entries * sharePerSecond * step * STEP_MS) / 1_000);
      for (; left < due; left++) {
        const { session, room, handle } = this.#members[left]!;
        session.close();
        handle.close();
        this.#sizes[room]! -= 1;
        this.#members.push(this.#join(room));
      }
      await this.#lab.advance(STEP_MS);
    }
    this.#members = this.#members.slice(left);
  }

  totals(): Totals {
    const totals = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0, workMs: 0 };
    for (const node of this.measured) {
      const traffic = this.#lab.wire.traffic(nameOf(node));
      totals.receivedFrames += traffic.receivedFrames;
      totals.receivedBytes += traffic.receivedBytes;
      totals.sentFrames += traffic.sentFrames;
      totals.sentBytes += traffic.sentBytes;
      totals.workMs += traffic.receivingMs;
    }
    return totals;
  }

  /** Entries held, the mean over the measured nodes. */
  held(): number {
    let held = 0;
    for (const node of this.measured) {
      const { own, replicas } = this.#trackers[node]!.health();
      held += own.entries + replicas.reduce((sum, { entries }) => sum + entries, 0);
    }
    return held / this.measured.length;
  }

  async stop(): Promise<void> {
    const stopped = this.#trackers.map((tracker) => tracker.stop({ handoffMs: 0 }));
    await this.#lab.advance(1_000);
    await Promise.all(stopped);
  }

  #join(room: number): Member {
    const node = this.#placement.nodeIn(room);
    const tracker = this.#trackers[node]!;
    const user = (this.#lastUser += 1);
    const session = new Session();
    const topic = `room:${room}`;
    tracker.track(session, topic, keyOf(user), metaOf(user));
    const handle = tracker.follow(topic);
    this.#sizes[room]! += 1;
    if (this.measured.includes(node)) this.#isMeasured.add(handle);
    return { session, room, handle };
  }
}

function nameOf(node: number): string {
  return `web-${String(node).padStart(4, "0")}`;
}
