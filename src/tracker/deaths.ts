/**
 * Deaths that the pubsub can tell: a node that is silent, and has no subscription there any more, has ended. It asks
 * about nodes whose heartbeat is overdue, and believes an answer that stays the same for long enough. It has no timer.
 */
import { HEARTBEATS_TO_ASK } from "../replication/limits.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import type { Peer, PeerHolds } from "../replication/lives/peer.js";
import type { Machine } from "../replication/machine.js";
import type { Rules } from "../replication/rules.js";
import type { Publisher } from "./publisher.js";

export interface DeathsOptions {
  readonly pubsub: PubSub;
  /** The channel on which these nodes listen. */
  readonly channel: string;
  readonly listens: (replica: Peer) => boolean;
  readonly replicator: Pick<Machine, "membership" | "connection">;
  readonly rules: Rules;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly now: () => number;
  readonly wakeAt: (timeMs: number) => void;
  /** The pubsub says that a node has no subscription any more. */
  readonly gone: (nodeName: string) => void;
  /** The question was refused, or not answered; told once until it is answered again. */
  readonly failed: (cause: unknown) => void;
}

/** So often it asks again in each heartbeat, while the same ones are overdue. */
const QUESTIONS_PER_HEARTBEAT = 16;
/** And so often it looks at the most. */
const LOOKS_AT_MOST_PER_HEARTBEAT = 100;

/** Since when, and how often, the pubsub has said of a life that it is not there. */
interface Absence {
  readonly incarnation: string;
  readonly sinceMs: number;
  answers: number;
}

export class Deaths {
  readonly #options: DeathsOptions;
  readonly #absent = new Map<string, Absence>();
  /** Lives that were away and came back, or would be back if they were not hidden for it, by name: since when. */
  readonly #unsteady = new Map<string, { readonly incarnation: string; readonly sinceMs: number }>();
  /** Nothing that was said before the connection changed counts. */
  #connectedMs: number;
  #lookMs = -Infinity;
  /** Who was asked about last, by lives, and when to ask about them again. */
  #asked: ReadonlyMap<string, string> = new Map();
  #askAgainMs = -Infinity;
  #isAsking = false;
  #hasFailed = false;

  constructor(options: DeathsOptions) {
    this.#options = options;
    this.#connectedMs = -Infinity;
  }

  /** The connection has changed: who is away may have lost it as well. */
  reconnected(nowMs: number): void {
    this.#connectedMs = nowMs;
    this.#absent.clear();
  }

  /** Looks who is overdue, and asks about them. While a question is open it waits for the answer, and looks then. */
  look(nowMs: number): void {
    const { pubsub, wakeAt } = this.#options;
    if (pubsub.listening === undefined || this.#isAsking) return;
    // A timer may be early by less than it can count.
    if (nowMs < this.#lookMs) return wakeAt(this.#lookMs);
    const overdue = this.#overdue(nowMs);
    for (const name of this.#absent.keys()) if (!overdue.has(name)) this.#forget(name, nowMs);
    this.#expire(nowMs);
    const asks = this.#isToAsk(overdue, nowMs);
    if (asks) this.#askAgainMs = this.#nextQuestionMs(nowMs);
    this.#asked = overdue;
    const newMs = nowMs + this.#restMs(nowMs, overdue);
    this.#lookMs = overdue.size > 0 ? Math.min(this.#askAgainMs, newMs) : newMs;
    wakeAt(this.#lookMs);
    if (asks) void this.#ask(overdue);
  }

  /** At once about nodes that were not asked about before: no death is told later because of another. */
  #isToAsk(overdue: ReadonlyMap<string, string>, nowMs: number): boolean {
    if (overdue.size > 0 && nowMs >= this.#askAgainMs) return true;
    for (const [name, incarnation] of overdue) if (this.#asked.get(name) !== incarnation) return true;
    return false;
  }

  /**
   * When to ask again: soon, and at the time from which an answer tells that somebody has ended. Not shortly before
   * that time, as the answer may then be open when the question that counts is due.
   */
  #nextQuestionMs(nowMs: number): number {
    const periodMs = this.#options.heartbeatPeriodMs / QUESTIONS_PER_HEARTBEAT;
    let tellingMs = Infinity;
    for (const [name, { incarnation, sinceMs }] of this.#absent) {
      const dueMs = sinceMs + this.#absenceMs(name, incarnation);
      if (dueMs > nowMs) tellingMs = Math.min(tellingMs, dueMs);
    }
    return tellingMs < nowMs + 1.5 * periodMs ? tellingMs : nowMs + periodMs;
  }

  /** How long until somebody else may be overdue: at least so long that looking costs nothing. */
  #restMs(nowMs: number, overdue: ReadonlyMap<string, string>): number {
    const { replicator, listens, rules, heartbeatPeriodMs, downPeriodMs } = this.#options;
    const { membership, connection } = replicator;
    if (
      !rules.mayAskForDeaths(nowMs - this.#connectedMs, downPeriodMs) ||
      connection.status !== "connected"
    ) {
      return heartbeatPeriodMs;
    }
    let longestMs = 0;
    for (const replica of membership.replicas()) {
      const isKnown = overdue.get(replica.name) === replica.life.incarnation;
      if (!replica.isAlive || isKnown || !listens(replica)) continue;
      const otherMs = Math.max(0, (replica.heartbeatPeriodMs ?? 0) - heartbeatPeriodMs);
      longestMs = Math.max(longestMs, membership.silenceOf(replica, nowMs) - HEARTBEATS_TO_ASK * otherMs);
    }
    const untilMs = HEARTBEATS_TO_ASK * heartbeatPeriodMs - longestMs;
    return Math.max(heartbeatPeriodMs / LOOKS_AT_MOST_PER_HEARTBEAT, untilMs);
  }

  /** Those whose heartbeat is overdue, with their lives, if an answer would count at all. */
  #overdue(nowMs: number): Map<string, string> {
    const { replicator, listens, rules, downPeriodMs } = this.#options;
    const { membership, connection } = replicator;
    const overdue = new Map<string, string>();
    const isSteady = rules.mayAskForDeaths(nowMs - this.#connectedMs, downPeriodMs);
    if (!isSteady || connection.status !== "connected" || connection.voice.isDoubted) return overdue;
    for (const replica of membership.replicas()) {
      if (!replica.isAlive || !listens(replica)) continue;
      if (this.#isMissing(replica, nowMs)) overdue.set(replica.name, replica.life.incarnation);
    }
    return overdue;
  }

  #isMissing(replica: Peer, nowMs: number): boolean {
    const { replicator, rules, heartbeatPeriodMs } = this.#options;
    const periodMs = Math.max(heartbeatPeriodMs, replica.heartbeatPeriodMs ?? 0);
    return rules.isMissing(replicator.membership.silenceOf(replica, nowMs), periodMs);
  }

  async #ask(overdue: ReadonlyMap<string, string>): Promise<void> {
    const { pubsub, channel, now, wakeAt, failed } = this.#options;
    const askedMs = now();
    this.#isAsking = true;
    try {
      const asking: unknown = pubsub.listening?.(channel, [...overdue.keys(), pubsub.nodeName]);
      const listening = (await (promiseOf(asking) ?? asking)) as unknown;
      if (!(listening instanceof Set)) throw new TypeError("the pubsub did not return a set of names");
      this.#hasFailed = false;
      this.#take(overdue, listening, askedMs);
    } catch (cause) {
      // Earlier answers stand: a node that is back has been heard, and a lost connection has cleared them.
      if (!this.#hasFailed) failed(cause);
      this.#hasFailed = true;
    } finally {
      this.#isAsking = false;
      // The time to look may have come, and gone by, while the question was open.
      wakeAt(this.#lookMs);
    }
  }

  #take(asked: ReadonlyMap<string, string>, listening: ReadonlySet<unknown>, askedMs: number): void {
    const { pubsub, rules, now, gone } = this.#options;
    // A pubsub that says that this node is not there does not know.
    if (!rules.isBelieved(listening.has(pubsub.nodeName)) || this.#connectedMs > askedMs) {
      return this.#absent.clear();
    }
    const nowMs = now();
    const overdue = this.#overdue(nowMs);
    for (const [name, incarnation] of asked) {
      // It may have been heard meanwhile.
      if (listening.has(name) || overdue.get(name) !== incarnation) {
        this.#forget(name, nowMs, listening.has(name));
        continue;
      }
      let absence = this.#absent.get(name);
      if (absence?.incarnation !== incarnation) absence = { incarnation, sinceMs: askedMs, answers: 0 };
      absence.answers += 1;
      this.#absent.set(name, absence);
      const isGone = rules.isAbsent(
        absence.answers,
        askedMs - absence.sinceMs,
        this.#absenceMs(name, incarnation),
      );
      if (!isGone) continue;
      this.#absent.delete(name);
      this.#unsteady.set(name, { incarnation, sinceMs: nowMs });
      gone(name);
    }
  }

  /** For how long nobody has to listen where this life did. */
  #absenceMs(name: string, incarnation: string): number {
    const { rules, heartbeatPeriodMs } = this.#options;
    return rules.absenceMs(heartbeatPeriodMs, this.#unsteady.get(name)?.incarnation === incarnation);
  }

  /** Its absence has ended, or this node does not know any more: a node that is there again is unsteady from now on. */
  #forget(name: string, nowMs: number, isListening = false): void {
    const absence = this.#absent.get(name);
    if (absence === undefined) return;
    this.#absent.delete(name);
    const { incarnation } = absence;
    const replica = this.#options.replicator.membership.presentOf(name);
    if (replica?.life.incarnation !== incarnation) return;
    if (isListening || !this.#isMissing(replica, nowMs)) {
      this.#unsteady.set(name, { incarnation, sinceMs: nowMs });
    }
  }

  #expire(nowMs: number): void {
    const { rules, heartbeatPeriodMs } = this.#options;
    for (const [name, { sinceMs }] of this.#unsteady) {
      if (!rules.isUnsteady(nowMs - sinceMs, heartbeatPeriodMs)) this.#unsteady.delete(name);
    }
  }
}

/** Those that ask about all nodes: by what a node holds it listens on one channel or on another. */
export function deathsOf(
  holds: PeerHolds,
  { inboxChannel, othersInboxChannel }: Pick<Publisher, "inboxChannel" | "othersInboxChannel">,
  options: Omit<DeathsOptions, "channel" | "listens">,
): readonly Deaths[] {
  // Beside those that follow, all listen where they do.
  if (holds === "followed") return [new Deaths({ ...options, channel: inboxChannel, listens: () => true })];
  const listens = (wanted: PeerHolds) => (replica: Peer) => replica.holds === wanted;
  return [
    new Deaths({ ...options, channel: inboxChannel, listens: listens("everything") }),
    new Deaths({ ...options, channel: othersInboxChannel, listens: listens("followed") }),
  ];
}
