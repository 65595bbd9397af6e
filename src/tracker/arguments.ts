/** The checks of what a tracker is called with; behind this border it is trusted. */
import { looked, wrongArgument } from "../checks.js";
import { TrackerError } from "../errors.js";
import { fitsJsonText } from "../replication/bytes.js";
import { MAX_NAME_BYTES, MAX_REASON_BYTES, MAX_SESSION_LENGTH } from "../replication/limits.js";
import { isSession, type Session } from "../session.js";

/** @throws TrackerError `INVALID_ARGUMENT` for what is no session, or one whose id a subclass has made too long. */
export function requireSession(session: unknown): asserts session is Session {
  if (isSession(session) && typeof session.id === "string" && session.id.length <= MAX_SESSION_LENGTH) return;
  throw wrongArgument("session", session, "a Session: new Session() or Session.from(…)");
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no text, or one of more than 512 bytes. */
export function requireName(argument: string, value: unknown): asserts value is string {
  if (typeof value === "string" && fitsJsonText(value, MAX_NAME_BYTES)) return;
  throw wrongArgument(argument, value, `a text of at most ${MAX_NAME_BYTES} bytes`);
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no text, or one of more than 128 bytes. */
export function requireReason(value: unknown): void {
  if (typeof value === "string" && fitsJsonText(value, MAX_REASON_BYTES)) return;
  throw wrongArgument("reason", value, `a text of at most ${MAX_REASON_BYTES} bytes`);
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no object, and a `handleDiff` that is no function. */
export function requireBehaviour(behaviour: unknown): void {
  looked("INVALID_ARGUMENT", "behaviour", () => {
    const isBehaviour =
      typeof behaviour === "object" &&
      behaviour !== null &&
      (!("handleDiff" in behaviour) ||
        behaviour.handleDiff === undefined ||
        typeof behaviour.handleDiff === "function");
    if (isBehaviour) return;
    throw wrongArgument("behaviour", behaviour, "an object with handleDiff, or {}");
  });
}

export function alreadyTracked({ id }: Session, topic: string, key: string): TrackerError {
  const text = `This session is tracked under topic ${JSON.stringify(topic)} and key ${JSON.stringify(key)} already; use set or update`;
  return new TrackerError("ALREADY_TRACKED", text, { topic, key, session: id });
}

export function notTracked({ id }: Session, topic: string, key: string): TrackerError {
  const text = `This session is not tracked under topic ${JSON.stringify(topic)} and key ${JSON.stringify(key)}`;
  return new TrackerError("NOT_TRACKED", text, { topic, key, session: id });
}

export function isObserver(name: string): TrackerError {
  return new TrackerError("OBSERVER", `The tracker ${name} was started as an observer, and tracks nothing`, {
    name,
  });
}

/**
 * What a function makes of a meta. The promise of an async one is refused as a meta: its rejection, for which nobody
 * waits, ends no process.
 */
export function madeBy<M>(update: (present: Readonly<M>) => M, present: Readonly<M>): M {
  const next = update(present);
  if (next instanceof Promise) next.catch(() => undefined);
  return next;
}
