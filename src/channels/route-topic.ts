/**
 * A topic that a channel server has to do with, and the nodes that hear it: those that the tracker lists, and those that fell
 * silent and may hear it all the same. Promises that the list is taken over when it is asked for and not with each change of
 * it, as a node that ends changes as many lists as it has topics. Knows no pubsub and no broadcast.
 */
import type { RouteFollow } from "./route-source.js";

/** Why a broadcast goes to all, and what counts it. */
export type Reason = "unsettledBroadcasts" | "crowdedBroadcasts" | "unannouncedBroadcasts";

const NOBODY: ReadonlySet<string> = new Set();

export class RouteTopic {
  readonly name: string;
  readonly follow: RouteFollow;
  /** Has subscribers here. */
  subscribed = false;
  /** Is told to others. */
  told = false;
  /** Counts as one that is only broadcast in. */
  onlySent = false;
  /** When the last subscriber left. */
  leftAtMs = -Infinity;
  /** When it was broadcast in from here. */
  sentAtMs = -Infinity;
  /** Why the last broadcast went to all; undefined: it was routed. */
  toAll: Reason | undefined = "unsettledBroadcasts";
  incompleteSinceMs: number | undefined;
  /** Whether the list has changed since it was taken over. */
  isStale = true;
  #silent: ReadonlySet<string> = NOBODY;
  #hearers: ReadonlySet<string> = NOBODY;

  constructor(name: string, follow: RouteFollow) {
    this.name = name;
    this.follow = follow;
  }

  /** Those listed when the list was taken over, and the silent ones. A set that was returned does not change. */
  get hearers(): ReadonlySet<string> {
    return this.#hearers;
  }

  get hasSilent(): boolean {
    return this.#silent.size > 0;
  }

  /** Takes over the list, without what is told by this server itself. Returns the nodes that are new. */
  look(isOwn: (node: string, key: string) => boolean): string[] {
    const hearers = new Set<string>();
    for (const { node, key } of this.follow.list()) if (!isOwn(node, key)) hearers.add(node);
    if (this.hasSilent) {
      this.#silent = without((node) => hearers.has(node))(this.#silent);
      for (const node of this.#silent) hearers.add(node);
    }
    const added = [...hearers].filter((node) => !this.#hearers.has(node));
    this.#hearers = hearers;
    this.isStale = false;
    return added;
  }

  /** Others fell silent, or are silent no longer. */
  changeSilent(change: (silent: ReadonlySet<string>) => ReadonlySet<string>): void {
    const silent = change(this.#silent);
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.isStale = true;
  }
}

/** Takes nodes out. Topics share the sets of their silent nodes, and each is looked through once for all. */
export function without(
  isOver: (node: string) => boolean,
): (nodes: ReadonlySet<string>) => ReadonlySet<string> {
  const shrunk = new Map<ReadonlySet<string>, ReadonlySet<string>>();
  return (nodes) => {
    let known = shrunk.get(nodes);
    if (known === undefined) {
      const left = [...nodes].filter((node) => !isOver(node));
      if (left.length === nodes.size) known = nodes;
      else known = left.length > 0 ? new Set(left) : NOBODY;
      shrunk.set(nodes, known);
    }
    return known;
  };
}
