/** What every change of a tracker begins with: whether the tracker runs and tracks, what it is called with, and whether the session lives. */
import { TrackerError } from "../errors.js";
import type { Session } from "../session.js";
import { isObserver, requireName, requireSession } from "./arguments.js";

export class Gate {
  readonly #name: string;
  readonly #observer: boolean;
  readonly #hasStopped: () => boolean;
  /** Calls with a session that had closed. */
  closedSessionCalls = 0;

  constructor(name: string, observer: boolean, hasStopped: () => boolean) {
    this.#name = name;
    this.#observer = observer;
    this.#hasStopped = hasStopped;
  }

  /** @throws TrackerError `TRACKER_STOPPED` */
  requireRunning(): void {
    if (this.#hasStopped())
      throw new TrackerError("TRACKER_STOPPED", `The tracker ${this.#name} was stopped`);
  }

  /** @throws TrackerError `TRACKER_STOPPED`, `OBSERVER` */
  requireTracking(): void {
    this.requireRunning();
    if (this.#observer) throw isObserver(this.#name);
  }

  /**
   * Says whether to go on: a closed session changes nothing.
   *
   * @throws TrackerError `TRACKER_STOPPED`, `OBSERVER`, `INVALID_ARGUMENT`
   */
  accepts(session: Session, topic: string, key: string): boolean {
    this.requireTracking();
    requireSession(session);
    requireName("topic", topic);
    requireName("key", key);
    return this.acceptsStill(session);
  }

  /** Asked again after user code has run, which may have changed anything: getters of a meta, a function. */
  acceptsStill(session: Session): boolean {
    this.requireRunning();
    if (!session.closed) return true;
    this.closedSessionCalls += 1;
    return false;
  }
}
