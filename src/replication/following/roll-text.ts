/**
 * Lives in a roll as text: nine characters for each, six for a hash of the life and three for the end of a counter. A
 * roll names all lives of a cluster every other second, so each byte of it counts a thousand times.
 *
 * A text that was unpacked is packed to the same text; one that no roll has is unpacked to `undefined`. Pure.
 */

/** What a roll says of a life: that it was heard, and the end of the counter of its last frame. */
export interface Call {
  readonly hash: number;
  /** The counter modulo `COUNTER_SPAN`. */
  readonly end: number;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BITS_OF_DIGIT = 6;
const HASH_DIGITS = 6;
const END_DIGITS = 3;
const CALL_DIGITS = HASH_DIGITS + END_DIGITS;
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** No life sends so many frames between two heartbeats: the rest of a counter is known by those before. */
export const COUNTER_SPAN = 2 ** (BITS_OF_DIGIT * END_DIGITS);

export function packCalls(calls: readonly Call[]): string {
  return calls.map(({ hash, end }) => packNumber(hash, HASH_DIGITS) + packNumber(end, END_DIGITS)).join("");
}

export function packHashes(hashes: readonly number[]): string {
  return hashes.map((hash) => packNumber(hash, HASH_DIGITS)).join("");
}

export function unpackCalls(text: string): readonly Call[] | undefined {
  if (text.length % CALL_DIGITS !== 0) return undefined;
  const calls: Call[] = [];
  for (let place = 0; place < text.length; place += CALL_DIGITS) {
    const hash = unpackHash(text, place);
    const end = unpackNumber(text, place + HASH_DIGITS, END_DIGITS);
    if (hash === undefined || end === undefined) return undefined;
    calls.push({ hash, end });
  }
  return calls;
}

export function unpackHashes(text: string): readonly number[] | undefined {
  if (text.length % HASH_DIGITS !== 0) return undefined;
  const hashes: number[] = [];
  for (let place = 0; place < text.length; place += HASH_DIGITS) {
    const hash = unpackHash(text, place);
    if (hash === undefined) return undefined;
    hashes.push(hash);
  }
  return hashes;
}

/** The counter that ends like this and is the nearest to one that is known. */
export function counterOf(end: number, known: number): number {
  const counter = known - (known % COUNTER_SPAN) + end;
  if (counter <= known - COUNTER_SPAN / 2) return counter + COUNTER_SPAN;
  return counter > known + COUNTER_SPAN / 2 && counter >= COUNTER_SPAN ? counter - COUNTER_SPAN : counter;
}

function packNumber(number: number, digits: number): string {
  let text = "";
  for (let rest = number, place = 0; place < digits; place++) {
    text = DIGITS.charAt(rest % DIGITS.length) + text;
    rest = Math.floor(rest / DIGITS.length);
  }
  return text;
}

function unpackHash(text: string, from: number): number | undefined {
  const hash = unpackNumber(text, from, HASH_DIGITS);
  return hash === undefined || hash >= 2 ** 32 ? undefined : hash;
}

function unpackNumber(text: string, from: number, digits: number): number | undefined {
  let number = 0;
  for (let place = from; place < from + digits; place++) {
    const value = VALUES.get(text.charAt(place));
    if (value === undefined) return undefined;
    number = number * DIGITS.length + value;
  }
  return number;
}
