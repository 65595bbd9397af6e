/**
 * How frames get through between this node and another life, and how to ask it: by itself, or aloud (by a
 * broadcast, to be answered by one) when direct messages get lost. Time comes in as healthy time; knows no
 * message's content.
 */
import { ALOUD_MS, ALOUD_UNANSWERED, REQUEST_RETRY_MS, REQUESTS_UNANSWERED } from "../limits.js";
import type { ReplicaLink } from "../step.js";
import type { Rules } from "../rules.js";

/**
 * What was heard: a broadcast, or one of these to this life alone:
 *
 * - `question`: the one that asks may have heard nothing of what it was asked itself.
 * - `answer`: to what was asked directly or aloud, and it came on the same way.
 * - `heartbeat`: it came directly, for whether somebody is there is never asked aloud.
 */
export type Heard = "broadcast" | "question" | "answer" | "heartbeat";

/** Questions in a row that were not answered. Several slices may be asked for at once: that counts as one. */
class Unanswered {
  count = 0;
  sinceMs = 0;
  lastMs = -Infinity;

  add(nowMs: number): void {
    if (this.count > 0 && nowMs - this.lastMs < REQUEST_RETRY_MS) return;
    if (this.count === 0) this.sinceMs = nowMs;
    this.count += 1;
    this.lastMs = nowMs;
  }

  isMoreThan(count: number, durationMs: number, nowMs: number): boolean {
    return this.count >= count && nowMs - this.sinceMs > durationMs;
  }
}

export class Link {
  readonly #rules: Rules;
  readonly #mayAskAloud: boolean;
  #status: ReplicaLink = "whole";
  /** Frames to this node alone since the last broadcast, and the time of the first. */
  #direct = 0;
  #directSinceMs = 0;
  /** Since any answer; of these, those aloud; and the direct ones since the last answer that came directly. */
  readonly #asked = new Unanswered();
  readonly #askedAloud = new Unanswered();
  readonly #askedDirectly = new Unanswered();
  /** When a frame of it was heard last. */
  #heardMs = -Infinity;
  #wasAloud = false;
  /** Since the last answer that came directly, one came aloud. */
  #isOnlyAloud = false;
  #aloudUntilMs = -Infinity;

  /** @param mayAskAloud whether what direct messages do not reach is asked by broadcasts. */
  constructor(rules: Rules, mayAskAloud = true) {
    this.#rules = rules;
    this.#mayAskAloud = mayAskAloud;
  }

  get status(): ReplicaLink {
    return this.#status;
  }

  /** Whether nothing is open: what was heard last is a broadcast, and what was asked was answered. */
  get isClear(): boolean {
    return this.#status === "whole" && this.#direct === 0 && this.#asked.count === 0 && !this.#isOnlyAloud;
  }

  /** It is asked now: for something that is missing, or only whether it is there. Returns whether aloud. */
  ask(nowMs: number, patienceMs: number, isMissing: boolean): boolean {
    this.#asked.add(nowMs);
    const { count, sinceMs } = this.#asked;
    this.#wasAloud =
      this.#rules.asksAloud(isMissing, count, nowMs - sinceMs, patienceMs) ||
      (isMissing && nowMs < this.#aloudUntilMs);
    if (this.#wasAloud) this.#askedAloud.add(nowMs);
    else this.#askedDirectly.add(nowMs);
    return this.#wasAloud;
  }

  /**
   * Whether it is to be asked, though nothing is known to be missing: to find out whether the link is whole, or to
   * hear its heartbeat where no broadcast brings it.
   */
  isDoubted(nowMs: number, patienceMs: number): boolean {
    const isUntold = this.#direct > 0 && nowMs - this.#directSinceMs > (patienceMs * 3) / 8;
    const isFailing = this.#status === "noDirect" || this.#status === "oneWay";
    return isUntold || isFailing || this.#isOnlyAloud;
  }

  /** Whether one in doubt is to be asked again now. */
  isToBeTried(isDown: boolean, nowMs: number, patienceMs: number): boolean {
    return nowMs - this.#askedDirectly.lastMs >= this.#rules.triedAfterMs(isDown, patienceMs);
  }

  /** A frame of it was heard. Returns the status if that has changed. */
  heard(what: Heard, nowMs: number, patienceMs: number): ReplicaLink | undefined {
    const before = this.#status;
    // Where nothing is asked aloud, what it did not answer while it was silent itself tells nothing of the way to it.
    if (!this.#mayAskAloud && nowMs - this.#heardMs > patienceMs / 2) this.#asked.count = 0;
    this.#heardMs = nowMs;
    if (what === "broadcast") this.#heardBroadcast(nowMs, patienceMs);
    else {
      if (this.#direct === 0) this.#directSinceMs = nowMs;
      this.#direct += 1;
      if (what !== "question") this.#answered(what === "heartbeat" || !this.#wasAloud, nowMs);
      const isLong = nowMs - this.#directSinceMs > 1.5 * patienceMs;
      if (this.#direct >= 3 && isLong && !this.#isOnlyAloud) this.#status = "noBroadcasts";
    }
    // Tries that are lost tell it as well as what is missing does.
    const isLost = this.#askedDirectly.isMoreThan(REQUESTS_UNANSWERED, patienceMs, nowMs);
    if (this.#isOnlyAloud && isLost && this.#status !== "oneWay") this.#status = "noDirect";
    return this.#status === before ? undefined : this.#status;
  }

  #answered(directly: boolean, nowMs: number): void {
    if (this.#asked.count === 0) return;
    const wasOneWay = this.#status === "oneWay";
    this.#asked.count = 0;
    this.#askedAloud.count = 0;
    // Where nothing at all got through, direct requests were lost for that reason, and are to be tried again.
    if (directly || wasOneWay) {
      this.#askedDirectly.count = 0;
      this.#isOnlyAloud = false;
      this.#aloudUntilMs = -Infinity;
      this.#status = "whole";
    } else {
      this.#isOnlyAloud = true;
      this.#aloudUntilMs = nowMs + ALOUD_MS;
    }
  }

  #heardBroadcast(nowMs: number, patienceMs: number): void {
    this.#direct = 0;
    if (this.#status === "noBroadcasts") this.#status = "whole";
    // What was asked for directly alone may have been lost where a broadcast is heard.
    const isUnanswered = this.#asked.isMoreThan(REQUESTS_UNANSWERED, patienceMs, nowMs);
    const isUnansweredAloud = this.#askedAloud.isMoreThan(ALOUD_UNANSWERED, patienceMs / 2, nowMs);
    if (isUnanswered && (isUnansweredAloud || !this.#mayAskAloud)) this.#status = "oneWay";
  }
}
