/**
 * The payload of a client's text frame: kept as text while it waits, measured before it is parsed, parsed when
 * its turn comes. Promises that what it returns is an object of bounded depth. Pure.
 */
import type { JsonPayload } from "./handlers.js";

/** As deep as a meta may be. What is deeper may be parsed and yet be too deep to be encoded again. */
const MAX_PAYLOAD_DEPTH = 64;

/**
 * What V8 takes at most for an object or a list, for one more value in it, and for a name that no other object has; a
 * character may take two bytes. Measured with texts made to be large: of empty objects and lists, of doubles, of short
 * texts, of names that are all different, and of large numbers as names.
 */
const CONTAINER_BYTES = 64;
const VALUE_BYTES = 32;
const NAME_BYTES = 104;
const CHARACTER_BYTES = 2;

/** What became of a payload's text, and what it takes in memory. `undefined` stands for what is no JSON. */
export type ReadPayload =
  | { readonly payload: JsonPayload; readonly bytes: number; readonly refusal?: undefined }
  | { readonly payload?: undefined; readonly refusal: string }
  | undefined;

/** Parses a payload, unless it is nested too deep. */
export function readPayload(text: string): ReadPayload {
  const measured = measureJson(text);
  if (measured.depth > MAX_PAYLOAD_DEPTH) {
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
  return { payload: value as JsonPayload, bytes: bytesOf(text, measured) };
}

/** How many bytes a payload takes once it is parsed, at most: `{}` takes thirty times its text. */
export function parsedBytes(text: string): number {
  return bytesOf(text, measureJson(text));
}

function bytesOf({ length }: string, { containers, values, names }: Measure): number {
  return length * CHARACTER_BYTES + containers * CONTAINER_BYTES + values * VALUE_BYTES + names * NAME_BYTES;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What a JSON text is made of. `values` are those that follow another one. */
interface Measure {
  readonly depth: number;
  readonly containers: number;
  readonly values: number;
  readonly names: number;
}

/** Counts the values and names of a JSON text, outside its strings. Any other text has a count too; nothing throws. */
function measureJson(text: string): Measure {
  let open = 0;
  let depth = 0;
  let containers = 0;
  let values = 0;
  let names = 0;
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
        values++;
        break;
      case COLON:
        names++;
    }
  }
  return { depth, containers, values, names };
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
