/**
 * How the channels of trackers and channel servers are called, on every pubsub. Names are escaped, so no two of them
 * can meet, whatever trackers and servers are called.
 */

/**
 * `all`: the broadcasts of a tracker. `to`: its inboxes. `follow` and `followTo`: the same of one that holds what it
 * follows. `channels`: the servers of `rollcall/channels`.
 */
export type ChannelKind = "all" | "to" | "follow" | "followTo" | "channels";

/**
 * `rollcall:N`, `rollcall:N:inbox`, `rollcall:N:follow`, `rollcall:N:follow:inbox` and `rollcall:channels:N`, with the name
 * escaped.
 */
export function channelName(kind: ChannelKind, name: string): string {
  const text = escaped(name);
  if (kind === "all") return `rollcall:${text}`;
  if (kind === "to") return `rollcall:${text}:inbox`;
  if (kind === "follow") return `rollcall:${text}:follow`;
  if (kind === "followTo") return `rollcall:${text}:follow:inbox`;
  // By its plain name a server `inbox` or `follow` would meet those of a tracker `channels`.
  const isTaken = text === "inbox" || text === "follow";
  return `rollcall:channels:${isTaken ? `%${text.charCodeAt(0).toString(16)}${text.slice(1)}` : text}`;
}

/**
 * The name in letters, digits, `_`, `-` and `%`, which mean nothing to any broker. Different names stay different:
 * each character but letters, digits, `_` and `-` becomes its UTF-8 in hexadecimal, and a lone surrogate, which has
 * none, `%u` and its number.
 */
function escaped(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16).toUpperCase()}`;
    const encoded = encodeURIComponent(character);
    return encoded.startsWith("%") ? encoded : `%${code.toString(16).toUpperCase()}`;
  });
}

/** The name of the tracker that broadcasts on a channel; undefined for any other channel. */
export function trackerOfChannel(channel: string): string | undefined {
  const text = /^rollcall:([\w%-]+)$/.exec(channel)?.[1];
  if (text === undefined) return undefined;
  try {
    return text
      .split(/%u([0-9A-F]{4})/)
      .map((part, i) =>
        i % 2 === 0 ? decodeURIComponent(part) : String.fromCharCode(Number.parseInt(part, 16)),
      )
      .join("");
  } catch {
    return undefined;
  }
}
