/**
 * What a node that follows says of itself: that it is there, to all, and to itself, so that it knows whether it is heard.
 * Time comes in as an argument.
 */
import type { Beat } from "./following/message.js";
import type { FollowingOutbox } from "./following/outbox.js";
import type { FollowerOptions } from "./following/port.js";
import type { Life } from "./life.js";
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

  /** Speaks: to itself, where it hears itself, and to all if need be. */
  beat(toAll: boolean): void {
    const ways: VoiceWay[] = toAll ? ["broadcasts"] : [];
    this.sound(this.#options.echoes ? [...ways, "inbox"] : ways);
  }

  /** Speaks to one life. */
  tell(life: Life): void {
    this.#outbox.send(this.#beat(), life);
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
