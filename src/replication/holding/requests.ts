/**
 * What is missing, and when to ask for it: after a short random delay, and again when the answer takes longer than
 * answers of that life take. Every life has places of its own, so nobody waits for another's answers: one only, where it
 * has never answered and many such were asked already; a life that has failed twice waits in the slow lane, whose places
 * all such lives share. Knows no message's content; time
 * comes in as an argument.
 */
import {
  REQUEST_FIRST_PATIENCE_HEARTBEATS,
  REQUEST_FIRST_PATIENCE_MS,
  REQUEST_PATIENCE_MAX_MS,
  REQUEST_RETRY_MAX_HEARTBEATS,
  REQUEST_RETRY_MAX_MS,
  REQUEST_RETRY_MS,
} from "../limits.js";
import type { Holding } from "./holding.js";
import { RoundTrip } from "./round-trip.js";
import { PROTOCOL, type Protocol } from "../rules.js";
import type { RemoteSlice } from "./remote-slice.js";

/** Patience is longer by up to this share at random, so that not all lose it at once. */
const PATIENCE_SPREAD = 0.25;

/** What happens by chance within so small a share of the time between two questions is not thought of. */
const SHARE_OF_CHANCE = 1 / 16;

/** Whom something is asked of, and what is held of it. */
interface Asked {
  readonly held: Holding;
}

/** A slice that lacks something: it waits for its delay, then for a place, then for an answer. */
interface Missing<A extends Asked> {
  readonly slice: RemoteSlice;
  readonly line: Line<A>;
  queue: Set<Missing<A>>;
  /** When its delay, or the patience with its request, ends. */
  dueMs: number;
  sentMs: number;
  firstSentMs: number;
  /** Between the last two requests. */
  gapMs: number;
  /** Requests since the last answer. */
  attempts: number;
  /** What it was known to lack, and since when; renewed whenever that was reached. */
  goal: number;
  sinceMs: number;
}

/** All that one life is asked for. */
interface Line<A extends Asked> {
  readonly replica: A;
  readonly roundTrip: RoundTrip;
  readonly delayed: Set<Missing<A>>;
  readonly ready: Set<Missing<A>>;
  readonly asked: Set<Missing<A>>;
  /** When its first frame was heard; and what its greeting, the first word to this node alone, lets one expect. */
  metMs: number;
  greetingPatienceMs: number | undefined;
  /** What an answer lets one expect of which nobody knows whether it answers the first question or the last. */
  ambiguousPatienceMs: number | undefined;
  /** Whether it has ever answered. */
  hasAnswered: boolean;
  /** How often patience ran out since an answer came. */
  failures: number;
  /** Karn's rule: how often patience was doubled since a round trip was measured, and when last. */
  doublings: number;
  doubledMs: number;
}

export class Requests<A extends Asked = Asked> {
  readonly #random: () => number;
  readonly #startMs: number;
  /** Patience while no round trip is known, and up to which failures double it. */
  readonly #firstPatienceMs: number;
  readonly #retryMaxMs: number;
  readonly #missing = new Map<RemoteSlice, Missing<A>>();
  /** A line lasts as long as its life is listened to, for its round trips. */
  readonly #lines = new Map<A, Line<A>>();
  /** The lines that lack something; one that was asked in the slow lane goes to its end. */
  readonly #fast = new Set<Line<A>>();
  readonly #slow = new Set<Line<A>>();
  /** Round trips of all lives, for one that has not answered yet. */
  readonly #roundTrip: RoundTrip;
  readonly #protocol: Protocol;
  /** When something is due, if nothing happens before: until then there is nothing to look at. */
  #nextMs = Infinity;

  constructor(
    random: () => number,
    startMs: number,
    heartbeatPeriodMs: number,
    protocol: Protocol = PROTOCOL,
  ) {
    this.#protocol = protocol;
    this.#roundTrip = new RoundTrip(protocol.rules);
    this.#random = random;
    this.#startMs = startMs;
    const within = (mostMs: number, heartbeats: number): number =>
      Math.max(REQUEST_RETRY_MS, Math.min(mostMs, heartbeats * heartbeatPeriodMs));
    this.#firstPatienceMs = within(REQUEST_FIRST_PATIENCE_MS, REQUEST_FIRST_PATIENCE_HEARTBEATS);
    this.#retryMaxMs = within(REQUEST_RETRY_MAX_MS, REQUEST_RETRY_MAX_HEARTBEATS);
  }

  get size(): number {
    return this.#missing.size;
  }

  /** A life is heard for the first time, or again. */
  met(replica: A, nowMs: number): void {
    this.#lineOf(replica).metMs = nowMs;
  }

  /**
   * A life speaks to this node alone, so it has heard it: the first time that takes a round trip at most, or one and
   * the time until it heard this node at all.
   */
  greetedBy(replica: A, nowMs: number): void {
    const line = this.#lineOf(replica);
    if (line.greetingPatienceMs !== undefined) return;
    // One that is met soon after the start was asked by its first heartbeat, which all hear.
    const isOlder = line.metMs - this.#startMs < REQUEST_PATIENCE_MAX_MS;
    const tookMs = nowMs - (isOlder ? this.#startMs : line.metMs);
    line.greetingPatienceMs = Math.max(REQUEST_RETRY_MS, Math.min(this.#firstPatienceMs, 2 * tookMs));
    this.#losePatience(line);
  }

  /**
   * Something is missing; asks for it soon, if it does not do so already. `isToldAlone`: what tells of it was said to this
   * node alone. Returns when.
   */
  want(replica: A, slice: RemoteSlice, nowMs: number, isToldAlone = false): number {
    const present = this.#missing.get(slice);
    const { requestDelayMs } = this.#protocol.rules;
    if (present !== undefined) {
      this.#renewGoal(present, nowMs);
      // It waits as a gap that everybody may have seen, and this node alone is told of it now.
      const isDelayed = present.queue === present.line.delayed;
      if (isDelayed && isToldAlone) present.dueMs = Math.min(present.dueMs, nowMs + requestDelayMs(0, true));
      this.#nextMs = Math.min(this.#nextMs, present.dueMs);
      return present.dueMs;
    }
    const dueMs = nowMs + requestDelayMs(this.#random(), isToldAlone);
    this.#nextMs = Math.min(this.#nextMs, dueMs);
    const line = this.#lineOf(replica);
    const missing: Missing<A> = {
      slice,
      line,
      queue: line.delayed,
      dueMs,
      sentMs: nowMs,
      firstSentMs: nowMs,
      gapMs: 0,
      attempts: 0,
      goal: slice.target,
      sinceMs: nowMs,
    };
    line.delayed.add(missing);
    this.#missing.set(slice, missing);
    this.#laneOf(line).add(line);
    return missing.dueMs;
  }

  /** An answer brought a slice on. If it `isLast`, nothing is missing any more; else the next request is due at once. */
  answered(slice: RemoteSlice, isLast: boolean, nowMs: number): void {
    const missing = this.#missing.get(slice);
    if (missing === undefined) return;
    if (missing.attempts > 0) this.#learnFrom(missing, nowMs);
    if (isLast) return this.drop(slice);
    this.#renewGoal(missing, nowMs);
    // What answers an earlier request does not end the wait before the first.
    if (missing.attempts === 0) return;
    missing.attempts = 0;
    missing.dueMs = nowMs;
    this.#nextMs = nowMs;
    this.#move(missing, missing.line.ready);
  }

  /** Nothing could be heard until now: the answers may have been lost, which is no failure of those who were asked. */
  resume(nowMs: number): void {
    for (const missing of this.#missing.values()) {
      const { line } = missing;
      if (missing.queue !== line.asked) continue;
      const delayMs = this.#protocol.rules.requestDelayMs(this.#random(), false);
      missing.dueMs = this.#protocol.rules.asksAgainMs(nowMs, missing.sentMs, delayMs);
      this.#move(missing, line.delayed);
    }
    this.#nextMs = nowMs;
  }

  drop(slice: RemoteSlice): void {
    const missing = this.#missing.get(slice);
    if (missing === undefined) return;
    const { line } = missing;
    missing.queue.delete(missing);
    this.#missing.delete(slice);
    // Its place is free.
    if (missing.queue === line.asked) this.#nextMs = -Infinity;
    if (line.delayed.size + line.ready.size + line.asked.size === 0) this.#laneOf(line).delete(line);
  }

  dropAllOf(replica: A): void {
    for (const slice of replica.held.slices.values()) this.drop(slice);
    this.#lines.delete(replica);
  }

  /** Since when something of a slice is missing that is asked for. */
  missingSinceMs(slice: RemoteSlice): number | undefined {
    return this.#missing.get(slice)?.sinceMs;
  }

  /** Whether anything that was known to be missing at that time is missing still. */
  isOverdue(sinceMs: number): boolean {
    for (const { slice, goal, sinceMs: wantedMs } of this.#missing.values()) {
      if (wantedMs < sinceMs && !slice.hasReached(goal)) return true;
    }
    return false;
  }

  /** Sends what is due and has a place; returns when to call again, if ever. */
  advance(nowMs: number, send: (replica: A, slice: RemoteSlice) => void): number | undefined {
    // A frame from whomever is no reason to walk through all that thousands of lives are asked for.
    if (nowMs >= this.#nextMs) this.#nextMs = this.#sendDue(nowMs, send);
    return this.#nextMs === Infinity ? undefined : this.#nextMs;
  }

  #sendDue(nowMs: number, send: (replica: A, slice: RemoteSlice) => void): number {
    for (const line of [...this.#fast, ...this.#slow]) this.#freePlaces(line, nowMs);
    let nextMs = Infinity;
    let untried = 0;
    for (const line of this.#fast) if (!line.hasAnswered) untried += line.asked.size;
    for (const line of this.#fast) {
      const sent = this.#ask(line, this.#placesOf(line, untried) - line.asked.size, nowMs, send);
      if (!line.hasAnswered) untried += sent;
      nextMs = Math.min(nextMs, nextOf(line));
    }
    let slowPlaces = this.#protocol.rules.slowPlaces(this.#retryMaxMs, this.#protocol.limits);
    for (const line of this.#slow) slowPlaces -= line.asked.size;
    for (const line of [...this.#slow]) {
      const places = Math.min(slowPlaces, this.#placesOf(line, untried) - line.asked.size);
      const sent = this.#ask(line, places, nowMs, send);
      slowPlaces -= sent;
      if (sent > 0 && this.#slow.delete(line)) this.#slow.add(line);
      nextMs = Math.min(nextMs, nextOf(line));
    }
    return nextMs;
  }

  /** Whose patience has run out frees its place, and waits for the next behind the others of its life. */
  #freePlaces(line: Line<A>, nowMs: number): void {
    for (const missing of line.asked) {
      if (missing.dueMs > nowMs) continue;
      if (missing.slice.nextRequest() === undefined) {
        this.drop(missing.slice);
        continue;
      }
      this.#move(missing, line.ready);
      // Requests that were sent together fail once together.
      if (missing.sentMs < line.doubledMs) continue;
      this.#laneOf(line).delete(line);
      line.failures += 1;
      line.doublings += 1;
      line.doubledMs = nowMs;
      this.#laneOf(line).add(line);
    }
    for (const missing of line.delayed) {
      if (missing.dueMs <= nowMs) this.#move(missing, line.ready);
    }
  }

  #ask(line: Line<A>, places: number, nowMs: number, send: (replica: A, slice: RemoteSlice) => void): number {
    let sent = 0;
    if (places <= 0) return sent;
    for (const missing of line.ready) {
      if (sent >= places) break;
      sent += 1;
      missing.attempts += 1;
      missing.gapMs = nowMs - missing.sentMs;
      missing.sentMs = nowMs;
      if (missing.attempts === 1) missing.firstSentMs = nowMs;
      missing.dueMs = nowMs + this.#patienceMs(line) * (1 + this.#random() * PATIENCE_SPREAD);
      this.#move(missing, line.asked);
      send(line.replica, missing.slice);
    }
    return sent;
  }

  /** How long an answer of a life is waited for: what its round trips make likely, doubled for every failure. */
  #patienceMs({ roundTrip, doublings, greetingPatienceMs, ambiguousPatienceMs }: Line<A>): number {
    const guessedMs = greetingPatienceMs ?? this.#firstPatienceMs;
    const ownMs = roundTrip.patienceMs ?? ambiguousPatienceMs;
    // What others take is a guess as well: one slow answer of another is no reason to wait for longer.
    const othersMs = this.#roundTrip.patienceMs;
    const likelyMs = othersMs === undefined ? guessedMs : Math.min(othersMs, this.#firstPatienceMs);
    const measuredMs = ownMs ?? likelyMs;
    // What is only guessed is patient enough: nothing makes it likely that the answer takes longer.
    const isMeasured = roundTrip.patienceMs !== undefined;
    return this.#protocol.rules.patienceMs(measuredMs, doublings, isMeasured, this.#retryMaxMs);
  }

  /** A life answers: it leaves the slow lane, and tells its round trip, if it was asked only once (Karn's rule). */
  #learnFrom({ line, attempts, sentMs, firstSentMs, gapMs }: Missing<A>, nowMs: number): void {
    this.#laneOf(line).delete(line);
    line.hasAnswered = true;
    line.failures = 0;
    this.#laneOf(line).add(line);
    if (attempts > 1) {
      if (line.roundTrip.patienceMs !== undefined) return;
      // It took no longer than since the first question; how much less, nobody knows. One that comes right after the
      // last question is hardly the answer to another.
      const isProbablyLast = nowMs - sentMs < gapMs * SHARE_OF_CHANCE;
      // Where the greeting was quick, what takes long was lost.
      const isQuick = (line.greetingPatienceMs ?? Infinity) < this.#firstPatienceMs;
      const doubledMs = 2 * Math.max(this.#patienceMs(line), this.#firstPatienceMs);
      const mostMs = isProbablyLast || isQuick ? this.#firstPatienceMs : doubledMs;
      line.ambiguousPatienceMs = Math.min(nowMs - firstSentMs + REQUEST_RETRY_MS, mostMs);
      line.doublings = 0;
      return;
    }
    line.roundTrip.measured(nowMs - sentMs);
    this.#roundTrip.measured(nowMs - sentMs);
    line.doublings = 0;
    this.#losePatience(line);
  }

  /** What was asked with more patience, for want of knowledge or after failures that count no more, need not wait so long. */
  #losePatience(line: Line<A>): void {
    const longestMs = (1 + PATIENCE_SPREAD) * this.#patienceMs(line);
    for (const asked of line.asked) {
      asked.dueMs = Math.min(asked.dueMs, asked.sentMs + longestMs);
      this.#nextMs = Math.min(this.#nextMs, asked.dueMs);
    }
  }

  #renewGoal(missing: Missing<A>, nowMs: number): void {
    const { slice } = missing;
    if (!slice.hasReached(missing.goal)) return;
    missing.goal = slice.target;
    missing.sinceMs = nowMs;
  }

  #move(missing: Missing<A>, queue: Set<Missing<A>>): void {
    missing.queue.delete(missing);
    missing.queue = queue;
    queue.add(missing);
  }

  /** How many slices a life may be asked for at a time. */
  #placesOf({ failures, hasAnswered }: Line<A>, untried: number): number {
    const { rules, limits } = this.#protocol;
    return rules.requestPlaces(failures, hasAnswered || untried < limits.untriedRequests, limits);
  }

  #laneOf(line: Line<A>): Set<Line<A>> {
    return line.failures < this.#protocol.limits.failuresOfSlowLives ? this.#fast : this.#slow;
  }

  #lineOf(replica: A): Line<A> {
    let line = this.#lines.get(replica);
    if (line === undefined) {
      line = {
        replica,
        roundTrip: new RoundTrip(this.#protocol.rules),
        delayed: new Set(),
        ready: new Set(),
        asked: new Set(),
        metMs: -Infinity,
        greetingPatienceMs: undefined,
        ambiguousPatienceMs: undefined,
        hasAnswered: false,
        failures: 0,
        doublings: 0,
        doubledMs: -Infinity,
      };
      this.#lines.set(replica, line);
    }
    return line;
  }
}

/** When a life is to be looked at again. What waits for a place needs no timer: what frees it will call. */
function nextOf<A extends Asked>({ delayed, asked }: Line<A>): number {
  let nextMs = Infinity;
  for (const { dueMs } of asked) nextMs = Math.min(nextMs, dueMs);
  for (const { dueMs } of delayed) nextMs = Math.min(nextMs, dueMs);
  return nextMs;
}
