/**
 * `rollcall`: who is here, now, on every node. Begin with {@link Tracker}, or with {@link Presence} for the
 * same grouped by user.
 */
export { TrackerError } from "./errors.js";
export type { TrackerErrorCode, TrackerErrorDetails } from "./errors.js";
export { Presence } from "./presence/index.js";
export type * from "./presence/index.js";
export type { PubSub, PubSubStatus, Unsubscribe } from "./pubsub/pubsub.js";
export { nodeRuntime } from "./runtime.js";
export type { CancelTimer, Runtime, TimerOptions } from "./runtime.js";
export type {
  AnyMeta,
  Diff,
  Entry,
  JsonValueOf,
  Leave,
  LeaveReason,
  Meta,
  TopicDiff,
  Update,
} from "./words.js";
export type { DurationCounts } from "./durations.js";
export type { TrackerBehaviour } from "./tracker/behaviour.js";
export type { Diagnostics, TrackerHappenings, TrackerPlace } from "./tracker/diagnostics.js";
export type {
  Explanation,
  FollowingHealth,
  ForeignNodeHealth,
  Health,
  ReplicaHealth,
  VersionRange,
} from "./tracker/health.js";
export type { ChangesOptions } from "./tracker/change-iterator.js";
export type { TrackerChange } from "./tracker/diffs.js";
export type { PageOptions } from "./tracker/pages.js";
export type { MetaSchema, MetaSchemaIssue, MetaSchemaResult } from "./tracker/schema.js";
export type { LastSeen } from "./tracker/last-seen.js";
export type { TrackerOptions } from "./tracker/options.js";
export type { TrackerEvents } from "./tracker/events.js";
export { Follow } from "./tracker/follow.js";
export type { FollowOptions } from "./tracker/follow.js";
export { FollowCount } from "./tracker/follow-count.js";
export type { FollowCountEvents, TopicCount } from "./tracker/follow-count.js";
export { Session } from "./session.js";
export type { CloseOptions, SessionSource } from "./session.js";
export { Tracker } from "./tracker/tracker.js";
export type { StopOptions } from "./tracker/tracker.js";
