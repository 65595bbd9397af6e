/**
 * The shard of a topic: FNV-1a over the UTF-16 code units, low byte then high byte, and the finalizer of
 * MurmurHash3 (fmix32) so that the low bits are good too. Pure.
 *
 * Only the author of an entry uses it, so nodes may differ in `poolSize`. It is no security boundary: who can
 * choose topics can choose a shard.
 *
 * Sources: G. Fowler, L. C. Noll, K.-P. Vo, "FNV hash history"; A. Appleby, "MurmurHash3".
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** An unsigned 32-bit hash. */
export function topicHash(topic: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < topic.length; i++) {
    const unit = topic.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME);
    hash = Math.imul(hash ^ (unit >>> 8), FNV_PRIME);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

export function shardOf(topic: string, poolSize: number): number {
  return topicHash(topic) % poolSize;
}
