/**
 * Keeps what is subscribed at a broker in step with who receives on this side: a channel is opened for its first
 * receiver and closed after its last, one thing after the other, however subscriptions begin and end meanwhile.
 * Knows no broker.
 */
import type { Unsubscribe } from "./pubsub.js";
import { Receivers } from "./receivers.js";

/** What the adapter does at its broker. The two are never called for one channel at the same time. */
export interface BrokerChannels {
  /** Resolves when the broker delivers what is sent on the channel, to all or to this node. */
  open(channel: string): Promise<void>;
  /** Called only for what was opened. A failure costs nothing but what the broker sends in vain. */
  close(channel: string): Promise<void>;
}

/** A channel with receivers, or with work still to be done for it. */
interface Channel {
  receivers: number;
  /** Whether the broker has it open. */
  isOpen: boolean;
  /** The opening that the present receivers wait for; none when the last one has gone. */
  opening: Promise<void> | undefined;
  /** What is done for the channel, one after the other. Never rejects. */
  work: Promise<void>;
}

export class BrokerSubscriptions {
  readonly #broker: BrokerChannels;
  readonly #receivers: Receivers;
  readonly #reportError: (error: unknown) => void;
  readonly #channels = new Map<string, Channel>();

  constructor(broker: BrokerChannels, reportError: (error: unknown) => void) {
    this.#broker = broker;
    this.#receivers = new Receivers(reportError);
    this.#reportError = reportError;
  }

  /** Resolves when the subscription is in force; rejects if the broker refuses it. */
  async add(name: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    const channel = this.#channelOf(name);
    const remove = this.#receivers.add(name, receive);
    channel.receivers++;
    try {
      await (channel.opening ??= this.#open(name, channel));
    } catch (error) {
      remove();
      await this.#leave(name, channel);
      throw error;
    }
    let ended = false;
    return async () => {
      if (ended) return;
      ended = true;
      remove();
      await this.#leave(name, channel);
    };
  }

  deliver(channel: string, payload: string): void {
    this.#receivers.deliver(channel, payload);
  }

  /**
   * Ends all subscriptions; resolves when the broker knows. One that is just beginning is ended when it has
   * begun, but not waited for: without a connection that may be never.
   */
  async close(): Promise<void> {
    this.#receivers.clear();
    const ends: Promise<void>[] = [];
    for (const [name, channel] of this.#channels) {
      const isOpening = channel.opening !== undefined && !channel.isOpen;
      const end = this.#shut(name, channel);
      if (!isOpening) ends.push(end);
    }
    await Promise.all(ends);
  }

  #channelOf(name: string): Channel {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const channel: Channel = {
      receivers: 0,
      isOpen: false,
      opening: undefined,
      work: Promise.resolve(),
    };
    this.#channels.set(name, channel);
    return channel;
  }

  #open(name: string, channel: Channel): Promise<void> {
    const opening = channel.work.then(async () => {
      await this.#broker.open(name);
      channel.isOpen = true;
    });
    channel.work = opening.catch(() => undefined);
    return opening;
  }

  async #leave(name: string, channel: Channel): Promise<void> {
    if (--channel.receivers > 0) return;
    await this.#shut(name, channel);
    if (channel.receivers === 0 && this.#channels.get(name) === channel) this.#channels.delete(name);
  }

  #shut(name: string, channel: Channel): Promise<void> {
    channel.opening = undefined;
    channel.work = channel.work.then(async () => {
      if (!channel.isOpen) return;
      channel.isOpen = false;
      try {
        await this.#broker.close(name);
      } catch (error) {
        this.#reportError(error);
      }
    });
    return channel.work;
  }
}
