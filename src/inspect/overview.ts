/**
 * What there is to see of a tracker and its cluster, as plain data: for people, in a terminal or on a page. Changes
 * nothing, and knows neither terminal nor page.
 */
import { startOf } from "../replication/life.js";
import type { TrackerChange } from "../tracker/diffs.js";
import type { AnyMeta, Entry } from "../words.js";
import type { Explanation, Health, ReplicaHealth } from "../tracker/health.js";

/** A `Tracker` or a `Presence`, as far as it is looked at. */
export interface Inspected {
  readonly name: string;
  readonly nodeName: string;
  health(): Health;
  topics(): readonly string[];
  count(topic: string): number;
  countKeys(topic: string): number;
  entries(topic: string, options?: { after?: string; limit?: number }): readonly Entry<AnyMeta>[];
  explain(topic: string, key: string): readonly Explanation[];
  diffs(options: { signal: AbortSignal; maxBuffered: number }): AsyncIterable<TrackerChange>;
}

/** One life of another node. */
export interface NodeRow extends ReplicaHealth {
  /** When it started, by its own wall clock, in milliseconds since 1970. */
  readonly startedMs: number;
}

export interface TopicRow {
  readonly topic: string;
  readonly entries: number;
  readonly keys: number;
}

/** How a tracker is, and what it knows of its cluster. */
export interface Overview {
  readonly tracker: string;
  readonly node: string;
  readonly ready: boolean;
  readonly complete: boolean;
  readonly connection: Health["connection"];
  readonly version: string;
  /** The version of the protocol that the node speaks at present. */
  readonly protocolVersion: number;
  /** Nodes of which nothing is listed, as they speak other versions of the protocol, or hold otherwise. */
  readonly foreignNodes: Health["foreignNodes"];
  readonly own: Health["own"];
  readonly counters: Health["counters"];
  readonly nodes: readonly NodeRow[];
  /** The largest topics. */
  readonly topics: readonly TopicRow[];
  /** How many topics there are in all, and entries in them. */
  readonly topicCount: number;
  readonly entryCount: number;
}

export function overviewOf(tracker: Inspected, topicsShown: number): Overview {
  const health = tracker.health();
  const { ready, complete, connection, version, protocolVersion, foreignNodes, own, counters } = health;
  const topics = tracker.topics();
  let entryCount = 0;
  const rows = topics.map((topic): TopicRow => {
    const entries = tracker.count(topic);
    entryCount += entries;
    return { topic, entries, keys: 0 };
  });
  rows.sort((a, b) => b.entries - a.entries || compare(a.topic, b.topic));
  return {
    tracker: tracker.name,
    node: tracker.nodeName,
    ...{ ready, complete, connection, version, protocolVersion, foreignNodes, own, counters },
    nodes: nodesOf(health.replicas),
    topics: rows.slice(0, topicsShown).map((row) => ({ ...row, keys: tracker.countKeys(row.topic) })),
    topicCount: topics.length,
    entryCount,
  };
}

/** By name, and the lives of one name by their start. */
function nodesOf(replicas: readonly ReplicaHealth[]): NodeRow[] {
  return replicas
    .map((replica) => ({ ...replica, startedMs: startOf(replica.incarnation) }))
    .sort((a, b) => compare(a.name, b.name) || compare(a.incarnation, b.incarnation));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
