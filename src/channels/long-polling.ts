/**
 * The HTTP side of long polling, as the official client speaks it: a first GET opens a session and is answered with
 * its token, further ones wait for messages, a POST brings some. A session lives on one node, which its token names;
 * other nodes pass requests on. Promises that a token which this process has not signed opens nothing, that bodies
 * are bounded before they are read, and that every request is answered. Knows no channel.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CancelTimer } from "../runtime.js";
import type { Backlog } from "./backlog.js";
import type { ClusterLink, RemoteAsk } from "./cluster-link.js";
import type { ChannelCounters } from "./counters.js";
import { pathOf, refusedForOrigin, type Visitor } from "./handshake.js";
import type { ErrorReports } from "./error-reports.js";
import type { OriginCheck } from "./handlers.js";
import { GONE, LongPollTransport, type PollAnswer } from "./long-poll-transport.js";
import type { Settings } from "./options.js";
import { HEARD, PollRelay } from "./poll-relay.js";
import { PollAnswers } from "./poll-answers.js";
import { PollTokens, type PollToken, type UnknownToken } from "./poll-tokens.js";
import { RateLimit } from "./rate-limit.js";
import { RequestBody } from "./request-body.js";

/** Lets a visitor in: makes a connection on the transport that is asked for. */
export type OpenSession = (visitor: Visitor, makeTransport: (leave: () => void) => LongPollTransport) => void;

/** Sessions of silent clients are looked for so many times per window. */
const SWEEPS_PER_WINDOW = 2;
/** Nodes that were named by tokens of servers nobody has heard of are asked for their keys so often. */
const KEY_QUESTIONS_PER_SECOND = 1;
const KEY_QUESTION_BURST = 10;
/** Of all sockets so many may be sessions that were opened and not asked for since. */
const UNUSED_SHARE = 1 / 4;
/** Where there is no limit. */
const MAX_SOCKETS = 100_000;
/** How long a body may take to come, in windows: as long as the official client waits for the answer. */
const BODY_WINDOWS = 2;

export class LongPolling {
  readonly #settings: Settings;
  readonly #reports: ErrorReports;
  readonly #counters: ChannelCounters;
  readonly #link: ClusterLink;
  readonly #relay: PollRelay;
  readonly #tokens: PollTokens;
  readonly #keyQuestions: RateLimit;
  readonly #sessions = new Map<string, LongPollTransport>();
  readonly #backlog: Backlog;
  /** Those that have not been asked for since they were opened. */
  readonly #unused = new Set<LongPollTransport>();
  readonly #answers: PollAnswers;
  /** Tokens of which a body is being read. */
  readonly #bodies = new Set<string>();
  #cancelSweep: CancelTimer | undefined;

  constructor(
    settings: Settings,
    reports: ErrorReports,
    counters: ChannelCounters,
    link: ClusterLink,
    backlog: Backlog,
  ) {
    this.#backlog = backlog;
    this.#answers = new PollAnswers(backlog);
    this.#settings = settings;
    this.#reports = reports;
    this.#counters = counters;
    this.#link = link;
    this.#relay = new PollRelay(settings, link, (limit) => {
      counters.refusedPolls++;
      reports.remark("LIMIT_REACHED", "a request of long polling was not passed on to its node", { limit });
    });
    this.#tokens = new PollTokens({ node: link.nodeName, server: link.server });
    link.announce(this.#tokens.key);
    const nowMs = settings.runtime.monotonicMs();
    this.#keyQuestions = new RateLimit(KEY_QUESTIONS_PER_SECOND, KEY_QUESTION_BURST, nowMs);
  }

  /** Answers a request of a socket path. */
  handle(check: OriginCheck, request: IncomingMessage, response: ServerResponse, open: OpenSession): void {
    // An error of a connection that is gone has nobody to go to.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    try {
      this.#handle(check, request, response, open);
    } catch (error) {
      // Whatever it was: a request of one client must not end the process.
      const path = pathOf(request);
      const failure = { cause: error, kind: "longpoll" };
      this.#reports.remark(
        "HANDLER_FAILED",
        "a request of long polling could not be handled",
        { path },
        failure,
      );
      respond(response, { status: 500, reason: "the request could not be handled" });
    }
  }

  #handle(check: OriginCheck, request: IncomingMessage, response: ServerResponse, open: OpenSession): void {
    const refused = refusedForOrigin(check, request, { reports: this.#reports, counters: this.#counters });
    if (refused) {
      this.#counters.refusedConnections++;
      respond(response, refused);
      return;
    }
    allowOrigin(request, response);
    const token = tokenOf(request);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (request.method === "GET" && token === undefined) return this.#open(request, response, open);
    if (request.method === "GET" && token !== undefined) return this.#poll(token, response);
    if (request.method === "POST" && token !== undefined) return this.#receive(token, request, response);
    respond(response, {
      status: 400,
      reason: "a GET opens a session and polls, a POST with its token sends",
    });
  }

  /** Another node passes a request on: a poll if it has no body. */
  askReceived(ask: RemoteAsk): void {
    const session = this.#sessionOf(this.#tokens.read(ask.token));
    const answer = (given: PollAnswer): void => this.#link.answer(ask, JSON.stringify(given));
    if (!session) return answer(GONE);
    this.#link.answer(ask, HEARD);
    if (ask.body === "") session.poll(this.#link.maxBodyBytes, answer);
    else session.receive(ask.body, answer);
  }

  keyReceived(server: string, key: string): void {
    this.#tokens.learn(server, key);
  }

  answerReceived(ask: string, body: string): void {
    this.#relay.answerReceived(ask, body);
  }

  /** Leaves no timer and no request without an answer. */
  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const session of this.#sessions.values()) session.terminate();
    this.#relay.close();
  }

  #open(request: IncomingMessage, response: ServerResponse, open: OpenSession): void {
    // What the client knows are 403, after which it waits, and 500, after which it comes again.
    const refuse = (status: number, reason: string): void => {
      respond(response, { status: status < 500 ? 403 : 500, reason });
    };
    const visitor: Visitor = { request, socket: request.socket, transport: "longpoll", refuse };
    open(visitor, (leave) => {
      const id = randomBytes(18).toString("base64url");
      const transport = new LongPollTransport(this.#settings.runtime, this.#settings.limits, () => {
        this.#sessions.delete(id);
        this.#unused.delete(transport);
        leave();
      });
      this.#sessions.set(id, transport);
      this.#addUnused(transport);
      this.#cancelSweep ??= this.#scheduleSweep();
      respond(response, { status: 410, token: this.#tokens.sign(id), messages: [] });
      // A client that does not take the token can never ask for it again.
      response.once("close", () => {
        if (!response.writableFinished) transport.terminate();
      });
      return transport;
    });
  }

  #poll(token: string, response: ServerResponse): void {
    const answer = (given: PollAnswer): void => {
      const bytes = respond(response, { ...given, token });
      if (given.status === 200) this.#answers.written(token, response, bytes);
    };
    const found = this.#find(token);
    if (!found) return answer(GONE);
    this.#answers.giveUp(token);
    const gone =
      found instanceof LongPollTransport
        ? found.poll(Infinity, answer)
        : this.#relay.ask(found, token, "", answer);
    response.once("close", gone);
  }

  #receive(token: string, request: IncomingMessage, response: ServerResponse): void {
    const answer = (given: PollAnswer): void => void respond(response, given);
    const gone = (): void => {
      response.setHeader("Connection", "close");
      response.once("finish", () => request.destroy());
      answer(GONE);
    };
    // Before it is read: a client without a session has nothing to say.
    const found = this.#find(token);
    if (!found) return gone();
    // A client sends the next one when this one is answered; more at once would be more than a session may send.
    if (this.#bodies.has(token)) return gone();
    this.#bodies.add(token);
    const { runtime, limits } = this.#settings;
    const bodyLimits = {
      runtime,
      backlog: this.#backlog,
      maxBytes:
        found instanceof LongPollTransport
          ? limits.maxQueuedBytes
          : Math.min(limits.maxQueuedBytes, this.#link.maxBodyBytes),
      timeoutMs: BODY_WINDOWS * limits.longPollWindowMs,
    };
    new RequestBody(request, bodyLimits, {
      bodyRead: (body) => {
        this.#bodies.delete(token);
        if (found instanceof LongPollTransport) found.receive(body, answer);
        else this.#relay.ask(found, token, body || "\n", answer);
      },
      bodyRefused: (limit) => {
        this.#bodies.delete(token);
        this.#counters.refusedBodies++;
        this.#reports.remark("LIMIT_REACHED", "a request of long polling was not read to its end", { limit });
        gone();
      },
      bodyGone: () => void this.#bodies.delete(token),
    });
  }

  /** The session of a token, or where else it is; nothing for one that nobody has signed or that is gone. */
  #find(token: string): LongPollTransport | PollToken | undefined {
    const read = this.#tokens.read(token);
    if ("server" in read) return read.server === this.#link.server ? this.#sessionOf(read) : read;
    this.#counters.refusedPolls++;
    // Not reported: tokens of a server that was started anew are nothing unusual. It may be one whose word was lost.
    const { node } = read;
    const nowMs = this.#settings.runtime.monotonicMs();
    if (node !== undefined && this.#keyQuestions.take(nowMs)) this.#link.askKey(node);
    return undefined;
  }

  #sessionOf(read: PollToken | UnknownToken): LongPollTransport | undefined {
    if (!("server" in read) || read.server !== this.#link.server) return undefined;
    const session = this.#sessions.get(read.id);
    if (session) this.#unused.delete(session);
    return session;
  }

  /** Opening a session takes one request and no connection of its own: those that are never used must not fill the house. */
  #addUnused(session: LongPollTransport): void {
    const maxUnused = Math.ceil(Math.min(this.#settings.limits.maxSockets, MAX_SOCKETS) * UNUSED_SHARE);
    const [oldest] = this.#unused;
    if (oldest !== undefined && this.#unused.size >= maxUnused) {
      this.#counters.crowdedOut++;
      const message = "a session of long polling that was never used made room for another one";
      this.#reports.remark("LIMIT_REACHED", message, { limit: "maxSockets" });
      oldest.terminate();
    }
    this.#unused.add(session);
  }

  #scheduleSweep(): CancelTimer {
    const { runtime, limits } = this.#settings;
    return runtime.schedule(limits.longPollWindowMs / SWEEPS_PER_WINDOW, () => {
      const nowMs = runtime.monotonicMs();
      for (const session of this.#sessions.values()) {
        if (!session.isSilent(nowMs)) continue;
        this.#counters.idleSockets++;
        session.terminate();
      }
      this.#cancelSweep = this.#sessions.size > 0 ? this.#scheduleSweep() : undefined;
    });
  }
}

/** The official client writes `null` for a token that it does not have yet. */
function tokenOf(request: IncomingMessage): string | undefined {
  const url = request.url ?? "";
  const token = new URLSearchParams(url.slice(url.indexOf("?") + 1)).getAll("token").at(-1);
  return token === undefined || token === "" || token === "null" || token === "undefined" ? undefined : token;
}

/** A page of another origin, once that is allowed, must be told so, and asks before it sends. */
function allowOrigin(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Vary", "Origin");
  if (request.method !== "OPTIONS") return;
  response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.setHeader("Access-Control-Allow-Headers", "content-type, x-phoenix-authtoken");
  response.setHeader("Access-Control-Max-Age", "3600");
}

/** The status is in the body, where the client looks for it. Returns how many characters that has. */
function respond(response: ServerResponse, body: object): number {
  if (response.headersSent || response.destroyed) return 0;
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  const text = JSON.stringify(body);
  response.end(text);
  return text.length;
}
