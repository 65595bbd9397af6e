/**
 * How the channels of trackers and channel servers are called, on every pubsub. The kind stands in front and the
 * name is escaped, so no two of them can meet, whatever their names are.
 */

/** `all`: the broadcasts of a tracker. `to`: its inboxes. `channels`: the servers of `rollcall/channels`. */
export type ChannelKind = "all" | "to" | "channels";

/** `rollcall:kind:name`. */
export function channelName(kind: ChannelKind, name: string): string {
  return `rollcall:${kind}:${escaped(name)}`;
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
