/** The options of a presence, and their checks. The tracker checks its own options. */
import { durationOption, functionOption, runtimeOption, wrongOption } from "../checks.js";
import { readNames, readOptions } from "../known-names.js";
import type { AnyMeta, Meta } from "../words.js";
import { trackerOptionNames, type TrackerOptions } from "../tracker/options.js";
import type { Session } from "../session.js";
import type { SubscriptionEnd } from "./follower.js";
import type { Fetch } from "./fetcher.js";
import type { HandleMetas } from "./topic-feed.js";
import type { NoExtra } from "./wire.js";

export interface PresenceOptions<
  M extends Meta<M> = AnyMeta,
  X extends object = NoExtra,
> extends TrackerOptions<M> {
  /**
   * Finds the data that belongs to keys beside their metas, such as the name of a user. Called once per diff and topic
   * that anyone follows, and once per list, always for all keys together.
   */
  readonly fetch?: Fetch<X> | undefined;
  /**
   * Called for every change of every topic, after the subscribers of that topic. For consequences on the
   * server, such as a count in a database; for clients `subscribe` and `forward` are better.
   */
  readonly handleMetas?: HandleMetas<M, X> | undefined;
  /**
   * How long a fetch may take, in milliseconds above 0. Then the presences go out without its additions, so
   * that one stuck query does not hold up a topic for good. Default 5,000.
   */
  readonly fetchTimeoutMs?: number | undefined;
  /**
   * For how long the changes of a topic are collected before they go out as one diff, in milliseconds. A
   * join and its leave in that time cancel, and updates collapse into one. Default 0: every change at once.
   * In a topic of thousands, 500 to 1,000 turns a storm of small messages into a few larger ones.
   */
  readonly diffPeriodMs?: number | undefined;
  /**
   * With `holds: "followed"`: how long the state of a topic that somebody begins to look at waits until it is complete. Then
   * it is what is known, and the rest comes as diffs. Default 1,000 ms.
   */
  readonly stateTimeoutMs?: number | undefined;
}

/** How a topic is forwarded. */
export interface ForwardOptions {
  /** Ends it when it aborts; one that has aborted already forwards nothing. */
  readonly signal?: AbortSignal | undefined;
  /** In place of a signal: ends it when it closes. */
  readonly session?: Session | undefined;
  /** Called once, last, when the signal, the session or a stop ended it. */
  readonly ended?: ((reason: SubscriptionEnd) => void) | undefined;
}

/** How a topic, or its first keys, are forwarded. */
export interface ForwardPartOptions extends ForwardOptions {
  /**
   * Of how many keys, from 1: the first in the order of their UTF-16 code units, which all nodes share. Without it, of
   * all.
   */
  readonly limit?: number | undefined;
}

/** How the counts of a topic are followed. */
export interface FollowCountOptions extends ForwardOptions {
  /** At most once in so long the counts are told, beside the first time. Default 1,000 ms: people read no faster. */
  readonly periodMs?: number | undefined;
}

export const followCountOptionNames: Readonly<Record<keyof FollowCountOptions, true>> = {
  signal: true,
  session: true,
  ended: true,
  periodMs: true,
};

export const forwardOptionNames: Readonly<Record<keyof ForwardPartOptions, true>> = {
  signal: true,
  session: true,
  ended: true,
  limit: true,
};

/** The presence's own options, checked and complete. */
export interface PresenceSettings<M, X extends object> {
  readonly fetch: Fetch<X> | undefined;
  readonly handleMetas: HandleMetas<M, X> | undefined;
  readonly fetchTimeoutMs: number;
  readonly diffPeriodMs: number;
  readonly stateTimeoutMs: number;
}

const knownOptions: Readonly<Record<keyof PresenceOptions, true>> = {
  ...trackerOptionNames,
  fetch: true,
  handleMetas: true,
  fetchTimeoutMs: true,
  diffPeriodMs: true,
  stateTimeoutMs: true,
};

/** @throws TrackerError `INVALID_OPTION`, with the `option` and its `value`; also for one that there is not. */
export function presenceSettings<M extends Meta<M>, X extends object>(
  options: PresenceOptions<M, X>,
): PresenceSettings<M, X> {
  if (typeof options !== "object" || options === null) {
    throw wrongOption("options", options, "an object with at least `name` and `pubsub`");
  }
  const read = readOptions(options, knownOptions);
  const {
    name,
    runtime,
    fetch,
    handleMetas,
    fetchTimeoutMs = 5_000,
    diffPeriodMs = 0,
    stateTimeoutMs = 1_000,
  } = read;
  // The reporter that carries its name and tells the time is made before the tracker, which checks the rest.
  if (typeof name !== "string") throw wrongOption("name", name, "a text");
  if (runtime !== undefined) runtimeOption(runtime);
  functionOption("fetch", fetch);
  functionOption("handleMetas", handleMetas);
  durationOption("fetchTimeoutMs", fetchTimeoutMs, 1);
  durationOption("diffPeriodMs", diffPeriodMs, 0);
  durationOption("stateTimeoutMs", stateTimeoutMs, 1);
  return { fetch, handleMetas, fetchTimeoutMs, diffPeriodMs, stateTimeoutMs };
}

/** The options that the tracker of a presence is started with. */
export function trackerOptions<M extends Meta<M>, X extends object>(
  options: PresenceOptions<M, X>,
): TrackerOptions<M> {
  const {
    fetch: _fetch,
    handleMetas: _handleMetas,
    fetchTimeoutMs: _fetchTimeoutMs,
    diffPeriodMs: _diffPeriodMs,
    stateTimeoutMs: _stateTimeoutMs,
    ...rest
  } = options;
  // An instance of a class may have what it says in its prototype.
  return { ...rest, ...readNames<TrackerOptions<M>>(options, trackerOptionNames) };
}
