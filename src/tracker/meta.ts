/**
 * Metas at the border: checked, copied and frozen, so that what is stored is exactly what travels, and nobody
 * can change it afterwards. Pure.
 */
import { isArray } from "../checks.js";
import { TrackerError } from "../errors.js";
import { fitsUtf8, utf8Length } from "../replication/bytes.js";
import { MAX_META_DEPTH } from "../replication/limits.js";
import type { AnyMeta } from "../words.js";

/**
 * A frozen copy of a meta. Properties that are `undefined` are dropped, as JSON does, and -0 becomes 0. Everything
 * is read once, and nothing is read of the original afterwards: its getters may act.
 *
 * @throws TrackerError `INVALID_META`, with the `path` to what is no JSON value (a function, symbol, bigint,
 *   non-finite number, `undefined` in an array, an object of a class such as a Date, a cycle, or nesting
 *   deeper than 64), and `META_TOO_LARGE` above `maxMetaBytes` of JSON text in UTF-8.
 */
export function copyMeta(meta: unknown, maxMetaBytes: number): Readonly<AnyMeta> {
  if (!isPlainObject(meta)) throw invalid(meta, [], "is not a plain object");
  const copying = new Copying();
  const copy = copyObject(meta, copying);
  // Most metas are far below the limit: then no text has to be made to know it.
  if (copying.longestTextBytes <= maxMetaBytes) return copy;
  const text = JSON.stringify(copy);
  if (!fitsUtf8(text, maxMetaBytes)) {
    const bytes = utf8Length(text);
    throw new TrackerError(
      "META_TOO_LARGE",
      `The meta has ${bytes} bytes; at most ${maxMetaBytes} are allowed`,
      {
        bytes,
        maxMetaBytes,
      },
    );
  }
  return copy;
}

/** One copy that is being made: where in the meta it is, and how much it has come to. */
class Copying {
  /** An upper bound of the JSON text of what was copied, in bytes. */
  longestTextBytes = 2;
  /** Made for the first value that is no leaf, as most metas have none. */
  #path: (string | number)[] | undefined;

  get path(): (string | number)[] {
    return (this.#path ??= []);
  }
}

function copyObject(object: AnyMeta, copying: Copying): Readonly<AnyMeta> {
  const copy: AnyMeta = {};
  for (const name of namesOf(object, copying)) {
    const value = valueOf(object, name, copying);
    if (value === undefined) continue;
    copying.longestTextBytes += 4 + 6 * name.length;
    const copied = copyValue(value, copying, name);
    // Assigning to `__proto__` would set the prototype instead of a property.
    if (name === "__proto__") Object.defineProperty(copy, name, { value: copied, enumerable: true });
    else copy[name] = copied;
  }
  return Object.freeze(copy);
}

/** What is read may be a getter, or a proxy, that throws. */
function valueOf(from: object, step: string | number, copying: Copying): unknown {
  try {
    return (from as Readonly<Record<string | number, unknown>>)[step];
  } catch (cause) {
    throw invalid(undefined, [...copying.path, step], "cannot be read", cause);
  }
}

function namesOf(object: object, copying: Copying): readonly string[] {
  try {
    return Object.keys(object);
  } catch (cause) {
    throw invalid(undefined, copying.path, "cannot be read", cause);
  }
}

/** As the others will have it: JSON has no negative zero. No character of a text takes more than six bytes. */
function copyValue(value: unknown, copying: Copying, step: string | number): unknown {
  if (typeof value === "string") {
    copying.longestTextBytes += 2 + 6 * value.length;
    return value;
  }
  // As long as -1.7976931348623157e+308, and longer than `false`.
  copying.longestTextBytes += 24;
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  if (typeof value === "boolean" || value === null) return value;
  return copyInside(value, copying, step);
}

function copyInside(value: unknown, copying: Copying, step: string | number): unknown {
  const { path } = copying;
  path.push(step);
  // A cycle is deeper than any limit, so this finds it too.
  if (path.length > MAX_META_DEPTH) throw invalid(undefined, path, "is nested too deeply, or in a cycle");
  let copy: unknown;
  if (isArray(value)) {
    const items: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      copying.longestTextBytes += 1;
      items.push(copyValue(valueOf(value, i, copying), copying, i));
    }
    copy = Object.freeze(items);
  } else if (isPlainObject(value)) copy = copyObject(value, copying);
  else throw invalid(value, path, "is not a JSON value");
  path.pop();
  return copy;
}

/** Whether a value is an object of no class; it may come from another realm, such as a `vm` context. */
function isPlainObject(value: unknown): value is AnyMeta {
  if (typeof value !== "object" || value === null) return false;
  try {
    if (Array.isArray(value)) return false;
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  } catch {
    return false; // A proxy that was revoked, or whose trap throws.
  }
}

function invalid(
  value: unknown,
  path: readonly (string | number)[],
  what: string,
  cause?: unknown,
): TrackerError {
  const text = path.length === 0 ? "meta" : `meta.${path.slice(0, 8).join(".")}${path.length > 8 ? "…" : ""}`;
  const shown = value === undefined ? "" : ` (${describe(value)})`;
  const because = cause === undefined ? undefined : { cause };
  return new TrackerError("INVALID_META", `${text}${shown} ${what}`, { path: [...path] }, because);
}

function describe(value: unknown): string {
  if (typeof value === "object" && value !== null) return `a ${classOf(value)}`;
  if (typeof value === "number" || typeof value === "bigint") return `${typeof value} ${value}`;
  return `a ${typeof value}`;
}

function classOf(value: object): string {
  try {
    return String(value.constructor?.name || "object");
  } catch {
    return "object";
  }
}
