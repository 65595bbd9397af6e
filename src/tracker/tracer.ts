/**
 * What happens inside a tracker, on its way to the application that traces it: made only where it is wanted, and told
 * in its turn. Decides nothing.
 */
import type { Tracing } from "../replication/options.js";
import type { Life } from "../replication/life.js";
import type { Reporter } from "../reports.js";
import type { Delivery } from "./delivery.js";
import type { Diagnostics, TrackerHappenings } from "./diagnostics.js";
import type { TrackerEvents } from "./events.js";

interface TracerOptions {
  readonly name: string;
  readonly pubsub: { readonly nodeName: string };
  readonly diagnostics: Diagnostics | undefined;
}

export class Tracer {
  /** For replication; none where nobody traces. */
  readonly tracing: Tracing | undefined;
  readonly #options: TracerOptions;
  readonly #reporter: Reporter<TrackerEvents>;
  readonly #delivery: Delivery;

  constructor(options: TracerOptions, reporter: Reporter<TrackerEvents>, delivery: Delivery) {
    this.#options = options;
    this.#reporter = reporter;
    this.#delivery = delivery;
    if (options.diagnostics !== undefined) this.tracing = this.#inside();
  }

  down({ name, incarnation }: Life): void {
    if (this.#isWanted("down")) this.#happened("down", { name, incarnation });
  }

  refused(reason: string): void {
    if (this.#isWanted("refused")) this.#happened("refused", { reason });
  }

  deaf(unheard: TrackerHappenings["deaf"]["unheard"]): void {
    if (this.#isWanted("deaf")) this.#happened("deaf", { unheard });
  }

  /** Told often, so nothing is made before it is wanted. */
  #inside(): Tracing {
    return {
      flushed: ({ shard, upTo, births, removed }) => {
        if (!this.#isWanted("flush")) return;
        this.#happened("flush", { shard, upTo, births: births.length, removals: removed.length });
      },
      merged: ({ name, incarnation }, { added, updated, removed }) => {
        if (!this.#isWanted("merge")) return;
        const counts = { joins: added.length, updates: updated.length, leaves: removed.length };
        this.#happened("merge", { name, incarnation, ...counts });
      },
      rebuilding: ({ name, incarnation }, shard) => {
        if (this.#isWanted("rebuild")) this.#happened("rebuild", { name, incarnation, shard });
      },
    };
  }

  /** In its turn: it may be called in the middle of something. */
  #happened<Event extends keyof TrackerHappenings>(event: Event, what: TrackerHappenings[Event]): void {
    const { diagnostics, name, pubsub } = this.#options;
    const told = { ...what, tracker: name, node: pubsub.nodeName };
    this.#delivery.add(() => this.#reporter.guard("diagnostics", () => diagnostics?.happened(event, told)));
  }

  /** Whether the application that traces this tracker wants to know. */
  #isWanted(event: keyof TrackerHappenings): boolean {
    try {
      return this.#options.diagnostics?.isWanted(event) === true;
    } catch {
      return false;
    }
  }
}
