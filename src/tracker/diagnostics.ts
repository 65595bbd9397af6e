/**
 * What happens inside a tracker, told to an application that traces it: the shape of that, and what is told. Nothing is
 * made of an event that nobody wants.
 */
import { functionOption, looked, wrongOption } from "../checks.js";

/** What happens inside a tracker, by the name of the event. */
export interface TrackerHappenings {
  /** Changes of this node were told to all: how many births and removals, in which shard, up to which clock. */
  flush: {
    readonly shard: number;
    readonly upTo: number;
    readonly births: number;
    readonly removals: number;
  };
  /** Changes of another node were taken in. */
  merge: {
    readonly name: string;
    readonly incarnation: string;
    readonly joins: number;
    readonly updates: number;
    readonly leaves: number;
  };
  /** What is held of a node in a shard is fetched anew, in pages. */
  rebuild: { readonly name: string; readonly incarnation: string; readonly shard: number };
  /** A node is hidden. */
  down: { readonly name: string; readonly incarnation: string };
  /** This node does not hear itself, on these ways. */
  deaf: { readonly unheard: readonly ("broadcasts" | "inbox")[] };
  /** A payload was refused. */
  refused: { readonly reason: string };
}

/** Which tracker it is. */
export interface TrackerPlace {
  readonly tracker: string;
  readonly node: string;
}

/**
 * Takes what happens inside a tracker. `isWanted` is asked each time, so it must be quick; `happened` is called only
 * after a yes, in its turn. One that throws is reported.
 */
export interface Diagnostics {
  isWanted(event: keyof TrackerHappenings): boolean;
  happened<Event extends keyof TrackerHappenings>(
    event: Event,
    what: TrackerHappenings[Event] & TrackerPlace,
  ): void;
}

/** @throws TrackerError `INVALID_OPTION` */
export function diagnosticsOption(value: Diagnostics | undefined): Diagnostics | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || (value as unknown) === null) {
    throw wrongOption("diagnostics", value, "an object with isWanted and happened");
  }
  looked("INVALID_OPTION", "diagnostics", () => {
    for (const name of ["isWanted", "happened"] as const) {
      if (typeof value[name] !== "function") functionOption(`diagnostics.${name}`, value[name] ?? null);
    }
  });
  return value;
}
