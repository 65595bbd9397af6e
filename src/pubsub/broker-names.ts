/**
 * How channels and inboxes are called on a broker, so that no two of them can ever be the same:
 * `prefix:all:channel` for broadcasts and `prefix:to:node:channel` for direct sends. Readable in the broker's
 * own tools. And on which of several servers each of them lives.
 */
import { wrongOption } from "../checks.js";

/** Has no separator of any broker, so that one prefix cannot reach into another. */
const prefixPattern = /^[A-Za-z0-9_-]{1,32}$/;

/**
 * The given prefix, or `rollcall` if none was given.
 *
 * @throws TrackerError `INVALID_OPTION` for a prefix that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function checkedPrefix(prefix: string | undefined): string {
  if (prefix === undefined) return "rollcall";
  if (typeof prefix === "string" && prefixPattern.test(prefix)) return prefix;
  throw wrongOption("prefix", prefix, 'a text of 1 to 32 letters, digits, "_" or "-"');
}

/** Where broadcasts on the channel go. */
export function broadcastName(prefix: string, channel: string): string {
  return `${prefix}:all:${channel}`;
}

/** Where direct sends to the node go. The node's name is escaped, because the channel's follows it. */
export function inboxName(prefix: string, node: string, channel: string): string {
  return `${prefix}:to:${encodeURIComponent(node)}:${channel}`;
}

/** The same where a Redis Cluster is to keep all inboxes of a node in one slot, which the part in braces decides. */
export function taggedInboxName(prefix: string, node: string, channel: string): string {
  return `${prefix}:to:{${encodeURIComponent(node)}}:${channel}`;
}

/**
 * On which of so many servers a name lives: a broadcast by its whole name, and all inboxes of a node on one server, by the
 * node's. It is part of what nodes agree on: another answer is another place.
 */
export function homeOf(name: string, servers: number): number {
  const [prefix, kind, node] = name.split(":", 3);
  return hashOf(kind === "to" ? `${prefix}:to:${node}` : name) % servers;
}

/** FNV-1a of the UTF-16 units, and MurmurHash3's finalizer, without which the last bits depend on few letters. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
