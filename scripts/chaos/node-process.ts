/**
 * One node of the chaos: a process with one tracker. It does what the driver asks for, and checks without end
 * what any node can check by itself: that its diffs add up to its list, that no join comes twice and no leave
 * without its join, that all its reads agree, and that it is told of nothing that it does not follow. What is broken is
 * told to the driver.
 */
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { Session, Tracker, type Diff, type Follow, type PubSub } from "../../src/index.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { foldEqualsList, listAll, readsAgree } from "../../src/testing/oracles.js";
import {
  isOurs,
  lifeTopic,
  lineOf,
  machineMs,
  type Answer,
  type ChaosMeta,
  type NodeSetup,
  type Notice,
  type Report,
  type Request,
  type Step,
  type StepResult,
} from "./messages.js";
import { watchStalls } from "./stalls.js";

/** What a tracker rightly reports if what carries its frames stands still, and else never. */
const suspicions: ReadonlySet<string> = new Set(["DEAF", "LINK_BROKEN"]);
/** What a broker that is killed makes a tracker report. */
const pubsubFailures: ReadonlySet<string> = new Set(["PUBLISH_FAILED", "PUBSUB_UNAVAILABLE", "NO_RELAY"]);

function tell(notice: Notice): void {
  send({ chaos: 0, ...notice });
}

function send(message: Answer | ({ readonly chaos: 0 } & Notice)): void {
  // Without its driver it has nobody to tell.
  if (process.connected) process.send?.(message);
}

async function openPubSub({ client, url, nodeName, prefix }: NodeSetup): Promise<PubSub> {
  if (client === "cluster") return clusterPubSub({ nodeName });
  // Loads the clients of all brokers, which takes a while.
  const { openNodeBy } = await import("../../test/brokers/clients.js");
  return (await openNodeBy(client)(url, nodeName, prefix)).node;
}

/** The fold of what may be read: a topic that lingers is still told of, and is not. */
class ReadableFold extends DiffFold<ChaosMeta> {
  readonly #isReadable: (topic: string) => boolean;

  constructor(isReadable: (topic: string) => boolean) {
    super();
    this.#isReadable = isReadable;
  }

  override topics(): string[] {
    return super.topics().filter(this.#isReadable);
  }
}

class ChaosNode {
  readonly #isReadable = (topic: string): boolean => this.#holdsEverything || this.#wanted.has(topic);
  readonly #fold = new ReadableFold(this.#isReadable);
  /** The handles of each topic that has any. */
  readonly #handles = new Map<string, Follow<ChaosMeta>[]>();
  /** The topics that have a handle, or are about to. */
  readonly #wanted = new Set<string>();
  /** The topics whose follow has begun, by the diffs, and not ended. */
  readonly #begun = new Set<string>();
  #holdsEverything = true;
  /** The topic that nobody may be missing from. */
  #guarded: string | undefined;
  readonly #sessions = new Map<number, Session>();
  #tracker: Tracker<ChaosMeta> | undefined;
  #diffs = 0;

  async start(setup: NodeSetup): Promise<void> {
    const pubsub = await openPubSub(setup);
    const { holds, poolSize, followLingerMs } = setup;
    this.#holdsEverything = holds === "everything";
    const holding = this.#holdsEverything ? { holds, poolSize } : { holds, followLingerMs };
    const tracker = await Tracker.start<ChaosMeta>(
      { handleDiff: (diff, from) => this.#check(diff, from) },
      { name: "chaos", pubsub, ...holding, startTimeoutMs: 30_000, ...setup.periods },
    );
    this.#tracker = tracker;
    tracker.on("replicaDown", ({ name, incarnation }) => {
      tell({ notice: "replicaDown", name, incarnation, atMs: machineMs() });
    });
    tracker.on("error", ({ code, message, cause }) => {
      const because = cause instanceof Error ? `: ${cause.message}` : "";
      const text = `${code}: ${message}${because}`;
      if (suspicions.has(code)) return tell({ notice: "suspicion", text, atMs: machineMs() });
      tell(pubsubFailures.has(code) ? { notice: "pubsubError", text } : { notice: "violation", text });
    });
    watchStalls((fromMs, untilMs) => tell({ notice: "stalled", fromMs, untilMs }));
    const session = new Session();
    this.#sessions.set(0, session);
    const ref = tracker.track(session, lifeTopic, setup.nodeName, { revision: 0, text: "life" }) ?? "";
    // Only of what is followed can it be asked which life of this node an entry belongs to.
    this.#follow("follow", lifeTopic);
    const [own] = tracker.explain(lifeTopic, setup.nodeName).filter((each) => each.status === "local");
    this.#follow("unfollow", lifeTopic);
    tell({ notice: "ready", incarnation: own?.incarnation ?? "", ref });
    pubsub.onStatus?.((status) => {
      tell({ notice: "status", connected: status === "connected", atMs: machineMs() });
    });
  }

  async answer(request: Request): Promise<void> {
    const { chaos } = request;
    if (request.ask === "steps") {
      const results = request.steps.map((step) => this.#run(step));
      return send({ chaos, answer: "steps", results });
    }
    if (request.ask === "report") return send({ chaos, answer: "report", report: this.#report() });
    if (request.ask === "guard") {
      this.#guarded = request.topic;
      return send({ chaos, answer: "guard" });
    }
    await this.#running().stop(request.handoffMs === undefined ? {} : { handoffMs: request.handoffMs });
    send({ chaos, answer: "stop" });
  }

  #running(): Tracker<ChaosMeta> {
    if (this.#tracker === undefined) throw new Error("Asked before it was ready");
    return this.#tracker;
  }

  #run(step: Step): StepResult {
    const tracker = this.#running();
    try {
      if (!("session" in step)) {
        this.#follow(step.call, step.topic);
        return null;
      }
      const session = this.#sessions.get(step.session) ?? new Session();
      this.#sessions.set(step.session, session);
      switch (step.call) {
        case "track":
          return tracker.track(session, step.topic, step.key, step.meta) ?? null;
        case "update":
          return tracker.update(session, step.topic, step.key, () => step.meta) ?? null;
        case "untrack":
          return tracker.untrack(session, step.topic, step.key);
        case "close":
          session.close();
          this.#sessions.delete(step.session);
          return null;
        default:
          return step satisfies never;
      }
    } catch (error) {
      tell({ notice: "violation", text: `${JSON.stringify(step)} threw ${String(error)}` });
      return null;
    }
  }

  #follow(call: "follow" | "unfollow", topic: string): void {
    const handles = this.#handles.get(topic) ?? [];
    if (call === "follow") {
      this.#wanted.add(topic);
      handles.push(this.#running().follow(topic));
      this.#handles.set(topic, handles);
      return;
    }
    const last = handles.pop();
    if (handles.length === 0) {
      this.#handles.delete(topic);
      this.#wanted.delete(topic);
    }
    last?.close();
  }

  #check(diff: Diff<ChaosMeta>, tracker: Tracker<ChaosMeta>): void {
    this.#diffs += 1;
    const wrong = this.#fold.apply(diff);
    if (!this.#holdsEverything) wrong.push(...this.#unfollowed(diff));
    const readable = [...diff.keys()].filter(this.#isReadable);
    wrong.push(...foldEqualsList(this.#fold, tracker), ...readsAgree(tracker, readable));
    wrong.push(...this.#missing(diff, tracker));
    for (const text of wrong) tell({ notice: "violation", text: `after diff ${this.#diffs}: ${text}` });
  }

  /** What a diff tells of topics whose follow has not begun, or is not to end. */
  #unfollowed(diff: Diff<ChaosMeta>): string[] {
    const wrong: string[] = [];
    for (const [topic, { began = false, ended = false }] of diff) {
      const isWanted = this.#wanted.has(topic);
      if (ended && !this.#begun.delete(topic)) wrong.push(`a follow of ${topic} ended that had not begun`);
      if (ended && isWanted && !began) wrong.push(`the follow of ${topic} ended, which has a handle`);
      if (began && !isWanted) wrong.push(`a follow of ${topic} began that nobody wants`);
      if (began) this.#begun.add(topic);
      if (!ended && !this.#begun.has(topic)) wrong.push(`a diff names ${topic}, which is not followed`);
    }
    return wrong;
  }

  /**
   * Who left the guarded topic and is not there by another entry. Whether a node that was called down was silent, as it may
   * be on a machine that is busy, is for the driver to judge.
   */
  #missing(diff: Diff<ChaosMeta>, tracker: Tracker<ChaosMeta>): string[] {
    const topic = this.#guarded;
    if (topic === undefined) return [];
    return (diff.get(topic)?.leaves ?? [])
      .filter(({ key, reason }) => reason !== "down" && !tracker.has(topic, key))
      .map(({ key, node, reason }) => `${key} of ${node} is missing from ${topic}: ${reason}`);
  }

  #report(): Report {
    const tracker = this.#running();
    // No handler runs now either.
    for (const text of foldEqualsList(this.#fold, tracker)) tell({ notice: "violation", text });
    const { complete, replicas } = tracker.health();
    return {
      complete,
      diffs: this.#diffs,
      lines: listAll(tracker).map(({ topic, entry }) =>
        lineOf(topic, entry.key, entry.node, entry.ref, entry.meta),
      ),
      follows: [...this.#handles].map(([topic, [handle]]) => {
        return { topic, complete: handle?.complete ?? false };
      }),
      replicas: replicas.map(({ name, incarnation, status, lagDots, entries }) => {
        return `${name} ${incarnation} ${status}, ${entries} entries, lag ${lagDots}`;
      }),
    };
  }
}

// Never outlives the driver.
process.on("disconnect", () => process.exit());
// The driver decides who ends, also when a terminal interrupts the whole group.
process.on("SIGINT", () => {});
const node = new ChaosNode();
process.on("message", (message) => {
  if (isOurs<Request>(message)) void node.answer(message);
});
await node.start(JSON.parse(process.argv[2] ?? "{}") as NodeSetup);
