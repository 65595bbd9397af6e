/** What is known of an entry and of a replica, in the words of the public API. */
import { ReplicatedEntry } from "../replication/entry.js";
import { incarnationOfRef } from "../replication/life.js";
import type { Membership } from "../replication/lives/membership.js";
import { Replica } from "../replication/replica.js";
import type { View } from "../replication/showing/view.js";
import type { Explanation, ReplicaHealth } from "./health.js";

/** Searches all that is hidden. */
export function explanationsOf(
  topic: string,
  key: string,
  view: View,
  membership: Membership<Replica>,
): Explanation[] {
  const shown = new Set(view.getByKey(topic, key));
  const explanations: Explanation[] = [];
  for (const entry of shown) explanations.push(explain(entry, true, membership));
  for (const replica of membership.replicas()) {
    if (replica.status === "up") continue;
    for (const entry of replica.held.entries()) {
      const isMeant = entry.key === key && ReplicatedEntry.topicOf(entry) === topic;
      if (isMeant && !shown.has(entry)) explanations.push(explain(entry, false, membership));
    }
  }
  return explanations;
}

function explain(entry: ReplicatedEntry, visible: boolean, membership: Membership<Replica>): Explanation {
  const owner = ReplicatedEntry.ownerOf(entry);
  const { key, ref, session, node } = entry;
  const remote = owner instanceof Replica ? owner : undefined;
  return {
    key,
    ref,
    session,
    node,
    incarnation: incarnationOfRef(ref),
    shard: ReplicatedEntry.shardOf(entry),
    clock: ReplicatedEntry.clockOf(entry),
    status: remote?.status ?? "local",
    silentMs: remote === undefined ? 0 : membership.silenceOf(remote),
    visible,
  };
}

export function healthOf(replica: Replica, membership: Membership<Replica>): ReplicaHealth {
  const { life, status, link, heartbeatPeriodMs } = replica;
  const { lagDots, isComplete, hasBeenHeardOut, hasCaughtUp, isCrowded } = replica.held;
  const isSummedUp = hasBeenHeardOut && (hasCaughtUp || lagDots > 0);
  const silentMs = membership.silenceOf(replica);
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
