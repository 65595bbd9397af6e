/**
 * Users who are to go: asks the owners of their entries to end them, and ends those that this node owns. What is asked
 * for are the sessions that were listed at the call, so a repeated question ends nobody who came back.
 *
 * Promises: nothing of another node is removed here; a question is repeated with each heartbeat until its entries are
 * gone, for a bounded number of times; those that nobody can end, as their owner has ended, are told of at once; what
 * others ask for costs them as much work as it makes. Knows no frame.
 */
import { TrackerError } from "../errors.js";
import { ReplicatedEntry } from "../replication/entry.js";
import type { Life } from "../replication/life.js";
import type { Eviction } from "../replication/message.js";
import type { Rules } from "../replication/rules.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Engine } from "./engine.js";
import type { LocalEntries } from "./local-entries.js";
import { protocolOf, type CheckedOptions } from "./options.js";

/**
 * Sessions that one node may name in a second, as many at once; and as many entries through which it may have others
 * look, to know later why they left.
 */
const LOOKS_PER_SECOND = 100_000;
/** Nodes whose accounts are kept: those that asked last. */
const MOST_ACCOUNTS = 1_000;

interface Pending {
  readonly eviction: Eviction;
  asked: number;
  /** Sessions of which it was told that their owner has ended. */
  readonly told: Set<string>;
}

interface Account {
  readonly sessions: number;
  readonly looks: number;
  readonly atMs: number;
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

  constructor(engine: Engine, local: LocalEntries, nodeName: string, options: CheckedOptions) {
    const { runtime, heartbeatPeriodMs } = options;
    this.#engine = engine;
    this.#local = local;
    this.#nodeName = nodeName;
    this.#runtime = runtime;
    this.#heartbeatPeriodMs = heartbeatPeriodMs;
    this.#rules = protocolOf(options).rules;
  }

  /** Returns how many entries are to go. */
  ask(topic: string, key: string, reason: string): number {
    const entries = this.#local.view(topic).getByKey(topic, key);
    if (entries.length === 0) return 0;
    const eviction: Eviction = {
      type: "evict",
      topic,
      key,
      reason,
      sessions: entries.map(({ session }) => session),
    };
    const pending: Pending = { eviction, asked: 1, told: new Set() };
    // Before anybody is told: a listener that stops the tracker then ends this, too.
    this.#pending.add(pending);
    this.#engine.step({ type: "evict", eviction });
    this.#end(eviction, this.#nodeName, true);
    this.#tellWaiting(pending);
    this.#engine.deliver();
    if (this.#stillListed(eviction).length === 0) this.#pending.delete(pending);
    if (this.#pending.has(pending)) this.#wake();
    return entries.length;
  }

  /** Another node asks, or says that it is about to. Returns false if it has asked for too much. */
  heard(by: Life, eviction: Eviction): boolean {
    const { topic, key, sessions } = eviction;
    const account = this.#accountOf(by.name);
    if (account.sessions <= 0) {
      this.#keepAccount(by.name, account);
      return false;
    }
    const { view } = this.#engine.replicator;
    const looks = view.isLookedThrough(topic, key) ? 0 : view.countByKey(topic, key);
    const mayLook = looks === 0 || account.looks > 0;
    this.#keepAccount(by.name, {
      sessions: account.sessions - sessions.length,
      looks: mayLook ? account.looks - looks : account.looks,
      atMs: account.atMs,
    });
    this.#end(eviction, by.name, mayLook);
    return true;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pending.clear();
  }

  /**
   * Ends what this node owns of it, a step for each session. All of it leaves as evicted, if others may be looked for.
   */
  #end(eviction: Eviction, by: string, mayLook: boolean): void {
    const { topic, key, reason } = eviction;
    const own = new Set<string>();
    const others: string[] = [];
    for (const named of new Set(eviction.sessions)) {
      if (this.#local.isTracked(named, topic, key)) own.add(named);
      else others.push(named);
      // A node that has not heard yet that a session was replaced means the one in its place.
      for (let id = this.#local.takeSuccessor(named, topic, key); id !== undefined;) {
        if (this.#local.isTracked(id, topic, key)) own.add(id);
        id = this.#local.takeSuccessor(id, topic, key);
      }
    }
    if (mayLook && others.length > 0) this.#engine.replicator.view.evictSessions(topic, key, others);
    if (own.size === 0) return;
    // Said before the removal goes out, so that those who hear of that know why.
    if (by !== this.#nodeName)
      this.#engine.step({ type: "evict", eviction: { ...eviction, sessions: [...own] } });
    const ended = [...own].map((id) => this.#local.evict(id, topic, key));
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

  /**
   * Reports those whose life has ended, and what is left of the windows in which they wait. They are asked for all the same:
   * the goodbye may not have been their owner's.
   */
  #tellWaiting({ eviction, told }: Pending): void {
    const { topic, key, reason } = eviction;
    const asked = new Set(eviction.sessions);
    const sessions: string[] = [];
    const nodes = new Set<string>();
    for (const entry of this.#engine.replicator.view.getByKey(topic, key)) {
      if (!asked.has(entry.session) || told.has(entry.session) || !ReplicatedEntry.departs(entry)) continue;
      told.add(entry.session);
      sessions.push(entry.session);
      nodes.add(entry.node);
    }
    if (sessions.length === 0) return;
    const { membership } = this.#engine.replicator;
    const nowMs = this.#engine.now();
    let windowMs = 0;
    for (const replica of membership.replicas())
      if (nodes.has(replica.name)) windowMs = Math.max(windowMs, membership.windowOf(replica, nowMs));
    const names = [...nodes].sort();
    const message =
      `${sessions.length} entries of ${JSON.stringify(key)} under ${JSON.stringify(topic)} wait for their users to come back, as ${names.join(", ")} ended: ` +
      `nobody can end them, and they leave within ${Math.ceil(windowMs)} ms`;
    this.#tell(
      new TrackerError("NOT_EVICTED", message, { topic, key, reason, sessions, nodes: names, windowMs }),
    );
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
      this.#tellWaiting(pending);
      if (sessions.length > 0 && this.#rules.asksAgain(asked)) {
        pending.asked += 1;
        this.#engine.step({ type: "evict", eviction: { ...eviction, sessions } });
        continue;
      }
      this.#pending.delete(pending);
      const untold = sessions.filter((session) => !pending.told.has(session));
      if (untold.length > 0) this.#report(eviction, untold);
    }
    if (this.#pending.size > 0) this.#wake();
    this.#engine.deliver();
  }

  #report({ topic, key, reason }: Eviction, sessions: readonly string[]): void {
    const asked = new Set(sessions);
    const entries = this.#engine.replicator.view.getByKey(topic, key);
    const nodes = [
      ...new Set(entries.filter(({ session }) => asked.has(session)).map(({ node }) => node)),
    ].sort();
    const message =
      `${sessions.length} entries of ${JSON.stringify(key)} under ${JSON.stringify(topic)} were not ended by ${nodes.join(", ")}: ` +
      "they may run an earlier release, not hear this node, or have refused (`framesRefused`); call evict again";
    this.#tell(new TrackerError("NOT_EVICTED", message, { topic, key, reason, sessions, nodes }));
  }

  #tell(error: TrackerError): void {
    this.#engine.tell(() => this.#engine.reporter.error(error));
  }

  /** What a node has left, and has earned since it asked last. */
  #accountOf(name: string): Account {
    const atMs = this.#engine.now();
    const before = this.#accounts.get(name) ?? { sessions: LOOKS_PER_SECOND, looks: LOOKS_PER_SECOND, atMs };
    const earned = ((atMs - before.atMs) / 1_000) * LOOKS_PER_SECOND;
    return {
      sessions: Math.min(LOOKS_PER_SECOND, before.sessions + earned),
      looks: Math.min(LOOKS_PER_SECOND, before.looks + earned),
      atMs,
    };
  }

  /** The last that was heard stands last. */
  #keepAccount(name: string, account: Account): void {
    this.#accounts.delete(name);
    if (this.#accounts.size >= MOST_ACCOUNTS) {
      for (const oldest of this.#accounts.keys()) {
        this.#accounts.delete(oldest);
        break;
      }
    }
    this.#accounts.set(name, account);
  }
}
