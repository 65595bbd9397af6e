/**
 * What a node that follows says of itself: that it is there, to all, and to itself, so that it knows whether it is heard.
 * Time comes in as an argument.
 */
import type { Beat } from "./following/message.js";
import type { FollowingOutbox } from "./following/outbox.js";
import type { FollowerOptions } from "./following/port.js";
import type { Connection } from "./lives/connection.js";
import type { VoiceWay } from "./step.js";

export class Beats {
  readonly #options: FollowerOptions;
  readonly #outbox: FollowingOutbox;
  readonly #connection: Connection;

  constructor(options: FollowerOptions, outbox: FollowingOutbox, connection: Connection) {
    this.#options = options;
    this.#outbox = outbox;
    this.#connection = connection;
  }

  /** Speaks, if a heartbeat is due. Returns whether it was. */
  advance(nowMs: number): boolean {
    if (!this.#connection.takeHeartbeat(nowMs)) return false;
    this.sound(this.#options.echoes ? ["broadcasts", "inbox"] : ["broadcasts"]);
    return true;
  }

  /** Speaks on these ways. */
  sound(ways: readonly VoiceWay[]): void {
    this.#connection.voice.speaks(this.#outbox.counter);
    for (const way of ways) this.#outbox.send(this.#beat(), way === "inbox" ? this.#options.life : undefined);
  }

  #beat(): Beat {
    const { heartbeatPeriodMs, version } = this.#options;
    const lateMs = this.#connection.rhythm.lateMs ?? 0;
    return { type: "beat", periodMs: heartbeatPeriodMs, lateMs, ...(version !== undefined && { version }) };
  }
}
