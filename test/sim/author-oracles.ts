/**
 * Oracles for what a node says of itself and when: the promise of the flush, heartbeats whatever else is sent, and
 * one answer at a time, to the newest request only.
 */
import { isDeepStrictEqual } from "node:util";
import type { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { replicaOf, type Life } from "../../src/replication/life.js";
import { SAID_BY_A_FRAME, SAID_PER_SECOND, type Limits } from "../../src/replication/limits.js";
import {
  asksWhetherThere,
  type DeltaMessage,
  type Frame,
  type SliceRequest,
} from "../../src/replication/message.js";
import type { Replicator } from "../../src/replication/replicator.js";
import type { Effect } from "../../src/replication/step.js";
import type { Situation, Watched } from "./situation.js";
import { frameOf, wasTaken, type DoneStep, type StepWatcher } from "./watched-steps.js";

/** A timer is late by so much, and what it sets off takes a turn of the event loop. */
const slackMs = 2;
const roundingMs = 0.001;

/** When an author has flushed, and why it may have: the flush promise of one shard. */
class FlushRecord {
  #answers = 0;
  #lastMs = -Infinity;
  /** For how long the last flush is to be followed by none, whatever others have said. */
  #worthMs = 0;
  #pendingSinceMs: number | undefined;

  /** An answer flushes first. */
  answered(): void {
    this.#answers += 1;
  }

  /**
   * A flush said something that takes so long to pay. Returns what is wrong with its being now, unless it had to wait for
   * nothing, or an answer wants it: that is known later.
   */
  flushed(nowMs: number, worthMs: number): () => string[] {
    const sinceMs = nowMs - this.#lastMs;
    const owedMs = this.#worthMs;
    this.#lastMs = nowMs;
    this.#worthMs = worthMs;
    return () => {
      if (sinceMs >= owedMs - roundingMs) return [];
      if (this.#answers > 0) {
        this.#answers -= 1;
        return [];
      }
      return [`a flush ${sinceMs.toFixed(1)} ms after one that was worth ${owedMs.toFixed(1)} ms`];
    };
  }

  /** How much longer than promised a change has waited: the first goes out at once, others at the period's end. */
  overdueMs(isPending: boolean, nowMs: number, broadcastPeriodMs: number): { ms: number; sinceMs: number } {
    if (!isPending) this.#pendingSinceMs = undefined;
    else this.#pendingSinceMs ??= nowMs;
    const sinceMs = this.#pendingSinceMs ?? nowMs;
    return { ms: nowMs - Math.max(sinceMs, this.#lastMs + broadcastPeriodMs), sinceMs };
  }
}

/** What was asked last in a place, and by the frame of which number. */
interface Newest {
  readonly request: SliceRequest;
  readonly counter: number;
}

export class AuthorOracles implements StepWatcher {
  readonly #situation: Situation;
  readonly #limits: Limits;
  readonly #flushes = new WeakMap<AuthoredShard, FlushRecord>();
  readonly #newest = new WeakMap<Replicator, Map<string, Newest>>();
  readonly #heartbeats = new WeakMap<Replicator, number>();
  /** What is to be looked at when the present task is done. */
  readonly #afterwards: (() => string[])[] = [];

  constructor(situation: Situation, limits: Limits) {
    this.#situation = situation;
    this.#limits = limits;
  }

  done(step: DoneStep): void {
    const { replicator, event, effects, sent, answered } = step;
    // A goodbye flushes whatever waits.
    for (const delta of step.flushed)
      this.#lookAtFlush(replicator, delta, event.type === "goodbye", worthOf(effects, delta));
    for (const request of answered) this.#lookAtAnswer(replicator, request);
    if (event.type === "turn") {
      if (answered.length > 1) this.#situation.blame(`${answered.length} answers in one turn`);
      this.#lookAtAnswers(sent);
      // Nobody hears it while it is disconnected.
      if (!replicator.connection.isAttached || sent.some((frame) => isHeartbeat(frame))) {
        this.#heartbeats.set(replicator, this.#situation.nowMs);
      }
    }
    const { frame } = step;
    if (frame !== undefined && wasTaken(step)) this.#asks(replicator, frame);
    for (const effect of effects) {
      // A node that is heard again after that begins anew.
      if (effect.type === "replicaGone") this.#forgets(replicator, effect.life);
      if (effect.type === "trouble" && effect.trouble.kind === "counterAhead")
        this.#forgets(replicator, effect.trouble.life);
    }
  }

  /** Looks at a node after one of its tasks. */
  look(node: Watched, replicator: Replicator): string[] {
    const { nowMs, broadcastPeriodMs, heartbeatPeriodMs } = this.#situation;
    const wrong = this.#afterwards.splice(0).flatMap((check) => check());
    if (!node.running) return wrong;
    for (const author of replicator.shards) {
      const { ms, sinceMs } = this.#flushRecordOf(author).overdueMs(
        author.pendingDots > 0,
        nowMs,
        broadcastPeriodMs,
      );
      if (ms - node.machine.stalledMsSince(sinceMs) > slackMs) {
        wrong.push(`a change has waited ${(nowMs - sinceMs).toFixed(0)} ms, longer than promised`);
      }
    }
    const heartbeatMs = this.#heartbeats.get(replicator) ?? node.startedMs;
    const quietMs = nowMs - heartbeatMs - node.machine.stalledMsSince(heartbeatMs);
    if (quietMs > heartbeatPeriodMs + slackMs) wrong.push(`no heartbeat for ${quietMs.toFixed(0)} ms`);
    return wrong;
  }

  /** A request that was taken up is the newest of its place. */
  #asks(replicator: Replicator, { from, counter, message }: Frame): void {
    if (message.type !== "deltaRequest" && message.type !== "pageRequest") return;
    const newest = this.#newest.get(replicator) ?? new Map<string, Newest>();
    this.#newest.set(replicator, newest);
    const place = placeOf(from, message);
    // One that was overtaken comes later, and is not newer.
    if (counter > (newest.get(place)?.counter ?? 0)) newest.set(place, { request: message, counter });
  }

  #forgets(replicator: Replicator, life: Life): void {
    const newest = this.#newest.get(replicator);
    for (const place of newest?.keys() ?? []) {
      if (place.startsWith(`${replicaOf(life)} `)) newest?.delete(place);
    }
  }

  /** Whoever is answered, it is what was asked last of that place. */
  #lookAtAnswer(replicator: Replicator, request: SliceRequest): void {
    const author = replicator.shards[request.shard];
    if (author !== undefined) this.#flushRecordOf(author).answered();
    for (const newest of this.#newest.get(replicator)?.values() ?? []) {
      if (isDeepStrictEqual(newest.request, request)) return;
    }
    this.#situation.blame("answers a request in whose place a newer one has come");
  }

  /** The answers of one turn, of which each may come in parts. */
  #lookAtAnswers(sent: readonly Frame[]): void {
    const { deltaDots, pageItems } = this.#limits;
    const deltas = new Map<string, number>();
    for (const { to, message } of sent) {
      if (message.type === "page") this.#lookAtItems(message.births.length + message.kept.length, pageItems);
      if (message.type !== "delta" || to === undefined) continue;
      const which = `${to} ${message.shard}`;
      const items = (deltas.get(which) ?? 0) + message.births.length + message.removed.length;
      deltas.set(which, items);
    }
    for (const items of deltas.values()) this.#lookAtItems(items, Math.max(deltaDots, pageItems));
  }

  #lookAtItems(items: number, itemsMax: number): void {
    if (items <= itemsMax) return;
    this.#situation.blame(`an answer of ${items} items, where ${itemsMax} are allowed`);
  }

  #flushRecordOf(author: AuthoredShard): FlushRecord {
    const record = this.#flushes.get(author) ?? new FlushRecord();
    this.#flushes.set(author, record);
    return record;
  }

  /** An answer flushes before it answers: it is not counted yet when it does. */
  #lookAtFlush(
    { shards }: Replicator,
    { shard, since, upTo }: DeltaMessage,
    isLast: boolean,
    worthMs: number,
  ): void {
    const author = shards[shard];
    if (author === undefined) return;
    const { nowMs, broadcastPeriodMs } = this.#situation;
    const isWrong = this.#flushRecordOf(author).flushed(nowMs, Math.min(broadcastPeriodMs, worthMs));
    // What fills a delta by itself does not wait.
    if (isLast || upTo - since >= this.#limits.pendingDots) return;
    this.#afterwards.push(isWrong);
  }
}

/** How long it takes to pay what was said to all of a shard, by the budget of the cluster. */
function worthOf(effects: readonly Effect[], { shard, upTo }: DeltaMessage): number {
  let units = 0;
  for (const effect of effects) {
    if (effect.type !== "broadcast") continue;
    const frame = frameOf(effect.payload);
    if (frame?.to !== undefined || frame?.message.type !== "delta") continue;
    const { message } = frame;
    if (message.shard === shard && message.upTo === upTo) units += SAID_BY_A_FRAME + effect.payload.length;
  }
  return (units * 1_000) / SAID_PER_SECOND;
}

/** What says to all that its node is there, and what it has. */
function isHeartbeat({ to, message }: Frame): boolean {
  return message.type === "heartbeat" && message.shards.length > 0 && to === undefined;
}

/** Where a request stands, and a newer one of the same place takes it: whether somebody is there is asked elsewhere. */
function placeOf(by: Life, request: SliceRequest): string {
  return `${replicaOf(by)} ${asksWhetherThere(request) ? "whether there" : request.shard}`;
}
