/** Byte lengths as they count on the wire. Pure, and without Node's Buffer: it also runs in browsers. */

/** The length of a text in UTF-8. A lone surrogate counts three, as its replacement does. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text, i + 1)) {
      bytes += 2;
      i += 1;
    } else bytes += 2;
  }
  return bytes;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Whether a text is at most so long in UTF-8; counts only where the number of its units does not tell. */
export function fitsUtf8(text: string, maxBytes: number): boolean {
  if (text.length * 3 <= maxBytes) return true;
  return text.length <= maxBytes && utf8Length(text) <= maxBytes;
}

/** Whether the JSON form of a text, without its quotes, is at most so long in UTF-8. */
export function fitsJsonText(text: string, maxBytes: number): boolean {
  // No unit takes more than six bytes: a control character as \u0000.
  if (text.length * 6 <= maxBytes) return true;
  return text.length <= maxBytes && fitsUtf8(JSON.stringify(text), maxBytes + 2);
}
