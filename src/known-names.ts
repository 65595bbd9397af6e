/**
 * Names that the library knows, and what it says to one that it does not: a name with a slip of the pen is an error
 * that names the nearest, because an option that is passed over in silence is believed in. Pure.
 */
import { looked } from "./checks.js";
import { TrackerError } from "./errors.js";

type Names = Readonly<Record<string, unknown>>;

/** @throws TrackerError `INVALID_OPTION` for what is no object, and for a property of the options that is no option. */
export function requireKnownOptions(options: unknown, known: Names): asserts options is object {
  if (typeof options !== "object" || options === null) {
    const message = `Expected the options to be an object; got ${options === null ? "null" : typeof options}`;
    throw new TrackerError("INVALID_OPTION", message, { option: "options", value: options });
  }
  for (const option of looked("INVALID_OPTION", "options", () => Object.keys(options))) {
    if (Object.hasOwn(known, option)) continue;
    const nearest = nearestOf(option, known);
    throw new TrackerError(
      "INVALID_OPTION",
      `There is no option \`${shown(option)}\`; did you mean \`${nearest}\`? Options are ${listOf(known)}`,
      { option, nearest },
    );
  }
}

/**
 * What options say, each looked at once: a getter may throw, and may answer something else the second time.
 *
 * @throws TrackerError `INVALID_OPTION` as {@link requireKnownOptions}, and for an option that throws when it is looked at.
 */
export function readOptions<Options extends object>(
  options: Options,
  known: Readonly<Record<keyof Options, unknown>>,
): Options {
  requireKnownOptions(options, known as Names);
  return readNames(options, known);
}

/** The same of an object that may have other properties, too, as an instance of a class has. */
export function readNames<Given extends object>(
  given: Given,
  known: Readonly<Record<keyof Given, unknown>>,
): Given {
  const read: Partial<Given> = {};
  for (const name of Object.keys(known) as (keyof Given & string)[]) {
    const value = looked("INVALID_OPTION", name, () => given[name]);
    if (value !== undefined) read[name] = value;
  }
  return read as Given;
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no name of an event. */
export function requireKnownEvent(event: unknown, known: Names): void {
  if (typeof event === "string" && Object.hasOwn(known, event)) return;
  const name = typeof event === "string" ? event : typeof event;
  const nearest = nearestOf(name, known);
  throw new TrackerError(
    "INVALID_ARGUMENT",
    `There is no event \`${shown(name)}\`; did you mean \`${nearest}\`? Events are ${listOf(known)}`,
    { argument: "event", value: event, nearest },
  );
}

/** Long enough for every name there is, and a bound for the work that a long one makes. */
const maxNameLength = 40;

function shown(name: string): string {
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name;
}

function listOf(known: Names): string {
  return Object.keys(known).sort().join(", ");
}

/** The name that is known and needs the fewest letters changed. */
export function nearestOf(name: string, known: Names): string | undefined {
  let nearest: string | undefined;
  let fewest = Infinity;
  for (const each of Object.keys(known)) {
    const edits = editsBetween(name.slice(0, maxNameLength).toLowerCase(), each.toLowerCase());
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = each;
  }
  return nearest;
}

/** How many letters have to be put in, taken out or changed: Levenshtein's distance, row by row. */
function editsBetween(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const changed = previous[column - 1]! + (isSame ? 0 : 1);
      current.push(Math.min(changed, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}
