/**
 * What a channel server needs of the tracker in which servers tell each other what they hear: types, and the check at the
 * border. Knows no tracker.
 */
import { createHash } from "node:crypto";
import { hasFunctions, looked, wrongOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { Session } from "../session.js";

const METHODS: readonly (keyof RouteSource)[] = ["track", "untrack", "follow", "diffs", "on", "health"];

/** As JSON writes it. Any client may join a topic that is full of what is longer there. */
const MAX_TOPIC_BYTES = 512;

/** A topic that is followed, such as a `Follow`. */
export interface RouteFollow {
  readonly complete: boolean;
  list(): readonly { readonly node: string; readonly key: string }[];
  close(): void;
}

/** What is read of a tracker, such as a `TrackerChange`. */
export interface RouteChange {
  readonly event: "state" | "diff";
  readonly payload: ReadonlyMap<
    string,
    { readonly leaves: readonly { readonly node: string; readonly reason: string }[] }
  >;
}

/**
 * A `Tracker` without a schema that serves nothing else: in it channel servers tell each other which topics they hear.
 * Each node needs one, of one name, on the pubsub of its channel server.
 */
export interface RouteSource {
  readonly name: string;
  readonly nodeName: string;
  track(session: Session, topic: string, key: string, meta: Record<string, never>): unknown;
  untrack(session: Session, topic?: string, key?: string): unknown;
  follow(topic: string): RouteFollow;
  diffs(options: { readonly signal: AbortSignal; readonly maxBuffered: number }): AsyncIterable<RouteChange>;
  on(
    event: "replicaUp" | "replicaDown" | "replicaGone",
    listener: (peer: { readonly name: string }) => void,
  ): () => void;
  health(): { readonly replicas: readonly { readonly name: string; readonly status: string }[] };
}

/** @throws TrackerError `INVALID_OPTION` */
export function routeOption(route: unknown, nodeName: string): void {
  if (route === undefined) return;
  looked("INVALID_OPTION", "route", () => {
    if (!hasFunctions(route, METHODS)) throw wrongOption("route", route, "a Tracker");
    const { name, nodeName: its } = route as RouteSource;
    if (typeof name !== "string") throw wrongOption("route.name", name, "a text");
    if (its !== nodeName) throw wrongOption("route.nodeName", its, "the name of the node of `pubsub`");
  });
  requireTracks(route as RouteSource);
}

/** An observer, a schema, one that was stopped: it is better to hear of them now than with the first subscriber. */
function requireTracks(route: RouteSource): void {
  const session = new Session();
  try {
    route.track(session, "channels", "can track", {});
  } catch (cause) {
    const message =
      "the tracker of `route` refuses an entry: it has to be one without a schema, and no observer";
    throw new TrackerError("INVALID_OPTION", message, { option: "route" }, { cause });
  } finally {
    session.close();
  }
}

/** Whether a tracker takes it. */
export function isTrackerTopic(text: string): boolean {
  return text.length <= MAX_TOPIC_BYTES && Buffer.byteLength(JSON.stringify(text)) <= MAX_TOPIC_BYTES + 2;
}

/**
 * How the names of servers begin that tell by a tracker of that name what they hear; those of others begin with a digit or a
 * small letter. Who tells it by another tracker is not understood, and must not be left out.
 */
export function announcedBy({ name }: Pick<RouteSource, "name">): string {
  return `R${createHash("sha256").update(name).digest("base64url").slice(0, 6)}`;
}
