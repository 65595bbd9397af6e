/**
 * Sends over the IPC channel of Node without ever throwing or growing without limit. Knows nothing of what it
 * sends.
 *
 * `process.send` takes everything and keeps in memory what the other side does not read: a worker that is
 * stopped in a debugger would eat up the primary. So what is on its way is counted, and refused above a limit.
 */
import { TrackerError } from "../errors.js";

/** The end of an IPC channel: `process` in a worker, a `Worker` or `ChildProcess` in the primary. */
export interface IpcTarget {
  send?(
    message: object,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ): boolean;
}

/** What may be on its way to one process: enough for a resync of 100,000 entries, little for a server. */
const maxLengthOnTheWay = 32 * 1024 * 1024;

export class IpcSender {
  readonly #target: IpcTarget;
  #lengthOnTheWay = 0;

  constructor(target: IpcTarget) {
    this.#target = target;
  }

  /**
   * Resolves when the operating system has taken the message.
   *
   * @param length How much it adds to what is on its way, in UTF-16 code units.
   * @throws TrackerError (as a rejection) `PUBLISH_FAILED` if too much is on its way already, or if the channel
   *   is closed; `cause` has what Node said.
   */
  send(message: object, length: number): Promise<void> {
    if (this.#lengthOnTheWay > maxLengthOnTheWay) {
      return Promise.reject(
        new TrackerError("PUBLISH_FAILED", "The other process does not read its IPC channel", {
          lengthOnTheWay: this.#lengthOnTheWay,
        }),
      );
    }
    this.#lengthOnTheWay += length;
    return new Promise((resolve, reject) => {
      const sent = (error: unknown): void => {
        this.#lengthOnTheWay -= length;
        if (error === null || error === undefined) resolve();
        else
          reject(new TrackerError("PUBLISH_FAILED", "The IPC channel took no message", {}, { cause: error }));
      };
      try {
        if (this.#target.send === undefined) sent(new Error("There is no IPC channel"));
        else this.#target.send(message, undefined, undefined, sent);
      } catch (error) {
        sent(error);
      }
    });
  }
}
