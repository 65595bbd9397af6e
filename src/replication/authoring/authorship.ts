/**
 * What this node says of itself: its own shards, when their changes go out, and the answers to what others
 * ask. Everything that leaves speaks of a flush. Time comes in as an argument; knows no other life's content.
 */
import type { AnyMeta } from "../../words.js";
import type { Content } from "./account.js";
import { Answers, type Asked, type Asker } from "./answers.js";
import { AuthoredShard } from "./authored-shard.js";
import { ReplicatedEntry, type EntryOwner } from "../entry.js";
import { refPrefixOf, replicaOf, type Life } from "../life.js";
import type { Heartbeat, SliceRequest, VersionRange } from "../message.js";
import type { SeenTimes } from "./seen-times.js";
import { itemsOf, type Outbox } from "../wire/outbox.js";
import type { ReplicatorOptions, Tracing } from "../options.js";
import { versionsOf, type Protocol } from "../rules.js";
import type { Effects } from "../step.js";

export class Authorship {
  readonly shards: readonly AuthoredShard[];
  readonly #seenTimes: SeenTimes;
  readonly #broadcastPeriodMs: number;
  readonly #heartbeatPeriodMs: number;
  readonly #lateMs: () => number | undefined;
  readonly #outbox: Outbox;
  readonly #effects: Effects;
  readonly #isHeard: () => boolean;
  readonly #version: string | undefined;
  readonly #tracing: Tracing | undefined;
  readonly #waitsMs: (nowMs: number) => number | undefined;
  readonly #protocol: Protocol;
  readonly #speaks: VersionRange;
  readonly #answers: Answers;
  /** When a shard was flushed last, and when the changes that wait go out. */
  readonly #flushedMs: number[];
  readonly #flushDueMs: (number | undefined)[];
  /** When the first change was made that waits for a flush. */
  readonly #changedMs: (number | undefined)[];
  /** Until when what was said lately is paid, by this node and by those that it hears. */
  #paidUntilMs = -Infinity;

  constructor(
    options: Pick<
      ReplicatorOptions,
      "life" | "poolSize" | "broadcastPeriodMs" | "heartbeatPeriodMs" | "version" | "tracing" | "protocol"
    >,
    outbox: Outbox,
    effects: Effects,
    isHeard: () => boolean,
    lateMs: () => number | undefined,
    waitsMs: (nowMs: number) => number | undefined,
    seenTimes: SeenTimes,
  ) {
    const { life, poolSize, broadcastPeriodMs, heartbeatPeriodMs, protocol } = options;
    const self: EntryOwner = { name: life.name, departure: undefined };
    this.shards = Array.from(
      { length: poolSize },
      (_, shard) => new AuthoredShard(self, replicaOf(life), shard, refPrefixOf(life, shard), protocol),
    );
    this.#protocol = protocol;
    this.#speaks = versionsOf(protocol);
    this.#answers = new Answers(protocol);
    this.#broadcastPeriodMs = broadcastPeriodMs;
    this.#heartbeatPeriodMs = heartbeatPeriodMs;
    this.#lateMs = lateMs;
    this.#outbox = outbox;
    this.#effects = effects;
    this.#isHeard = isHeard;
    this.#version = options.version;
    this.#tracing = options.tracing;
    this.#seenTimes = seenTimes;
    this.#waitsMs = waitsMs;
    this.#flushedMs = this.shards.map(() => -Infinity);
    this.#flushDueMs = this.shards.map(() => undefined);
    this.#changedMs = this.shards.map(() => undefined);
  }

  add(
    shard: number,
    topic: string,
    key: string,
    session: string,
    meta: Readonly<AnyMeta>,
    nowMs: number,
  ): ReplicatedEntry {
    const entry = this.#shard(shard).add(topic, key, session, meta);
    this.#changed(shard, nowMs);
    return entry;
  }

  update(previous: ReplicatedEntry, meta: Readonly<AnyMeta>, nowMs: number): ReplicatedEntry {
    const shard = ReplicatedEntry.shardOf(previous);
    const entry = this.#shard(shard).update(previous, meta);
    this.#changed(shard, nowMs);
    return entry;
  }

  remove(entry: ReplicatedEntry, closed: boolean, nowMs: number): void {
    const shard = ReplicatedEntry.shardOf(entry);
    this.#shard(shard).remove(entry, closed);
    this.#changed(shard, nowMs);
  }

  /** A delta was said to all, of so many units, by this node or another. */
  said(units: number, nowMs: number): void {
    const { paidUntilMs } = this.#protocol.rules;
    this.#paidUntilMs = paidUntilMs(this.#paidUntilMs, nowMs, units, this.#broadcastPeriodMs);
  }

  /** Says everything that waits, whatever it waits for. */
  flushAll(nowMs: number): void {
    for (const { shard } of this.shards) this.#flush(shard, nowMs);
  }

  /**
   * Says what is due, as many dots as one turn may. Returns the time at which something is due again, `Infinity` if
   * nothing is.
   */
  flushDue(nowMs: number): number {
    let nextMs = Infinity;
    let flushedDots = 0;
    for (const [shard, dueMs] of this.#flushDueMs.entries()) {
      if (dueMs === undefined) continue;
      const dots = flushedDots + this.#shard(shard).pendingDots;
      if (dueMs <= nowMs && (flushedDots === 0 || dots <= this.#protocol.limits.pendingDots)) {
        flushedDots = dots;
        this.#flush(shard, nowMs);
      } else nextMs = Math.min(nextMs, dueMs);
    }
    return nextMs;
  }

  /** To all; or to one life, perhaps as the answer to a question of this counter. */
  sendHeartbeat(nowMs: number, to?: Life, answers?: number): void {
    const heartbeat = this.#heartbeat(nowMs);
    if (to === undefined) return this.#outbox.sendHeartbeat(heartbeat);
    this.#outbox.sendHeartbeat({ ...heartbeat, version: this.#version, answers }, to);
  }

  /** Says that this node is there, and nothing of what it has: to all, or to one life. */
  sendSign(nowMs: number, to?: Life): void {
    this.#outbox.send({ ...this.#heartbeat(nowMs), shards: [] }, to);
  }

  /**
   * Somebody asks; the answer comes in its turn. Returns why nothing is done, if nothing is: there is no such shard
   * (nobody who has heard this node asks for it), or a newer question of the same place has come.
   */
  ask(by: Asker, request: SliceRequest, counter: number, nowMs: number): "foreign" | "late" | undefined {
    if (request.shard >= this.shards.length) return "foreign";
    if (!this.#answers.add(by, request, counter)) return "late";
    this.#effects.wakeAt(nowMs);
    return undefined;
  }

  /** A requester has ended, and asks for nothing more; or its counters were not its own, and all begins anew. */
  forget(by: Asker): void {
    this.#answers.forget(by);
  }

  /** When the next question is to be answered: now, if one may be, or when an account allows it. */
  answerDue(nowMs: number): number {
    return this.#answers.isEmpty ? this.#answers.restsUntilMs : nowMs;
  }

  /** Answers as many questions as one turn may. */
  answerSome(nowMs: number): void {
    for (let turn = this.#protocol.limits.answersPerTurn; turn > 0; turn -= 1) {
      const asked = this.#answers.take(nowMs);
      if (asked === undefined) return;
      this.#answerOne(asked, nowMs);
    }
  }

  /** Flushes first: what is seen was flushed. */
  #answerOne(asked: Asked, nowMs: number): void {
    const shard = this.shards[asked.request.shard];
    if (shard === undefined) return;
    if (this.#protocol.rules.isFlushedFirst(shard.pendingDots)) this.#flush(shard.shard, nowMs);
    const items = this.#answer(shard, asked, nowMs);
    this.#answers.charge(asked.by, items, this.#content(), nowMs);
  }

  /** Returns how many items the answer has. */
  #answer(shard: AuthoredShard, { by: life, request, counter }: Asked, nowMs: number): number {
    const by = { ...life, aloud: this.#protocol.rules.answersAloud(request) };
    if (request.type === "pageRequest") {
      return this.#outbox.sendPage((maxItems) => shard.page(request, maxItems), by);
    }
    const answer = shard.answer(request.clock);
    // Nothing shows whether the counter of one who only looks on is its own.
    if (answer === undefined) this.sendHeartbeat(nowMs, by, life.observes === true ? undefined : counter);
    else if (answer.type === "delta") {
      this.#outbox.sendDelta(answer, by);
      return itemsOf(answer);
    } else this.#outbox.send(answer, by);
    return 0;
  }

  #content(): Content {
    let entries = 0;
    let dots = 0;
    for (const { flushed } of this.shards) {
      entries += flushed.count;
      dots += flushed.clock;
    }
    return { entries, dots };
  }

  /** Lets go of what only running rebuilds of others need, if nobody asks. */
  rest(): void {
    if (this.#answers.isEmpty) for (const shard of this.shards) shard.forgetSnapshot();
  }

  /** The first change after a quiet time goes out at once, further ones together: the more is said, the later. */
  #changed(shard: number, nowMs: number): void {
    this.#changedMs[shard] ??= nowMs;
    if (this.#shard(shard).pendingDots >= this.#protocol.limits.pendingDots) return this.#flush(shard, nowMs);
    if (this.#flushDueMs[shard] !== undefined) return;
    const { flushDueMs, quietUntilMs } = this.#protocol.rules;
    const flushedMs = this.#flushedMs[shard] ?? -Infinity;
    const dueMs = flushDueMs(nowMs, quietUntilMs(flushedMs, this.#broadcastPeriodMs, this.#paidUntilMs));
    this.#flushDueMs[shard] = dueMs;
    this.#effects.wakeAt(dueMs);
  }

  #flush(shard: number, nowMs: number): void {
    this.#flushDueMs[shard] = undefined;
    const changedMs = this.#changedMs[shard] ?? nowMs;
    this.#changedMs[shard] = undefined;
    // A node that hears of this one later asks for the changes that it missed. One that was heard once may still hear.
    const delta = this.#shard(shard).flush(this.#protocol.rules.isSpokenTo(this.#isHeard()));
    if (delta === undefined) return;
    this.#flushedMs[shard] = nowMs;
    for (const units of this.#outbox.sendDelta(delta)) this.said(units, nowMs);
    this.#seenTimes.sent(this.#outbox.counter, changedMs);
    this.#tracing?.flushed(delta);
  }

  #heartbeat(nowMs: number): Heartbeat {
    return {
      type: "heartbeat",
      poolSize: this.shards.length,
      firstShard: 0,
      shards: this.shards.map(({ flushed }) => flushed),
      periodMs: this.#heartbeatPeriodMs,
      waitsMs: this.#waitsMs(nowMs),
      lateMs: this.#lateMs(),
      speaks: this.#speaks,
    };
  }

  #shard(shard: number): AuthoredShard {
    const found = this.shards[shard];
    if (found === undefined) throw new RangeError(`no shard ${shard}`);
    return found;
  }
}
