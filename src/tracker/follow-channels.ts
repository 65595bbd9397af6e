/**
 * The channels of those that follow, as a node that holds everything hears them: from when it is told that some do until it
 * is told that none are left. It keeps the subscriptions, and what is heard goes to its owner. Knows no frame.
 */
import { Subscriptions } from "../pubsub/subscriptions.js";
import type { CheckedOptions } from "./options.js";
import type { Publisher } from "./publisher.js";
import { subscribeAll } from "./subscribe.js";

/** Who is told what is heard, and what fails. */
export interface FollowChannelsListener {
  receive(payload: unknown): void;
  /** They are heard from now on, or no longer. */
  changed(areHeard: boolean): void;
  failed(text: string, cause?: unknown): void;
}

export class FollowChannels {
  readonly #options: Pick<CheckedOptions, "pubsub" | "runtime" | "startTimeoutMs">;
  readonly #channels: Pick<Publisher, "othersChannel" | "othersInboxChannel">;
  readonly #listener: FollowChannelsListener;
  readonly #subscriptions: Subscriptions;
  #status: "closed" | "opening" | "open" | "stopped" = "closed";

  constructor(
    options: Pick<CheckedOptions, "pubsub" | "runtime" | "startTimeoutMs">,
    channels: Pick<Publisher, "othersChannel" | "othersInboxChannel">,
    listener: FollowChannelsListener,
  ) {
    this.#options = options;
    this.#channels = channels;
    this.#listener = listener;
    this.#subscriptions = new Subscriptions((text, cause) => listener.failed(text, cause));
  }

  /** Some follow: it subscribes, unless it has. What fails is tried again when it is told so again. */
  set(areThere: boolean): void {
    if (areThere && this.#status === "closed") void this.#open();
    if (!areThere && this.#status === "open") {
      this.#status = "closed";
      void this.#end(this.#options.startTimeoutMs);
    }
  }

  /** Resolves when nothing is subscribed any more, after `timeoutMs` at the latest. Never rejects. */
  async stop(timeoutMs: number): Promise<void> {
    this.#status = "stopped";
    await this.#end(timeoutMs);
  }

  async #open(): Promise<void> {
    const { pubsub, runtime, startTimeoutMs } = this.#options;
    const { othersChannel, othersInboxChannel } = this.#channels;
    this.#status = "opening";
    try {
      const subscribing = [othersChannel, othersInboxChannel].map(
        (channel) => () => pubsub.subscribe(channel, (payload) => this.#listener.receive(payload)),
      );
      this.#subscriptions.add(...(await subscribeAll(subscribing, pubsub, runtime, startTimeoutMs)));
    } catch (cause) {
      if (this.#isStopped) return;
      this.#status = "closed";
      return this.#listener.failed("The channels of nodes that follow could not be subscribed to", cause);
    }
    // It may have stopped meanwhile.
    if (this.#isStopped) return this.#end(startTimeoutMs);
    this.#status = "open";
    this.#listener.changed(true);
  }

  get #isStopped(): boolean {
    return this.#status === "stopped";
  }

  async #end(timeoutMs: number): Promise<void> {
    const { runtime, startTimeoutMs } = this.#options;
    await this.#subscriptions.endAll(runtime, timeoutMs, startTimeoutMs);
  }
}
