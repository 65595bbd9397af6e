/**
 * To which nodes a broadcast goes. What a server hears is an ordinary entry of a tracker that serves nothing else: one per
 * topic with subscribers here. Promises that a broadcast goes to every node that is listed for its topic, or may be there
 * still; to all while that is not known, or while a server is there that does not tell what it hears; and that a node
 * which is listed a little later is sent what it has missed meanwhile. Knows no pubsub, no subscriber, and of a tracker no
 * more than a few methods.
 */
import { isTrackerError } from "../errors.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import { Session } from "../session.js";
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import { isTrackerTopic, type RouteChange, type RouteFollow, type RouteSource } from "./route-source.js";
import type { RouteSender } from "./route-sender.js";
import { adding, SentLately, type Sent } from "./sent-lately.js";
import type { Broadcast } from "./subscribers.js";
import { Unannounced } from "./unannounced.js";

/** After a connection: two hellos, one of which may be lost, and the answers of those who answer all in one. */
const GREETING_MS = 10_000;
/** Routed broadcasts are kept for so many sweeps, 15 s: a tracker lists who is missing within 12 s after the last fault. */
const REMEMBERED_SWEEPS = 6;
/** A server that hears everything says so as soon as it listens: it is sent what went to others within so long. */
const UNANNOUNCED_MISSED_MS = 1_000;
/** A list that is not complete for so long is not relied on: somebody may be missing for longer than is remembered. */
const INCOMPLETE_MS = 3_000;
/** What has no subscriber or no broadcast here any more is let go after so long: a page that is loaded anew costs nothing. */
const LINGER_MS = 30_000;
const SWEEP_MS = 2_500;
/** Who hears everything is asked for so often, as hellos may be lost. */
const ROLL_MS = 600_000;
/** Topics followed that are only broadcast in, and have no subscriber here. */
const MAX_SENT_TOPICS = 10_000;
/** Above it one broadcast is cheaper to send: it takes as long as two or three sends, whatever the number of nodes. */
const MAX_HEARERS = 64;
/** Servers that hear everything, and come when so many nodes have had a broadcast, do not get what was made before. */
const MAX_HAD = 2 * MAX_HEARERS;
/** A topic that went to all for the number of its hearers is routed again when they are this much fewer. */
const FEWER = 0.75;
const MAX_WAITING_CHANGES = 100_000;

type RouteCounters = Pick<
  ChannelCounters,
  "routedBroadcasts" | "unsettledBroadcasts" | "crowdedBroadcasts" | "unannouncedBroadcasts"
>;

interface Topic {
  readonly name: string;
  readonly follow: RouteFollow;
  /** Has subscribers here. */
  subscribed: boolean;
  /** Is told to others. */
  told: boolean;
  /** Counts as one that is only broadcast in. */
  onlySent: boolean;
  /** When the last subscriber left. */
  leftAtMs: number;
  /** When it was broadcast in from here. */
  sentAtMs: number;
  /** Nodes that fell silent while they heard it. */
  silent: ReadonlySet<string>;
  /** Those listed, and the silent ones. */
  hearers: ReadonlySet<string>;
  /** Why the last broadcast went to all; undefined: it was routed. */
  toAll: Reason | undefined;
  incompleteSinceMs: number | undefined;
}

/** Why a broadcast goes to all, and what counts it. */
type Reason = "unsettledBroadcasts" | "crowdedBroadcasts" | "unannouncedBroadcasts";

const NOBODY: ReadonlySet<string> = new Set();

export class Routes {
  readonly #tracker: RouteSource;
  readonly #name: string;
  readonly #server: string;
  readonly #runtime: Runtime;
  readonly #reports: ErrorReports;
  readonly #counters: RouteCounters;
  readonly #sender: RouteSender;
  readonly #session = new Session();
  readonly #topics = new Map<string, Topic>();
  readonly #lately = new SentLately();
  readonly #unannounced = new Unannounced();
  readonly #stopReading = new AbortController();
  readonly #unlisten: (() => void)[] = [];
  #onlySent = 0;
  /** Until then who is there is not known; Infinity: not connected yet. */
  #greetedAtMs = Infinity;
  /** Other nodes that are up, and that fell silent; undefined: to be looked up. */
  #known: { readonly up: ReadonlySet<string>; readonly silent: ReadonlySet<string> } | undefined;
  #rollAtMs = 0;
  readonly #sweptAtMs: number[] = [];
  #cancelSweep: CancelTimer | undefined;
  #failed = false;
  #closed = false;

  constructor(
    settings: {
      readonly route: RouteSource;
      readonly name: string;
      readonly server: string;
      readonly runtime: Runtime;
    },
    reports: ErrorReports,
    counters: RouteCounters,
    sender: RouteSender,
  ) {
    this.#tracker = settings.route;
    this.#name = settings.name;
    this.#server = settings.server;
    this.#runtime = settings.runtime;
    this.#reports = reports;
    this.#counters = counters;
    this.#sender = sender;
  }

  /** The pubsub is connected, and who is there is being asked. */
  greeted(): void {
    if (this.#closed || this.#failed) return;
    this.#greetedAtMs = this.#runtime.monotonicMs() + GREETING_MS;
    this.#rollAtMs = this.#greetedAtMs + ROLL_MS;
    if (this.#cancelSweep !== undefined) return;
    this.#cancelSweep = this.#scheduleSweep();
    const peersChanged = (): void => void (this.#known = undefined);
    this.#unlisten.push(this.#tracker.on("replicaUp", peersChanged));
    this.#unlisten.push(this.#tracker.on("replicaDown", peersChanged));
    this.#unlisten.push(
      this.#tracker.on("replicaGone", ({ name }) => {
        peersChanged();
        this.#safely(() => {
          for (const topic of this.#topics.values()) this.#forgetSilent(topic, (node) => node === name);
        });
      }),
    );
    void this.#read();
  }

  /** A topic has its first subscriber here. */
  opened(name: string): void {
    this.#safely(() => {
      const topic = this.#topics.get(name) ?? this.#begin(name);
      if (topic === undefined) return;
      topic.subscribed = true;
      this.#countOnlySent(topic, false);
      if (topic.told) return;
      this.#tracker.track(this.#session, this.#inTracker(name), this.#server, {});
      topic.told = true;
    });
  }

  /** The last subscriber of a topic has left here. */
  emptied(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    topic.subscribed = false;
    topic.leftAtMs = this.#runtime.monotonicMs();
  }

  /** The nodes that a broadcast has to be sent to; undefined: to all. */
  route(broadcast: Broadcast): ReadonlySet<string> | undefined {
    const nowMs = this.#runtime.monotonicMs();
    const topic = this.#topicToSend(broadcast.topic, nowMs);
    const reason = this.#sender.canSayAgain(broadcast) ? this.#whyToAll(topic, nowMs) : "unsettledBroadcasts";
    this.#counters[reason ?? "routedBroadcasts"] += 1;
    if (reason !== undefined) {
      if (topic !== undefined) this.#sendToAll(topic, reason, nowMs);
      return undefined;
    }
    const { hearers } = topic as Topic;
    (topic as Topic).toAll = undefined;
    const { event, encoded } = broadcast;
    this.#lately.add({ broadcast: { topic: broadcast.topic, event, encoded }, atMs: nowMs, had: hearers });
    return hearers;
  }

  /** A server was heard that has to get everything. `node` is given by its hello. */
  unannouncedHeard(server: string, node?: string): void {
    const nowMs = this.#runtime.monotonicMs();
    if (this.#failed || !this.#unannounced.heard(server, node, nowMs) || node === undefined) return;
    const add = adding(node);
    for (const sent of this.#lately.all()) {
      if (sent.had.has(node) || sent.had.size >= MAX_HAD) continue;
      if (nowMs - sent.atMs <= UNANNOUNCED_MISSED_MS) this.#sender.sayPlainly(sent, node);
      sent.had = add(sent.had);
    }
  }

  /** Leaves the tracker as it is, without anything of this server. */
  close(): void {
    this.#closed = true;
    this.#letGo();
    this.#session.close();
  }

  #letGo(): void {
    this.#cancelSweep?.();
    this.#stopReading.abort();
    for (const unlisten of this.#unlisten) unlisten();
    for (const { follow } of this.#topics.values()) follow.close();
    this.#topics.clear();
  }

  /** Undefined for what no tracker takes, and beyond the limit. */
  #topicToSend(name: string, nowMs: number): Topic | undefined {
    let topic = this.#topics.get(name);
    if (topic === undefined && this.#cancelSweep !== undefined && !this.#failed) {
      if (this.#onlySent >= MAX_SENT_TOPICS) {
        const message =
          "a broadcast went to all nodes: too many topics are broadcast in that have no subscriber here";
        this.#reports.remark("LIMIT_REACHED", message, { limit: "sentTopics" });
      } else {
        this.#safely(() => (topic = this.#begin(name)));
        if (topic !== undefined) this.#countOnlySent(topic, true);
      }
    }
    if (topic !== undefined) topic.sentAtMs = nowMs;
    return topic;
  }

  #whyToAll(topic: Topic | undefined, nowMs: number): Reason | undefined {
    if (this.#unannounced.any) return "unannouncedBroadcasts";
    if (this.#failed || topic === undefined || nowMs < this.#greetedAtMs) return "unsettledBroadcasts";
    if (!this.#isSettled(topic, nowMs)) return "unsettledBroadcasts";
    return this.#isCrowded(topic) ? "crowdedBroadcasts" : undefined;
  }

  #isCrowded({ toAll, hearers }: Topic): boolean {
    const share = toAll === "crowdedBroadcasts" ? FEWER : 1;
    return hearers.size > Math.max(1, Math.min(MAX_HEARERS, this.#others.up.size / 2) * share);
  }

  /** Who is missing for a moment is sent later what it has missed, so that everybody gets all in one order. */
  #isSettled(topic: Topic, nowMs: number): boolean {
    if (topic.follow.complete) {
      topic.incompleteSinceMs = undefined;
      return true;
    }
    topic.incompleteSinceMs ??= nowMs;
    return topic.toAll !== "unsettledBroadcasts" && nowMs - topic.incompleteSinceMs < INCOMPLETE_MS;
  }

  /** What was routed goes to all before, or whoever is not listed yet would get it after what goes to all now. */
  #sendToAll(topic: Topic, reason: Reason, nowMs: number): void {
    if (topic.toAll === undefined) {
      for (const sent of this.#lately.ofTopic(topic.name)) this.#sayToAllAgain(sent, nowMs);
      this.#lately.forgetTopic(topic.name);
    }
    topic.toAll = reason;
  }

  #sayToAllAgain(sent: Sent, nowMs: number): void {
    if (this.#sender.sayAgain(sent, nowMs - sent.atMs)) return;
    for (const node of this.#others.up)
      if (!sent.had.has(node)) this.#sender.sayAgain(sent, nowMs - sent.atMs, node);
  }

  /** @throws what the tracker throws. */
  #begin(name: string): Topic | undefined {
    const inTracker = this.#inTracker(name);
    if (this.#failed || this.#closed || !isTrackerTopic(inTracker)) return undefined;
    const topic: Topic = {
      name,
      follow: this.#tracker.follow(inTracker),
      subscribed: false,
      told: false,
      onlySent: false,
      leftAtMs: -Infinity,
      sentAtMs: -Infinity,
      silent: NOBODY,
      hearers: NOBODY,
      toAll: "unsettledBroadcasts",
      incompleteSinceMs: undefined,
    };
    this.#topics.set(name, topic);
    this.#look(topic);
    return topic;
  }

  #countOnlySent(topic: Topic, onlySent: boolean): void {
    if (topic.onlySent === onlySent) return;
    topic.onlySent = onlySent;
    this.#onlySent += onlySent ? 1 : -1;
  }

  /** Servers of other names may use the same tracker. */
  #inTracker(name: string): string {
    return `${this.#name}:${name}`;
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopReading;
    try {
      for await (const change of this.#tracker.diffs({ signal, maxBuffered: MAX_WAITING_CHANGES })) {
        this.#safely(() => this.#changed(change));
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#fail(undefined);
  }

  #changed({ event, payload: diff }: RouteChange): void {
    if (event === "state") {
      for (const topic of this.#topics.values()) this.#look(topic);
      return;
    }
    const prefix = this.#inTracker("");
    for (const [inTracker, { leaves }] of diff) {
      const topic = inTracker.startsWith(prefix)
        ? this.#topics.get(inTracker.slice(prefix.length))
        : undefined;
      if (topic === undefined) continue;
      // It may hear all the same: perhaps only what it says is late.
      const fallen = leaves.filter(({ reason }) => reason === "down").map(({ node }) => node);
      if (fallen.length > 0) topic.silent = new Set([...topic.silent, ...fallen]);
      this.#look(topic);
    }
  }

  /** Takes over the list of a topic. */
  #look(topic: Topic): void {
    const listed = new Set<string>();
    for (const { node, key } of topic.follow.list()) {
      if (node !== this.#tracker.nodeName || key !== this.#server) listed.add(node);
    }
    const silent = [...topic.silent].filter((node) => !listed.has(node));
    topic.silent = silent.length > 0 ? new Set(silent) : NOBODY;
    const before = topic.hearers;
    topic.hearers = new Set([...listed, ...silent]);
    const added = [...topic.hearers].filter((node) => !before.has(node));
    // Those who come by the hundred get it in one frame. Whoever can list them may have made them up.
    if (added.length === 0 || topic.toAll !== undefined) return;
    if (this.#isCrowded(topic)) this.#sendToAll(topic, "crowdedBroadcasts", this.#runtime.monotonicMs());
    else for (const node of added) this.#sayMissed(topic.name, node);
  }

  #sayMissed(name: string, node: string): void {
    const nowMs = this.#runtime.monotonicMs();
    const add = adding(node);
    for (const sent of this.#lately.ofTopic(name)) {
      if (sent.had.has(node)) continue;
      this.#sender.sayAgain(sent, nowMs - sent.atMs, node);
      sent.had = add(sent.had);
    }
  }

  /** They are heard again, and not listed; or their lives are forgotten. */
  #forgetSilent(topic: Topic, isOver: (node: string) => boolean): void {
    const silent = [...topic.silent].filter((node) => !isOver(node));
    if (silent.length === topic.silent.size) return;
    topic.silent = new Set(silent);
    this.#look(topic);
  }

  get #others(): { readonly up: ReadonlySet<string>; readonly silent: ReadonlySet<string> } {
    if (this.#known !== undefined) return this.#known;
    const [up, silent] = [new Set<string>(), new Set<string>()];
    for (const { name, status } of this.#tracker.health().replicas) (status === "up" ? up : silent).add(name);
    return (this.#known = { up, silent });
  }

  #scheduleSweep(): CancelTimer {
    return this.#runtime.schedule(SWEEP_MS, () => {
      const nowMs = this.#runtime.monotonicMs();
      this.#sweepKept(nowMs);
      this.#safely(() => this.#sweep(nowMs));
      if (this.#failed && this.#lately.isEmpty) this.#letGo();
      else if (!this.#closed) this.#cancelSweep = this.#scheduleSweep();
    });
  }

  #sweepKept(nowMs: number): void {
    // Sweeps and not seconds: in those that this process has stood still nobody was heard.
    this.#sweptAtMs.push(nowMs);
    const oldestMs = this.#sweptAtMs.length > REMEMBERED_SWEEPS ? this.#sweptAtMs.shift() : undefined;
    for (const sent of this.#lately.forgetUntil(oldestMs ?? -Infinity)) {
      // Whoever may be missing has not been found in all that time.
      const isComplete = this.#topics.get(sent.broadcast.topic)?.follow.complete ?? true;
      if (this.#failed || !isComplete) this.#sayToAllAgain(sent, nowMs);
    }
  }

  #sweep(nowMs: number): void {
    for (const topic of this.#topics.values()) {
      if (topic.silent.size > 0 && topic.follow.complete)
        // What fell may be told after its life was forgotten.
        this.#forgetSilent(topic, (node) => this.#others.up.has(node) || !this.#others.silent.has(node));
      if (!topic.subscribed) this.#sweepTopic(topic, nowMs);
    }
    const asked = this.#unannounced.sweep(nowMs);
    if (asked === "all" || nowMs >= this.#rollAtMs) {
      this.#rollAtMs = nowMs + ROLL_MS;
      this.#sender.askWhoHearsAll();
    } else {
      for (const node of asked) this.#sender.askWhoHearsAll(node);
    }
  }

  #sweepTopic(topic: Topic, nowMs: number): void {
    const isLeft = nowMs - topic.leftAtMs >= LINGER_MS;
    if (topic.told && isLeft) {
      this.#tracker.untrack(this.#session, this.#inTracker(topic.name));
      topic.told = false;
      this.#countOnlySent(topic, true);
    }
    if (!isLeft || nowMs - topic.sentAtMs < LINGER_MS) return;
    this.#countOnlySent(topic, false);
    topic.follow.close();
    this.#topics.delete(topic.name);
  }

  /** A tracker that takes nothing any more must not make others believe that nobody is here. */
  #safely(act: () => void): void {
    if (this.#failed || this.#closed) return;
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(cause: unknown): void {
    if (this.#failed || this.#closed) return;
    this.#failed = true;
    const code = isTrackerError(cause) ? cause.code : "TRACKER_STOPPED";
    const message =
      "the tracker of `route` takes nothing any more: all broadcasts go to all nodes from now on";
    this.#reports.report(code, message, { option: "route" }, cause);
    this.#sender.hearsAll();
  }
}
