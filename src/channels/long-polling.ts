/**
 * The HTTP side of long polling, as the official client speaks it: a first GET opens a session and is answered with
 * its token, further ones wait for messages, a POST brings some. A session lives on one node, which its token names;
 * other nodes pass requests on. Promises that a token which this process has not signed opens nothing, that bodies
 * are bounded before they are read, and that every request is answered. Knows no channel.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CancelTimer } from "../runtime.js";
import type { Backlog } from "./backlog.js";
import type { ClusterLink, RemoteAsk } from "./cluster-link.js";
import type { ChannelCounters } from "./counters.js";
import type { Visitor } from "./handshake.js";
import { pathOf, refusedForOrigin } from "./handshake.js";
import type { ErrorReports } from "./error-reports.js";
import type { OriginCheck } from "./handlers.js";
import { GONE, LongPollTransport, type PollAnswer } from "./long-poll-transport.js";
import type { Settings } from "./options.js";
import { HEARD, PollRelay } from "./poll-relay.js";
import { RequestBody } from "./request-body.js";

/** Lets a visitor in: makes a connection on the transport that is asked for. */
export type OpenSession = (visitor: Visitor, makeTransport: (leave: () => void) => LongPollTransport) => void;

/** Longer than any token of this or another node. */
const MAX_TOKEN_LENGTH = 512;
/** Sessions of silent clients are looked for so many times per window. */
const SWEEPS_PER_WINDOW = 2;
/** How long a body may take to come, in windows: as long as the official client waits for the answer. */
const BODY_WINDOWS = 2;

export class LongPolling {
  readonly #settings: Settings;
  readonly #reports: ErrorReports;
  readonly #counters: ChannelCounters;
  readonly #link: ClusterLink;
  readonly #relay: PollRelay;
  readonly #key = randomBytes(32);
  readonly #sessions = new Map<string, LongPollTransport>();
  readonly #backlog: Backlog;
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
    this.#settings = settings;
    this.#reports = reports;
    this.#counters = counters;
    this.#link = link;
    this.#relay = new PollRelay(settings.runtime, link, settings.limits.longPollWindowMs);
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
      return respond(response, refused);
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
    const session = this.#find(ask.token);
    const answer = (given: PollAnswer): void => this.#link.answer(ask, JSON.stringify(given));
    if (!session) return answer(GONE);
    this.#link.answer(ask, HEARD);
    if (ask.body === "") session.poll(this.#link.maxBodyBytes, answer);
    else session.receive(ask.body, answer);
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
    const refuse = (status: number, reason: string): void =>
      respond(response, { status: status < 500 ? 403 : 500, reason });
    const visitor: Visitor = { request, socket: request.socket, transport: "longpoll", refuse };
    open(visitor, (leave) => {
      const id = randomBytes(18).toString("base64url");
      const transport = new LongPollTransport(this.#settings.runtime, this.#settings.limits, () => {
        this.#sessions.delete(id);
        leave();
      });
      this.#sessions.set(id, transport);
      this.#cancelSweep ??= this.#scheduleSweep();
      respond(response, { status: 410, token: this.#sign(id), messages: [] });
      // Whoever does not take the token can never ask for it again.
      response.once("close", () => {
        if (!response.writableFinished) transport.terminate();
      });
      return transport;
    });
  }

  #poll(token: string, response: ServerResponse): void {
    const answer = (given: PollAnswer): void => respond(response, { ...given, token });
    const session = this.#find(token);
    const gone = session ? session.poll(Infinity, answer) : this.#ask(token, "", answer);
    response.once("close", gone);
  }

  #receive(token: string, request: IncomingMessage, response: ServerResponse): void {
    const answer = (given: PollAnswer): void => respond(response, given);
    const gone = (): void => {
      response.setHeader("Connection", "close");
      response.once("finish", () => request.destroy());
      answer(GONE);
    };
    // Before it is read: whoever has no session has nothing to say.
    if (!this.#find(token) && !this.#isElsewhere(token)) return gone();
    // A client sends the next one when this one is answered; more at once would be more than a session may send.
    if (this.#bodies.has(token)) return gone();
    this.#bodies.add(token);
    const { runtime, limits } = this.#settings;
    const bodyLimits = {
      runtime,
      backlog: this.#backlog,
      maxBytes: this.#isElsewhere(token)
        ? Math.min(limits.maxQueuedBytes, this.#link.maxBodyBytes)
        : limits.maxQueuedBytes,
      timeoutMs: BODY_WINDOWS * limits.longPollWindowMs,
    };
    new RequestBody(request, bodyLimits, {
      bodyRead: (body) => {
        this.#bodies.delete(token);
        const session = this.#find(token);
        if (session) session.receive(body, answer);
        else this.#ask(token, body || "\n", answer);
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

  /** Asks the node that a token names; one of this node that has no session here has none anywhere. */
  #ask(token: string, body: string, answer: (given: PollAnswer) => void): () => void {
    const read = readToken(token);
    if (read && this.#isElsewhere(token)) return this.#relay.ask(read, token, body, answer);
    answer(GONE);
    return () => undefined;
  }

  #isElsewhere(token: string): boolean {
    const read = readToken(token);
    return read !== undefined && read.server !== this.#link.server;
  }

  #sign(id: string): string {
    const node = Buffer.from(this.#link.nodeName).toString("base64url");
    const signed = `${node}.${this.#link.server}.${id}`;
    return `${signed}.${this.#mac(signed)}`;
  }

  #mac(signed: string): string {
    return createHmac("sha256", this.#key).update(signed).digest("base64url");
  }

  /** The session of a token that this process has signed. */
  #find(token: string): LongPollTransport | undefined {
    const read = readToken(token);
    if (!read || read.server !== this.#link.server) return undefined;
    const given = Buffer.from(read.mac);
    const expected = Buffer.from(this.#mac(read.signed));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return this.#sessions.get(read.id);
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

interface Token {
  readonly node: string;
  readonly server: string;
  readonly id: string;
  readonly signed: string;
  readonly mac: string;
}

function readToken(token: string): Token | undefined {
  const parts = token.split(".");
  if (parts.length !== 4 || token.length > MAX_TOKEN_LENGTH) return undefined;
  const [encoded = "", server = "", id = "", mac = ""] = parts;
  const node = Buffer.from(encoded, "base64url").toString();
  // Whoever made this up must not reach a pubsub with it that takes less than any text.
  if (!/^[^\p{Cc}\p{Cs}\uFFFD]{1,128}$/u.test(node)) return undefined;
  return { node, server, id, mac, signed: `${encoded}.${server}.${id}` };
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

/** The status is in the body, where the client looks for it. */
function respond(response: ServerResponse, body: object): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.end(JSON.stringify(body));
}
