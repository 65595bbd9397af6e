/**
 * What replication tells of the other nodes, on its way to whoever listens: as events and errors, each in its turn.
 * Decides nothing.
 */
import type { ReplicatorPort } from "../replication/port.js";
import type { Reporter } from "../reports.js";
import type { Delivery } from "./delivery.js";
import type { Diagnostics, TrackerHappenings } from "./diagnostics.js";
import type { TrackerEvents } from "./events.js";
import { errorOfConflict, errorOfDivergence, errorOfRefusal, errorOfTrouble } from "./troubles.js";

type Telling =
  | "replicaUp"
  | "replicaDown"
  | "replicaGone"
  | "replicaLink"
  | "divergence"
  | "nameConflict"
  | "trouble"
  | "refused";

interface NewsOptions {
  readonly name: string;
  readonly pubsub: { readonly nodeName: string };
  readonly diagnostics: Diagnostics | undefined;
}

export class News {
  readonly #options: NewsOptions;
  readonly #reporter: Reporter<TrackerEvents>;
  readonly #delivery: Delivery;

  constructor(options: NewsOptions, reporter: Reporter<TrackerEvents>, delivery: Delivery) {
    this.#options = options;
    this.#reporter = reporter;
    this.#delivery = delivery;
  }

  /** The part of replication's port that only tells. */
  port(): Pick<ReplicatorPort, Telling | "flushed" | "merged" | "rebuilding"> {
    const tell = (run: () => void): void => this.#delivery.add(run);
    return {
      replicaUp: (news) => tell(() => this.#reporter.emit("replicaUp", news)),
      replicaDown: (news) => {
        tell(() => this.#reporter.emit("replicaDown", news));
        if (this.#isWanted("down")) this.#happened("down", news);
      },
      replicaGone: (news) => tell(() => this.#reporter.emit("replicaGone", news)),
      replicaLink: (news) => tell(() => this.#reporter.emit("replicaLink", news)),
      divergence: (news) => {
        tell(() => {
          this.#reporter.emit("divergence", news);
          this.#reporter.error(errorOfDivergence(news));
        });
      },
      nameConflict: (name, incarnations) => {
        const news = { name, incarnations };
        tell(() => {
          this.#reporter.emit("nameConflict", news);
          this.#reporter.error(errorOfConflict(news));
        });
      },
      trouble: (trouble) => tell(() => this.#reporter.error(errorOfTrouble(trouble))),
      refused: (reason, version) => this.refused(reason, version),
      ...(this.#options.diagnostics !== undefined && this.#inside()),
    };
  }

  /** A payload was refused. */
  refused(reason: string, version?: unknown): void {
    this.#delivery.add(() => this.#reporter.error(errorOfRefusal(reason, version)));
    if (this.#isWanted("refused")) this.#happened("refused", { reason });
  }

  /** This node does not hear itself. */
  deaf(unheard: TrackerHappenings["deaf"]["unheard"]): void {
    if (this.#isWanted("deaf")) this.#happened("deaf", { unheard });
  }

  /** Told often, so nothing is made before it is wanted. */
  #inside(): Pick<ReplicatorPort, "flushed" | "merged" | "rebuilding"> {
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

  /** Whether whoever traces this tracker wants to know. */
  #isWanted(event: keyof TrackerHappenings): boolean {
    try {
      return this.#options.diagnostics?.isWanted(event) === true;
    } catch {
      return false;
    }
  }
}
