/** What is known of an entry and of a replica, in the words of the public API. */
import { ReplicatedEntry } from "../replication/entry.js";
import type { EntryOwner } from "../replication/entry.js";
import { incarnationOfRef } from "../replication/life.js";
import { Replica } from "../replication/replica.js";
import type { Replicator } from "../replication/replicator.js";
import type { Explanation, ReplicaHealth } from "./health.js";

/** Searches all that is hidden. */
export function explanationsOf(
  topic: string,
  key: string,
  { view, membership }: Pick<Replicator, "view" | "membership">,
  nowMs: number,
): Explanation[] {
  const silenceOf = (owner: EntryOwner): number =>
    owner instanceof Replica ? membership.silenceOf(owner, nowMs) : 0;
  const shown = new Set(view.getByKey(topic, key));
  const explanations: Explanation[] = [];
  for (const entry of shown) explanations.push(explain(entry, true, silenceOf));
  for (const replica of membership.replicas()) {
    if (replica.status === "up") continue;
    for (const entry of replica.held.entries()) {
      const isMeant = entry.key === key && ReplicatedEntry.topicOf(entry) === topic;
      if (isMeant && !shown.has(entry)) explanations.push(explain(entry, false, silenceOf));
    }
  }
  return explanations;
}

function explain(
  entry: ReplicatedEntry,
  visible: boolean,
  silenceOf: (owner: EntryOwner) => number,
): Explanation {
  const owner = ReplicatedEntry.ownerOf(entry);
  const { key, ref, session, node } = entry;
  return {
    key,
    ref,
    session,
    node,
    incarnation: incarnationOfRef(ref),
    shard: ReplicatedEntry.shardOf(entry),
    clock: ReplicatedEntry.clockOf(entry),
    status: owner instanceof Replica ? owner.status : "local",
    silentMs: silenceOf(owner),
    visible,
  };
}

export function healthOf(replica: Replica, silentMs: number): ReplicaHealth {
  const { life, status, link, heartbeatPeriodMs } = replica;
  const { lagDots, isComplete, hasBeenHeardOut, hasCaughtUp, isCrowded } = replica.held;
  const isSummedUp = hasBeenHeardOut && (hasCaughtUp || lagDots > 0);
  return {
    ...life,
    status,
    silentMs,
    link: link.status,
    heartbeatPeriodMs,
    lagDots,
    complete: isComplete,
    waitsFor:
      isComplete && hasBeenHeardOut ? undefined : isCrowded ? "room" : isSummedUp ? "entries" : "summary",
    entries: replica.held.size,
  };
}
