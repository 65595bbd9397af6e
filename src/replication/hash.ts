/**
 * A 32-bit hash of texts: FNV-1a over the UTF-16 code units, low byte then high byte, and the finalizer of
 * MurmurHash3 (fmix32) so that the low bits are good too. Pure. No security boundary: collisions can be made.
 *
 * Sources: G. Fowler, L. C. Noll, K.-P. Vo, "FNV hash history"; A. Appleby, "MurmurHash3".
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** An unsigned 32-bit hash. */
export function hashText(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
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
