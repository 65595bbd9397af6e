/**
 * Metas of many shapes for schedules, and how JSON values are compared: exactly, with -0 apart from 0. Each meta
 * has a version of its own, so that whatever is shown anywhere can be compared with what was tracked. Pure.
 */

import type { AnyMeta } from "../words.js";

/** The meta of every entry of a schedule: its version, and whatever its shape adds. */
export interface VersionedMeta {
  readonly version: number;
  readonly letters?: string;
  readonly more?: readonly AnyMeta[];
}

/**
 * What a meta looks like beside its version. `many`: many short properties, at the top; the others have theirs under
 * `more`: nested objects, texts that are not ASCII, numbers and minus zeros, lists, names that are special.
 */
export const metaShapes = ["many", "nested", "texts", "numbers", "lists", "names"] as const;
export type MetaShape = (typeof metaShapes)[number];

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** A name of two letters; different for the first 2,704 numbers. */
function shortName(number: number): string {
  return `${letters[Math.floor(number / letters.length) % letters.length]}${letters[number % letters.length]}`;
}

const texts = ["é", "ключ", "日本", "😀", "\u0000\u001f", '"\\', "\u2028", "\ud800", "x"];
const numbers = [-0, 0, 1, -1, 0.1, 1e21, 5e-324, -1.7976931348623157e308, 2 ** 53];

function named(name: string, value: unknown): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  return object;
}

/** The `number`th piece of a shape: a meta is as many of them as its size allows. */
function piece(shape: MetaShape, number: number, version: number): unknown {
  switch (shape) {
    case "many":
      // Each value another: what several properties have travels once.
      return shortName(number + 7 * version);
    case "nested":
      return { at: { depth: number, again: [{ version }] } };
    case "texts":
      return `${texts[(number + version) % texts.length]}${number}`;
    case "numbers":
      return numbers[(number + version) % numbers.length];
    case "lists":
      return [number, [null, true, [version, -0]], []];
    case "names":
      return named(["__proto__", "constructor", "toJSON", "", "0", "s", "ключ"][number % 7] ?? "", version);
  }
}

/** A meta of a shape, of at most so many bytes of JSON text (a little less; `version` is always there). */
export function shapedMeta(version: number, shape: MetaShape, bytesMax: number): VersionedMeta {
  const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  const meta: Record<string, unknown> = { version };
  if (shape === "many") {
    let bytes = bytesOf(meta);
    for (let number = 0; number < letters.length ** 2; number += 1) {
      const value = piece(shape, number, version);
      bytes += `,"${shortName(number)}":"xx"`.length;
      if (bytes > bytesMax) break;
      meta[shortName(number)] = value;
    }
    return meta as unknown as VersionedMeta;
  }
  const more: AnyMeta[] = [];
  let bytes = bytesOf({ version, more });
  for (let number = 0; number < 10_000; number += 1) {
    const next = piece(shape, number, version);
    bytes += 1 + bytesOf(next);
    if (bytes > bytesMax) break;
    more.push(next as AnyMeta);
  }
  return more.length === 0 ? { version } : { version, more };
}

/** What has to be shown of a meta: what JSON makes of it, as a text that is only compared. */
export function travelledText(meta: unknown): string {
  return exactText(JSON.parse(JSON.stringify(meta)));
}

/** A JSON value as a text that tells -0 from 0, whatever the order of the properties. Only to be compared. */
export function exactText(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  if (Array.isArray(value)) return `[${value.map(exactText).join()}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${exactText(Reflect.get(value, name))}`).join()}}`;
}

/** Whether two JSON values are the same to the sign of a zero. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (a === b) return true;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every(
    (name) => Object.hasOwn(b, name) && sameValue(Reflect.get(a, name), Reflect.get(b, name)),
  );
}
