/**
 * Oracles for what a node asks of others: never before its time, for a few slices at once, and for nothing once
 * it has everything. They look inside, for as long as they are installed.
 */
import { Greetings } from "../../src/replication/lives/greetings.js";
import { LIMITS, REQUEST_DELAY_MIN_MS, REQUEST_RETRY_MS } from "../../src/replication/limits.js";
import { Merging } from "../../src/replication/merging.js";
import { Replicator } from "../../src/replication/replicator.js";
import { Requests } from "../../src/replication/holding/requests.js";
import type { Replica } from "../../src/replication/replica.js";
import { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import type { Situation } from "./situation.js";
import { instead, type Restore } from "./wrap.js";

/** Floating point. */
const slackMs = 0.001;

export class RequestOracles {
  readonly #situation: Situation;
  /** Since when a slice is known to lack something. */
  readonly #lacksSinceMs = new WeakMap<RemoteSlice, number>();
  /** Of which the author has told this node alone that it lacks something: nobody else asks because of that. */
  readonly #toldAlone = new WeakSet<RemoteSlice>();
  #isTelling = false;
  /** What was asked for and not answered, of one life. */
  readonly #asked = new WeakMap<Replica, Map<RemoteSlice, number>>();
  readonly #replicaOf = new WeakMap<RemoteSlice, Replica>();
  readonly #waitingOf = new WeakMap<Replicator, { requests?: Requests; greetings?: Greetings }>();
  #advancing: Replicator | undefined;

  constructor(situation: Situation) {
    this.#situation = situation;
  }

  install(): Restore[] {
    const note = (slice: RemoteSlice): void => this.#note(slice);
    const setAdvancing = (replicator: Replicator | undefined): void => {
      this.#advancing = replicator;
    };
    const advances = (waiting: { requests?: Requests; greetings?: Greetings }): void => {
      if (this.#advancing === undefined) return;
      const known = this.#waitingOf.get(this.#advancing);
      this.#waitingOf.set(this.#advancing, { ...known, ...waiting });
    };
    const asks = (replica: Replica, slice: RemoteSlice): void => this.#lookAtRequest(replica, slice);
    const landed = (slice: RemoteSlice): void => {
      const replica = this.#replicaOf.get(slice);
      if (replica !== undefined) this.#asked.get(replica)?.delete(slice);
    };
    const setTelling = (isTelling: boolean): void => {
      this.#isTelling = isTelling;
    };
    return [
      instead(Merging.prototype, "heartbeat", function (original, replica, heartbeat, counter, way, nowMs) {
        setTelling(way === "direct");
        original(replica, heartbeat, counter, way, nowMs);
        setTelling(false);
      }),
      instead(RemoteSlice.prototype, "compare", function (original, ...input) {
        const verdict = original(...input);
        note(this);
        return verdict;
      }),
      instead(RemoteSlice.prototype, "receiveDelta", function (original, ...input) {
        const change = original(...input);
        note(this);
        return change;
      }),
      instead(RemoteSlice.prototype, "startRebuild", function (original, ...input) {
        original(...input);
        note(this);
      }),
      instead(Replicator.prototype, "step", function (original, event, nowMs) {
        if (event.type === "turn") setAdvancing(this);
        const step = original(event, nowMs);
        setAdvancing(undefined);
        return step;
      }),
      instead(Requests.prototype, "advance", function (original, nowMs, send) {
        advances({ requests: this });
        return original(nowMs, (replica, slice) => {
          asks(replica, slice);
          send(replica, slice);
        });
      }),
      instead(Requests.prototype, "answered", function (original, slice, ...rest) {
        landed(slice);
        original(slice, ...rest);
      }),
      instead(Requests.prototype, "drop", function (original, slice) {
        landed(slice);
        original(slice);
      }),
      instead(Greetings.prototype, "advance", function (original, nowMs, greet) {
        advances({ greetings: this });
        return original(nowMs, greet);
      }),
    ];
  }

  /** What a node that lacks nothing still wants. */
  leftOver(replicator: Replicator): string[] {
    const { requests, greetings } = this.#waitingOf.get(replicator) ?? {};
    const wrong: string[] = [];
    if (requests !== undefined && requests.size > 0) wrong.push(`${requests.size} requests for nothing`);
    if (greetings !== undefined && greetings.size > 0) wrong.push(`${greetings.size} greetings for nobody`);
    return wrong;
  }

  #note(slice: RemoteSlice): void {
    if (slice.nextRequest() === undefined) {
      this.#lacksSinceMs.delete(slice);
      this.#toldAlone.delete(slice);
      return;
    }
    if (!this.#lacksSinceMs.has(slice)) this.#lacksSinceMs.set(slice, this.#situation.nowMs);
    if (this.#isTelling) this.#toldAlone.add(slice);
  }

  #lookAtRequest(replica: Replica, slice: RemoteSlice): void {
    const { nowMs } = this.#situation;
    const lacksMs = nowMs - (this.#lacksSinceMs.get(slice) ?? -Infinity);
    const isEarly = lacksMs + slackMs < REQUEST_DELAY_MIN_MS && !this.#toldAlone.has(slice);
    if (slice.nextRequest() !== undefined && isEarly) {
      this.#situation.blame(`asks ${lacksMs.toFixed(1)} ms after it found that it lacks something`);
    }
    const asked = this.#asked.get(replica) ?? new Map<RemoteSlice, number>();
    this.#asked.set(replica, asked);
    this.#replicaOf.set(slice, replica);
    asked.delete(slice);
    // A node that has not answered for so long may be asked again, or another in its place.
    for (const [other, askedMs] of asked) if (nowMs - askedMs >= REQUEST_RETRY_MS) asked.delete(other);
    asked.set(slice, nowMs);
    if (asked.size > LIMITS.requestsPerLife) {
      this.#situation.blame(`asks for ${asked.size} slices of a life at a time`);
    }
  }
}
