/** `rollcall/client`: a client's copy of a topic's presences, for any transport and any browser. */
export { PresenceClient } from "./presence-client.js";
export type { KeyListener, PresenceClientOptions } from "./presence-client.js";
export type { KeyPresence, NoExtra, PresenceMeta, Presences } from "../presence/wire.js";
