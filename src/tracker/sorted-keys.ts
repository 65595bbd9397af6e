/**
 * Keys in the order of their UTF-16 code units, which is the same on all nodes, in blocks: adding one, removing one and
 * finding the place of one cost the logarithm of their number and a block, never all of them. Knows no topic.
 */

/** A block that has become this long is cut in two. */
const MAX_BLOCK = 512;

export class SortedKeys {
  /** None is empty, but for the only one of no keys. */
  readonly #blocks: string[][] = [];
  #size = 0;

  /** The keys may be in any order, and any of them there more than once. */
  constructor(keys: Iterable<string>) {
    const all = [...keys].sort();
    const sorted = all.filter((key, i) => i === 0 || key !== all[i - 1]);
    for (let i = 0; i < sorted.length; i += MAX_BLOCK / 2)
      this.#blocks.push(sorted.slice(i, i + MAX_BLOCK / 2));
    this.#size = sorted.length;
  }

  get size(): number {
    return this.#size;
  }

  /** The last of all. */
  get last(): string | undefined {
    return this.#blocks.at(-1)?.at(-1);
  }

  has(key: string): boolean {
    const block = this.#blocks[this.#blockOf(key)];
    return block !== undefined && block[placeOf(key, block)] === key;
  }

  add(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) this.#blocks.push([key]);
    else {
      const place = placeOf(key, block);
      if (block[place] === key) return;
      block.splice(place, 0, key);
      if (block.length >= MAX_BLOCK) this.#blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
    }
    this.#size += 1;
  }

  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    const place = block === undefined ? 0 : placeOf(key, block);
    if (block?.[place] !== key) return;
    block.splice(place, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
    this.#size -= 1;
  }

  /** The first so many keys behind the given one, which need not be there; without it, the first of all. */
  after(key: string | undefined, limit: number): string[] {
    const found: string[] = [];
    let at = key === undefined ? 0 : this.#blockOf(key);
    for (
      let block = this.#blocks[at];
      block !== undefined && found.length < limit;
      block = this.#blocks[++at]
    ) {
      let place = key === undefined || found.length > 0 ? 0 : placeOf(key, block);
      if (block[place] === key) place += 1;
      found.push(...block.slice(place, place + limit - found.length));
    }
    return found;
  }

  /** The last block that begins at the key or before; the first if none does. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Where a key stands in a block, or would stand. */
function placeOf(key: string, block: readonly string[]): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
