/**
 * Oracles for what a node says of itself and when: the promise of the flush, heartbeats whatever else is sent, and
 * one answer at a time, to the newest request only. They look inside, for as long as they are installed.
 */
import { Answers } from "../../src/replication/authoring/answers.js";
import { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { replicaOf, type Life } from "../../src/replication/life.js";
import type { Limits } from "../../src/replication/limits.js";
import { asksWhetherThere, type SliceRequest } from "../../src/replication/message.js";
import { Outbox } from "../../src/replication/wire/outbox.js";
import { Replicator } from "../../src/replication/replicator.js";
import type { Situation, Watched } from "./situation.js";
import { instead, type Restore } from "./wrap.js";

/** A timer is late by so much, and what it sets off takes a turn of the event loop. */
const slackMs = 2;

/** When an author has flushed, and why it may have: the flush promise of one shard. */
class FlushRecord {
  #flushes = 0;
  #answers = 0;
  #firstMs: number | undefined;
  #lastMs = -Infinity;
  #pendingSinceMs: number | undefined;

  /** An answer flushes first. */
  answered(): void {
    this.#answers += 1;
  }

  /** A flush that had to wait for nothing said something. */
  flushedAtOnce(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** A flush said something. Returns what is wrong with its being now. */
  flushed(nowMs: number, broadcastPeriodMs: number): string[] {
    this.#firstMs ??= nowMs;
    this.#flushes += 1;
    // The first at once, one at the end of each period since, one for each answer.
    const allowed = 1 + Math.floor((nowMs - this.#firstMs) / broadcastPeriodMs) + this.#answers;
    if (this.#flushes <= allowed) return [];
    return [
      `${this.#flushes} flushes in ${(nowMs - this.#firstMs).toFixed(0)} ms, where ${allowed} are allowed`,
    ];
  }

  /** How much longer than promised a change has waited: the first goes out at once, others at the period's end. */
  overdueMs(isPending: boolean, nowMs: number, broadcastPeriodMs: number): { ms: number; sinceMs: number } {
    if (!isPending) this.#pendingSinceMs = undefined;
    else this.#pendingSinceMs ??= nowMs;
    const sinceMs = this.#pendingSinceMs ?? nowMs;
    return { ms: nowMs - Math.max(sinceMs, this.#lastMs + broadcastPeriodMs), sinceMs };
  }
}

export class AuthorOracles {
  readonly #situation: Situation;
  readonly #limits: Limits;
  readonly #flushes = new WeakMap<AuthoredShard, FlushRecord>();
  readonly #newest = new WeakMap<Answers, Map<string, { request: unknown; counter: number }>>();
  readonly #heartbeats = new WeakMap<Replicator, number>();
  /** What is to be looked at when the present task is done. */
  readonly #afterwards: (() => string[])[] = [];
  #advancing: Replicator | undefined;
  #isLeaving = false;
  #answersGiven = 0;

  constructor(situation: Situation, limits: Limits) {
    this.#situation = situation;
    this.#limits = limits;
  }

  install(): Restore[] {
    return [...this.#watchTurns(), ...this.#watchFlushes(), ...this.#watchAnswers()];
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

  #watchTurns(): Restore[] {
    const begin = (replicator: Replicator): void => {
      this.#advancing = replicator;
      this.#answersGiven = 0;
    };
    const end = (): void => {
      if (this.#answersGiven > 1) this.#situation.blame(`${this.#answersGiven} answers in one turn`);
      this.#advancing = undefined;
    };
    const setLeaving = (isLeaving: boolean): void => {
      this.#isLeaving = isLeaving;
    };
    const beat = (): void => {
      if (this.#advancing !== undefined) this.#heartbeats.set(this.#advancing, this.#situation.nowMs);
    };
    return [
      instead(Replicator.prototype, "step", function (original, event, nowMs) {
        if (event.type === "turn") begin(this);
        // A goodbye flushes whatever waits.
        setLeaving(event.type === "goodbye");
        const step = original(event, nowMs);
        setLeaving(false);
        if (event.type === "turn") end();
        return step;
      }),
      instead(Outbox.prototype, "sendHeartbeat", (original, heartbeat, to) => {
        if (to === undefined) beat();
        original(heartbeat, to);
      }),
    ];
  }

  #watchFlushes(): Restore[] {
    const flushed = (author: AuthoredShard, isFull: boolean): void => this.#lookAtFlush(author, isFull);
    const { pendingDots } = this.#limits;
    return [
      instead(AuthoredShard.prototype, "flush", function (original, isHeard) {
        // What fills a delta by itself does not wait.
        const isFull = this.pendingDots >= pendingDots;
        const delta = original(isHeard);
        if (delta !== undefined) flushed(this, isFull);
        return delta;
      }),
    ];
  }

  #watchAnswers(): Restore[] {
    const answered = (author: AuthoredShard, items: number, itemsMax: number): void => {
      this.#flushRecordOf(author).answered();
      if (items > itemsMax)
        this.#situation.blame(`an answer of ${items} items, where ${itemsMax} are allowed`);
    };
    const asked = (answers: Answers, requester: string, request: unknown, counter: number): void => {
      const newest = this.#newest.get(answers) ?? new Map<string, { request: unknown; counter: number }>();
      this.#newest.set(answers, newest);
      // One that was overtaken comes later, and is not newer.
      if (counter > (newest.get(requester)?.counter ?? 0)) newest.set(requester, { request, counter });
    };
    const { deltaDots, pageItems } = this.#limits;
    const forgotten = (answers: Answers, life: Life): void => {
      const newest = this.#newest.get(answers);
      for (const place of newest?.keys() ?? []) {
        if (place.startsWith(`${replicaOf(life)} `)) newest?.delete(place);
      }
    };
    const taken = (answers: Answers, requester: string, request: unknown): void => {
      this.#answersGiven += 1;
      if (this.#newest.get(answers)?.get(requester)?.request !== request) {
        this.#situation.blame("answers a request in whose place a newer one has come");
      }
    };
    return [
      instead(AuthoredShard.prototype, "answer", function (original, ...input) {
        const answer = original(...input);
        const items = answer?.type === "delta" ? answer.births.length + answer.removed.length : 0;
        answered(this, items, Math.max(deltaDots, pageItems));
        return answer;
      }),
      instead(AuthoredShard.prototype, "page", function (original, request, maxItems) {
        const page = original(request, maxItems);
        answered(this, page.births.length + page.kept.length, pageItems);
        return page;
      }),
      instead(Answers.prototype, "add", function (original, by, request, counter) {
        asked(this, placeOf(by, request), request, counter);
        return original(by, request, counter);
      }),
      instead(Answers.prototype, "forget", function (original, life) {
        // A node that is heard again after that begins anew.
        forgotten(this, life);
        original(life);
      }),
      instead(Answers.prototype, "take", function (original, nowMs) {
        const next = original(nowMs);
        if (next !== undefined) taken(this, placeOf(next.by, next.request), next.request);
        return next;
      }),
    ];
  }

  #flushRecordOf(author: AuthoredShard): FlushRecord {
    const record = this.#flushes.get(author) ?? new FlushRecord();
    this.#flushes.set(author, record);
    return record;
  }

  /** An answer flushes before it answers: it is not counted yet when it does. */
  #lookAtFlush(author: AuthoredShard, isFull: boolean): void {
    const { nowMs, broadcastPeriodMs } = this.#situation;
    const record = this.#flushRecordOf(author);
    record.flushedAtOnce(nowMs);
    if (isFull || this.#isLeaving) return;
    this.#afterwards.push(() => record.flushed(nowMs, broadcastPeriodMs));
  }
}

/** Where a request stands, and a newer one of the same place takes it: whether somebody is there is asked elsewhere. */
function placeOf(by: Life, request: SliceRequest): string {
  return `${replicaOf(by)} ${asksWhetherThere(request) ? "whether there" : request.shard}`;
}
