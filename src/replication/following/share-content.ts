/** What a frame of a share tells of, beside the range that it covers, while it is put together. Pure. */
import { ReplicatedEntry } from "../entry.js";
import type { WireBirth, WireRemoval } from "../message.js";
import type { Floor, Open, ShareFrame } from "./message.js";

export interface Content extends Pick<ShareFrame, "closes" | "removals"> {
  readonly opens: Open[];
  readonly floors: Floor[];
  readonly births: WireBirth[];
  /** How many births more it may tell of topics that it opens, or goes on to tell. */
  room: number;
}

export function contentOf({ closes, removals }: Pick<Content, "closes" | "removals">, room: number): Content {
  return { opens: [], floors: [], closes, removals, births: [], room };
}

export function birthOf(entry: ReplicatedEntry): WireBirth {
  const { key, session, meta } = entry;
  const topic = ReplicatedEntry.topicOf(entry);
  return { clock: ReplicatedEntry.clockOf(entry), topic, key, session, meta };
}

export function removalOf({ clock, removed, closed }: WireRemoval): WireRemoval {
  return { clock, removed, closed };
}

/** By ascending clock, as births travel. */
export function inOrder(births: WireBirth[]): WireBirth[] {
  return births.sort((one, other) => one.clock - other.clock);
}
