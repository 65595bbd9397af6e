/**
 * Births as they travel: entries with their strings and the shapes of their metas stored once per message.
 *
 * Promises: what is decoded is as bounded as what `track` accepts, however small the text that it came out of;
 * a birth in plain form is as long as its parts. `codec.ts` says what the blocks look like.
 */
import type { AnyMeta } from "../../words.js";
import { fitsJsonText } from "../bytes.js";
import {
  MAX_EXPANDED_LENGTH,
  MAX_FRAME_BIRTHS,
  MAX_META_DEPTH,
  MAX_NAME_BYTES,
  MAX_SESSION_LENGTH,
} from "../limits.js";
import type { WireBirth } from "../message.js";
import { array, check, integer, positive, step } from "./checks.js";

/**
 * How metas are written. `shared`: property names and texts once per message, which is shorter for all but a
 * single meta of many short properties. `plain`: each as its own JSON text, which is never longer than that.
 */
export type BirthsForm = "shared" | "plain";

/** In place of a shape: one value follows, the meta itself. */
const PLAIN = -1;

export function encodeBirths(births: readonly WireBirth[], since: number, form: BirthsForm): unknown[] {
  if (births.length === 0) return [];
  const strings = new Numbering();
  const shapes = new Shapes();
  const prefix = splitSession(births[0]!.session)?.prefix ?? "";
  const rows: unknown[] = [];
  let lastClock = since;
  let lastNumber = 0;
  for (const { clock, topic, key, session, meta } of births) {
    rows.push(clock - lastClock, strings.numberOf(topic), strings.numberOf(key));
    lastClock = clock;
    const split = splitSession(session);
    if (split !== undefined && split.prefix === prefix) {
      rows.push(split.number - lastNumber);
      lastNumber = split.number;
    } else rows.push(session);
    if (form === "plain") {
      rows.push(PLAIN, meta);
      continue;
    }
    const { number, names, kinds } = shapes.shapeOf(meta);
    rows.push(number);
    for (let i = 0; i < names.length; i++) {
      const value: unknown = meta[names[i]!];
      rows.push(kinds[i] === "s" ? strings.numberOf(value as string) : value);
    }
  }
  return [strings.list, shapes.list(), prefix, rows];
}

export function decodeBirths(block: readonly unknown[], since: number, upTo: number): WireBirth[] {
  if (block.length === 0) return [];
  const strings = array(block[0], "strings");
  for (const text of strings) check(typeof text === "string", "strings");
  const shapes = array(block[1], "shapes").map((shape) => array(shape, "shape").map(decodeProperty));
  for (const shape of shapes) check(new Set(shape.map(({ name }) => name)).size === shape.length, "shape");
  const prefix = block[2];
  check(typeof prefix === "string" && prefix.length <= MAX_SESSION_LENGTH, "session");
  const rows = array(block[3], "rows");
  const births: WireBirth[] = [];
  const text = (index: unknown): string => {
    const found = strings[integer(index, "string")];
    check(typeof found === "string", "string");
    return found;
  };
  /** Made for the first long name. */
  let measured: Set<unknown> | undefined;
  const name = (index: unknown, what: string): string => {
    const found = text(index);
    // The long ones once, however many rows name them.
    if (found.length * 6 <= MAX_NAME_BYTES || measured?.has(index) === true) return found;
    check(fitsJsonText(found, MAX_NAME_BYTES), what);
    (measured ??= new Set()).add(index);
    return found;
  };
  let clock = since;
  let number = 0;
  let expanded = 0;
  for (let i = 0; i < rows.length;) {
    check(births.length < MAX_FRAME_BIRTHS, "number of births");
    clock += positive(rows[i], "birth");
    check(clock <= upTo, "birth");
    const topic = name(rows[i + 1], "topic");
    const key = name(rows[i + 2], "key");
    const sessionPart = rows[i + 3];
    let session: string;
    if (typeof sessionPart === "string") session = sessionPart;
    else {
      number += step(sessionPart, "session");
      // In one piece: `+` keeps two, and the whole beside them as soon as it is hashed.
      session = [prefix, number].join("");
    }
    check(session.length <= MAX_SESSION_LENGTH, "session");
    let meta: AnyMeta;
    if (rows[i + 4] === PLAIN) {
      meta = decodePlainMeta(rows[i + 5]);
      i += 6;
    } else {
      const shape = shapes[integer(rows[i + 4], "shape")];
      check(shape !== undefined && i + 5 + shape.length <= rows.length, "shape");
      i += 5;
      meta = {};
      for (const { name, isText } of shape) {
        const value = isText ? text(rows[i]) : deepFreeze(rows[i], 1);
        i += 1;
        // Assigning to `__proto__` would set the prototype instead of a property.
        if (name === "__proto__") Object.defineProperty(meta, name, { value, enumerable: true });
        else meta[name] = value;
      }
      Object.freeze(meta);
    }
    const birth = { clock, topic, key, session, meta };
    expanded += expandedLength(birth);
    check(expanded <= MAX_EXPANDED_LENGTH, "expansion");
    births.push(birth);
  }
  return births;
}

/** Whether births, each with its texts and names written out, are as short as a receiver takes them. */
export function fitExpanded(births: readonly WireBirth[]): boolean {
  let expanded = 0;
  for (const birth of births) expanded += expandedLength(birth);
  return expanded <= MAX_EXPANDED_LENGTH;
}

/** The length of all in a birth that a frame may hold once for many, in UTF-16 units. */
function expandedLength({ topic, key, session, meta }: WireBirth): number {
  let length = topic.length + key.length + session.length;
  // Metas inherit nothing that is enumerable.
  for (const name in meta) {
    const value: unknown = meta[name];
    length += name.length + (typeof value === "string" ? value.length : 0);
  }
  return length;
}

function decodeProperty(property: unknown): { name: string; isText: boolean } {
  check(typeof property === "string" && (property[0] === "s" || property[0] === "v"), "shape");
  return { name: property.slice(1), isText: property[0] === "s" };
}

function decodePlainMeta(meta: unknown): Readonly<AnyMeta> {
  check(typeof meta === "object" && meta !== null && !Array.isArray(meta), "meta");
  return deepFreeze(meta, 0) as Readonly<AnyMeta>;
}

/** Freezes a value at a depth within its meta, which is depth 0. */
function deepFreeze(value: unknown, depth: number): unknown {
  // 1e999 is JSON, and infinite.
  if (typeof value === "number") check(Number.isFinite(value), "number");
  if (typeof value !== "object" || value === null) return value;
  check(depth <= MAX_META_DEPTH, "depth");
  for (const name of Object.keys(value)) deepFreeze((value as AnyMeta)[name], depth + 1);
  return Object.freeze(value);
}

/** The end of a session id that can travel as a number: decimal, and the same text again when printed. */
function splitSession(session: string): { prefix: string; number: number } | undefined {
  const at = session.lastIndexOf("-") + 1;
  const digits = session.slice(at);
  const number = Number(digits);
  if (digits === "" || !Number.isSafeInteger(number) || String(number) !== digits) return undefined;
  return { prefix: session.slice(0, at), number };
}

/** Strings in the order of their first use. */
class Numbering {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.list.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

interface Shape {
  readonly number: number;
  readonly names: readonly string[];
  readonly kinds: readonly ("s" | "v")[];
}

/** The shapes of metas in the order of their first use. */
class Shapes {
  readonly #shapes = new Map<string, Shape>();

  shapeOf(meta: Readonly<AnyMeta>): Shape {
    let signature = "";
    // With the length before each name, no two shapes have one signature.
    for (const name in meta)
      signature += `${typeof meta[name] === "string" ? "s" : "v"}${name.length}:${name}`;
    let shape = this.#shapes.get(signature);
    if (shape === undefined) {
      const names = Object.keys(meta);
      const kinds = names.map((name) => (typeof meta[name] === "string" ? "s" : "v"));
      shape = { number: this.#shapes.size, names, kinds };
      this.#shapes.set(signature, shape);
    }
    return shape;
  }

  list(): string[][] {
    return [...this.#shapes.values()].map(({ names, kinds }) => names.map((name, i) => kinds[i]! + name));
  }
}
