/** What a presence is started with, and the checks of it. The tracker checks its own options. */
import { TrackerError } from "../errors.js";
import { requireKnownOptions } from "../known-names.js";
import type { AnyMeta, Meta } from "../tracker/behaviour.js";
import { trackerOptionNames } from "../tracker/options.js";
import type { TrackerOptions } from "../tracker/options.js";
import type { Fetch } from "./fetcher.js";
import type { HandleMetas } from "./topic-feed.js";
import type { NoExtra } from "./wire.js";

export interface PresenceOptions<
  M extends Meta<M> = AnyMeta,
  X extends object = NoExtra,
> extends TrackerOptions {
  /**
   * Finds what belongs to keys beside their metas, such as the name of a user. Asked once per diff and topic
   * that anyone follows, and once per list, always for all keys together.
   */
  readonly fetch?: Fetch<X> | undefined;
  /**
   * Called for every change of every topic, after the subscribers of that topic. For consequences on the
   * server, such as a count in a database; what clients see is better done with `subscribe` or `forward`.
   */
  readonly handleMetas?: HandleMetas<M, X> | undefined;
  /**
   * How long a fetch may take, in milliseconds above 0. Then the presences go out without what it adds, so
   * that one stuck query does not hold up a topic for good. Default 5,000.
   */
  readonly fetchTimeoutMs?: number | undefined;
  /**
   * For how long the changes of a topic are collected before they go out as one diff, in milliseconds. A
   * join and its leave in that time cancel, and updates collapse into one. Default 0: every change at once.
   * In a topic of thousands, 500 to 1,000 turns a storm of small messages into a few larger ones.
   */
  readonly diffPeriodMs?: number | undefined;
}

/** The presence's own options, checked and complete. */
export interface PresenceSettings<M, X extends object> {
  readonly fetch: Fetch<X> | undefined;
  readonly handleMetas: HandleMetas<M, X> | undefined;
  readonly fetchTimeoutMs: number;
  readonly diffPeriodMs: number;
}

const knownOptions: Readonly<Record<keyof PresenceOptions, true>> = {
  ...trackerOptionNames,
  fetch: true,
  handleMetas: true,
  fetchTimeoutMs: true,
  diffPeriodMs: true,
};

/** Node's timers cannot wait longer. */
const longestTimerMs = 2 ** 31 - 1;

/** @throws TrackerError `INVALID_OPTION`, with the `option` and its `value`; also for one that there is not. */
export function presenceSettings<M extends Meta<M>, X extends object>(
  options: PresenceOptions<M, X>,
): PresenceSettings<M, X> {
  if (typeof options !== "object" || options === null) {
    throw invalid("options", options, "an object with at least `name` and `pubsub`");
  }
  requireKnownOptions(options, knownOptions);
  const { fetch, handleMetas, fetchTimeoutMs = 5_000, diffPeriodMs = 0 } = options;
  checkFunction("fetch", fetch);
  checkFunction("handleMetas", handleMetas);
  checkDuration("fetchTimeoutMs", fetchTimeoutMs, 1);
  checkDuration("diffPeriodMs", diffPeriodMs, 0);
  return { fetch, handleMetas, fetchTimeoutMs, diffPeriodMs };
}

/** The options that the tracker of a presence is started with. */
export function trackerOptions<M extends Meta<M>, X extends object>(
  options: PresenceOptions<M, X>,
): TrackerOptions {
  const {
    fetch: _fetch,
    handleMetas: _handleMetas,
    fetchTimeoutMs: _fetchTimeoutMs,
    diffPeriodMs: _diffPeriodMs,
    ...rest
  } = options;
  return rest;
}

function checkFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw invalid(option, value, "a function");
}

function checkDuration(option: string, value: unknown, leastMs: number): void {
  if (typeof value === "number" && value >= leastMs && value <= longestTimerMs) return;
  throw invalid(option, value, `a number of milliseconds from ${leastMs} to ${longestTimerMs}`);
}

function invalid(option: string, value: unknown, expected: string): TrackerError {
  const shown = typeof value === "object" && value !== null ? "an object" : String(value);
  const message = `Expected \`${option}\` to be ${expected}; got ${shown}`;
  return new TrackerError("INVALID_OPTION", message, { option, value });
}
