/**
 * Topics that a presence follows for as long as somebody looks at them, where its node holds what it follows. Where a node
 * holds everything nothing is followed and nothing waited for.
 */
import type { AnyMeta, Meta } from "../words.js";
import type { Follow } from "../tracker/follow.js";
import type { SubscriptionEnd } from "./follower.js";

interface Ending {
  readonly ended?: ((reason: SubscriptionEnd) => void) | undefined;
}

export class Holds<M extends Meta<M> = AnyMeta> {
  readonly #follow: ((topic: string) => Follow<M>) | undefined;
  readonly #timeoutMs: number;

  /** @param timeoutMs is how long a topic is waited for, until it is complete. */
  constructor(
    { holds }: { readonly holds?: "everything" | "followed" | undefined },
    timeoutMs: number,
    follow: (topic: string) => Follow<M>,
  ) {
    this.#follow = holds === "followed" ? follow : undefined;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Follows a topic, and calls `begin` when it is complete, or has been waited for: at once, if there is nothing to wait
   * for. Returns what ends the following.
   */
  hold(topic: string, begin: () => void): () => void {
    if (this.#follow === undefined) {
      begin();
      return () => undefined;
    }
    const handle = this.#follow(topic);
    if (handle.complete) begin();
    else void this.#wait(handle).then(begin);
    return () => handle.close();
  }

  /** The same for something that ends by itself, and then calls `ended` of the options that it is given. */
  holdUntilEnded<Options extends Ending>(
    topic: string,
    options: Options,
    begin: (options: Options) => () => void,
  ): () => void {
    let hasEnded = false;
    let end: (() => void) | undefined;
    let letGo = (): void => undefined;
    const ended = (reason: SubscriptionEnd): void => {
      letGo();
      options.ended?.(reason);
    };
    letGo = this.hold(topic, () => {
      if (!hasEnded) end = begin({ ...options, ended });
    });
    return () => {
      hasEnded = true;
      end?.();
      letGo();
    };
  }

  /** Follows a topic for as long as it takes to read it; where there is nothing to wait for, it is read now. */
  async during<Result>(topic: string, read: () => Promise<Result>): Promise<Result> {
    const handle = this.#follow?.(topic);
    if (handle === undefined) return read();
    try {
      await this.#wait(handle);
      return await read();
    } finally {
      handle.close();
    }
  }

  async #wait(handle: Follow<M>): Promise<void> {
    if (handle.complete) return;
    // What is known then is told; the rest follows as changes.
    await handle.whenComplete({ timeoutMs: this.#timeoutMs }).catch(() => undefined);
  }
}
