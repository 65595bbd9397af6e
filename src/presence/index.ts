/** The presence layer's public surface. */
export { Presence } from "./presence.js";
export type { Fetch } from "./fetcher.js";
export type { PresenceSubscriber } from "./follower.js";
export type { PresenceOptions } from "./options.js";
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
