/** The checks of arguments at the public border; behind it they are trusted. */
import { TrackerError } from "../errors.js";
import { fitsJsonText } from "../replication/bytes.js";
import { MAX_NAME_BYTES, MAX_SESSION_LENGTH } from "../replication/limits.js";
import { isSession } from "./session.js";
import type { Session } from "./session.js";

/** @throws TrackerError `INVALID_ARGUMENT` for what is no session, or one whose id a subclass has made too long. */
export function requireSession(session: unknown): asserts session is Session {
  if (isSession(session) && typeof session.id === "string" && session.id.length <= MAX_SESSION_LENGTH) return;
  throw new TrackerError("INVALID_ARGUMENT", "Expected a Session: new Session() or Session.from(…)", {
    argument: "session",
    value: session,
  });
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no text, or one of more than 512 bytes. */
export function requireName(argument: string, value: unknown): asserts value is string {
  if (typeof value === "string" && fitsJsonText(value, MAX_NAME_BYTES)) return;
  const got = typeof value === "string" ? `one of ${value.length} characters` : typeof value;
  throw new TrackerError(
    "INVALID_ARGUMENT",
    `Expected \`${argument}\` to be a text of at most ${MAX_NAME_BYTES} bytes; got ${got}`,
    { argument, value },
  );
}

/** @throws TrackerError `INVALID_ARGUMENT` */
export function requireFunction(argument: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TrackerError(
    "INVALID_ARGUMENT",
    `Expected \`${argument}\` to be a function; got ${typeof value}`,
    {
      argument,
      value,
    },
  );
}

/** @throws TrackerError `INVALID_ARGUMENT` for what no timer can wait for. */
export function requireDuration(argument: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value < 2 ** 31) return;
  throw new TrackerError("INVALID_ARGUMENT", `Expected \`${argument}\` to be a number of milliseconds`, {
    argument,
    value,
  });
}
