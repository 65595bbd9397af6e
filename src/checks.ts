/**
 * The checks of options and arguments at the public borders, with one message for all: what was expected and what
 * came. Behind the borders values are trusted. Pure.
 */
import { isTrackerError, TrackerError } from "./errors.js";

/** Node's timers cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const RUNTIME_METHODS = ["monotonicMs", "wallClockMs", "random", "schedule"];

/** An `INVALID_OPTION` with the option and its value. */
export function wrongOption(option: string, value: unknown, expected: string): TrackerError {
  return new TrackerError("INVALID_OPTION", messageOf(option, value, expected), { option, value });
}

/** An `INVALID_ARGUMENT` with the argument and its value. */
export function wrongArgument(argument: string, value: unknown, expected: string): TrackerError {
  return new TrackerError("INVALID_ARGUMENT", messageOf(argument, value, expected), { argument, value });
}

/**
 * What `look` returns, which looks at a value from outside. One that throws while it is looked at, as a getter may and a
 * revoked proxy does, is refused, with what it threw as the cause.
 *
 * @throws TrackerError of that code, and those of `look` itself.
 */
export function looked<Result>(
  code: "INVALID_OPTION" | "INVALID_ARGUMENT",
  name: string,
  look: () => Result,
): Result {
  try {
    return look();
  } catch (cause) {
    if (isTrackerError(cause)) throw cause;
    // Without the value: whoever logs the error would look at it too.
    const details = code === "INVALID_OPTION" ? { option: name } : { argument: name };
    throw new TrackerError(code, `\`${name}\` throws when it is looked at`, details, { cause });
  }
}

/** @throws TrackerError `INVALID_OPTION` */
export function durationOption(option: string, value: unknown, leastMs: number): number {
  if (typeof value === "number" && value >= leastMs && value <= LONGEST_TIMER_MS) return value;
  throw wrongOption(option, value, `a number of milliseconds from ${leastMs} to ${LONGEST_TIMER_MS}`);
}

/** @throws TrackerError `INVALID_OPTION` */
export function wholeOption(option: string, value: unknown, least: number, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw wrongOption(option, value, `a whole number ${range}`);
}

/** @throws TrackerError `INVALID_OPTION` */
export function booleanOption(option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw wrongOption(option, value, "true or false");
}

/** An `INVALID_OPTION` for a call of what is only there with an option, which names both. */
export function missingOption(call: string, option: string, needed: string): TrackerError {
  const message = `\`${call}\` needs the option \`${option}: ${needed}\`, with which the tracker has to be started`;
  return new TrackerError("INVALID_OPTION", message, { option, value: undefined, call });
}

/** @throws TrackerError `INVALID_OPTION` for what is neither absent nor a function. */
export function functionOption(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw wrongOption(option, value, "a function");
}

/** @throws TrackerError `INVALID_OPTION` for what cannot carry messages. */
export function pubsubOption(option: string, value: unknown): void {
  looked("INVALID_OPTION", option, () => {
    if (hasFunctions(value, ["broadcast", "subscribe"])) return;
    throw wrongOption(option, value, "a PubSub, such as memoryPubSub()");
  });
}

/** @throws TrackerError `INVALID_OPTION` for what lacks one of the methods of a `Runtime` that are used. */
export function runtimeOption(runtime: unknown, methods: readonly string[] = RUNTIME_METHODS): void {
  looked("INVALID_OPTION", "runtime", () => {
    if (hasFunctions(runtime, methods)) return;
    throw wrongOption("runtime", runtime, `a Runtime, with ${methods.join(", ")}`);
  });
}

/** @throws TrackerError `INVALID_ARGUMENT` */
export function requireFunction(argument: string, value: unknown): void {
  if (typeof value !== "function") throw wrongArgument(argument, value, "a function");
}

/** @throws TrackerError `INVALID_ARGUMENT` */
export function requireText(argument: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw wrongArgument(argument, value, "a text");
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is neither a tracker nor a presence, of any copy of the library. */
export function requireTracker(argument: string, value: unknown): void {
  looked("INVALID_ARGUMENT", argument, () => {
    const { name, nodeName, health } = Object(value) as Record<string, unknown>;
    if (typeof name === "string" && typeof nodeName === "string" && typeof health === "function") return;
    throw wrongArgument(argument, value, "a Tracker or a Presence");
  });
}

/** Whether a value was written as `{ … }`: a class of somebody else may have any properties. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === null || prototype === Object.prototype;
  } catch {
    return false; // Of a proxy that was revoked.
  }
}

/** @throws TrackerError `INVALID_ARGUMENT`, also for a text: its letters are never meant. */
export function requireIterable(argument: string, value: unknown): void {
  looked("INVALID_ARGUMENT", argument, () => {
    if (typeof value === "object" && value !== null && Symbol.iterator in value) return;
    throw wrongArgument(argument, value, "an array or a set");
  });
}

/** @throws TrackerError `INVALID_ARGUMENT` for what no timer can wait for. */
export function requireDuration(argument: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value <= LONGEST_TIMER_MS) return;
  throw wrongArgument(argument, value, `a number of milliseconds from 0 to ${LONGEST_TIMER_MS}`);
}

/** What `start` passes to a constructor: without types, that is there for everybody. */
export const started = Symbol("start");

/** An `INVALID_ARGUMENT` for a `new` of what only its own `start` can make. */
export function mustBeStarted(name: string): TrackerError {
  const message = `A ${name} is made by \`await ${name}.start(…)\`, which resolves when it runs`;
  return new TrackerError("INVALID_ARGUMENT", message, { argument: "new", value: name });
}

function messageOf(name: string, value: unknown, expected: string): string {
  return `Expected \`${name}\` to be ${expected}; got ${shown(value)}`;
}

/** Whether a value has methods of these names. */
export function hasFunctions(value: unknown, names: readonly string[]): boolean {
  const given = Object(value) as Readonly<Record<string, unknown>>;
  return names.every((name) => typeof given[name] === "function");
}

/** Short, whatever it is: a text may be long, and an object may do anything when it is asked for one. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") {
    return value.length > 40 ? `a text of ${value.length} characters` : JSON.stringify(value);
  }
  if (typeof value === "object") return isArray(value) ? "an array" : "an object";
  if (typeof value === "bigint") return "a bigint"; // Its digits may be very many.
  return typeof value === "function" || typeof value === "symbol" ? `a ${typeof value}` : String(value);
}

/** Of a proxy that was revoked not even this can be asked. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
