/**
 * What the driver of the chaos and its processes say to each other over IPC, and the one clock that both read.
 * Types only, beside the clock and the test that tells these messages from those of the cluster adapter.
 */

/** Milliseconds of the machine's monotonic clock, which is the same for all its processes. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The options of a tracker that decide how soon anything happens. */
export interface Periods {
  readonly broadcastPeriodMs: number;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
}

/** What each node holds of the others: all there is, or the topics that it follows at the time. */
export type Holds = "everything" | "followed";

/** How a process is to be set up; its only argument, as JSON text. */
export interface NodeSetup {
  readonly nodeName: string;
  /** As `openNodeBy` of the broker tests names it. */
  readonly client: string;
  readonly url: string;
  readonly prefix: string;
  readonly holds: Holds;
  /** Used by a node that holds everything. */
  readonly poolSize: number;
  /** Used by a node that holds what it follows. */
  readonly followLingerMs: number | "auto";
  readonly periods: Periods;
}

export interface ChaosMeta {
  /** Unlike that of any other revision in the same run. */
  readonly revision: number;
  readonly text: string;
}

/** One call on the tracker. Sessions are numbered per life; a number that is new opens one. */
export type Step =
  | {
      readonly call: "track" | "update";
      readonly session: number;
      readonly topic: string;
      readonly key: string;
      readonly meta: ChaosMeta;
    }
  | { readonly call: "untrack"; readonly session: number; readonly topic?: string; readonly key?: string }
  | { readonly call: "close"; readonly session: number }
  /** Opens a handle of the topic; closes the one that was opened last. */
  | { readonly call: "follow" | "unfollow"; readonly topic: string };

/** What a step returned: a ref, a count, or nothing. */
export type StepResult = string | number | null;

/** To a process. Each is answered once, with the same number. */
export type Request = { readonly chaos: number } & (
  | { readonly ask: "steps"; readonly steps: readonly Step[] }
  | { readonly ask: "report" }
  /** From now on nobody may be missing from this topic who is listed there; nothing: all may. */
  | { readonly ask: "guard"; readonly topic?: string }
  | { readonly ask: "stop"; readonly handoffMs?: number }
);

/** What a process knows of its own cluster. */
export interface Report {
  readonly complete: boolean;
  /** How many diffs it was delivered. */
  readonly diffs: number;
  /** One line of text per entry that it lists. */
  readonly lines: readonly string[];
  /** The topics that it follows, and whether it says that it lists all that anybody has there. */
  readonly follows: readonly { readonly topic: string; readonly complete: boolean }[];
  /** Status of each life of another node that it knows. */
  readonly replicas: readonly string[];
}

/** From a process, unasked. Times are {@link machineMs}. */
export type Notice =
  /** Its tracker runs: the life has begun. */
  | { readonly notice: "ready"; readonly incarnation: string; readonly ref: string }
  /** A promise was broken. */
  | { readonly notice: "violation"; readonly text: string }
  /** What is wrong where the machine has not stood still. */
  | { readonly notice: "suspicion"; readonly text: string; readonly atMs: number }
  /** It was told that the pubsub failed; over a broker that is killed this is as it should be. */
  | { readonly notice: "pubsubError"; readonly text: string }
  | {
      readonly notice: "replicaDown";
      readonly name: string;
      readonly incarnation: string;
      readonly atMs: number;
    }
  /** Its event loop stood still. */
  | { readonly notice: "stalled"; readonly fromMs: number; readonly untilMs: number }
  | { readonly notice: "status"; readonly connected: boolean; readonly atMs: number };

export type Answer = { readonly chaos: number } & (
  | { readonly answer: "steps"; readonly results: readonly StepResult[] }
  | { readonly answer: "report"; readonly report: Report }
  | { readonly answer: "guard" }
  | { readonly answer: "stop" }
);

export type FromNode = Answer | ({ readonly chaos: 0 } & Notice);

/** The messages of the cluster adapter share the channel. */
export function isOurs<M extends { readonly chaos: number }>(message: unknown): message is M {
  return typeof message === "object" && message !== null && "chaos" in message;
}

/** The topic under which every life has one entry, so that none is ever without. */
export const lifeTopic = "lives";

/** An entry as one line of text: equal lines, equal entries. */
export function lineOf(topic: string, key: string, node: string, ref: string, meta: ChaosMeta): string {
  return JSON.stringify([topic, key, node, ref, meta.revision, meta.text]);
}
