/**
 * Deaths that the pubsub can tell: a node that is silent, and has no subscription there any more, has ended. It asks
 * about nodes whose heartbeat is overdue, and believes an answer that stays the same for long enough. It has no timer.
 */
import { HEARTBEATS_TO_ASK } from "../replication/limits.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import type { Replicator } from "../replication/replicator.js";
import type { Rules } from "../replication/rules.js";

export interface DeathsOptions {
  readonly pubsub: PubSub;
  /** The channel on which every node listens. */
  readonly channel: string;
  readonly replicator: Replicator;
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

/** So often it asks in each heartbeat, while somebody is overdue. */
const LOOKS_PER_HEARTBEAT = 16;
/** And so often it looks at the most, while nobody is. */
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
  /** Nothing that was said before the connection changed counts. */
  #connectedMs: number;
  #lookMs = -Infinity;
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

  /** Looks who is overdue, and asks about them. */
  look(nowMs: number): void {
    const { pubsub, wakeAt } = this.#options;
    if (pubsub.listening === undefined || this.#isAsking) return;
    // A timer may be early by less than it can count.
    if (nowMs < this.#lookMs) return wakeAt(this.#lookMs);
    const overdue = this.#overdue(nowMs);
    for (const name of this.#absent.keys()) if (!overdue.has(name)) this.#absent.delete(name);
    this.#lookMs = overdue.size > 0 ? this.#nextLookMs(nowMs) : nowMs + this.#restMs(nowMs);
    wakeAt(this.#lookMs);
    if (overdue.size > 0) void this.#ask(overdue);
  }

  /** When to ask again: soon, and at the time from which an answer tells that somebody has ended. */
  #nextLookMs(nowMs: number): number {
    const { rules, heartbeatPeriodMs } = this.#options;
    let nextMs = nowMs + heartbeatPeriodMs / LOOKS_PER_HEARTBEAT;
    for (const { sinceMs } of this.#absent.values()) {
      const dueMs = sinceMs + rules.absenceMs(heartbeatPeriodMs);
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
    }
    return nextMs;
  }

  /** How long until somebody may be overdue: at least so long that looking costs nothing. */
  #restMs(nowMs: number): number {
    const { replicator, rules, heartbeatPeriodMs, downPeriodMs } = this.#options;
    const { membership, connection } = replicator;
    if (
      !rules.mayAskForDeaths(nowMs - this.#connectedMs, downPeriodMs) ||
      connection.status !== "connected"
    ) {
      return heartbeatPeriodMs;
    }
    let longestMs = 0;
    for (const replica of membership.replicas()) {
      if (!replica.isAlive) continue;
      const otherMs = Math.max(0, (replica.heartbeatPeriodMs ?? 0) - heartbeatPeriodMs);
      longestMs = Math.max(longestMs, membership.silenceOf(replica, nowMs) - HEARTBEATS_TO_ASK * otherMs);
    }
    const untilMs = HEARTBEATS_TO_ASK * heartbeatPeriodMs - longestMs;
    return Math.max(heartbeatPeriodMs / LOOKS_AT_MOST_PER_HEARTBEAT, untilMs);
  }

  /** Those whose heartbeat is overdue, with their lives, if an answer would count at all. */
  #overdue(nowMs: number): Map<string, string> {
    const { replicator, rules, heartbeatPeriodMs, downPeriodMs } = this.#options;
    const { membership, connection } = replicator;
    const overdue = new Map<string, string>();
    const isSteady = rules.mayAskForDeaths(nowMs - this.#connectedMs, downPeriodMs);
    if (!isSteady || connection.status !== "connected" || connection.voice.isDoubted) return overdue;
    for (const replica of membership.replicas()) {
      if (!replica.isAlive) continue;
      const periodMs = Math.max(heartbeatPeriodMs, replica.heartbeatPeriodMs ?? 0);
      if (rules.isMissing(membership.silenceOf(replica, nowMs), periodMs)) {
        overdue.set(replica.name, replica.life.incarnation);
      }
    }
    return overdue;
  }

  async #ask(overdue: ReadonlyMap<string, string>): Promise<void> {
    const { pubsub, channel, now, failed } = this.#options;
    const askedMs = now();
    this.#isAsking = true;
    try {
      const asking: unknown = pubsub.listening?.(channel, [...overdue.keys(), pubsub.nodeName]);
      const listening = (await (promiseOf(asking) ?? asking)) as unknown;
      if (!(listening instanceof Set)) throw new TypeError("the pubsub did not return a set of names");
      this.#hasFailed = false;
      this.#take(overdue, listening, askedMs);
    } catch (cause) {
      this.#absent.clear();
      if (!this.#hasFailed) failed(cause);
      this.#hasFailed = true;
    } finally {
      this.#isAsking = false;
    }
  }

  #take(asked: ReadonlyMap<string, string>, listening: ReadonlySet<unknown>, askedMs: number): void {
    const { pubsub, rules, heartbeatPeriodMs, now, gone } = this.#options;
    // A pubsub that says that this node is not there does not know.
    if (!rules.isBelieved(listening.has(pubsub.nodeName)) || this.#connectedMs > askedMs) {
      return this.#absent.clear();
    }
    const overdue = this.#overdue(now());
    for (const [name, incarnation] of asked) {
      // It may have been heard meanwhile.
      if (listening.has(name) || overdue.get(name) !== incarnation) {
        this.#absent.delete(name);
        continue;
      }
      let absence = this.#absent.get(name);
      if (absence?.incarnation !== incarnation) absence = { incarnation, sinceMs: askedMs, answers: 0 };
      absence.answers += 1;
      this.#absent.set(name, absence);
      if (!rules.isAbsent(absence.answers, askedMs - absence.sinceMs, rules.absenceMs(heartbeatPeriodMs)))
        continue;
      this.#absent.delete(name);
      gone(name);
    }
  }
}
