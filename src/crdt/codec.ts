/**
 * Deltas as text, for tests, files and transports of one's own. JSON of positional tuples, with a version in
 * front: `[1, [[replica, since, upTo, births, removed], …]]`, where a birth is
 * `[clock, value, origin?, originReplica?]` and a removal `[clock, clock of the birth, replica of the birth?]`.
 * A replica that is left out is that of the part.
 */
import { type Birth, type Delta, type Part, type Removal, faultOf } from "./delta.js";

const version = 1;

/**
 * A delta as text. The values must be JSON values: what JSON cannot say inside a value is changed or lost as
 * `JSON.stringify` does it.
 *
 * @throws TypeError for a value that is no JSON value at all, such as a function, `NaN` or a bigint.
 */
export function encode(delta: Delta<unknown>): string {
  return JSON.stringify([version, delta.parts.map(encodePart)]);
}

/**
 * The delta of a text. Checks all but the values, which are whatever JSON the text has; costs what the text is
 * long, whatever numbers it claims.
 *
 * @throws TypeError if `text` is not a string, SyntaxError if it is not one of {@link encode}.
 */
export function decode<V>(text: string): Delta<V> {
  if (typeof text !== "string") throw new TypeError(`a delta is decoded from a string, got ${typeof text}`);
  const [found, parts] = tuple(parse(text), 2, 2, "the delta");
  if (found !== version) throw fault(`version ${JSON.stringify(found)} is not known, only ${version} is`);
  const covered = new Map<string, number>();
  return {
    parts: list(parts, "the parts").map((encoded, index) => {
      const part = decodePart<V>(encoded, `part ${index}`);
      if (part.since < (covered.get(part.replica) ?? 0)) {
        throw fault(`part ${index} overlaps or precedes another of ${JSON.stringify(part.replica)}`);
      }
      covered.set(part.replica, part.upTo);
      return part;
    }),
  };
}

function encodePart({ replica, since, upTo, births, removed }: Part<unknown>): unknown[] {
  return [
    replica,
    since,
    upTo,
    births.map(({ clock, value, origin, originReplica }) => {
      requireJson(value, `the value of birth ${clock} of ${JSON.stringify(replica)}`);
      if (origin === undefined) return [clock, value];
      return originReplica === undefined ? [clock, value, origin] : [clock, value, origin, originReplica];
    }),
    removed.map(({ clock, dot }) =>
      dot.replica === replica ? [clock, dot.clock] : [clock, dot.clock, dot.replica],
    ),
  ];
}

function decodePart<V>(encoded: unknown, where: string): Part<V> {
  const [name, since, upTo, births, removed] = tuple(encoded, 5, 5, where);
  const replica = string(name, `the replica of ${where}`);
  const part: Part<V> = {
    replica,
    since: number(since, `"since" of ${where}`),
    upTo: number(upTo, `"upTo" of ${where}`),
    births: list(births, `the births of ${where}`).map((birth) => decodeBirth<V>(birth, where)),
    removed: list(removed, `the removals of ${where}`).map((removal) =>
      decodeRemoval(removal, replica, where),
    ),
  };
  const wrong = faultOf(part);
  if (wrong !== undefined) throw fault(wrong);
  return part;
}

function decodeBirth<V>(encoded: unknown, where: string): Birth<V> {
  const fields = tuple(encoded, 2, 4, `a birth of ${where}`);
  const clock = number(fields[0], `the clock of a birth of ${where}`);
  // The type of the values is the caller's claim; JSON has no undefined.
  const value = fields[1] as V;
  if (fields.length === 2) return { clock, value };
  const origin = number(fields[2], `the origin of a birth of ${where}`);
  if (fields.length === 3) return { clock, value, origin };
  return { clock, value, origin, originReplica: string(fields[3], `the origin of a birth of ${where}`) };
}

function decodeRemoval(encoded: unknown, author: string, where: string): Removal {
  const fields = tuple(encoded, 2, 3, `a removal of ${where}`);
  const replica =
    fields.length === 2 ? author : string(fields[2], `the replica of a removed birth of ${where}`);
  return {
    clock: number(fields[0], `the clock of a removal of ${where}`),
    dot: { replica, clock: number(fields[1], `the clock of a removed birth of ${where}`) },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fault("it is not JSON", cause);
  }
}

function requireJson(value: unknown, what: string): void {
  const isNumber = typeof value === "number";
  if (isNumber ? Number.isFinite(value) : ["string", "boolean", "object"].includes(typeof value)) return;
  throw new TypeError(`${what} is no JSON value: ${isNumber ? value : typeof value}`);
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw fault(`${what} must be an array, got ${nameOf(value)}`);
  return value;
}

function tuple(value: unknown, shortest: number, longest: number, what: string): unknown[] {
  const fields = list(value, what);
  if (fields.length < shortest || fields.length > longest) {
    throw fault(`${what} has ${fields.length} fields`);
  }
  return fields;
}

function number(value: unknown, what: string): number {
  if (typeof value !== "number") throw fault(`${what} must be a number, got ${nameOf(value)}`);
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== "string") throw fault(`${what} must be a string, got ${nameOf(value)}`);
  return value;
}

function nameOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function fault(what: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`not an encoded delta: ${what}`, { cause });
}
