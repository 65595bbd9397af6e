/**
 * One subscriber of a topic: what it is called with, and when.
 *
 * It promises one state first and then every change once and in order, nothing after it has ended, and that
 * a callback that throws or rejects is reported and costs nothing else.
 */
import type { AnyMeta } from "../words.js";
import { isPlain, requireFunction, wrongArgument } from "../checks.js";
import { readNames, requireKnownOptions } from "../known-names.js";
import { endSignals } from "../tracker/change-iterator.js";
import { onAbort } from "../on-end.js";
import type { Session } from "../session.js";
import type { Reporter } from "../reports.js";
import type { KeyChanges } from "./topic-view.js";
import type { KeyPresence, NoExtra, PresenceDiff, Presences } from "./wire.js";

/** What a subscriber of a topic hears. No callback is ever called synchronously. */
export interface PresenceSubscriber<M = AnyMeta, X extends object = NoExtra> {
  /** Called once, first: everybody who is here. The object is frozen and may be shared. */
  state(presences: Presences<M, X>): void;
  /** Called for every later change, in order. The object is frozen and shared with other subscribers. */
  diff(diff: PresenceDiff<M, X>): void;
  /** A key that was not here got its first meta. After `diff`; not called for those in `state`. */
  online?: ((key: string, presence: KeyPresence<M, X>) => void) | undefined;
  /** A key lost its last meta; `presence` is what it lost. After `diff`. */
  offline?: ((key: string, presence: KeyPresence<M, X>) => void) | undefined;
  /**
   * Called once, last, when something else than the function that `subscribe` returned ended the subscription: for
   * streams that have to be closed then.
   */
  ended?: ((reason: SubscriptionEnd) => void) | undefined;
  /** Ends the subscription when it aborts; one that has aborted already makes none. */
  signal?: AbortSignal | undefined;
  /** In place of a signal: ends the subscription when it closes. */
  session?: Session | undefined;
}

const subscriberNames: Readonly<Record<keyof PresenceSubscriber, true>> = {
  state: true,
  diff: true,
  online: true,
  offline: true,
  ended: true,
  signal: true,
  session: true,
};

/** @throws TrackerError `INVALID_ARGUMENT`, `INVALID_OPTION`, as `Presence.subscribe` does. */
export function requireSubscriber(subscriber: PresenceSubscriber<never, never>): void {
  if (typeof subscriber !== "object" || subscriber === null) {
    throw wrongArgument("subscriber", subscriber, "an object with state and diff");
  }
  if (isPlain(subscriber)) requireKnownOptions(subscriber, subscriberNames);
  const { state, diff, online, offline, ended, signal, session } = readNames(subscriber, subscriberNames);
  requireFunction("state", state);
  requireFunction("diff", diff);
  if (online !== undefined) requireFunction("online", online);
  if (offline !== undefined) requireFunction("offline", offline);
  if (ended !== undefined) requireFunction("ended", ended);
  endSignals({ signal, session });
}

/** Why a subscription ended: the presence was stopped, its signal aborted, or its session closed. */
export type SubscriptionEnd = "stopped" | "aborted" | "closed";

/** A diff with the keys that it brought and took. */
export interface Change<M, X extends object> extends KeyChanges {
  readonly diff: PresenceDiff<M, X>;
}

export class Follower<M, X extends object> {
  readonly #where: string;
  readonly #subscriber: PresenceSubscriber<M, X>;
  readonly #reporter: Reporter;
  /** Changes that came after the state was taken, until the state itself is delivered. */
  #backlog: Change<M, X>[] | undefined = [];
  #ended = false;
  readonly #forgetSignals: (() => void)[] = [];
  /** Whom to tell, once, that it has ended: the feed it was added to. */
  onEnd: (() => void) | undefined;

  constructor(topic: string, subscriber: PresenceSubscriber<M, X>, reporter: Reporter) {
    this.#where = ` of a subscriber to topic ${JSON.stringify(topic)}`;
    this.#subscriber = subscriber;
    this.#reporter = reporter;
    const { signal, session } = subscriber;
    if (signal !== undefined) this.#endWith(signal, "aborted");
    if (session !== undefined && !this.#ended) this.#endWith(session.signal, "closed");
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Delivers the state, then what has changed since it was taken. */
  begin(state: Presences<M, X>): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    this.#call("state", () => this.#subscriber.state(state));
    for (const change of backlog) this.change(change);
  }

  change(change: Change<M, X>): void {
    if (this.#backlog !== undefined) {
      this.#backlog.push(change);
      return;
    }
    const { diff, online, offline } = change;
    this.#call("diff", () => this.#subscriber.diff(diff));
    for (const key of offline) {
      const presence = diff.leaves[key];
      if (presence !== undefined) this.#call("offline", () => this.#subscriber.offline?.(key, presence));
    }
    for (const key of online) {
      const presence = diff.joins[key];
      if (presence !== undefined) this.#call("online", () => this.#subscriber.online?.(key, presence));
    }
  }

  /** Ends the subscription, for its subscriber. Ending it twice does nothing. */
  readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#backlog = undefined;
    for (const forget of this.#forgetSignals) forget();
    this.onEnd?.();
  };

  /** Ends the subscription, and tells its subscriber why. */
  endFor(reason: SubscriptionEnd): void {
    if (this.#ended) return;
    this.end();
    if (this.#subscriber.ended === undefined) return;
    queueMicrotask(() => {
      this.#reporter.guard("ended" + this.#where, () => this.#subscriber.ended?.(reason));
    });
  }

  /** Calls a function once it has ended: now, if it has. */
  onceEnded(run: () => void): void {
    if (this.#ended) run();
    else this.#forgetSignals.push(run);
  }

  #endWith(signal: AbortSignal, reason: SubscriptionEnd): void {
    if (signal.aborted) this.endFor(reason);
    else this.#forgetSignals.push(onAbort(signal, () => this.endFor(reason)));
  }

  #call(handler: string, call: () => unknown): void {
    if (!this.#ended) this.#reporter.guard(handler + this.#where, call);
  }
}
