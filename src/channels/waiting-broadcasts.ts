/**
 * Broadcasts that wait for handlers, as one socket sees them: those that its channels keep, and those of its own that
 * others keep. Promises that a socket keeps no more than its limit, that what many keep counts once for all, that a
 * client in a hurry is slowed down before it buries others, and that a handler that hangs slows nobody down for long.
 * Knows no socket and no channel.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Backlog } from "./backlog.js";
import type { Broadcast } from "./subscribers.js";

/** What a broadcast that waits takes beside what all who keep it share, roughly. */
const BROADCAST_BYTES = 256;
/**
 * Of broadcasts several times as much may wait as of what a socket has sent itself, so that one sender, which is slowed
 * down when so much of its own waits with others, cannot be what ends their channels.
 */
const KEPT_SHARE = 3;
/** For so long a sender is slowed down at most; then it is for those who hang to be ended. */
const MAX_SLOWED_MS = 5_000;

/** Those that the channels of one socket keep. */
export class KeptBroadcasts {
  readonly #backlog: Backlog;
  readonly #maxBytes: number;
  readonly #grown: () => void;
  #count = 0;
  #sharedBytes = 0;

  /** `grown` is told when more is kept. */
  constructor(backlog: Backlog, { maxQueuedBytes }: { readonly maxQueuedBytes: number }, grown: () => void) {
    this.#backlog = backlog;
    this.#maxBytes = KEPT_SHARE * maxQueuedBytes;
    this.#grown = grown;
  }

  /** What only this socket keeps, in bytes. */
  get ownBytes(): number {
    return this.#count * BROADCAST_BYTES;
  }

  /** What others may keep too, in bytes. */
  get sharedBytes(): number {
    return this.#sharedBytes;
  }

  /** Whether one more may be kept; one always may. */
  canKeep({ heldBytes }: Broadcast): boolean {
    if (this.#count === 0) return true;
    return this.ownBytes + BROADCAST_BYTES + this.#sharedBytes + heldBytes <= this.#maxBytes;
  }

  keep(broadcast: Broadcast): void {
    if (broadcast.hold()) this.#backlog.share(broadcast.heldBytes);
    this.#count++;
    this.#sharedBytes += broadcast.heldBytes;
    this.#grown();
  }

  release(broadcast: Broadcast): void {
    if (broadcast.release()) this.#backlog.share(-broadcast.heldBytes);
    this.#count--;
    this.#sharedBytes -= broadcast.heldBytes;
  }
}

/** Those of one socket's own that others keep. */
export class SentBroadcasts {
  readonly #runtime: Runtime;
  readonly #changed: (bytes: number) => void;
  #bytes = 0;
  /** What was held in an earlier round is forgotten already. */
  #round = 0;
  #cancel: CancelTimer | undefined;

  /** `changed` is told by how many bytes more there are to wait for; by how many fewer, where negative. */
  constructor(runtime: Runtime, changed: (bytes: number) => void) {
    this.#runtime = runtime;
    this.#changed = changed;
  }

  /** A broadcast of so many bytes waits with others. The returned function says that it does not any more. */
  hold(sharedBytes: number): () => void {
    const bytes = sharedBytes + BROADCAST_BYTES;
    const round = this.#round;
    this.#add(bytes);
    this.#cancel ??= this.#runtime.schedule(MAX_SLOWED_MS, () => this.forget());
    return () => {
      if (round !== this.#round) return;
      this.#add(-bytes);
      if (this.#bytes === 0) this.forget();
    };
  }

  /** Leaves no timer. */
  forget(): void {
    this.#round++;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#bytes > 0) this.#add(-this.#bytes);
  }

  #add(change: number): void {
    this.#bytes += change;
    this.#changed(change);
  }
}
