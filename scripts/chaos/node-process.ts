/**
 * One node of the chaos: a process with one tracker. It does what the driver asks for, and checks without end
 * what any node can check by itself: that its diffs add up to its list, that no join comes twice and no leave
 * without its join, and that all its reads agree. What is broken is told to the driver.
 */
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { Session, Tracker, type Diff, type PubSub } from "../../src/index.js";
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

class ChaosNode {
  readonly #fold = new DiffFold<ChaosMeta>();
  readonly #sessions = new Map<number, Session>();
  #tracker: Tracker<ChaosMeta> | undefined;
  #diffs = 0;

  async start(setup: NodeSetup): Promise<void> {
    const pubsub = await openPubSub(setup);
    const tracker = await Tracker.start<ChaosMeta>(
      { handleDiff: (diff, from) => this.#check(diff, from) },
      { name: "chaos", pubsub, poolSize: setup.poolSize, startTimeoutMs: 30_000, ...setup.periods },
    );
    this.#tracker = tracker;
    tracker.on("replicaDown", ({ name, incarnation }) => {
      tell({ notice: "replicaDown", name, incarnation, atMs: machineMs() });
    });
    tracker.on("error", ({ code, message, cause }) => {
      const because = cause instanceof Error ? `: ${cause.message}` : "";
      const text = `${code}: ${message}${because}`;
      tell(pubsubFailures.has(code) ? { notice: "pubsubError", text } : { notice: "violation", text });
    });
    watchStalls((fromMs, untilMs) => tell({ notice: "stalled", fromMs, untilMs }));
    const session = new Session();
    this.#sessions.set(0, session);
    const ref = tracker.track(session, lifeTopic, setup.nodeName, { revision: 0, text: "life" }) ?? "";
    const [own] = tracker.explain(lifeTopic, setup.nodeName).filter((each) => each.status === "local");
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
    await this.#running().stop(request.handoffMs === undefined ? {} : { handoffMs: request.handoffMs });
    send({ chaos, answer: "stop" });
  }

  #running(): Tracker<ChaosMeta> {
    if (this.#tracker === undefined) throw new Error("Asked before it was ready");
    return this.#tracker;
  }

  #run(step: Step): StepResult {
    const tracker = this.#running();
    const session = this.#sessions.get(step.session) ?? new Session();
    this.#sessions.set(step.session, session);
    try {
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

  #check(diff: Diff<ChaosMeta>, tracker: Tracker<ChaosMeta>): void {
    this.#diffs += 1;
    const wrong = this.#fold.apply(diff);
    wrong.push(...foldEqualsList(this.#fold, tracker), ...readsAgree(tracker, diff.keys()));
    for (const text of wrong) tell({ notice: "violation", text: `after diff ${this.#diffs}: ${text}` });
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
