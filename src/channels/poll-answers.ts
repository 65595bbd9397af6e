/**
 * Answers to polls that their clients have yet to read. Promises that of one session there is one at most, and that all
 * of them count with what waits on all sockets until they have left this process. Knows no session.
 */
import type { ServerResponse } from "node:http";
import type { Backlog, Holder } from "./backlog.js";

export class PollAnswers {
  readonly #backlog: Backlog;
  readonly #unread = new Map<string, UnreadAnswer>();

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
  }

  /** A client polls anew: it does not wait any more for an answer that it has not read. */
  giveUp(token: string): void {
    this.#unread.get(token)?.crowdOut();
  }

  /** An answer of so many bytes was written. */
  written(token: string, response: ServerResponse, bytes: number): void {
    if (response.writableFinished || response.destroyed) return;
    const answer = new UnreadAnswer(response, bytes);
    this.#unread.set(token, answer);
    this.#backlog.note(answer);
    const gone = (): void => {
      this.#backlog.forget(answer);
      if (this.#unread.get(token) === answer) this.#unread.delete(token);
    };
    response.once("finish", gone);
    response.once("close", gone);
  }
}

class UnreadAnswer implements Holder {
  readonly #response: ServerResponse;
  readonly bytesWaiting: number;

  constructor(response: ServerResponse, bytes: number) {
    this.#response = response;
    this.bytesWaiting = bytes;
  }

  crowdOut(): void {
    this.#response.destroy();
  }
}
