/** What the driver of a chaos run and its processes say to each other, beside what the pubsub says. */

/** A call that a process is asked to make. */
export type ChaosCall =
  | {
      readonly do: "set";
      readonly session: number;
      readonly topic: string;
      readonly key: string;
      readonly version: number;
    }
  | { readonly do: "untrack"; readonly session: number; readonly topic: string; readonly key: string }
  | { readonly do: "close"; readonly session: number }
  | { readonly do: "list" }
  | { readonly do: "stop"; readonly handoffMs: number };

export interface ChaosRequest {
  readonly chaosRequest: number;
  readonly call: ChaosCall;
}

/** One entry as a list shows it: topic, key, session, node and version, as JSON. */
export type ChaosEntry = string;

export interface ChaosReply {
  readonly chaosReply: number;
  /** For `list`: what the tracker lists, and what has been wrong with its diffs or reported as an error. */
  readonly entries?: readonly ChaosEntry[];
  readonly wrong?: readonly string[];
}

/** Said once, when the tracker of a process runs. */
export interface ChaosReady {
  readonly chaosReady: true;
}

export function entryText(
  topic: string,
  key: string,
  session: string,
  node: string,
  version: number,
): ChaosEntry {
  return JSON.stringify([topic, key, session, node, version]);
}

/** The name of a session: the driver says its number, the process makes it unique. */
export function sessionName(node: string, life: number, session: number): string {
  return `${node}.${life}.${session}`;
}
