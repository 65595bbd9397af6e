/**
 * Requests of long polling that came to another node than the one that has the session: they are asked of that one
 * through the pubsub. Promises that every request is answered, at the latest when the other node has been silent
 * for too long, and that no more than so many wait. Knows no HTTP and no session.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { ClusterLink } from "./cluster-link.js";
import { GONE, type PollAnswer } from "./long-poll-transport.js";
import type { ChannelLimits } from "./options.js";
import type { PollToken } from "./poll-tokens.js";
import { RateLimit } from "./rate-limit.js";

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
  readonly #limits: ChannelLimits;
  readonly #refused: (limit: "messagesPerSecond" | "relayedPolls" | "maxBroadcastBytes") => void;
  readonly #asks = new Map<string, Ask>();
  /** How often each session may be asked for; those that ask first are forgotten first. */
  readonly #rates = new Map<string, RateLimit>();
  #count = 0;

  /** `refused` is told of requests that were not passed on, by the limit that they reached. */
  constructor(
    { runtime, limits }: { readonly runtime: Runtime; readonly limits: ChannelLimits },
    link: ClusterLink,
    refused: (limit: "messagesPerSecond" | "relayedPolls" | "maxBroadcastBytes") => void,
  ) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#link = link;
    this.#refused = refused;
  }

  /** Asks another node. The returned function says that nobody waits for the answer any more. */
  ask(
    { node, server, id }: PollToken,
    token: string,
    body: string,
    answer: (answer: PollAnswer) => void,
  ): () => void {
    const limit = this.#limitOf(`${server}.${id}`, body);
    if (limit !== undefined) {
      this.#refused(limit);
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
      const waitMs = this.#limits.longPollWindowMs + EXTRA_MS;
      ask.cancel = this.#runtime.schedule(waitMs, () => this.#settle(name, GONE));
      return;
    }
    this.#settle(name, readAnswer(body));
  }

  /** Answers all that wait: this node ends. */
  close(): void {
    for (const name of [...this.#asks.keys()]) this.#settle(name, GONE);
  }

  #limitOf(
    session: string,
    body: string,
  ): "messagesPerSecond" | "relayedPolls" | "maxBroadcastBytes" | undefined {
    if (this.#asks.size >= MAX_ASKS) return "relayedPolls";
    if (Buffer.byteLength(body) > this.#link.maxBodyBytes) return "maxBroadcastBytes";
    const nowMs = this.#runtime.monotonicMs();
    let rate = this.#rates.get(session);
    if (!rate) {
      rate = new RateLimit(this.#limits.messagesPerSecond, this.#limits.messageBurst, nowMs);
      const [oldest] = this.#rates.keys();
      if (oldest !== undefined && this.#rates.size >= MAX_ASKS) this.#rates.delete(oldest);
      this.#rates.set(session, rate);
    }
    return rate.take(nowMs) ? undefined : "messagesPerSecond";
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
