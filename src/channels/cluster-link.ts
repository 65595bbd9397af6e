/**
 * What channel servers of several nodes say to each other: broadcasts and disconnects, through a pubsub.
 * Promises that a frame from anywhere else, or one's own that comes back, has no effect, and that a pubsub that
 * refuses is reported and, for the subscription, asked again. Knows no socket and no channel.
 */
import type { TrackerError } from "../errors.js";
import { randomText, type Runtime } from "../runtime.js";
import { channelName } from "../pubsub/channel-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import { listenTo, Subscriptions } from "../pubsub/subscriptions.js";
import { Attempts } from "./attempts.js";
import {
  againHead,
  bodyOf,
  broadcastHead,
  EVERYTHING,
  frameOf,
  parseJson,
  PROTOCOL,
  readAgain,
  readBroadcast,
  whatIs,
  WHO_HEARS_ALL,
  type Head,
  type HelloHead,
} from "./cluster-head.js";
import type { ChannelCounters } from "./counters.js";
import { EndedIds, readEndedIds, type EndedId } from "./ended-ids.js";
import type { ErrorReports } from "./error-reports.js";
import { HelloAccount } from "./hello-account.js";
import { announcedBy, type RouteSource } from "./route-source.js";
import type { RouteSender } from "./route-sender.js";
import { Routes } from "./routes.js";
import type { Sent } from "./sent-lately.js";
import type { Broadcast } from "./subscribers.js";

const SECOND_HELLO_MS = 2_000;
/** Hellos that got no answer are answered so often, all in one. */
const ANSWER_ALL_MS = 5_000;
/** The pubsub has so long to end its subscriptions. */
const END_TIMEOUT_MS = 1_000;

/** The largest head of what is sent to one other node, in bytes. */
const MAX_HEAD_BYTES = 1_024;

/** A broadcast that is said again to one node is longer by its form and how long ago it was, in bytes at most. */
const AGAIN_BYTES = 64;

/** What the other nodes' servers ask of this one. */
export interface ClusterReceiver {
  /** For those who were there at that time, if it comes late. */
  broadcastReceived(broadcast: Broadcast, untilMs?: number): void;
  /** Sockets of that id were ended so many milliseconds ago. */
  disconnectReceived(id: string, agoMs: number): void;
  /** Another server has told the key of its tokens. */
  keyReceived(server: string, key: string): void;
  /** Another node's server asks this one for a client whose session is here. */
  askReceived(ask: RemoteAsk): void;
  answerReceived(ask: string, body: string): void;
}

/** What another node's server asks. */
export interface RemoteAsk {
  /** Where it came from, and what the answer has to name. */
  readonly node: string;
  readonly server: string;
  readonly ask: string;
  readonly token: string;
  readonly body: string;
}

export class ClusterLink {
  readonly #pubsub: PubSub;
  readonly #channel: string;
  readonly #runtime: Runtime;
  readonly #reports: ErrorReports;
  readonly #receiver: ClusterReceiver;
  readonly #maxBroadcastBytes: number;
  /** Tells this server's own frames from those of others, also of its own earlier lives. */
  readonly #server: string;
  readonly #ended = new EndedIds();
  readonly #counters: ChannelCounters;
  readonly #hellos: HelloAccount;
  /** Where broadcasts go; undefined: to all. */
  readonly #routes: Routes | undefined;
  /** So the names of all servers begin whose routes are these. */
  readonly #announced: string;
  /** Whether the others have to be told that they must not leave this server out. */
  #hearsAll = false;
  #key = "";
  readonly #subscriptions: Subscriptions;
  #isSubscribed = false;
  #cancelHello: (() => void) | undefined;
  #cancelAnswer: (() => void) | undefined;
  readonly #attempts: Attempts;
  #closed = false;

  constructor(
    settings: {
      readonly pubsub: PubSub;
      readonly name: string;
      readonly runtime: Runtime;
      readonly route?: RouteSource | undefined;
      readonly limits: { readonly maxBroadcastBytes: number };
    },
    reports: ErrorReports,
    receiver: ClusterReceiver,
    counters: ChannelCounters,
  ) {
    this.#pubsub = settings.pubsub;
    this.#channel = channelName("channels", settings.name);
    this.#runtime = settings.runtime;
    this.#reports = reports;
    this.#receiver = receiver;
    this.#counters = counters;
    this.#hellos = new HelloAccount(settings.runtime.monotonicMs());
    this.#maxBroadcastBytes = settings.limits.maxBroadcastBytes;
    const server = randomText(12, () => settings.runtime.random());
    const { route } = settings;
    this.#announced = route === undefined ? "" : announcedBy(route);
    this.#server = this.#announced + server;
    this.#routes =
      route &&
      new Routes({ ...settings, route, server: this.#server }, reports, counters, this.#routeSender());
    this.#subscriptions = new Subscriptions((text, cause) => this.#unavailable(text, cause));
    const refused = (cause: unknown, retryMs: number): void =>
      reports.report("PUBSUB_UNAVAILABLE", "the pubsub refused the subscription", { retryMs }, cause);
    this.#attempts = new Attempts(settings.runtime, () => this.#subscribe(), refused);
  }

  /** Subscribes, and tries again while the pubsub refuses. */
  async open(): Promise<void> {
    this.#listen({
      error: (cause) => {
        if (!this.#closed) this.#unavailable("the pubsub reports a failure", cause);
      },
    });
    this.#listen({
      status: (status) => {
        if (status === "connected" && this.#isSubscribed && !this.#closed) this.#greet();
      },
    });
    await this.#attempts.begin();
  }

  /** One that is refused costs only what it would have told. */
  #listen(told: Parameters<typeof listenTo>[1]): void {
    try {
      listenTo(this.#pubsub, told, this.#subscriptions);
    } catch (error) {
      this.#unavailable("the pubsub refused a listener", (error as TrackerError).cause);
    }
  }

  #unavailable(message: string, cause?: unknown): void {
    this.#reports.report("PUBSUB_UNAVAILABLE", message, {}, cause);
  }

  /** Says with what key the tokens of this server are signed, to all who are there and to all who come. */
  announce(key: string): void {
    this.#key = key;
  }

  /** Asks a node for the keys of its servers. */
  askKey(node: string): void {
    this.#sayHello("answer", node);
  }

  #sayHello(wants: "answer" | "", node?: string, asked = ""): void {
    const note = this.#hearsAll ? EVERYTHING : asked;
    const hello = [PROTOCOL, this.#server, "hello", this.#pubsub.nodeName, this.#key, wants] as const;
    this.#publish(note === "" ? hello : [...hello, note], "", node);
  }

  #routeSender(): RouteSender {
    return {
      sayAgain: (sent, agoMs, node) => {
        const head = againHead(this.#server, sent, agoMs, node === undefined);
        const body = bodyOf(sent.broadcast);
        if (node === undefined && Buffer.byteLength(frameOf(head, body)) > this.#maxBytes) return false;
        this.#publish(head, body, node);
        return true;
      },
      canSayAgain: (broadcast) => {
        const frame = frameOf(broadcastHead(this.#server, broadcast), bodyOf(broadcast));
        return Buffer.byteLength(frame) + AGAIN_BYTES <= this.#maxBytes;
      },
      sayPlainly: ({ broadcast }, node) => this.#publishBroadcast(broadcast, node),
      askWhoHearsAll: (node) => this.#sayHello("answer", node, WHO_HEARS_ALL),
      askWhoIsThere: (node) => this.#sayHello("answer", node),
      hearsAll: () => {
        this.#hearsAll = true;
        if (this.#isSubscribed) this.#greet();
      },
    };
  }

  /** Tells all what they may have missed, and asks them for what this one may have. Twice, for one may be lost. */
  #greet(): void {
    const greet = (): void => {
      this.#sayHello("answer");
      this.#tellEnded();
    };
    greet();
    this.#routes?.greeted();
    this.#cancelHello?.();
    this.#cancelHello = this.#runtime.schedule(SECOND_HELLO_MS, greet);
  }

  /** To all, or to one node. Returns how many bytes the lists have. */
  #tellEnded(node?: string): number {
    let ids: EndedId[] = [];
    let bytes = 2;
    let allBytes = 0;
    const tell = (): void => {
      allBytes += bytes;
      if (ids.length > 0) this.#publish([PROTOCOL, this.#server, "ended"], JSON.stringify(ids), node);
      ids = [];
      bytes = 2;
    };
    for (const ended of this.#ended.list(this.#runtime.monotonicMs())) {
      const endedBytes = Buffer.byteLength(JSON.stringify(ended)) + 1;
      if (bytes + endedBytes > this.maxBodyBytes) tell();
      ids.push(ended);
      bytes += endedBytes;
    }
    tell();
    return allBytes;
  }

  async #subscribe(): Promise<void> {
    this.#subscriptions.add(
      await this.#pubsub.subscribe(this.#channel, (payload: unknown) => this.#receive(payload)),
    );
    if (this.#closed) return this.#endSubscriptions();
    this.#isSubscribed = true;
    this.#greet();
  }

  /** Resolves when the subscription is in force. */
  whenOpen(): Promise<void> {
    return this.#attempts.whenDone();
  }

  /** To all, or to those nodes that hear the topic. */
  broadcast(broadcast: Broadcast): void {
    const nodes = this.#closed ? undefined : this.#routes?.route(broadcast);
    if (nodes === undefined) return this.#publishBroadcast(broadcast);
    for (const node of nodes) this.#publishBroadcast(broadcast, node);
  }

  #publishBroadcast(broadcast: Sent["broadcast"], node?: string): void {
    this.#publish(broadcastHead(this.#server, broadcast), bodyOf(broadcast), node);
  }

  /** A topic has its first subscriber on this server. */
  opened(topic: string): void {
    this.#routes?.opened(topic);
  }

  /** The last subscriber of a topic on this server has left. */
  emptied(topic: string): void {
    this.#routes?.emptied(topic);
  }

  disconnect(id: string): void {
    if (this.#ended.add(id, this.#runtime.monotonicMs())) {
      const message =
        "an ended id was forgotten before all nodes are sure to have heard of it: too many were ended";
      this.#reports.remark("LIMIT_REACHED", message, { limit: "endedIds" });
    }
    this.#publish([PROTOCOL, this.#server, "disconnect", id], "");
  }

  /** Tells this server from all others, also of its own node. */
  get server(): string {
    return this.#server;
  }

  get nodeName(): string {
    return this.#pubsub.nodeName;
  }

  /** The largest body of an ask or an answer. */
  get maxBodyBytes(): number {
    return this.#maxBytes - MAX_HEAD_BYTES;
  }

  get #maxBytes(): number {
    return Math.min(this.#pubsub.maxPayloadBytes ?? Infinity, this.#maxBroadcastBytes);
  }

  ask(
    node: string,
    { to, ask, token, body }: { to: string; ask: string; token: string; body: string },
  ): void {
    this.#publish([PROTOCOL, this.#server, "ask", to, ask, this.#pubsub.nodeName, token], body, node);
  }

  answer({ node, server, ask }: RemoteAsk, body: string): void {
    this.#publish([PROTOCOL, this.#server, "answer", server, ask], body, node);
  }

  /** Ends the subscription. Resolves after a second at the latest, and never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#routes?.close();
    this.#attempts.stop();
    this.#cancelHello?.();
    this.#cancelAnswer?.();
    await this.#endSubscriptions();
  }

  #endSubscriptions(): Promise<void> {
    return this.#subscriptions.endAll(this.#runtime, END_TIMEOUT_MS);
  }

  /** To all other nodes, or to one. */
  #publish(head: Head, body: string, node?: string): void {
    if (this.#closed) return;
    const payload = frameOf(head, body);
    const maxBytes = this.#maxBytes;
    const failed = (error: unknown): void => {
      // It is said again when there is a connection; whatever else does not get out is reported.
      if (head[2] === "hello") return;
      const failure = { cause: error, kind: head[2] };
      this.#reports.remark("PUBLISH_FAILED", "the pubsub refused a broadcast", { kind: head[2] }, failure);
    };
    if (Buffer.byteLength(payload) > maxBytes) {
      const whose = maxBytes === this.#pubsub.maxPayloadBytes ? "the pubsub" : "maxBroadcastBytes";
      return failed(new Error(`the broadcast is larger than the ${maxBytes} bytes of ${whose}`));
    }
    try {
      const sent =
        node === undefined
          ? this.#pubsub.broadcast(this.#channel, payload)
          : this.#pubsub.send(node, this.#channel, payload);
      promiseOf(sent)?.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #receive(payload: unknown): void {
    if (this.#closed) return;
    const failed = (reason: string): void => {
      this.#counters.invalidFrames += 1;
      const message = `a frame that no channel server has sent: ${reason}`;
      this.#reports.remark("INVALID_FRAME", message, {}, { kind: reason });
    };
    if (typeof payload !== "string") return failed("it is no text");
    // Before it is parsed: a text has at least as many bytes as characters.
    if (payload.length > this.#maxBroadcastBytes) return failed("it is larger than maxBroadcastBytes");
    const line = payload.indexOf("\n");
    const parsed = parseJson(payload.slice(0, line));
    const what = whatIs(parsed);
    if (what === "none") return failed("its head is not that of a broadcast or a disconnect");
    if (what !== "known") this.#counters.furtherFrames += 1;
    if (what === "later") return;
    const head = parsed as Head;
    if (head[0] !== PROTOCOL) return this.#reportUnknownProtocol(head[0]);
    if (head[1] === this.#server) return;
    if (head[2] !== "hello" && !head[1].startsWith(this.#announced)) this.#routes?.unannouncedHeard(head[1]);
    if (head[2] === "disconnect") return this.#receiver.disconnectReceived(head[3], 0);
    if (head[2] === "hello") return this.#receiveHello(head);
    if (head[2] === "ended") {
      const rows = parseJson(payload.slice(line + 1));
      const ids = readEndedIds(rows);
      if (!ids) return failed("it lists no ids");
      for (const [id, agoMs] of ids) this.#receiver.disconnectReceived(id, agoMs);
      if (ids.length < (rows as unknown[]).length) failed("it lists what is no id among the ids");
      return;
    }
    if (head[2] === "ask" || head[2] === "answer")
      return this.#receivePersonal(head, payload.slice(line + 1));
    const isAgain = head[2] === "again";
    const broadcast = readBroadcast(head[3], head[4], isAgain ? head[5] : head[2], payload.slice(line + 1));
    if (!broadcast) return failed("its payload is neither an object nor bytes");
    if (!isAgain) return this.#receiver.broadcastReceived(broadcast);
    const again = readAgain(head);
    if (!again) return failed("it does not say when it was sent first");
    if (again.had.includes(this.#pubsub.nodeName)) return;
    this.#receiver.broadcastReceived(broadcast, this.#runtime.monotonicMs() - again.agoMs);
  }

  #receiveHello([, server, , node, key, wants, note]: HelloHead): void {
    this.#receiver.keyReceived(server, key);
    if (note === EVERYTHING || !server.startsWith(this.#announced))
      this.#routes?.unannouncedHeard(server, node);
    else this.#routes?.announcedHeard(node, wants === "");
    const concerns = note !== WHO_HEARS_ALL || this.#routes === undefined || this.#hearsAll;
    if (wants !== "answer" || !concerns) return;
    const nowMs = this.#runtime.monotonicMs();
    if (this.#hellos.take(server, nowMs)) return void this.#answerHello(nowMs, node);
    this.#counters.refusedHellos += 1;
    const message = "a channel server of another node got no answer of its own: too many asked";
    this.#reports.remark("LIMIT_REACHED", message, { limit: "hellos", node });
    this.#answerAllIn(ANSWER_ALL_MS);
  }

  /** Answers one node, or all at once. Returns how long it takes to pay for it, in milliseconds. */
  #answerHello(nowMs: number, node?: string): number {
    this.#sayHello("", node);
    return this.#hellos.spend(this.#tellEnded(node), nowMs);
  }

  /** The servers that got no answer get this one: its cost does not depend on how many they are. */
  #answerAllIn(delayMs: number): void {
    this.#cancelAnswer ??= this.#runtime.schedule(delayMs, () => {
      this.#cancelAnswer = undefined;
      const nowMs = this.#runtime.monotonicMs();
      const owedMs = this.#hellos.spend(0, nowMs);
      if (owedMs > 0) this.#answerAllIn(owedMs);
      else this.#answerHello(nowMs);
    });
  }

  /** Of several servers of a node only one is meant. */
  #receivePersonal(
    head: Extract<Head, readonly [number, string, "ask" | "answer", ...string[]]>,
    body: string,
  ): void {
    if (head[3] !== this.#server) return;
    if (head[2] === "answer") return this.#receiver.answerReceived(head[4], body);
    const [, server, , , ask, node, token] = head;
    this.#receiver.askReceived({ node, server, ask, token, body });
  }

  #reportUnknownProtocol(protocol: number): void {
    const message = "a frame of another protocol version";
    this.#reports.remark("UNKNOWN_PROTOCOL", message, { protocol }, { kind: "pubsub" });
  }
}
