/**
 * `rollcall/channels`: a server for the Phoenix Channels protocol, version 2, on `ws`. The official `phoenix`
 * client connects to it unmodified.
 */
export { ChannelServer, type ChannelHealth } from "./channel-server.js";
export type { ChannelCounters } from "./counters.js";
export type { ErrorListener } from "./error-reports.js";
export {
  refuse,
  type Channel,
  type ChannelHandlers,
  type ChannelSocket,
  type ConnectRequest,
  type CountSource,
  type EndReason,
  type FollowCountsOptions,
  type FollowOptions,
  type HandlerResult,
  type JoiningChannel,
  type JoinResult,
  type JsonPayload,
  type LateReply,
  type NoAssigns,
  type OriginCheck,
  type Payload,
  type PresenceSource,
  type Refusal,
  type Reply,
  type SocketMount,
  type SocketOptions,
} from "./handlers.js";
export type { UpgradeServer } from "./http-attachment.js";
export type { ChannelLimits, ChannelServerOptions, DrainOptions } from "./options.js";
export type { ConnectParams, ParamValue } from "./params.js";
export type { RouteChange, RouteFollow, RouteSource } from "./route-source.js";
