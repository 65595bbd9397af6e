/**
 * One life of a simulated node: a real tracker on a virtual machine and a faulty network, with everything that
 * it has told its application on record. It promises that the tracker is the production code, unchanged, and
 * that every diff was checked against what came before. It knows no other node.
 */
import type { AnyMeta, Diff, Meta } from "../words.js";
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import { Session } from "../session.js";
import { Tracker, type TrackerOptions } from "../tracker/tracker.js";
import { DOWN_PERIODS_TO_RETURN, HEARTBEATS_TO_DEAF, HEARTBEATS_TO_DOWN } from "../replication/limits.js";
import { DiffFold } from "./diff-fold.js";
import type { StartTracker } from "./cluster-options.js";
import type { Machine } from "./machine.js";
import type { Endpoint } from "./network.js";
import type { VirtualTime } from "./virtual-time.js";

/** A diff, and when it was delivered. */
export interface RecordedDiff<M = AnyMeta> {
  readonly atMs: number;
  readonly diff: Diff<M>;
}

/** The events of a tracker that are on record. */
export const recordedEvents = [
  "replicaUp",
  "replicaDown",
  "replicaGone",
  "divergence",
  "nameConflict",
  "error",
] as const;

/** An event that a tracker has emitted, when, and with what. */
export interface RecordedEvent {
  readonly atMs: number;
  readonly event: (typeof recordedEvents)[number];
  readonly detail: unknown;
}

/** The name of a node in the detail of an event. */
export function nameIn(detail: unknown): string {
  return typeof detail === "object" && detail !== null && "name" in detail ? String(detail.name) : "";
}

/** A session whose id is the same in every run of the same simulation. */
class SimulatedSession extends Session {
  override readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

/** Where a life stands: running, saying goodbye, or over (stopped or crashed). */
export type LifeState = "running" | "stopping" | "stopped" | "crashed";

/** What the oracles have to know of a node is always given. */
type Period = "broadcastPeriodMs" | "heartbeatPeriodMs" | "downPeriodMs" | "permdownPeriodMs";

export interface SimulatedNodeOptions<M extends Meta<M>> {
  readonly name: string;
  /** Counted from 1 over all lives of the cluster, in the order of their starts. */
  readonly life: number;
  readonly time: VirtualTime;
  readonly machine: Machine;
  readonly endpoint: Endpoint;
  readonly behaviour: TrackerBehaviour<M>;
  readonly startTracker?: StartTracker<M> | undefined;
  readonly options: Omit<TrackerOptions, "pubsub" | "runtime" | Period> & Readonly<Record<Period, number>>;
}

export class SimulatedNode<M extends Meta<M> = AnyMeta> {
  readonly name: string;
  readonly life: number;
  readonly startedMs: number;
  readonly machine: Machine;
  readonly endpoint: Endpoint;
  /** What its tracker was given. */
  readonly options: SimulatedNodeOptions<M>["options"];
  /** The diffs that its behaviour was given, in order. */
  readonly diffs: RecordedDiff<M>[] = [];
  /** The events that its tracker has emitted, in order. */
  readonly events: RecordedEvent[] = [];
  /** What its diffs add up to. */
  readonly fold = new DiffFold<M>();
  /** What was wrong with its diffs, or with what the tracker did to its surroundings: must stay empty. */
  readonly violations: string[] = [];
  state: LifeState = "running";
  /** The window of its goodbye and when it was said; absent until it was stopped. */
  goodbye: { readonly atMs: number; readonly windowMs: number } | undefined;
  #tracker: Tracker<M> | undefined;
  #sessionCount = 0;

  private constructor({ name, life, time, machine, endpoint, options }: SimulatedNodeOptions<M>) {
    this.name = name;
    this.life = life;
    this.startedMs = time.nowMs;
    this.machine = machine;
    this.endpoint = endpoint;
    this.options = options;
    endpoint.ownHearing.deafAfterMs = HEARTBEATS_TO_DEAF * options.heartbeatPeriodMs;
    endpoint.ownHearing.memoryMs = DOWN_PERIODS_TO_RETURN * options.downPeriodMs;
    // It remembers each heartbeat, by ticks of which there are several in each.
    endpoint.ownHearing.resolutionMs = 1.5 * options.heartbeatPeriodMs;
  }

  /** For how long others may be patient with its silence: for three of the heartbeats that it may say it sends. */
  get patienceMs(): number {
    const { heartbeatPeriodMs, downPeriodMs, permdownPeriodMs } = this.options;
    const { oftenLateMs } = this.machine;
    if (oftenLateMs === 0) return downPeriodMs;
    return Math.max(
      downPeriodMs,
      Math.min(HEARTBEATS_TO_DOWN * (heartbeatPeriodMs + oftenLateMs), permdownPeriodMs),
    );
  }

  /** Starts a life. Resolves when its tracker runs. */
  static async start<M extends Meta<M>>(given: SimulatedNodeOptions<M>): Promise<SimulatedNode<M>> {
    const { time, machine, endpoint, behaviour, options } = given;
    const start: StartTracker<M> = (by, itsOptions) => Tracker.start<M>(by, itsOptions);
    const node = new SimulatedNode(given);
    const recording: TrackerBehaviour<M> = {
      handleDiff(diff, tracker) {
        if (node.#tracker === undefined) node.violations.push("a diff was delivered before start resolved");
        node.diffs.push({ atMs: time.nowMs, diff });
        node.violations.push(...node.fold.apply(diff));
        behaviour.handleDiff?.(diff, tracker);
      },
    };
    const tracker = await (given.startTracker ?? start)(recording, {
      ...options,
      pubsub: endpoint.pubsub,
      runtime: machine.runtime,
    });
    node.#tracker = tracker;
    endpoint.ownHearing.started();
    for (const event of recordedEvents) {
      tracker.on(event, (detail: unknown) => node.events.push({ atMs: time.nowMs, event, detail }));
    }
    return node;
  }

  /** The tracker of this life. It stays readable after the life has ended. */
  get tracker(): Tracker<M> {
    if (this.#tracker === undefined) throw new Error(`${this.name} has not started`);
    return this.#tracker;
  }

  /** Whether it takes part in the cluster: started, and neither stopped, nor stopping, nor crashed. */
  get running(): boolean {
    return this.state === "running";
  }

  /** A new session of this life. */
  session(): Session {
    // The number of the life makes it unique; a session id may not be as long as a node name.
    return new SimulatedSession(`${this.name.slice(0, 32)}.${this.life}-${++this.#sessionCount}`);
  }

  /** The diffs delivered since the given time. */
  diffsSince(sinceMs: number): Diff<M>[] {
    return this.diffs.filter(({ atMs }) => atMs >= sinceMs).map(({ diff }) => diff);
  }

  /** The details of all events of one kind. */
  eventsOf(event: RecordedEvent["event"]): unknown[] {
    return this.events.filter((recorded) => recorded.event === event).map(({ detail }) => detail);
  }
}
