/**
 * A presence state cut into pieces, each encoded once for all who are sent it, when the first of them needs it.
 * Promises that the pieces together are the state, and that each but one whose single meta is larger has at most
 * so many bytes. Knows no socket and no channel.
 */

/** What stands around the entries of a piece, and between two of them. */
const PIECE_BYTES = 3;

/** What one key takes, while none is encoded. */
const GUESSED_BYTES = 128;

interface Piece {
  /** The entries as JSON: `{"key":{"metas":[…]},…}`. */
  readonly text: string;
  readonly bytes: number;
}

export class StatePieces {
  readonly #state: Readonly<Record<string, unknown>>;
  readonly #keys: readonly string[];
  readonly #maxBytes: number;
  readonly #pieces: Piece[] = [];
  /** Encoded entries that did not fit into the last piece. */
  #rest: string[] = [];
  #keysDone = 0;
  #bytesDone = 0;
  /** Who is being sent this state now. */
  #receivers = 0;

  constructor(state: object, maxBytes: number) {
    this.#state = state as Readonly<Record<string, unknown>>;
    this.#keys = Object.keys(state);
    this.#maxBytes = maxBytes;
  }

  /** The piece at an index; the first is there even if the state is empty. */
  at(index: number): Piece | undefined {
    while (this.#pieces.length <= index) {
      if (this.#pieces.length > 0 && this.#isDone) return undefined;
      this.#pieces.push(this.#encodePiece());
    }
    return this.#pieces[index];
  }

  /** Whether no piece comes after that one. */
  isLast(index: number): boolean {
    return index >= this.#pieces.length - 1 && this.#isDone;
  }

  /**
   * Counts somebody in or out who is being sent this state. What it takes in memory is shared by them, as they share
   * the state.
   */
  countReceiver(change: 1 | -1): void {
    this.#receivers += change;
  }

  /** The bytes of all pieces. What is not encoded yet is taken to be as large as what is. */
  get bytes(): number {
    const { length } = this.#keys;
    // Of what did not fit into the last piece no byte is counted yet.
    const encodedKeys = this.#keysDone - (this.#rest.length > 0 ? 1 : 0);
    return encodedKeys < 1 ? length * GUESSED_BYTES : (this.#bytesDone / encodedKeys) * length;
  }

  /** One receiver's share of what this state takes in memory, as values and encoded, in bytes. */
  get bytesEach(): number {
    return (2 * this.bytes) / Math.max(1, this.#receivers);
  }

  get #isDone(): boolean {
    return this.#keysDone === this.#keys.length && this.#rest.length === 0;
  }

  #encodePiece(): Piece {
    const entries: string[] = [];
    let bytes = 2;
    for (let next = this.#nextEntry(); next !== undefined; next = this.#nextEntry()) {
      const entryBytes = Buffer.byteLength(next) + 1;
      if (entries.length > 0 && bytes + entryBytes > this.#maxBytes) {
        this.#rest.unshift(next);
        break;
      }
      entries.push(next);
      bytes += entryBytes;
      // What is left of a key that was spread must not stand beside it, or one would replace the other.
      if (this.#rest.length > 0) break;
    }
    this.#bytesDone += bytes;
    return { text: `{${entries.join(",")}}`, bytes };
  }

  #nextEntry(): string | undefined {
    while (this.#rest.length === 0 && this.#keysDone < this.#keys.length) {
      const key = this.#keys[this.#keysDone++] ?? "";
      this.#rest = encodeEntry(key, this.#state[key], this.#maxBytes);
    }
    return this.#rest.shift();
  }
}

/** One key with its presence, as often as its metas need to be spread over. Nothing for what JSON leaves out. */
function encodeEntry(key: string, presence: unknown, maxBytes: number): string[] {
  const text = JSON.stringify(presence) as string | undefined;
  if (text === undefined) return [];
  const name = JSON.stringify(key);
  const whole = `${name}:${text}`;
  const maxEntryBytes = maxBytes - PIECE_BYTES;
  const metas = (presence as { readonly metas?: unknown } | null)?.metas;
  if (Buffer.byteLength(whole) <= maxEntryBytes || !Array.isArray(metas)) return [whole];
  const parts: string[] = [];
  const spread = (part: readonly unknown[]): void => {
    const encoded = `${name}:${JSON.stringify({ ...(presence as object), metas: part })}`;
    if (part.length <= 1 || Buffer.byteLength(encoded) <= maxEntryBytes) return void parts.push(encoded);
    const middle = Math.ceil(part.length / 2);
    spread(part.slice(0, middle));
    spread(part.slice(middle));
  };
  spread(metas);
  return parts;
}
