/**
 * How frames get through between this node and another life, and how to ask it: by itself, or aloud (by a
 * broadcast, to be answered by one) when direct messages get lost. Time comes in as healthy time; knows no
 * message's content.
 */
import { ALOUD_MS, REQUEST_RETRY_MS, REQUESTS_UNANSWERED } from "../limits.js";
import type { ReplicaLink } from "../port.js";
import type { Rules } from "../rules.js";

export class Link {
  readonly #rules: Rules;
  #status: ReplicaLink = "whole";
  /** Frames to this node alone since the last broadcast, and the time of the first. */
  #direct = 0;
  #directSinceMs = 0;
  /** Times at which it was asked since it last sent something to this node alone. */
  #unanswered = 0;
  #askedSinceMs = 0;
  #askedMs = -Infinity;
  #askedAloud = false;
  /** How many of them were aloud. */
  #unansweredAloud = 0;
  #aloudUntilMs = -Infinity;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get status(): ReplicaLink {
    return this.#status;
  }

  /** It is asked now: for something that is missing, or only whether it is there. Returns whether aloud. */
  ask(nowMs: number, patienceMs: number, isMissing: boolean): boolean {
    // Several slices may be asked for at once.
    if (this.#unanswered === 0 || nowMs - this.#askedMs >= REQUEST_RETRY_MS) {
      if (this.#unanswered === 0) this.#askedSinceMs = nowMs;
      this.#unanswered += 1;
      this.#askedMs = nowMs;
    }
    const unansweredMs = nowMs - this.#askedSinceMs;
    this.#askedAloud =
      this.#rules.asksAloud(isMissing, this.#unanswered, unansweredMs, patienceMs) ||
      (isMissing && nowMs < this.#aloudUntilMs);
    if (this.#askedAloud) this.#unansweredAloud += 1;
    return this.#askedAloud;
  }

  /**
   * Whether it has to be asked, though nothing is known to be missing: to find out whether the link is whole again,
   * or to hear its heartbeat where no broadcast brings it.
   */
  isToBeTried(nowMs: number, patienceMs: number): boolean {
    const isUntold = this.#direct > 0 && nowMs - this.#directSinceMs > (patienceMs * 3) / 8;
    const isDoubted = isUntold || this.#status === "noDirect" || this.#status === "oneWay";
    // About once a heartbeat.
    return isDoubted && nowMs - this.#askedMs >= patienceMs / 8;
  }

  /** A frame of it was heard: a broadcast, or one to this life alone. Returns the status if that has changed. */
  heard(direct: boolean, nowMs: number, patienceMs: number): ReplicaLink | undefined {
    const before = this.#status;
    if (direct) this.#heardDirect(nowMs, patienceMs);
    else this.#heardBroadcast(nowMs, patienceMs);
    return this.#status === before ? undefined : this.#status;
  }

  #heardDirect(nowMs: number, patienceMs: number): void {
    if (this.#direct === 0) this.#directSinceMs = nowMs;
    this.#direct += 1;
    if (this.#unanswered > 0) {
      this.#unanswered = 0;
      this.#unansweredAloud = 0;
      // Where nothing at all got through, direct requests were lost for that reason, and are to be tried again.
      const isOnlyAloud = this.#askedAloud && this.#status !== "oneWay";
      if (isOnlyAloud) this.#aloudUntilMs = nowMs + ALOUD_MS;
      this.#status = isOnlyAloud ? "noDirect" : "whole";
    }
    if (this.#askedAloud) return;
    if (this.#direct >= 3 && nowMs - this.#directSinceMs > patienceMs) this.#status = "noBroadcasts";
  }

  #heardBroadcast(nowMs: number, patienceMs: number): void {
    this.#direct = 0;
    if (this.#status === "noBroadcasts") this.#status = "whole";
    const isUnanswered = this.#unanswered >= REQUESTS_UNANSWERED && nowMs - this.#askedSinceMs > patienceMs;
    // What was asked for directly alone may have been lost where a broadcast is heard.
    if (isUnanswered && this.#unansweredAloud > 1) this.#status = "oneWay";
  }
}
