/** Explains an entry: why it is here, or hidden. */
import { ReplicatedEntry } from "../replication/entry.js";
import { Replica } from "../replication/replica.js";
import type { Explanation } from "./health.js";

export function explain(entry: ReplicatedEntry, visible: boolean): Explanation {
  const owner = ReplicatedEntry.ownerOf(entry);
  const { key, ref, session, node } = entry;
  const remote = owner instanceof Replica ? owner : undefined;
  return {
    key,
    ref,
    session,
    node,
    incarnation: ref.slice(0, ref.indexOf(".")),
    shard: ReplicatedEntry.shardOf(entry),
    clock: ReplicatedEntry.clockOf(entry),
    status: remote?.status ?? "local",
    silentMs: remote?.silentMs ?? 0,
    visible,
  };
}
