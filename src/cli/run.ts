/** The commands: each joins as an observer, looks, and writes what it sees. */
import { TrackerError } from "../errors.js";
import { diagnose, type Reported } from "../inspect/diagnosis.js";
import { overviewOf } from "../inspect/overview.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import { Tracker } from "../tracker/tracker.js";
import { BrokerError, openBroker, type OpenBroker } from "./brokers.js";
import { UsageError, type Looking } from "./command.js";
import type { Screen } from "./screen.js";
import { Traffic } from "./traffic.js";
import {
  changeLine,
  changesOf,
  doctorLines,
  entryLines,
  explanationLines,
  topLines,
  topicLines,
  type Rate,
} from "./views.js";

/** Where it runs. */
export interface Surroundings {
  /** Asked anew for each table: a terminal changes its size. */
  screen(): Screen;
  readonly isTerminal: boolean;
  write(text: string): void;
  /** For people, beside what is written. */
  warn(text: string): void;
  /** Aborts when the command is to end. */
  readonly signal: AbortSignal;
}

const TOP_PERIOD_MS = 1_000;
/** So many topics and entries are read at a time. */
const PAGE = 1_000;
/** The doctor looks for so long at the least: all who were greeted have answered by then, and heartbeats have come. */
const DOCTOR_MS = 5_000;

/** What the names of all who look by this command begin with. */
const OBSERVER = "rollcall-observer-";

/** What is looked at, and with what. */
interface Look {
  readonly tracker: Tracker;
  readonly traffic: Traffic;
  readonly reported: readonly Reported[];
  readonly startMs: number;
  readonly beganMs: number;
  readonly around: Surroundings;
  readonly broker: OpenBroker;
}

/**
 * Runs a command. Returns the exit code.
 *
 * @throws UsageError, BrokerError
 */
export async function run(command: Looking, around: Surroundings): Promise<number> {
  const broker = await openBroker(command.broker, {
    ...command,
    nodeName: OBSERVER + checkedNodeName(undefined),
  });
  try {
    const name = await trackerName(command, broker);
    const traffic = new Traffic();
    const behaviour = command.kind === "watch" ? watching(command, around) : {};
    const beganMs = performance.now();
    const tracker = await start(behaviour, name, traffic.count(broker.pubsub));
    const reported: Reported[] = [];
    tracker.on("error", ({ code, message }) => void reported.push({ code, message }));
    const startMs = performance.now() - beganMs;
    try {
      return await look(command, { tracker, traffic, reported, startMs, beganMs, around, broker });
    } finally {
      await tracker.stop({ handoffMs: 0 });
    }
  } finally {
    await broker.close();
  }
}

async function start(
  behaviour: TrackerBehaviour,
  name: string,
  pubsub: OpenBroker["pubsub"],
): Promise<Tracker> {
  try {
    return await Tracker.start(behaviour, { name, pubsub, observer: true });
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    if (error.code === "PUBSUB_UNAVAILABLE") throw new BrokerError(error.message);
    throw new UsageError(error.message);
  }
}

/** The name that was said, if there is such a tracker, or that of the only one. @throws UsageError */
async function trackerName({ name, broker: kind }: Looking, broker: OpenBroker): Promise<string> {
  const names = await broker.trackerNames();
  if (names === undefined) {
    if (name === undefined)
      throw new UsageError(`Which tracker? Say --name; ${kind} cannot tell which there are`);
    return name;
  }
  if (name !== undefined && names.includes(name)) return name;
  const list = names.map((each) => JSON.stringify(each)).join(", ");
  if (names.length === 0) throw new UsageError("No tracker is running on this broker, under this prefix");
  if (name !== undefined)
    throw new UsageError(`No tracker is called ${JSON.stringify(name)}; there are: ${list}`);
  const [only] = names;
  if (names.length > 1 || only === undefined)
    throw new UsageError(`Which tracker? Say --name; there are: ${list}`);
  return only;
}

async function look(command: Looking, seen: Look): Promise<number> {
  const { tracker, around } = seen;
  const isOnce = command.kind === "top" && (command.once || (!around.isTerminal && !command.json));
  // What is shown again and again is shown as it comes.
  if (command.kind !== "top" || isOnce) await heardOut(command, seen);
  if (around.signal.aborted) return 130;
  switch (command.kind) {
    case "top":
      return top(command.json, isOnce, seen);
    case "list":
      return command.topic === undefined
        ? listTopics(command.json, seen)
        : listEntries(command.topic, command.json, seen);
    case "watch":
      await aborted(around.signal);
      return 0;
    case "explain": {
      const explanations = tracker.explain(command.topic, command.key);
      if (command.json) writeJson(around, explanations);
      else if (explanations.length > 0) writeLines(around, explanationLines(around.screen(), explanations));
      else around.warn(`Nobody holds ${JSON.stringify(command.key)} under ${JSON.stringify(command.topic)}`);
      return explanations.length > 0 ? 0 : 1;
    }
    case "doctor":
      return doctor(command, seen);
  }
}

/** Waits until all is known that can be, and says what is missing. */
async function heardOut({ waitMs, kind }: Looking, { tracker, around }: Look): Promise<void> {
  const waited = tracker.whenComplete({ timeoutMs: waitMs }).catch((error: unknown) => {
    const text = error instanceof TrackerError ? error.message : String(error);
    if (kind !== "doctor" && !around.signal.aborted) around.warn(text);
  });
  await Promise.race([waited, aborted(around.signal)]);
  const { replicas } = tracker.health();
  if (replicas.length > 0 || kind === "doctor" || around.signal.aborted) return;
  around.warn(`No node is heard under the name ${JSON.stringify(tracker.name)}`);
}

async function top(json: boolean, once: boolean, { tracker, traffic, around }: Look): Promise<number> {
  let before = traffic.counts();
  let beforeMs = performance.now();
  await pause(TOP_PERIOD_MS, around.signal);
  while (!around.signal.aborted) {
    const overview = overviewOf(tracker, 0);
    const nowMs = performance.now();
    const rates = ratesOf(before, traffic.counts(), nowMs - beforeMs);
    traffic.keep(new Set(overview.nodes.map(({ name }) => name)));
    before = traffic.counts();
    beforeMs = nowMs;
    if (json) {
      const { nodes, counters: _counters, topics: _topics, own: _own, ...rest } = overview;
      const none = { frames: 0, bytes: 0 };
      const sending = nodes.map((node) => ({ ...node, perSecond: rates.get(node.name) ?? none }));
      writeJson(around, { ...rest, nodes: sending });
    } else {
      const lines = topLines(around.screen(), overview, rates, Date.now());
      if (once) writeLines(around, lines);
      // From the top, line by line, and then nothing of what was there: so nothing flickers.
      else around.write(`\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
    }
    if (once) return 0;
    await pause(TOP_PERIOD_MS, around.signal);
  }
  return 0;
}

function ratesOf(
  before: ReadonlyMap<string, Rate>,
  now: ReadonlyMap<string, Rate>,
  elapsedMs: number,
): Map<string, Rate> {
  const rates = new Map<string, Rate>();
  for (const [node, { frames, bytes }] of now) {
    const last = before.get(node) ?? { frames: 0, bytes: 0 };
    const perSecond = 1_000 / elapsedMs;
    rates.set(node, {
      frames: Math.round((frames - last.frames) * perSecond * 10) / 10,
      bytes: Math.round((bytes - last.bytes) * perSecond),
    });
  }
  return rates;
}

function listTopics(json: boolean, { tracker, around }: Look): number {
  const { topics } = overviewOf(tracker, Infinity);
  if (json) writeJson(around, topics);
  else writeLines(around, topicLines(around.screen(), topics));
  return 0;
}

function listEntries(topic: string, json: boolean, { tracker, around }: Look): number {
  const entries = [];
  let after: string | undefined;
  for (;;) {
    const page = tracker.entries(topic, { ...(after !== undefined && { after }), limit: PAGE });
    if (page.length === 0) break;
    entries.push(...page);
    after = page.at(-1)?.key;
  }
  if (json) writeJson(around, entries);
  else writeLines(around, entryLines(around.screen(), entries));
  return 0;
}

/** Tells changes once it was heard out: what is there at first is no change. */
function watching(
  { topic: only, json, waitMs }: Extract<Looking, { readonly kind: "list" | "watch" }>,
  around: Surroundings,
): TrackerBehaviour {
  let isHeardOut = false;
  const untilMs = performance.now() + waitMs;
  return {
    handleDiff(diff, tracker) {
      isHeardOut ||= tracker.health().ready || performance.now() > untilMs;
      if (!isHeardOut) return;
      for (const [topic, topicDiff] of diff) {
        if (only !== undefined && topic !== only) continue;
        for (const change of changesOf(topic, topicDiff)) {
          const { what, entry } = change;
          if (json) writeJson(around, { at: new Date().toISOString(), what, topic, ...entry });
          else
            around.write(`${changeLine(around.screen(), change, new Date().toTimeString().slice(0, 8))}\n`);
        }
      }
    },
  };
}

async function doctor(
  { json, broker: kind, url }: Extract<Looking, { readonly kind: "doctor" }>,
  { tracker, reported, startMs, beganMs, around, broker }: Look,
): Promise<number> {
  await pause(Math.max(0, DOCTOR_MS - (performance.now() - beganMs)), around.signal);
  if (around.signal.aborted) return 130;
  const overview = overviewOf(tracker, 0);
  const lookedMs = performance.now() - beganMs;
  const listeners = (await broker.listeners(tracker.name))?.filter((name) => !name.startsWith(OBSERVER));
  const findings = diagnose(overview, { nowMs: Date.now(), lookedMs, reported, listeners });
  const isWrong = findings.some(({ severity }) => severity === "wrong");
  if (json) {
    writeJson(around, { ...overview, findings });
    return isWrong ? 1 : 0;
  }
  const { nodes, entryCount, topicCount, version, protocolVersion } = overview;
  const counts = (["up", "returning", "down", "departing"] as const)
    .map((status) => [nodes.filter((node) => node.status === status).length, status] as const)
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`);
  const shown = new URL(url.includes("://") ? url : `${kind}://${url}`).host;
  const examined = [
    { what: "broker", found: `${kind} at ${shown}: reached both ways, after ${Math.round(startMs)} ms` },
    {
      what: "tracker",
      found: `${JSON.stringify(tracker.name)}, looked at for ${(lookedMs / 1_000).toFixed(1)} s`,
    },
    { what: "nodes", found: counts.length > 0 ? counts.join(", ") : "none" },
    {
      what: "entries",
      found: `${entryCount} in ${topicCount} topics; ${overview.complete ? "complete" : "not complete"}`,
    },
    { what: "version", found: `${version} here, which speaks version ${protocolVersion} of the protocol` },
  ];
  writeLines(around, doctorLines(around.screen(), examined, findings));
  return isWrong ? 1 : 0;
}

function writeJson(around: Surroundings, value: unknown): void {
  around.write(`${JSON.stringify(value)}\n`);
}

function writeLines(around: Surroundings, lines: readonly string[]): void {
  around.write(lines.map((line) => `${line}\n`).join(""));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, durationMs);
  });
  await Promise.race([over, aborted(signal)]);
  clearTimeout(timer);
}
