/**
 * Users who are to go: asks the owners of their entries to end them, and ends those that this node owns. What is asked
 * for are the sessions that were listed at the call, so a repeated question ends nobody who came back.
 *
 * Promises: nothing of another node is removed here; a question is repeated with each heartbeat until its entries are
 * gone, for a bounded number of times; what others ask for costs them as much work as it makes. Knows no frame.
 */
import { TrackerError } from "../errors.js";
import type { Life } from "../replication/life.js";
import type { Eviction } from "../replication/message.js";
import type { Rules } from "../replication/rules.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Engine } from "./engine.js";
import type { LocalEntries } from "./local-entries.js";

/** Entries that one node may have others look through in a second; as many at once. */
const LOOKS_PER_SECOND = 100_000;
/** Nodes whose accounts are kept: those that asked last. */
const MOST_ACCOUNTS = 1_000;

interface Pending {
  readonly eviction: Eviction;
  asked: number;
}

interface Account {
  looks: number;
  atMs: number;
}

export class Evictions {
  readonly #engine: Engine;
  readonly #local: LocalEntries;
  readonly #nodeName: string;
  readonly #runtime: Runtime;
  readonly #heartbeatPeriodMs: number;
  readonly #rules: Rules;
  readonly #pending = new Set<Pending>();
  readonly #accounts = new Map<string, Account>();
  #cancel: CancelTimer | undefined;

  constructor(
    engine: Engine,
    local: LocalEntries,
    nodeName: string,
    { runtime, heartbeatPeriodMs }: { readonly runtime: Runtime; readonly heartbeatPeriodMs: number },
    rules: Rules,
  ) {
    this.#engine = engine;
    this.#local = local;
    this.#nodeName = nodeName;
    this.#runtime = runtime;
    this.#heartbeatPeriodMs = heartbeatPeriodMs;
    this.#rules = rules;
  }

  /** Returns how many entries are to go. */
  ask(topic: string, key: string, reason: string): number {
    const { replicator } = this.#engine;
    const entries = replicator.view.getByKey(topic, key);
    if (entries.length === 0) return 0;
    const eviction: Eviction = {
      type: "evict",
      topic,
      key,
      reason,
      sessions: entries.map(({ session }) => session),
    };
    this.#engine.step({ type: "evict", eviction });
    this.#end(eviction, this.#nodeName);
    this.#engine.deliver();
    if (this.#stillListed(eviction).length > 0) {
      this.#pending.add({ eviction, asked: 1 });
      this.#wake();
    }
    return entries.length;
  }

  /** Another node asks, or says that it is about to. Returns false if it has asked for too much. */
  heard(by: Life, eviction: Eviction): boolean {
    const { view } = this.#engine.replicator;
    const looks = eviction.sessions.length + view.getByKey(eviction.topic, eviction.key).length;
    if (!this.#mayAsk(by.name, looks)) return false;
    this.#end(eviction, by.name);
    return true;
  }

  stop(): void {
    this.#cancel?.();
    this.#pending.clear();
  }

  /** Ends what this node owns of it; all of it leaves as evicted. */
  #end(eviction: Eviction, by: string): void {
    const { topic, key, reason } = eviction;
    const { view } = this.#engine.replicator;
    const sessions = new Set(eviction.sessions);
    view.evict(topic, key, sessions);
    const own = [...sessions].filter((id) => this.#local.isTracked(id, topic, key));
    if (own.length === 0) return;
    // Said before the removal goes out, so that whoever hears of that knows why.
    if (by !== this.#nodeName) this.#engine.step({ type: "evict", eviction: { ...eviction, sessions: own } });
    const ended = own.map((id) => this.#local.evict(id, topic, key));
    // The diff first: who is told of a session finds its entry gone.
    this.#engine.observeChanges();
    for (const session of ended) {
      if (session === undefined) continue;
      this.#engine.tell(() => {
        session.evicted();
        this.#engine.reporter.emit("evicted", { topic, key, session, reason, by });
      });
    }
  }

  /** The sessions of an eviction whose entries another node has not ended yet. */
  #stillListed({ topic, key, sessions }: Eviction): string[] {
    const asked = new Set(sessions);
    const entries = this.#engine.replicator.view.getByKey(topic, key);
    return entries
      .filter(({ session, node }) => node !== this.#nodeName && asked.has(session))
      .map(({ session }) => session);
  }

  #wake(): void {
    this.#cancel ??= this.#runtime.schedule(this.#heartbeatPeriodMs, () => {
      this.#cancel = undefined;
      this.#askAgain();
    });
  }

  #askAgain(): void {
    for (const pending of this.#pending) {
      const { eviction, asked } = pending;
      const sessions = this.#stillListed(eviction);
      if (sessions.length > 0 && this.#rules.asksAgain(asked)) {
        pending.asked += 1;
        this.#engine.step({ type: "evict", eviction: { ...eviction, sessions } });
        continue;
      }
      this.#pending.delete(pending);
      if (sessions.length > 0) this.#report(eviction, sessions);
    }
    if (this.#pending.size > 0) this.#wake();
    this.#engine.deliver();
  }

  #report({ topic, key, reason }: Eviction, sessions: readonly string[]): void {
    const message = `${sessions.length} entries of ${JSON.stringify(key)} under ${JSON.stringify(topic)} were not ended by their nodes`;
    const error = new TrackerError("NOT_EVICTED", message, { topic, key, reason, sessions });
    this.#engine.tell(() => this.#engine.reporter.error(error));
  }

  #mayAsk(name: string, looks: number): boolean {
    const nowMs = this.#engine.now();
    const before = this.#accounts.get(name) ?? { looks: LOOKS_PER_SECOND, atMs: nowMs };
    const earned = ((nowMs - before.atMs) / 1_000) * LOOKS_PER_SECOND;
    const left = Math.min(LOOKS_PER_SECOND, before.looks + earned);
    // The last asked stands last.
    this.#accounts.delete(name);
    if (this.#accounts.size >= MOST_ACCOUNTS) {
      for (const oldest of this.#accounts.keys()) {
        this.#accounts.delete(oldest);
        break;
      }
    }
    this.#accounts.set(name, { looks: left > 0 ? left - looks : left, atMs: nowMs });
    return left > 0;
  }
}
