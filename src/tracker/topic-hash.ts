/**
 * The shard of a topic. Only the author of an entry uses it, so nodes may differ in `poolSize`. It is no
 * security boundary: who can choose topics can choose a shard. Pure.
 */
import { hashText } from "../replication/hash.js";

export function shardOf(topic: string, poolSize: number): number {
  return hashText(topic) % poolSize;
}
