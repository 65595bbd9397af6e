/**
 * Entries whose sessions have closed with a grace period: they stay until it is over, or until somebody else has been
 * tracked under the same topic and key, one for one, those that closed first before the others.
 *
 * Promises: one timer for all, and a turn costs what ends in it. Where the process stood still for longer than a turn,
 * those who come back get one more: their frames wait behind the timer. Knows no set, no view and no other node.
 */
import { ReplicatedEntry } from "../replication/entry.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Session } from "../session.js";

/** Periods end together with all others of the same slot: at most so much late. */
const SLOT_MS = 50;
/** An entry that was tracked elsewhere is known to all nodes by then, so the one that it replaces may leave. */
const KNOWN_TO_ALL_MS = 500;
/** What a turn may take before it counts as a standstill. */
const STANDSTILL_MS = 250;

/** An entry that is about to leave, and whose it was. */
export interface Leaving {
  readonly session: Session;
  readonly entry: ReplicatedEntry;
}

type Slot = Map<ReplicatedEntry, Session>;

export class LeavingEntries {
  readonly #runtime: Pick<Runtime, "monotonicMs" | "schedule">;
  readonly #endedPerTurn: number;
  readonly #end: (due: Iterable<Leaving>) => void;
  /** By topic and key, in the order in which they began to leave. */
  readonly #byKey = new Map<string, Map<string, Slot>>();
  readonly #slotOf = new Map<ReplicatedEntry, number>();
  readonly #slots = new Map<number, Slot>();
  #cancel: CancelTimer | undefined;
  #nextSlot = Infinity;
  #hasWaited = false;

  /** `end` is told of those whose time is up, so many in a turn. They are forgotten when it forgets them. */
  constructor(
    runtime: Pick<Runtime, "monotonicMs" | "schedule">,
    endedPerTurn: number,
    end: (due: Iterable<Leaving>) => void,
  ) {
    this.#runtime = runtime;
    this.#endedPerTurn = endedPerTurn;
    this.#end = end;
  }

  get size(): number {
    return this.#slotOf.size;
  }

  /** The entries of a session that has closed begin to leave. */
  begin(session: Session, entries: readonly ReplicatedEntry[], graceMs: number): void {
    for (const entry of entries) {
      if (this.#slotOf.has(entry)) continue;
      ReplicatedEntry.markLeaving(entry);
      this.#put(session, entry, graceMs);
      const topic = ReplicatedEntry.topicOf(entry);
      const byKey = this.#byKey.get(topic) ?? new Map<string, Slot>();
      this.#byKey.set(topic, byKey);
      const ofKey = byKey.get(entry.key);
      if (ofKey === undefined) byKey.set(entry.key, new Map([[entry, session]]));
      else ofKey.set(entry, session);
    }
  }

  /**
   * Somebody was tracked anew. Returns whose place that is, to leave in the same diff. Where it was on another node,
   * nobody has to leave at once: third nodes may hear of the leave first, and would see a user go.
   */
  replace(by: ReplicatedEntry, isLocal: boolean): Leaving | undefined {
    const ofKey = this.#byKey.get(ReplicatedEntry.topicOf(by))?.get(by.key);
    if (ofKey === undefined) return undefined;
    for (const [entry, session] of ofKey) {
      if (isLocal) return { session, entry };
      this.forget(entry);
      this.#put(session, entry, KNOWN_TO_ALL_MS);
      break;
    }
    return undefined;
  }

  /** An entry has left. */
  forget(entry: ReplicatedEntry): void {
    const slot = this.#slotOf.get(entry);
    if (slot === undefined) return;
    this.#slotOf.delete(entry);
    const inSlot = this.#slots.get(slot);
    inSlot?.delete(entry);
    if (inSlot?.size === 0) this.#slots.delete(slot);
    const topic = ReplicatedEntry.topicOf(entry);
    const byKey = this.#byKey.get(topic);
    const ofKey = byKey?.get(entry.key);
    ofKey?.delete(entry);
    if (ofKey?.size === 0) byKey?.delete(entry.key);
    if (byKey?.size === 0) this.#byKey.delete(topic);
    if (this.#slotOf.size === 0) this.stop();
  }

  /** Nothing ends any more by itself. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#nextSlot = Infinity;
    this.#hasWaited = false;
  }

  /** Nobody leaves any more. */
  end(): void {
    this.stop();
    this.#byKey.clear();
    this.#slotOf.clear();
    this.#slots.clear();
  }

  /** Those whose places were taken on other nodes, and who wait until all know of that. */
  replaced(): Leaving[] {
    const replaced: Leaving[] = [];
    for (const entries of this.#slots.values()) {
      for (const [entry, session] of entries) {
        const ofKey = this.#byKey.get(ReplicatedEntry.topicOf(entry))?.get(entry.key);
        if (ofKey?.has(entry) !== true) replaced.push({ session, entry });
      }
    }
    return replaced;
  }

  #put(session: Session, entry: ReplicatedEntry, delayMs: number): void {
    const slot = Math.ceil((this.#runtime.monotonicMs() + delayMs) / SLOT_MS);
    this.#slotOf.set(entry, slot);
    const inSlot = this.#slots.get(slot);
    if (inSlot === undefined) this.#slots.set(slot, new Map([[entry, session]]));
    else inSlot.set(entry, session);
    if (slot < this.#nextSlot) this.#wakeFor(slot);
  }

  #wakeFor(slot: number): void {
    this.#cancel?.();
    this.#nextSlot = slot;
    const delayMs = slot * SLOT_MS - this.#runtime.monotonicMs();
    this.#cancel = this.#runtime.schedule(Math.max(1, delayMs), () => this.#wake());
  }

  #wake(): void {
    this.#cancel = undefined;
    const nowMs = this.#runtime.monotonicMs();
    const lateMs = nowMs - this.#nextSlot * SLOT_MS;
    if (lateMs > STANDSTILL_MS && !this.#hasWaited) {
      this.#hasWaited = true;
      this.#cancel = this.#runtime.schedule(STANDSTILL_MS, () => this.#wake());
      return;
    }
    this.#hasWaited = false;
    this.#nextSlot = Infinity;
    const due: Leaving[] = [];
    for (const [slot, entries] of this.#slots) {
      if (slot * SLOT_MS > nowMs) continue;
      for (const [entry, session] of entries) {
        if (due.length === this.#endedPerTurn) break;
        due.push({ session, entry });
      }
    }
    if (due.length > 0) this.#end(due);
    let next = Infinity;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    if (next < this.#nextSlot) this.#wakeFor(next);
  }
}
