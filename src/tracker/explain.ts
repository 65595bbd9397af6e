/** What is known of an entry, of a replica and of a tracker, in the words of the public API. */
import { ReplicatedEntry, type EntryOwner } from "../replication/entry.js";
import { incarnationOfRef } from "../replication/life.js";
import { Peer } from "../replication/lives/peer.js";
import type { Machine } from "../replication/machine.js";
import { VERSION } from "../version.js";
import type { Engine } from "./engine.js";
import type { Explanation, Health, ReplicaHealth } from "./health.js";

/** Searches all that is hidden. */
export function explanationsOf(
  topic: string,
  key: string,
  { view, membership }: Pick<Machine, "view" | "membership">,
  nowMs: number,
): Explanation[] {
  const silenceOf = (owner: EntryOwner): number =>
    owner instanceof Peer ? membership.silenceOf(owner, nowMs) : 0;
  const shown = new Set(view.getByKey(topic, key));
  const explanations: Explanation[] = [];
  for (const entry of shown) explanations.push(explain(entry, true, silenceOf));
  for (const replica of membership.replicas()) {
    if (replica.status === "up") continue;
    for (const entry of replica.entries()) {
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
    status: owner instanceof Peer ? owner.status : "local",
    silentMs: silenceOf(owner),
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
  const { membership, counters, connection, seenTimes, versions, border } = engine.replicator;
  const { failures: publishFailures } = engine.publisher;
  const nowMs = engine.now();
  return {
    complete: engine.isComplete(),
    ready: engine.isReady(),
    connected: connection.status === "connected",
    connection: connection.status,
    replicas: Array.from(membership.replicas(), (replica) =>
      replicaHealthOf(replica, membership.silenceOf(replica, nowMs)),
    ),
    own,
    followers: engine.followers.size,
    following: engine.replicator.following,
    changeToSeen: seenTimes.durations.counts(),
    selfBlamed: connection.healthy.blamed(nowMs),
    version: VERSION,
    protocolVersion: versions.spoken,
    protocolVersions: versions.own,
    foreignNodes: border.foreign.told(nowMs).map(({ life, differs, speaks, heardMs }) => {
      return { ...life, differs, protocolVersions: speaks, silentMs: nowMs - heardMs };
    }),
    counters: { ...counters, closedSessionCalls, publishFailures, invalidMetas },
  };
}

function replicaHealthOf(replica: Peer, silentMs: number): ReplicaHealth {
  const { life, status, holds, link, heartbeatPeriodMs, version, speaks, holding } = replica;
  const { lagDots, isComplete, waitsFor, entries } = holding;
  return {
    ...life,
    status,
    holds,
    silentMs,
    link: link.status,
    heartbeatPeriodMs,
    lagDots,
    complete: isComplete,
    waitsFor,
    version,
    protocolVersions: speaks,
    entries,
  };
}
