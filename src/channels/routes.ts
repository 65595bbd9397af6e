/**
 * To which nodes a broadcast goes. What a server hears is an ordinary entry of a tracker that serves nothing else: one per
 * topic with subscribers here. Promises that a broadcast goes to every node that is listed for its topic, or may be there
 * still; to all while that is not known, or while a server is there that does not tell what it hears; and that a node
 * which is listed a little later is sent what it has missed meanwhile. Knows no pubsub, no subscriber, and of a tracker no
 * more than a few methods.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import { Session } from "../session.js";
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import { reportFailure, reportForgotten, reportStray, reportTooManyTopics } from "./route-reports.js";
import { isTrackerTopic, type RouteChange, type RouteSource } from "./route-source.js";
import type { RouteSender } from "./route-sender.js";
import { RouteTopic, without, type Reason } from "./route-topic.js";
import { adding, SentLately, type Sent } from "./sent-lately.js";
import { Strays } from "./strays.js";
import type { Broadcast } from "./subscribers.js";
import { Turns } from "./turns.js";
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
/** Lists taken over, and broadcasts said again, in one turn: some milliseconds. */
const STEPS_PER_TURN = 500;

type RouteCounters = Pick<
  ChannelCounters,
  | "routedBroadcasts"
  | "unsettledBroadcasts"
  | "crowdedBroadcasts"
  | "unannouncedBroadcasts"
  | "forgottenBroadcasts"
>;

export class Routes {
  readonly #tracker: RouteSource;
  readonly #name: string;
  readonly #server: string;
  readonly #runtime: Runtime;
  readonly #reports: ErrorReports;
  readonly #counters: RouteCounters;
  readonly #sender: RouteSender;
  readonly #session = new Session();
  readonly #topics = new Map<string, RouteTopic>();
  readonly #lately = new SentLately();
  readonly #unannounced = new Unannounced();
  readonly #strays = new Strays();
  readonly #stopReading = new AbortController();
  readonly #unlisten: (() => void)[] = [];
  /** Topics whose lists have changed, and in which something was routed lately. */
  readonly #toLook: RouteTopic[] = [];
  readonly #turns: Turns;
  #onlySent = 0;
  /** Until then who is there is not known; Infinity: not connected yet. */
  #greetedAtMs = Infinity;
  /** Other nodes that are up, and that fell silent; undefined: to be looked up. */
  #known: { readonly up: ReadonlySet<string>; readonly silent: ReadonlySet<string> } | undefined;
  readonly #isUp = (node: string): boolean => node === this.#tracker.nodeName || this.#others.up.has(node);
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
    this.#turns = new Turns(settings.runtime, STEPS_PER_TURN);
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
    peersChanged();
    this.#unlisten.push(this.#tracker.on("replicaUp", peersChanged));
    this.#unlisten.push(this.#tracker.on("replicaDown", peersChanged));
    this.#unlisten.push(
      this.#tracker.on("replicaGone", ({ name }) => {
        peersChanged();
        this.#safely(() => {
          const forget = without((node) => node === name);
          for (const topic of this.#topics.values()) topic.changeSilent(forget);
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
    if (topic?.isStale) this.#safely(() => this.#look(topic));
    const reason = this.#sender.canSayAgain(broadcast) ? this.#whyToAll(topic, nowMs) : "unsettledBroadcasts";
    this.#counters[reason ?? "routedBroadcasts"] += 1;
    if (reason !== undefined) {
      if (topic !== undefined) this.#sendToAll(topic, reason, nowMs);
      return undefined;
    }
    const { hearers } = topic as RouteTopic;
    (topic as RouteTopic).toAll = undefined;
    const { event, encoded } = broadcast;
    const sent = { broadcast: { topic: broadcast.topic, event, encoded }, atMs: nowMs, had: hearers };
    const forgotten = this.#lately.add(sent);
    this.#counters.forgottenBroadcasts += forgotten;
    if (forgotten > 0) reportForgotten(this.#reports);
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

  /** A server was heard that tells what it hears by a tracker of the name of this one. */
  announcedHeard(node: string, isAnswer: boolean): void {
    this.#safely(() => {
      if (!this.#strays.heard(node, { isAnswer, isUp: this.#isUp }, this.#runtime.monotonicMs())) return;
      reportStray(this.#reports, node);
    });
  }

  /** Leaves the tracker as it is, without anything of this server. */
  close(): void {
    this.#closed = true;
    this.#letGo();
    this.#session.close();
  }

  #letGo(): void {
    this.#cancelSweep?.();
    this.#turns.stop();
    this.#stopReading.abort();
    for (const unlisten of this.#unlisten) unlisten();
    for (const { follow } of this.#topics.values()) follow.close();
    this.#topics.clear();
  }

  /** Undefined for what no tracker takes, and beyond the limit. */
  #topicToSend(name: string, nowMs: number): RouteTopic | undefined {
    let topic = this.#topics.get(name);
    if (topic === undefined && this.#cancelSweep !== undefined && !this.#failed) {
      if (this.#onlySent >= MAX_SENT_TOPICS) {
        reportTooManyTopics(this.#reports);
      } else {
        this.#safely(() => (topic = this.#begin(name)));
        if (topic !== undefined) this.#countOnlySent(topic, true);
      }
    }
    if (topic !== undefined) topic.sentAtMs = nowMs;
    return topic;
  }

  #whyToAll(topic: RouteTopic | undefined, nowMs: number): Reason | undefined {
    if (this.#unannounced.any || this.#strays.any) return "unannouncedBroadcasts";
    if (this.#failed || topic === undefined || nowMs < this.#greetedAtMs) return "unsettledBroadcasts";
    if (!this.#isSettled(topic, nowMs)) return "unsettledBroadcasts";
    return this.#isCrowded(topic) ? "crowdedBroadcasts" : undefined;
  }

  #isCrowded({ toAll, hearers }: RouteTopic): boolean {
    const share = toAll === "crowdedBroadcasts" ? FEWER : 1;
    return hearers.size > Math.max(1, Math.min(MAX_HEARERS, this.#others.up.size / 2) * share);
  }

  /** Who is missing for a moment is sent later what it has missed, so that everybody gets all in one order. */
  #isSettled(topic: RouteTopic, nowMs: number): boolean {
    if (topic.follow.complete) {
      topic.incompleteSinceMs = undefined;
      return true;
    }
    topic.incompleteSinceMs ??= nowMs;
    return topic.toAll !== "unsettledBroadcasts" && nowMs - topic.incompleteSinceMs < INCOMPLETE_MS;
  }

  /** What was routed goes to all before, or whoever is not listed yet would get it after what goes to all now. */
  #sendToAll(topic: RouteTopic, reason: Reason, nowMs: number): number {
    let said = 0;
    if (topic.toAll === undefined) {
      for (const sent of this.#lately.ofTopic(topic.name)) {
        this.#sayToAllAgain(sent, nowMs);
        said += 1;
      }
      this.#lately.forgetTopic(topic.name);
    }
    topic.toAll = reason;
    return said;
  }

  #sayToAllAgain(sent: Sent, nowMs: number): void {
    if (this.#sender.sayAgain(sent, nowMs - sent.atMs)) return;
    for (const node of [...this.#others.up, ...this.#strays.nodes])
      if (!sent.had.has(node)) this.#sender.sayAgain(sent, nowMs - sent.atMs, node);
  }

  /** @throws what the tracker throws. */
  #begin(name: string): RouteTopic | undefined {
    const inTracker = this.#inTracker(name);
    if (this.#failed || this.#closed || !isTrackerTopic(inTracker)) return undefined;
    const topic = new RouteTopic(name, this.#tracker.follow(inTracker));
    this.#topics.set(name, topic);
    this.#look(topic);
    return topic;
  }

  #countOnlySent(topic: RouteTopic, onlySent: boolean): void {
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
        await this.#lookInTurns();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#fail(undefined);
  }

  #changed({ event, payload: diff }: RouteChange): void {
    if (event === "state") {
      for (const topic of this.#topics.values()) this.#listChanged(topic);
      return;
    }
    const prefix = this.#inTracker("");
    const adders = new Map<string, ReturnType<typeof adding>>();
    const fell = (node: string): ReturnType<typeof adding> => {
      const add = adders.get(node) ?? adding(node);
      adders.set(node, add);
      return add;
    };
    for (const [inTracker, { leaves }] of diff) {
      const topic = inTracker.startsWith(prefix)
        ? this.#topics.get(inTracker.slice(prefix.length))
        : undefined;
      if (topic === undefined) continue;
      // It may hear all the same: perhaps only what it says is late.
      for (const { node, reason } of leaves) if (reason === "down") topic.changeSilent(fell(node));
      this.#listChanged(topic);
    }
  }

  /** Where nothing was routed nobody has missed anything: the next broadcast looks. */
  #listChanged(topic: RouteTopic): void {
    topic.isStale = true;
    if (this.#lately.has(topic.name)) this.#toLook.push(topic);
  }

  async #lookInTurns(): Promise<void> {
    const topics = this.#toLook.splice(0);
    this.#turns.took(topics.length);
    for (const topic of topics) {
      if (this.#turns.isOver) await this.#turns.next();
      // It may have been let go, or looked at, in a turn between.
      if (this.#topics.get(topic.name) === topic && topic.isStale)
        this.#safely(() => this.#turns.took(1 + this.#look(topic)));
    }
  }

  /** Takes over the list of a topic. Returns how many broadcasts were said again. */
  #look(topic: RouteTopic): number {
    const { nodeName } = this.#tracker;
    const added = topic.look((node, key) => node === nodeName && key === this.#server);
    // Those who come by the hundred get it in one frame. Whoever can list them may have made them up.
    if (added.length === 0 || topic.toAll !== undefined) return 0;
    if (this.#isCrowded(topic))
      return this.#sendToAll(topic, "crowdedBroadcasts", this.#runtime.monotonicMs());
    return added.reduce((said, node) => said + this.#sayMissed(topic.name, node), 0);
  }

  #sayMissed(name: string, node: string): number {
    const nowMs = this.#runtime.monotonicMs();
    const add = adding(node);
    let said = 0;
    for (const sent of this.#lately.ofTopic(name)) {
      if (sent.had.has(node)) continue;
      this.#sender.sayAgain(sent, nowMs - sent.atMs, node);
      sent.had = add(sent.had);
      said += 1;
    }
    return said;
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
      if (this.#failed || !isComplete || this.#strays.any) this.#sayToAllAgain(sent, nowMs);
    }
  }

  #sweep(nowMs: number): void {
    // What fell may be told after its life was forgotten.
    const { up, silent } = this.#others;
    const forget = without((node) => up.has(node) || !silent.has(node));
    for (const topic of this.#topics.values()) {
      if (topic.hasSilent && topic.follow.complete) topic.changeSilent(forget);
      if (!topic.subscribed) this.#sweepTopic(topic, nowMs);
    }
    for (const node of this.#strays.sweep(this.#isUp, nowMs)) this.#sender.askWhoIsThere(node);
    const asked = this.#unannounced.sweep(nowMs);
    if (asked === "all" || nowMs >= this.#rollAtMs) {
      this.#rollAtMs = nowMs + ROLL_MS;
      this.#sender.askWhoHearsAll();
    } else {
      for (const node of asked) this.#sender.askWhoHearsAll(node);
    }
  }

  #sweepTopic(topic: RouteTopic, nowMs: number): void {
    const isLeft = nowMs - topic.leftAtMs >= LINGER_MS;
    if (topic.told && isLeft) {
      this.#tracker.untrack(this.#session, this.#inTracker(topic.name));
      topic.told = false;
      this.#countOnlySent(topic, true);
    }
    // After a standstill something may be kept of what was made long ago, and be missing where it is not listed yet.
    if (!isLeft || nowMs - topic.sentAtMs < LINGER_MS || this.#lately.has(topic.name)) return;
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
    reportFailure(this.#reports, cause);
    this.#sender.hearsAll();
  }
}
