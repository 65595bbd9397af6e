/** The session of a channel: a user who is evicted by it loses the channel. */
import { Session } from "../session.js";
import type { EndReason } from "./handlers.js";

export class ChannelSession extends Session {
  readonly #channel: { end(reason: EndReason): void };

  constructor(channel: { end(reason: EndReason): void }) {
    super();
    this.#channel = channel;
  }

  override evicted(): void {
    this.#channel.end("evicted");
  }
}
