/**
 * What this node tracks: entries from the first call to the end of their sessions, at once or after a grace period.
 * Every change is committed, noted with its session, and delivered. Knows no argument that may be wrong.
 *
 * Where more entries end at once than a turn should take, they are nobody's from then on and leave in parts, each with
 * its diff. A topic that is asked for meanwhile is brought up to date first, unless that is too much by itself.
 */
import { ReplicatedEntry } from "../replication/entry.js";
import type { View } from "../replication/showing/view.js";
import type { LocalChange } from "../replication/step.js";
import type { Session } from "../session.js";
import type { AnyMeta } from "../words.js";
import { notTracked } from "./arguments.js";
import { Closings, type Closing, type EndReason } from "./closings.js";
import type { Engine } from "./engine.js";
import { LeavingEntries, type Leaving } from "./leaving.js";
import { protocolOf, type CheckedOptions } from "./options.js";
import { OwnedEntries } from "./owned.js";
import { Successors } from "./successors.js";
import { shardOf } from "./topic-hash.js";

export class LocalEntries {
  readonly #engine: Engine;
  readonly #poolSize: number;
  readonly #nodeName: string;
  readonly #owned = new OwnedEntries((session, graceMs) => this.#closed(session, graceMs));
  readonly #leaving: LeavingEntries;
  readonly #closings = new Closings();
  readonly #entriesPerStep: number;
  readonly #successors: Successors;
  /** Who was tracked, here or elsewhere, since the last delivery, while anybody waits for that. */
  #came: ReplicatedEntry[] = [];

  constructor(engine: Engine, options: CheckedOptions) {
    const { poolSize, pubsub, runtime, downPeriodMs } = options;
    this.#entriesPerStep = protocolOf(options).limits.entriesPerStep;
    this.#engine = engine;
    this.#poolSize = poolSize;
    this.#nodeName = pubsub.nodeName;
    this.#leaving = new LeavingEntries(runtime, this.#entriesPerStep, (due) => this.#timeIsUp(due));
    this.#successors = new Successors(downPeriodMs);
  }

  /** How many entries there are, and sessions that have any. */
  get counts(): { readonly entries: number; readonly sessions: number } {
    return { entries: this.#owned.size, sessions: this.#owned.sessions };
  }

  find(session: Session, topic: string, key: string): ReplicatedEntry | undefined {
    return this.#owned.find(session, topic, key);
  }

  /** @throws TrackerError `NOT_TRACKED` */
  present(session: Session, topic: string, key: string): ReplicatedEntry {
    const entry = this.find(session, topic, key);
    if (entry !== undefined) return entry;
    throw notTracked(session, topic, key);
  }

  /** The entries of a session, or those of one topic. */
  entries(session: Session, topic?: string): ReplicatedEntry[] {
    return this.#owned.entries(session, topic);
  }

  add(session: Session, topic: string, key: string, meta: Readonly<AnyMeta>): string {
    if (!this.#closings.isEmpty) {
      // One of the same identity may be about to leave: it does so in a diff before.
      this.#commit(this.#closings.takeOf(session.id, topic, key));
      this.#engine.observeChanges();
    }
    const shard = shardOf(topic, this.#poolSize);
    return this.#make(session, { type: "add", shard, topic, key, session: session.id, meta });
  }

  replace(session: Session, previous: ReplicatedEntry, meta: Readonly<AnyMeta>): string {
    return this.#make(session, { type: "update", previous, meta });
  }

  /** Removes one entry, those of a topic, or all of a session. Returns how many. */
  untrack(session: Session, topic: string | undefined, key: string | undefined): number {
    if (topic === undefined || key === undefined) return this.removeAll(session, topic, "untracked");
    const entry = this.find(session, topic, key);
    return entry === undefined ? 0 : this.remove(session, [entry], "untracked");
  }

  remove(session: Session, entries: readonly ReplicatedEntry[], reason: EndReason): number {
    const nowMs = this.#engine.now();
    for (const entry of entries) this.#commitRemoval({ session, entry }, reason, nowMs);
    this.#engine.deliver();
    return entries.length;
  }

  /** The same for all entries of a session, or those of one topic: in parts, if they are many. Returns how many. */
  removeAll(session: Session, topic: string | undefined, reason: EndReason): number {
    const many = this.#owned.takeMany(session, topic, this.#entriesPerStep);
    if (many === undefined) return this.remove(session, this.#owned.entries(session, topic), reason);
    // Whose grace lasts leave now, and not again when it is over.
    if (this.#leaving.size > 0) {
      for (const ofTopic of many.values()) for (const entry of ofTopic.values()) this.#forgetLeaving(entry);
    }
    const before = this.#closings.size;
    this.#closings.add(session.id, many, reason);
    this.#engine.goOn();
    return this.#closings.size - before;
  }

  /** Goes on with what leaves in parts, and leaves it to the caller to deliver that. Returns whether anything is left. */
  advance(): boolean {
    if (!this.#closings.isEmpty) this.#commit(this.#closings.takeSome(this.#entriesPerStep));
    return !this.#closings.isEmpty;
  }

  /** What is listed, to read a topic, or all: what leaves in parts has left there. Handlers read what was told. */
  view(topic: string | undefined): View {
    const { view } = this.#engine.replicator;
    if (this.#closings.isEmpty || !this.#engine.mayDeliver) return view;
    if (topic !== undefined && !this.#closings.has(topic)) return view;
    this.#commit(topic === undefined ? this.#closings.takeSome(Infinity) : this.#closings.takeTopic(topic));
    this.#engine.deliver();
    return view;
  }

  /** The same, of which observers have been told all: a pubsub may ask in the middle of a change. */
  observedView(topic: string | undefined): View {
    const view = this.view(topic);
    this.#engine.observeChanges();
    return view;
  }

  /** The session of this id, if it is tracked here. */
  session(id: string): Session | undefined {
    return this.#owned.session(id);
  }

  isTracked(id: string, topic: string, key: string): boolean {
    const session = this.#owned.session(id);
    return session !== undefined && this.#owned.find(session, topic, key) !== undefined;
  }

  /** The session that has come lately in the place of one that waited to leave here; told once. */
  takeSuccessor(id: string, topic: string, key: string): string | undefined {
    return this.#successors.take(id, topic, key, this.#engine.now());
  }

  /** Ends an entry, which leaves as evicted, and leaves it to the caller to deliver that. Returns whose it was. */
  evict(id: string, topic: string, key: string): Session | undefined {
    const session = this.#owned.session(id);
    const entry = session && this.#owned.find(session, topic, key);
    if (session === undefined || entry === undefined) return undefined;
    this.#engine.replicator.view.evict(entry);
    this.#commitRemoval({ session, entry }, "closed", this.#engine.now());
    return session;
  }

  /**
   * Nothing that this node tracks changes any more. Whose place somebody has taken leaves before: in the window of the
   * goodbye both would be listed.
   */
  end(): void {
    this.settle();
    this.#commit(this.#closings.takeSome(Infinity));
    const nowMs = this.#engine.now();
    for (const each of this.#leaving.replaced()) this.#commitRemoval(each, "closed", nowMs);
    this.#owned.end();
    this.#leaving.end();
    this.#engine.replicator.view.tracked = undefined;
  }

  /** Before what has changed is delivered: whose place was taken leaves in the same diff. */
  settle(): void {
    if (this.#came.length === 0) return;
    const came = this.#came;
    this.#came = [];
    const nowMs = this.#engine.now();
    for (const entry of came) {
      const leaving = this.#leaving.replace(entry, entry.node === this.#nodeName);
      if (leaving === undefined) continue;
      const { session } = leaving;
      this.#successors.note(session.id, ReplicatedEntry.topicOf(entry), entry.key, entry.session, nowMs);
      this.#commitRemoval(leaving, "closed", nowMs);
    }
  }

  #make(session: Session, change: LocalChange): string {
    this.#engine.requireEnd();
    const entry = this.#engine.step(change);
    if (entry === undefined) throw new Error(`A fault of rollcall: ${change.type} has made no entry`);
    this.#owned.put(session, entry);
    this.#engine.deliver();
    return entry.ref;
  }

  #closed(session: Session, graceMs: number): void {
    if (graceMs <= 0) return void this.removeAll(session, undefined, "closed");
    const entries = this.#owned.entries(session);
    this.#leaving.begin(session, entries, graceMs);
    // From now on until all have left: who comes in whose place is known to the view alone.
    this.#engine.replicator.view.tracked = (entry) => void this.#came.push(entry);
  }

  #timeIsUp(due: Iterable<Leaving>): void {
    const nowMs = this.#engine.now();
    for (const each of due) this.#commitRemoval(each, "closed", nowMs);
    this.#engine.deliver();
  }

  #commitRemoval({ session, entry }: Leaving, reason: EndReason, nowMs: number): void {
    this.#commitEnd({ entry, reason }, nowMs);
    this.#owned.delete(session, entry);
  }

  #commit(closings: readonly Closing[]): void {
    const nowMs = this.#engine.now();
    for (const closing of closings) this.#commitEnd(closing, nowMs);
  }

  #commitEnd({ entry, reason }: Closing, nowMs: number): void {
    if (this.#leaving.size > 0) this.#forgetLeaving(entry);
    this.#engine.step({ type: "remove", entry, reason }, nowMs);
  }

  #forgetLeaving(entry: ReplicatedEntry): void {
    this.#leaving.forget(entry);
    if (this.#leaving.size === 0) this.#engine.replicator.view.tracked = undefined;
  }
}
