/**
 * Requests of long polling that came to another node than the one that has the session: they are asked of that one
 * through the pubsub. Promises that every request is answered, at the latest when the other node has been silent
 * for too long, and that no more than so many wait. Knows no HTTP and no session.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { ClusterLink } from "./cluster-link.js";
import { GONE, type PollAnswer } from "./long-poll-transport.js";

/** A node that has a session says at once that it was asked; one that does not is gone. */
const HEARD_TIMEOUT_MS = 2_000;
/** The answer itself may take a whole window, and its way. */
const EXTRA_MS = 2_000;
const MAX_ASKS = 10_000;

/** What a node that was asked says first. */
export const HEARD = '{"status":102}';

interface Ask {
  readonly answer: (answer: PollAnswer) => void;
  cancel: CancelTimer;
}

export class PollRelay {
  readonly #runtime: Runtime;
  readonly #link: ClusterLink;
  readonly #windowMs: number;
  readonly #asks = new Map<string, Ask>();
  #count = 0;

  constructor(runtime: Runtime, link: ClusterLink, windowMs: number) {
    this.#runtime = runtime;
    this.#link = link;
    this.#windowMs = windowMs;
  }

  /** Asks another node. The returned function says that nobody waits for the answer any more. */
  ask(
    { node, server }: { readonly node: string; readonly server: string },
    token: string,
    body: string,
    answer: (answer: PollAnswer) => void,
  ): () => void {
    if (this.#asks.size >= MAX_ASKS || Buffer.byteLength(body) > this.#link.maxBodyBytes) {
      answer(GONE);
      return () => undefined;
    }
    const name = String(++this.#count);
    const cancel = this.#runtime.schedule(HEARD_TIMEOUT_MS, () => this.#settle(name, GONE));
    this.#asks.set(name, { answer, cancel });
    this.#link.ask(node, { to: server, ask: name, token, body });
    return () => this.#forget(name);
  }

  answerReceived(name: string, body: string): void {
    const ask = this.#asks.get(name);
    if (!ask) return;
    if (body === HEARD) {
      ask.cancel();
      const waitMs = this.#windowMs + EXTRA_MS;
      ask.cancel = this.#runtime.schedule(waitMs, () => this.#settle(name, GONE));
      return;
    }
    this.#settle(name, readAnswer(body));
  }

  /** Answers all that wait: this node ends. */
  close(): void {
    for (const name of [...this.#asks.keys()]) this.#settle(name, GONE);
  }

  #settle(name: string, answer: PollAnswer): void {
    this.#forget(name)?.answer(answer);
  }

  #forget(name: string): Ask | undefined {
    const ask = this.#asks.get(name);
    ask?.cancel();
    this.#asks.delete(name);
    return ask;
  }
}

/** What no node of ours has answered counts as gone. */
function readAnswer(body: string): PollAnswer {
  try {
    const { status, messages } = JSON.parse(body) as {
      readonly status?: unknown;
      readonly messages?: unknown;
    };
    if (status === 204) return { status };
    if (status === 200 && Array.isArray(messages) && messages.every((text) => typeof text === "string")) {
      return { status, messages };
    }
  } catch {
    // Not ours.
  }
  return GONE;
}
