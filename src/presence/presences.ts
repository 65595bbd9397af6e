/**
 * Entries of one topic grouped by key, in an order that all nodes share.
 *
 * The metas of a key stand by the name of their node, then by the age of their session on it. An update
 * keeps a meta's place, and two nodes that hold the same entries list them alike, whatever order they heard
 * of them in. Pure: it knows no tracker, no time, and nothing of the wire.
 */
import type { Entry, TopicDiff } from "../words.js";

/**
 * The order of a key's entries. Session ids of one process differ in a count at their end, so the shorter id
 * is the older session. The ref decides nothing within one state of a topic: a session has a key there once.
 */
export function compareEntries(a: Entry<unknown>, b: Entry<unknown>): number {
  return (
    compareTexts(a.node, b.node) ||
    a.session.length - b.session.length ||
    compareTexts(a.session, b.session) ||
    compareTexts(a.ref, b.ref)
  );
}

/** By UTF-16 code units: a locale would order differently from node to node. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Entries by key, each group in the order that all nodes share. */
export function groupByKey<E extends Entry<unknown>>(entries: Iterable<E>): Map<string, E[]> {
  const groups = new Map<string, E[]>();
  for (const entry of entries) {
    const group = groups.get(entry.key);
    if (group === undefined) groups.set(entry.key, [entry]);
    else group.push(entry);
  }
  for (const group of groups.values()) if (group.length > 1) group.sort(compareEntries);
  return groups;
}

/** Every key of a diff, once. */
export function keysOf(diff: TopicDiff<unknown>): string[] {
  const keys = new Set<string>();
  for (const { key } of diff.joins) keys.add(key);
  for (const { key } of diff.updates) keys.add(key);
  for (const { key } of diff.leaves) keys.add(key);
  return [...keys];
}
