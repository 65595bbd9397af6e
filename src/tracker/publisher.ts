/**
 * Payloads on their way into the pubsub, on the channels of one tracker. What the pubsub refuses is reported:
 * later messages repair what is lost, so nothing is sent again from here.
 *
 * The pubsub is the user's own code: it may throw, return anything, never settle what it returned, and call back
 * before it returns.
 */
import { isTrackerError, TrackerError } from "../errors.js";
import { channelName, type ChannelKind } from "../pubsub/channel-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import type { Runtime } from "../runtime.js";
import { settlesWithin } from "../pubsub/within.js";

/** A pubsub that never settles what it was given shall not keep memory for it: the oldest are followed no more. */
const MAX_UNDER_WAY = 1_024;

export class Publisher {
  readonly broadcastChannel: string;
  readonly inboxChannel: string;
  /** Those of nodes that hold otherwise. */
  readonly othersChannel: string;
  readonly othersInboxChannel: string;
  readonly #pubsub: PubSub;
  readonly #report: (error: TrackerError) => void;
  readonly #underWay = new Set<Promise<void>>();
  /** Payloads that the pubsub refused. */
  failures = 0;
  #isStuck = false;
  #calls = 0;

  /** `report` may be called while {@link isPublishing}. */
  constructor(
    pubsub: PubSub,
    trackerName: string,
    [all, to, others, othersTo]: readonly [ChannelKind, ChannelKind, ChannelKind, ChannelKind],
    report: (error: TrackerError) => void,
  ) {
    this.#pubsub = pubsub;
    this.#report = report;
    this.broadcastChannel = channelName(all, trackerName);
    this.inboxChannel = channelName(to, trackerName);
    this.othersChannel = channelName(others, trackerName);
    this.othersInboxChannel = channelName(othersTo, trackerName);
  }

  /** Whether the pubsub is being called: what it tells meanwhile comes in the middle of something. */
  get isPublishing(): boolean {
    return this.#calls > 0;
  }

  broadcast(payload: string): void {
    this.#publish(() => this.#pubsub.broadcast(this.broadcastChannel, payload));
  }

  /** To one who holds otherwise than this node, or to all. */
  notice(payload: string, to: string | undefined): void {
    this.#publish(() =>
      to === undefined
        ? this.#pubsub.broadcast(this.othersChannel, payload)
        : this.#pubsub.send(to, this.othersInboxChannel, payload),
    );
  }

  send(node: string, payload: string): void {
    this.#publish(() => this.#pubsub.send(node, this.inboxChannel, payload));
  }

  /**
   * Resolves when what is under way has got through or failed, and after `timeoutMs` at the latest; says whether
   * all of it has.
   */
  async settled(runtime: Runtime, timeoutMs: number): Promise<boolean> {
    if (this.#underWay.size === 0) return true;
    return settlesWithin(runtime, timeoutMs, Promise.all(this.#underWay));
  }

  #publish(publish: () => unknown): void {
    this.#calls += 1;
    try {
      const result = promiseOf(publish());
      if (result !== undefined) this.#follow(result);
    } catch (cause) {
      this.#failed(cause);
    } finally {
      this.#calls -= 1;
    }
  }

  #follow(result: Promise<unknown>): void {
    const done = (): void => {
      this.#underWay.delete(underWay);
      if (this.#underWay.size === 0) this.#isStuck = false;
    };
    const underWay: Promise<void> = result.then(done, (cause: unknown) => {
      done();
      this.#failed(cause);
    });
    this.#underWay.add(underWay);
    if (this.#underWay.size <= MAX_UNDER_WAY) return;
    for (const oldest of this.#underWay) {
      this.#underWay.delete(oldest);
      break;
    }
    if (this.#isStuck) return;
    this.#isStuck = true;
    const text = `The pubsub has not settled ${MAX_UNDER_WAY} payloads; older ones are waited for no more`;
    this.#report(new TrackerError("PUBLISH_FAILED", text, { unsettled: MAX_UNDER_WAY }));
  }

  #failed(cause: unknown): void {
    this.failures += 1;
    if (isTrackerError(cause)) this.#report(cause);
    else {
      this.#report(new TrackerError("PUBLISH_FAILED", "The pubsub refused a payload", {}, { cause }));
    }
  }
}
