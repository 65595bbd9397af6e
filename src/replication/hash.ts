/**
 * 32-bit hashes of texts and of JSON values. Of texts: FNV-1a over the UTF-16 code units, low byte then high byte,
 * and the finalizer of MurmurHash3 (fmix32) so that the low bits are good too. Pure. No security boundary:
 * collisions can be made.
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
  return mix(hash) >>> 0;
}

/**
 * A hash of a JSON value, the same for values that `equalMetas` calls equal: the order of properties plays no part,
 * and -0 is 0. Another character in one of its texts or names changes it for certain, because each step can be
 * undone; whatever else differs changes it but for one chance in 2^32.
 */
export function hashJson(value: unknown): number {
  if (typeof value === "string") return mix(chainText(TEXT, value));
  if (typeof value === "number") return hashNumber(value);
  if (typeof value !== "object" || value === null) return value === null ? NULL : value ? TRUE : FALSE;
  if (Array.isArray(value)) {
    let hash = ARRAY;
    for (const item of value as readonly unknown[]) hash = mix(Math.imul(hash, FNV_PRIME) ^ hashJson(item));
    return hash;
  }
  let sum = OBJECT;
  // A sum has no order. Own names alone: what an application adds to all objects is not the same on all nodes.
  // To walk them costs no list of them, and that they are own is known without a look where the shape says so.
  for (const name in value) {
    if (!hasOwn.call(value, name)) continue;
    sum = (sum + mix(chainText(hashJson((value as Record<string, unknown>)[name]), name))) | 0;
  }
  return mix(sum);
}

/**
 * Goes on with a hash over a text; its length keeps apart what follows. Two chains, of the units at even and odd
 * places, because a processor works on both at once.
 */
export function chainText(hash: number, text: string): number {
  const { length } = text;
  let even = hash;
  let odd = FNV_OFFSET;
  let i = 1;
  for (; i < length; i += 2) {
    even = Math.imul(even ^ text.charCodeAt(i - 1), FNV_PRIME);
    odd = Math.imul(odd ^ text.charCodeAt(i), FNV_PRIME);
  }
  if (i === length) even = Math.imul(even ^ text.charCodeAt(i - 1), FNV_PRIME);
  return Math.imul(even ^ ((odd << 16) | (odd >>> 16)) ^ length, FNV_PRIME);
}

// V8 leaves this call out in such a walk, and none of its younger forms.
const { hasOwnProperty: hasOwn } = Object.prototype;

// Where the hashes of each kind of value begin.
const [TEXT, NUMBER, ARRAY, OBJECT] = [0x2c1b3c6d, 0x297a2d39, 0x3b9aca07, 0x51ed270b];
const [NULL, TRUE, FALSE] = [0x1b873593, 0x27d4eb2f, 0x165667b1];

const double = new DataView(new ArrayBuffer(8));

function hashNumber(value: number): number {
  // Small integers, by far the most, need no look at their bits.
  if ((value | 0) === value) return mix(NUMBER ^ value);
  double.setFloat64(0, value);
  return mix(mix(double.getInt32(0) ^ ~NUMBER) ^ double.getInt32(4));
}

/** The finalizer: every bit of the outcome depends on every bit of the input. */
export function mix(hash: number): number {
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
