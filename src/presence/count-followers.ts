/**
 * Those who follow only how many are under a topic. Each is told the counts once, then again when they have changed:
 * at once after a quiet time, else once in a period, with the counts of that moment. Costs a topic nothing but a look at
 * its counts. Knows no entry and no feed.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Reporter } from "../reports.js";
import type { Diff } from "../words.js";
import { onAbort } from "../on-end.js";
import type { SubscriptionEnd } from "./follower.js";
import type { FollowCountOptions } from "./options.js";
import type { PresenceCount } from "./wire.js";

interface Settings {
  readonly runtime: Runtime;
  readonly reporter: Reporter;
  /** What a topic counts now. */
  readonly countOf: (topic: string) => PresenceCount;
}

export class CountFollowers {
  readonly #settings: Settings;
  readonly #topics = new Map<string, Set<CountFollower>>();
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** How many follow a count, over all topics. */
  get size(): number {
    let size = 0;
    for (const followers of this.#topics.values()) size += followers.size;
    return size;
  }

  /** Takes a diff of the tracker. */
  change(diff: Diff<unknown>): void {
    if (this.#topics.size === 0) return;
    for (const [topic, { joins, leaves }] of diff) {
      if (joins.length === 0 && leaves.length === 0) continue;
      for (const follower of this.#topics.get(topic) ?? []) follower.changed();
    }
  }

  follow(
    topic: string,
    tell: (count: PresenceCount) => unknown,
    options: FollowCountOptions,
    periodMs: number,
  ): () => void {
    const follower = new CountFollower(topic, tell, options, periodMs, this.#settings);
    if (this.#closed) follower.endFor("stopped");
    if (follower.ended) return follower.end;
    const followers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, followers.add(follower));
    follower.onEnd = () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#topics.get(topic) === followers) this.#topics.delete(topic);
    };
    follower.changed();
    return follower.end;
  }

  /** Ends all: no callback comes any more but that of the end, no timer is left. */
  close(): void {
    this.#closed = true;
    for (const followers of this.#topics.values()) for (const each of followers) each.endFor("stopped");
  }
}

class CountFollower {
  readonly #topic: string;
  readonly #tell: (count: PresenceCount) => unknown;
  readonly #tellEnd: ((reason: SubscriptionEnd) => unknown) | undefined;
  readonly #periodMs: number;
  readonly #settings: Settings;
  readonly #forgetSignals: (() => void)[] = [];
  #told: PresenceCount | undefined;
  /** What it waits for: to tell in the next microtask, or the end of a period, at which it tells what has changed. */
  #waitsFor: "nothing" | "turn" | "period" = "nothing";
  #hasChanged = false;
  #cancelPeriod: CancelTimer | undefined;
  #ended = false;
  onEnd: (() => void) | undefined;

  constructor(
    topic: string,
    tell: (count: PresenceCount) => unknown,
    { signal, session, ended }: FollowCountOptions,
    periodMs: number,
    settings: Settings,
  ) {
    this.#topic = topic;
    this.#tell = tell;
    this.#tellEnd = ended;
    this.#periodMs = periodMs;
    this.#settings = settings;
    if (signal !== undefined) this.#endWith(signal, "aborted");
    if (session !== undefined && !this.#ended) this.#endWith(session.signal, "closed");
  }

  get ended(): boolean {
    return this.#ended;
  }

  changed(): void {
    this.#hasChanged = true;
    if (this.#waitsFor !== "nothing") return;
    this.#waitsFor = "turn";
    queueMicrotask(() => this.#tellChange());
  }

  readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelPeriod?.();
    for (const forget of this.#forgetSignals) forget();
    this.onEnd?.();
  };

  endFor(reason: SubscriptionEnd): void {
    if (this.#ended) return;
    this.end();
    if (this.#tellEnd === undefined) return;
    queueMicrotask(() => this.#guard("ended", () => this.#tellEnd?.(reason)));
  }

  #tellChange(): void {
    if (this.#ended) return;
    this.#waitsFor = "nothing";
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    const count = this.#settings.countOf(this.#topic);
    // What came and went in between is no change.
    if (this.#told?.metas === count.metas && this.#told.keys === count.keys) return;
    this.#told = count;
    this.#waitsFor = "period";
    this.#cancelPeriod = this.#settings.runtime.schedule(this.#periodMs, () => this.#tellChange());
    this.#guard("a callback", () => this.#tell(count));
  }

  #endWith(signal: AbortSignal, reason: SubscriptionEnd): void {
    if (signal.aborted) this.endFor(reason);
    else this.#forgetSignals.push(onAbort(signal, () => this.endFor(reason)));
  }

  #guard(what: string, call: () => unknown): void {
    this.#settings.reporter.guard(
      `${what} of who follows the count of topic ${JSON.stringify(this.#topic)}`,
      call,
    );
  }
}
