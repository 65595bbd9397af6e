/** What is known of an entry, of a replica and of a tracker, in the words of the public API. */
import { ReplicatedEntry } from "../replication/entry.js";
import { incarnationOfRef } from "../replication/life.js";
import { PROTOCOL_VERSION } from "../replication/limits.js";
import type { Membership } from "../replication/lives/membership.js";
import { Replica } from "../replication/replica.js";
import type { View } from "../replication/showing/view.js";
import { VERSION } from "../version.js";
import type { Engine } from "./engine.js";
import type { Explanation, Health, ReplicaHealth } from "./health.js";

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

/** What a tracker counts itself. */
interface OwnCounts {
  readonly own: Health["own"];
  readonly closedSessionCalls: number;
  readonly invalidMetas: number;
}

export function healthOf(engine: Engine, { own, closedSessionCalls, invalidMetas }: OwnCounts): Health {
  const { membership, counters, connection, seenTimes } = engine.replicator;
  const { failures: publishFailures } = engine.publisher;
  return {
    complete: engine.isComplete(),
    ready: engine.isReady(),
    connected: connection.status === "connected",
    connection: connection.status,
    replicas: Array.from(membership.replicas(), (replica) => replicaHealthOf(replica, membership)),
    own,
    followers: engine.followers.size,
    changeToSeen: seenTimes.counts(),
    version: VERSION,
    protocolVersion: PROTOCOL_VERSION,
    counters: { ...counters, closedSessionCalls, publishFailures, invalidMetas },
  };
}

function replicaHealthOf(replica: Replica, membership: Membership<Replica>): ReplicaHealth {
  const { life, status, link, heartbeatPeriodMs, version } = replica;
  const { lagDots, isComplete, hasBeenHeardOut, hasCaughtUp } = replica.held;
  const isSummedUp = hasBeenHeardOut && (hasCaughtUp || lagDots > 0);
  const silentMs = membership.silenceOf(replica);
  let entries = 0;
  for (const slice of replica.held.slices.values()) entries += slice.entries.size;
  return {
    ...life,
    status,
    silentMs,
    link: link.status,
    heartbeatPeriodMs,
    lagDots,
    complete: isComplete,
    waitsFor: isComplete && hasBeenHeardOut ? undefined : isSummedUp ? "entries" : "summary",
    version,
    entries,
  };
}
