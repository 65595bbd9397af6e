/** The entries that are shown, by topic and key: what is put in and taken out, and nothing of why. */
import { ReplicatedEntry } from "../entry.js";

/** The entries of one key: nearly always one, so a set is made only for the second. */
export type Bucket = ReplicatedEntry | Set<ReplicatedEntry>;

interface Topic {
  count: number;
  readonly keys: Map<string, Bucket>;
}

export type Topics = Map<string, Topic>;

/** What stands under the topic and key of an entry. */
export function bucketOf(topics: Topics, entry: ReplicatedEntry): Bucket | undefined {
  return topics.get(ReplicatedEntry.topicOf(entry))?.keys.get(entry.key);
}

export function entriesOf(bucket: Bucket | undefined): Iterable<ReplicatedEntry> {
  if (bucket === undefined) return [];
  return bucket instanceof Set ? bucket : [bucket];
}

/** Whether the entry was not there. */
export function insert(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  let topic = topics.get(name);
  if (topic === undefined) {
    topic = { count: 0, keys: new Map() };
    topics.set(name, topic);
  }
  const bucket = topic.keys.get(entry.key);
  if (bucket === undefined) topic.keys.set(entry.key, entry);
  else if (bucket instanceof Set) {
    if (bucket.has(entry)) return false;
    bucket.add(entry);
  } else if (bucket === entry) return false;
  else topic.keys.set(entry.key, new Set([bucket, entry]));
  topic.count += 1;
  return true;
}

/** Whether the entry was there. */
export function remove(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  const topic = topics.get(name);
  const bucket = topic?.keys.get(entry.key);
  if (topic === undefined || bucket === undefined) return false;
  if (bucket instanceof Set) {
    if (!bucket.delete(entry)) return false;
    if (bucket.size === 1) for (const last of bucket) topic.keys.set(entry.key, last);
  } else if (bucket === entry) topic.keys.delete(entry.key);
  else return false;
  topic.count -= 1;
  if (topic.count === 0) topics.delete(name);
  return true;
}
