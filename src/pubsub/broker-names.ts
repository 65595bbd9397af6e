/**
 * How channels and inboxes are called on a broker, so that no two of them can ever be the same:
 * `prefix:all:channel` for broadcasts and `prefix:to:node:channel` for direct sends. Readable in the broker's
 * own tools.
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
