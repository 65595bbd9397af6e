/**
 * What waits on all sockets of a server together, for slow readers and for slow handlers. Promises that it stays
 * below its limit, by dropping the socket that has the most. Knows no socket, only how much each holds.
 */

/** A socket with something waiting. */
export interface Holder {
  /** How much waits there now, in bytes. */
  readonly bytesWaiting: number;
  /** How much waits there of what others may hold too, in bytes. It is counted once for all, by {@link Backlog.share}. */
  readonly bytesShared?: number;
  /** Drops the socket and all that waits there. Must not throw. */
  crowdOut(): void;
}

/** After something was dropped there is this much room, or each further byte would mean to look at all again. */
const ROOM = 1 / 8;

export class Backlog {
  readonly #maxBytes: number;
  /** The bytes that each had waiting when it was last looked at. One that had none is not here. */
  readonly #holders = new Map<Holder, number>();
  #totalBytes = 0;
  #sharedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes down what a socket has waiting, after it has grown. That some of it has gone is noticed when it matters. */
  note(holder: Holder): void {
    this.#set(holder, holder.bytesWaiting);
    if (this.#allBytes > this.#maxBytes) this.#makeRoom();
  }

  /** So many bytes more wait that several sockets may hold; fewer, where negative. */
  share(change: number): void {
    this.#sharedBytes += change;
  }

  forget(holder: Holder): void {
    this.#set(holder, 0);
  }

  get #allBytes(): number {
    return this.#totalBytes + this.#sharedBytes;
  }

  #set(holder: Holder, bytes: number): void {
    this.#totalBytes += bytes - (this.#holders.get(holder) ?? 0);
    if (bytes > 0) this.#holders.set(holder, bytes);
    else this.#holders.delete(holder);
  }

  #makeRoom(): void {
    for (const holder of this.#holders.keys()) this.#set(holder, holder.bytesWaiting);
    if (this.#allBytes <= this.#maxBytes) return;
    const weight = (holder: Holder): number => holder.bytesWaiting + (holder.bytesShared ?? 0);
    const largestFirst = [...this.#holders.keys()].sort((one, other) => weight(other) - weight(one));
    for (const holder of largestFirst) {
      if (this.#allBytes <= this.#maxBytes * (1 - ROOM)) return;
      this.forget(holder);
      holder.crowdOut();
    }
  }
}
