/** What a frame of a share tells of, beside the range that it covers, while it is put together. Pure. */
import { ReplicatedEntry } from "../entry.js";
import type { WireBirth, WireRemoval } from "../message.js";
import type { Floor, Open, ShareFrame } from "./message.js";

/** Births that closed, in one frame: what is older is told as untracked. */
const CLOSED_TOLD = 512;

export interface Content extends Pick<ShareFrame, "closes" | "removals" | "closed"> {
  readonly opens: Open[];
  readonly floors: Floor[];
  readonly births: WireBirth[];
  /** How many births more it may tell of topics that it opens, or goes on to tell. */
  room: number;
}

export function contentOf(told: Pick<ShareFrame, "closes" | "removals" | "closed">, room: number): Content {
  return { ...told, opens: [], floors: [], births: [], room };
}

export function birthOf(entry: ReplicatedEntry): WireBirth {
  const { key, session, meta } = entry;
  const topic = ReplicatedEntry.topicOf(entry);
  return { clock: ReplicatedEntry.clockOf(entry), topic, key, session, meta };
}

/** By ascending clock, as births travel. */
export function inOrder(births: WireBirth[]): WireBirth[] {
  return births.sort((one, other) => one.clock - other.clock);
}

/** The latest births of those that closed, in order: as many as pages name in advance (R5). */
export function latestBirths(closed: readonly WireRemoval[]): number[] {
  const births = closed.map(({ removed }) => removed).sort((one, other) => one - other);
  return births.slice(-CLOSED_TOLD);
}
