/**
 * The application of a schedule: does the steps of its users on the trackers of a node, tells the model of each
 * tracker what was done, and compares what every call says with what the model says must come of it.
 */
import { TrackerError } from "../errors.js";
import { MAX_FRAME_BYTES } from "../replication/limits.js";
import type { Diff } from "../words.js";
import type { Session } from "../session.js";
import type { SimulatedCluster } from "./cluster.js";
import type { LeavingOracles } from "./leaving-oracles.js";
import { shapedMeta, type VersionedMeta } from "./metas.js";
import type { NaiveModel } from "./naive-model.js";
import type { SimulatedNode } from "./simulated-node.js";
import type { ApplicationStep, Habit, Schedule } from "./steps.js";

type Node = SimulatedNode<VersionedMeta>;

/** One of the trackers that all nodes run: its cluster, and what was tracked in it. */
export interface Tracked {
  readonly cluster: SimulatedCluster<VersionedMeta>;
  readonly model: NaiveModel;
  readonly leaving: LeavingOracles;
}

/** The meta of each key of a crowd has so many letters, so that a few dozen exceed a small payload. */
const crowdLetters = 60;
/** A meta of a shape has so many bytes unless its step says more. */
const shapedBytes = 100;
/** A shorter one fits every frame that a tracker starts with, however it is encoded. */
const surelyFits = (bytes: number, frameBytes: number): boolean => 2 * bytes + 3_000 <= frameBytes;
/** The topic in which handlers act: they do not act on what they did. */
const echoTopic = "echo";
/** What they act on: not on the many keys of a crowd. */
const echoedKeys = "user:";

export class Application {
  readonly wrong: string[] = [];
  readonly #schedule: Schedule;
  readonly #trackers: readonly Tracked[];
  /** The sessions of a life: by the node of its first tracker, for a life has one process. */
  readonly #sessions = new Map<Node, Map<number, Session>>();
  readonly #echoSessions = new WeakMap<Node, Session>();
  /** The sessions that have closed with a grace last, by the numbers that they had. */
  readonly #closed = new WeakMap<Node, Map<number, Session>>();

  constructor(schedule: Schedule, trackers: readonly Tracked[]) {
    this.#schedule = schedule;
    this.#trackers = trackers;
  }

  /** One call of the application. `node` is the one of the first tracker; a step may mean another. */
  apply(node: Node, step: ApplicationStep): void {
    const tracked = this.#trackers[step.tracker ?? 0];
    const own = step.tracker === undefined ? node : this.#beside(node, tracked);
    if (tracked === undefined || own?.running !== true || step.do === "awaitComplete") return;
    if (step.do === "evict") return this.#evict(tracked, own, step.topic, step.key);
    if (step.do === "close") return this.#close(node, step.session, step.graceMs ?? 0);
    this.#applyTo(tracked, own, this.#sessionOf(node, step.session), step);
  }

  /** What a handler does when it is in the habit of acting: a key of its own follows each of the others'. */
  actOn(tracked: Tracked, node: Node, diff: Diff<VersionedMeta>): void {
    if (!node.running) return;
    const session = this.#echoSessions.get(node) ?? node.session();
    this.#echoSessions.set(node, session);
    for (const [topic, { joins, updates, leaves }] of diff) {
      if (topic === echoTopic) continue;
      for (const { key } of [...joins, ...updates]) {
        if (!key.startsWith(echoedKeys)) continue;
        // Twice, so that what is changed within a handler is changed again before it was delivered.
        this.#set(tracked, node, session, { topic: echoTopic, key });
        this.#set(tracked, node, session, { topic: echoTopic, key });
      }
      for (const { key } of leaves) {
        tracked.model.remove(session.id, echoTopic, key);
        node.tracker.untrack(session, echoTopic, key);
      }
    }
  }

  #set(tracked: Tracked, node: Node, session: Session, { topic, key }: { topic: string; key: string }): void {
    this.#applyTo(tracked, node, session, { do: "set", node: node.name, session: 0, topic, key });
  }

  /** The node that runs another tracker in the process of this one. */
  #beside(node: Node, tracked: Tracked | undefined): Node | undefined {
    return tracked?.cluster.lives.findLast(({ name, running }) => name === node.name && running);
  }

  /** A session closes, in all trackers of its node. */
  #close(node: Node, number: number, graceMs: number): void {
    const session = this.#sessionOf(node, number);
    const closed = this.#closed.get(node) ?? new Map<number, Session>();
    this.#closed.set(node, closed);
    if (graceMs === 0) {
      for (const each of [session, closed.get(number)]) {
        if (each === undefined) continue;
        for (const { model } of this.#trackers) model.close(each.id);
        each.close();
      }
    } else {
      for (const tracked of this.#trackers) {
        const own = tracked === this.#trackers[0] ? node : this.#beside(node, tracked);
        if (own !== undefined) tracked.leaving.closing(own, session.id, graceMs);
      }
      closed.set(number, session);
      session.close({ graceMs });
    }
    this.#sessions.get(node)?.delete(number);
  }

  /** All listed entries of a user are to go; those of this node have gone at once. */
  #evict({ cluster, leaving }: Tracked, node: Node, topic: string, key: string): void {
    const listed = node.tracker.getByKey(topic, key);
    leaving.asking(node, topic, key);
    const count = node.tracker.evict(topic, key, "enough");
    const refs = new Set(listed.map(({ ref }) => ref));
    const still = node.tracker.getByKey(topic, key).filter(({ ref }) => refs.has(ref));
    const left = still.filter(
      (entry) => entry.node === node.name && node.tracker.session(entry.session) !== undefined,
    );
    if (count === listed.length && left.length === 0) return;
    this.wrong.push(
      `${node.name} at ${cluster.nowMs} ms: evict gave ${count} for ${listed.length}, and left ${left.length} of its own`,
    );
  }

  #sessionOf(node: Node, number: number): Session {
    const sessions = this.#sessions.get(node) ?? new Map<number, Session>();
    this.#sessions.set(node, sessions);
    const session = sessions.get(number) ?? node.session();
    sessions.set(number, session);
    return session;
  }

  #applyTo(
    tracked: Tracked,
    node: Node,
    session: Session,
    step: Exclude<ApplicationStep, { do: "awaitComplete" | "close" | "evict" }>,
  ): void {
    const { cluster, model } = tracked;
    const { tracker, name, life } = node;
    const expectEqual = (what: string, found: unknown, expected: unknown): void => {
      if (found === expected) return;
      this.wrong.push(
        `${name} at ${cluster.nowMs} ms: ${what} gave ${String(found)} instead of ${String(expected)}`,
      );
    };
    switch (step.do) {
      case "untrackAll":
        model.remove(session.id);
        tracker.untrack(session);
        return;
      case "untrackTopic":
        model.remove(session.id, step.topic);
        tracker.untrack(session, step.topic);
        return;
      case "untrack":
        model.remove(session.id, step.topic, step.key);
        tracker.untrack(session, step.topic, step.key);
        expectEqual("a read after untrack", listsOwn(node, session, step.topic, step.key), undefined);
        return;
      case "crowd":
        for (let number = 1; number <= step.keys; number += 1) {
          const { session: sessionNumber, topic } = step;
          const key = `crowd:${number}`;
          const set = { do: "set", node: name, session: sessionNumber, topic, key } as const;
          this.#applyTo(tracked, node, session, { ...set, letters: crowdLetters });
        }
        return;
      case "track":
      case "set":
      case "update":
      case "churn":
        break;
    }
    const { topic, key } = step;
    const entry = { node: name, life, session: session.id, topic, key };
    const present = model.has(entry);
    const times = step.do === "churn" ? step.times : 1;
    const call = step.do === "churn" ? "set" : step.do;
    for (let time = 0; time < times; time += 1) {
      const version = model.nextVersion();
      const meta = this.#metaOf(version, step);
      const refusal =
        call === "track" && present ? "ALREADY_TRACKED" : call === "update" && !present ? "NOT_TRACKED" : "";
      const before = model.find(entry);
      if (refusal === "") model.put({ ...entry, version, atMs: cluster.nowMs }, meta);
      const code = codeOf(() => tracker[call](session, topic, key, meta));
      if (code === "META_TOO_LARGE" && this.#mayBeTooLarge(meta)) model.takeBack(entry, before);
      else expectEqual(call, code, refusal);
    }
    expectEqual(`a read after ${step.do}`, listsOwn(node, session, topic, key), model.find(entry)?.version);
  }

  #metaOf(version: number, step: ApplicationStep): VersionedMeta {
    if ("shape" in step && step.shape !== undefined) {
      return shapedMeta(version, step.shape, step.bytes ?? shapedBytes);
    }
    const letters = "letters" in step ? step.letters : undefined;
    return letters === undefined ? { version } : { version, letters: textOf(version, letters) };
  }

  /** Whether a tracker may refuse a meta below its own limit because no frame of this network could hold it. */
  #mayBeTooLarge(meta: VersionedMeta): boolean {
    const frameBytes = Math.min(this.#schedule.network.maxPayloadBytes ?? Infinity, MAX_FRAME_BYTES);
    return !surelyFits(Buffer.byteLength(JSON.stringify(meta)), frameBytes);
  }
}

/** Whether the applications of a schedule are in a habit. */
export function hasHabit({ habits = [] }: Schedule, habit: Habit): boolean {
  return habits.includes(habit);
}

/** A text that no other meta has: a text that several had would travel once. */
function textOf(version: number, letters: number): string {
  return String(version).padEnd(letters, "x");
}

/** The version that a node lists for an entry of its own. */
function listsOwn({ tracker }: Node, session: Session, topic: string, key: string): number | undefined {
  return tracker.getByKey(topic, key).find((entry) => entry.session === session.id)?.meta.version;
}

/** The code of the error that a call throws, or nothing. Any other error is passed on. */
function codeOf(call: () => unknown): string {
  try {
    call();
    return "";
  } catch (error) {
    if (error instanceof TrackerError) return error.code;
    throw error;
  }
}
