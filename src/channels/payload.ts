/**
 * The payload of a client's text frame: kept as text while it waits, measured before it is parsed, parsed when
 * its turn comes. Promises that what it returns is an object of bounded depth. Pure.
 */
import type { JsonPayload } from "./handlers.js";

/** As deep as a meta may be. What is deeper may be parsed and yet be too deep to be encoded again. */
const MAX_PAYLOAD_DEPTH = 64;

/** What an empty object or list takes in memory, and one more value in it, at most. */
const CONTAINER_BYTES = 64;
const VALUE_BYTES = 16;

/** What became of a payload's text. `undefined` stands for what is no JSON. */
export type ReadPayload =
  | { readonly payload: JsonPayload; readonly refusal?: undefined }
  | { readonly payload?: undefined; readonly refusal: string }
  | undefined;

/** Parses a payload, unless it is nested too deep. */
export function readPayload(text: string): ReadPayload {
  if (measureJson(text).depth > MAX_PAYLOAD_DEPTH) {
    return { refusal: `payload is nested deeper than ${MAX_PAYLOAD_DEPTH} levels` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { refusal: "payload must be an object" };
  }
  return { payload: value as JsonPayload };
}

/** How many bytes a payload takes once it is parsed, at most: `{}` takes twenty times its text. */
export function parsedBytes(text: string): number {
  const { containers, separators } = measureJson(text);
  return text.length + containers * CONTAINER_BYTES + separators * VALUE_BYTES;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Counts what stands between the strings of a JSON text. Of what is no JSON it says something, and throws nothing. */
function measureJson(text: string): { depth: number; containers: number; separators: number } {
  let open = 0;
  let depth = 0;
  let containers = 0;
  let separators = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        containers++;
        if (++open > depth) depth = open;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        open--;
        break;
      case COMMA:
        separators++;
    }
  }
  return { depth, containers, separators };
}

/** Where the string that starts at `start` has its closing quote; the end of the text if it has none. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}
