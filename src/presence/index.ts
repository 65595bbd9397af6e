/** The presence layer's public surface. */
export { Presence } from "./presence.js";
export type { PresenceHealth } from "./presence.js";
export type { Fetch } from "./fetcher.js";
export type { PresenceChange } from "./changes.js";
export type { PresenceSubscriber, SubscriptionEnd } from "./follower.js";
export type { PresenceCount } from "./count-followers.js";
export type { FollowCountOptions, ForwardOptions, PresenceOptions } from "./options.js";
export type { HandleMetas } from "./topic-feed.js";
export type {
  KeyPresence,
  NoExtra,
  PresenceDiff,
  PresenceEvent,
  PresenceMessage,
  PresenceMeta,
  Presences,
  UpdatedPresence,
  WireDiff,
} from "./wire.js";
