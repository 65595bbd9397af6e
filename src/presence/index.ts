/** The presence layer's public surface. */
export { Presence } from "./presence.js";
export type { PresenceHealth } from "./presence.js";
export type { Fetch } from "./fetcher.js";
export type { PresenceChange } from "./changes.js";
export type { PresenceSubscriber, SubscriptionEnd } from "./follower.js";
export type { FollowCountOptions, ForwardOptions, ForwardPartOptions, PresenceOptions } from "./options.js";
export type { HandleMetas } from "./topic-feed.js";
export type {
  KeyPresence,
  NoExtra,
  PresenceCount,
  PresenceDiff,
  PresenceEvent,
  PresenceMessage,
  PresenceMeta,
  PresencePartMessage,
  Presences,
  UpdatedPresence,
  WireDiff,
} from "./wire.js";
