/**
 * Oracles for what a node asks of others: never before its time, for a few slices at once, and for nothing once
 * it has everything.
 */
import { LIMITS, REQUEST_DELAY_MIN_MS, REQUEST_RETRY_MS } from "../../src/replication/limits.js";
import {
  asksWhetherThere,
  type DeltaMessage,
  type Far,
  type Message,
  type Page,
} from "../../src/replication/message.js";
import type { Replicator } from "../../src/replication/replicator.js";
import type { Replica } from "../../src/replication/replica.js";
import type { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import type { Situation } from "./situation.js";
import type { DoneStep, StepWatcher } from "./watched-steps.js";

/** Floating point. */
const slackMs = 0.001;

export class RequestOracles implements StepWatcher {
  readonly #situation: Situation;
  /** Since when a slice is known to lack something. */
  readonly #lacksSinceMs = new WeakMap<RemoteSlice, number>();
  /** Of which the author has told this node alone that it lacks something: nobody else asks because of that. */
  readonly #toldAlone = new WeakSet<RemoteSlice>();
  /** What was asked for and not answered, of one life. */
  readonly #asked = new WeakMap<Replica, Map<RemoteSlice, number>>();
  /** Of how many lives something was to be asked in the last turn, and how early that ends, if nothing came since. */
  readonly #waits = new WeakMap<Replicator, { readonly lines: number; readonly earlyMs: number }>();

  constructor(situation: Situation) {
    this.#situation = situation;
  }

  done(step: DoneStep): void {
    const { replicator, event, frame, sent } = step;
    if (frame !== undefined) {
      const { lines = 0 } = isAnswer(frame.message) ? {} : (this.#waits.get(replicator) ?? {});
      this.#waits.set(replicator, { lines, earlyMs: 0 });
      for (const replica of replicator.membership.replicas()) {
        if (replica.name !== frame.from.name) continue;
        const isTold = frame.message.type === "heartbeat" && event.type === "frame" && event.way === "inbox";
        for (const slice of replica.held.slices.values()) this.#note(slice, isTold);
        this.#landed(replica, frame.message);
      }
    }
    if (event.type !== "turn") return;
    this.#waits.set(replicator, { lines: step.lines, earlyMs: replicator.connection.dueMs - wakeOf(step) });
    for (const { to, message } of sent) {
      if (message.type !== "deltaRequest" && message.type !== "pageRequest") continue;
      if (asksWhetherThere(message)) continue;
      for (const replica of replicator.membership.replicas()) {
        const slice = replica.life.incarnation === to ? replica.held.slices.get(message.shard) : undefined;
        if (slice !== undefined) this.#lookAtRequest(replica, slice);
      }
    }
  }

  /** What a node that lacks nothing still wants. */
  leftOver(replicator: Replicator): string[] {
    const { lines = 0, earlyMs = 0 } = this.#waits.get(replicator) ?? {};
    const wrong: string[] = [];
    if (lines > 0) wrong.push(`requests of ${lines} lives for nothing`);
    else if (earlyMs > slackMs) wrong.push(`a reason to wake ${earlyMs.toFixed(1)} ms before its tick`);
    return wrong;
  }

  /** What has come may be what was asked for; of a slice that lacks nothing nothing is asked any more. */
  #landed(replica: Replica, message: Message): void {
    const asked = this.#asked.get(replica);
    if (asked === undefined) return;
    for (const slice of asked.keys()) {
      const isOfIt = isAnswer(message) && message.shard === slice.shard;
      if (isOfIt || slice.nextRequest() === undefined || !replica.isAlive) asked.delete(slice);
    }
  }

  #note(slice: RemoteSlice, isTold: boolean): void {
    // What is told in parts asks for nothing until the last of them, and may have lacked something all the time.
    if (slice.nextRequest() === undefined && !(slice.isReplacing && slice.lag > 0)) {
      this.#lacksSinceMs.delete(slice);
      this.#toldAlone.delete(slice);
      return;
    }
    if (!this.#lacksSinceMs.has(slice)) this.#lacksSinceMs.set(slice, this.#situation.nowMs);
    if (isTold) this.#toldAlone.add(slice);
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
    asked.delete(slice);
    // A node that has not answered for so long may be asked again, or another in its place.
    for (const [other, askedMs] of asked) if (nowMs - askedMs >= REQUEST_RETRY_MS) asked.delete(other);
    asked.set(slice, nowMs);
    if (asked.size > LIMITS.requestsPerLife) {
      this.#situation.blame(`asks for ${asked.size} slices of a life at a time`);
    }
  }
}

/** When a turn asks to be woken. */
function wakeOf({ effects }: DoneStep): number {
  const wakes = effects.flatMap((effect) => (effect.type === "wake" ? [effect.atMs] : []));
  return Math.min(Infinity, ...wakes);
}

function isAnswer(message: Message): message is DeltaMessage | Page | Far {
  return message.type === "delta" || message.type === "page" || message.type === "far";
}
