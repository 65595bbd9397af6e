/**
 * Windows that a node finds open when it starts: entries of lives that have ended wait in the lists of the others, and
 * nobody tells a newcomer which, for nobody speaks for another. Others say in their heartbeats for how long, so that it
 * knows until when its list may be shorter than theirs.
 *
 * Promises: one look costs what there are lives of whom entries wait; a newcomer waits no longer than a down period after
 * its start. Knows no frame, no timer and no entry.
 */
import type { Membership } from "./lives/membership.js";
import type { ReplicatorOptions } from "./options.js";
import type { Replica } from "./replica.js";
import type { Rules } from "./rules.js";
import type { View } from "./showing/view.js";

export class EarlierWindows {
  readonly #membership: Membership<Replica>;
  readonly #view: View;
  readonly #rules: Rules;
  readonly #tickPeriodMs: number;
  readonly #latestMs: number;
  /** Until when entries of a life wait; of no use any more once this node has waited for as long as it does at most. */
  readonly #waitUntilMs = new Map<Replica, number>();

  constructor(
    membership: Membership<Replica>,
    view: View,
    { downPeriodMs, tickPeriodMs, protocol }: ReplicatorOptions,
    startedMs: number,
  ) {
    this.#membership = membership;
    this.#view = view;
    this.#rules = protocol.rules;
    this.#tickPeriodMs = tickPeriodMs;
    this.#latestMs = startedMs + downPeriodMs;
  }

  /** For how long entries of lives that have ended may wait in this node's own list; undefined if none do. */
  ownMs(nowMs: number): number | undefined {
    if (this.#view.departingLives === 0) return undefined;
    let ownMs = 0;
    for (const replica of this.#membership.replicas()) {
      if (replica.status !== "departing" || replica.held.size <= this.#view.hiddenCount(replica)) continue;
      ownMs = Math.max(ownMs, this.#membership.windowOf(replica, nowMs));
    }
    // The tick after its end is when a window ends.
    return ownMs > 0 ? Math.ceil(ownMs + this.#tickPeriodMs) : undefined;
  }

  /** A heartbeat says for how long entries wait in its sender's list. */
  told(replica: Replica, waitsMs: number | undefined, nowMs: number): void {
    this.#wait(replica, waitsMs ?? 0, nowMs);
  }

  /** A life ends that was not caught up with: what is missing of it waits in the lists of the others. */
  departs(replica: Replica, nowMs: number): void {
    if (!replica.held.hasCaughtUp) this.#wait(replica, this.#membership.windowOf(replica, nowMs), nowMs);
  }

  /** How long a newcomer has to wait for what it knows of them. */
  leftMs(nowMs: number): number {
    let untilMs = -Infinity;
    if (nowMs < this.#latestMs) {
      for (const [{ status }, waitUntilMs] of this.#waitUntilMs) {
        if (status !== "down") untilMs = Math.max(untilMs, waitUntilMs);
      }
    }
    return this.#rules.earlierWindowMs(nowMs, Math.min(untilMs, this.#latestMs));
  }

  #wait(replica: Replica, forMs: number, nowMs: number): void {
    if (nowMs >= this.#latestMs) this.#waitUntilMs.clear();
    else if (forMs > 0) this.#waitUntilMs.set(replica, nowMs + forMs);
    else this.#waitUntilMs.delete(replica);
  }
}
