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
  async add(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    const state = this.#stateOf(channel);
    const remove = this.#receivers.add(channel, receive);
    state.receivers++;
    const opening = (state.opening ??= this.#open(channel, state));
    try {
      await opening;
    } catch (error) {
      if (state.opening === opening) state.opening = undefined;
      remove();
      await this.#leave(channel, state);
      throw error;
    }
    let ended = false;
    return async () => {
      if (ended) return;
      ended = true;
      remove();
      await this.#leave(channel, state);
    };
  }

  deliver(channel: string, payload: string): void {
    this.#receivers.deliver(channel, payload);
  }

  /** Ends all subscriptions; resolves when the broker knows. */
  async close(): Promise<void> {
    this.#receivers.clear();
    await Promise.all([...this.#channels].map(([channel, state]) => this.#shut(channel, state)));
  }

  #stateOf(channel: string): Channel {
    const known = this.#channels.get(channel);
    if (known !== undefined) return known;
    const state: Channel = { receivers: 0, isOpen: false, opening: undefined, work: Promise.resolve() };
    this.#channels.set(channel, state);
    return state;
  }

  #open(channel: string, state: Channel): Promise<void> {
    const opening = state.work.then(async () => {
      await this.#broker.open(channel);
      state.isOpen = true;
    });
    state.work = opening.catch(() => undefined);
    return opening;
  }

  async #leave(channel: string, state: Channel): Promise<void> {
    if (--state.receivers > 0) return;
    await this.#shut(channel, state);
    if (state.receivers === 0 && this.#channels.get(channel) === state) this.#channels.delete(channel);
  }

  #shut(channel: string, state: Channel): Promise<void> {
    state.opening = undefined;
    state.work = state.work.then(async () => {
      if (!state.isOpen) return;
      state.isOpen = false;
      try {
        await this.#broker.close(channel);
      } catch (error) {
        this.#reportError(error);
      }
    });
    return state.work;
  }
}
