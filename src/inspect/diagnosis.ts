/**
 * What is wrong with a cluster, as far as one node can see it, and what to do: findings in words. Decides from an
 * overview and from the errors that the node has reported meanwhile. Pure; knows no network.
 */
import type { TrackerErrorCode } from "../errors.js";
import type { NodeRow, Overview } from "./overview.js";

/** `wrong`: something is broken. `look`: it may be meant. */
type Severity = "wrong" | "look";

export interface Finding {
  readonly severity: Severity;
  /** What it is about: a node, or the whole. */
  readonly about: string;
  readonly what: string;
  readonly todo: string;
}

/** An error that the node has reported. */
export interface Reported {
  readonly code: TrackerErrorCode;
  readonly message: string;
}

export interface DiagnosisOptions {
  /** The wall clock of the observer. */
  readonly nowMs: number;
  /** For how long it has been looking: who has not answered a greeting in that time does not. */
  readonly lookedMs: number;
  readonly reported: readonly Reported[];
  /** Nodes that have a subscription at the broker, where it can tell. */
  readonly listeners?: readonly string[] | undefined;
}

/** A node that is greeted answers in a fraction of this, and is asked again meanwhile. */
const ANSWER_MS = 4_000;
/** Clocks of machines that are kept in step differ by much less. */
const CLOCK_MS = 2_000;

const LINKS: Readonly<Record<Exclude<NodeRow["link"], "whole">, readonly [what: string, todo: string]>> = {
  noBroadcasts: [
    "what it broadcasts does not arrive here, only what it answers",
    "compare what it may publish at the broker with what other nodes may: the channel of the tracker is missing",
  ],
  noDirect: [
    "direct messages to it, or from it, get lost",
    "compare what both may subscribe to at the broker: the inboxes of the tracker are missing",
  ],
  oneWay: [
    "it is heard and answers nothing: it does not hear others, and what is missing of it stays missing",
    "look whether it is deaf in its own health(), and at its subscriptions at the broker; restart it if nothing helps",
  ],
};

const REPORTS: Partial<Readonly<Record<TrackerErrorCode, readonly [severity: Severity, todo: string]>>> = {
  DIVERGENCE: [
    "wrong",
    "it is mended by now; something alters messages on their way, or it is a bug: report it",
  ],
  NAME_CONFLICT: ["wrong", "give each process a nodeName of its own"],
  INVALID_FRAME: [
    "wrong",
    "somebody else publishes on the channels of the tracker: restrict them at the broker",
  ],
  UNKNOWN_PROTOCOL: [
    "wrong",
    "its version of rollcall is too far from that of the others: finish the upgrade",
  ],
  HOLDS_DIFFER: ["look", "ask a node that holds everything, or that follows the topic"],
  SHARDS_DIFFER: ["wrong", "list the same Redis servers in the same order on all nodes"],
  CLOCK_AHEAD: ["look", "keep the clocks of the machines in step (NTP)"],
  COUNTER_AHEAD: ["look", "somebody may speak in the name of a node: restrict the channels at the broker"],
  CROWDED: ["wrong", "somebody may make names up: restrict the channels at the broker"],
  PUBLISH_FAILED: ["wrong", "look at the broker: it refuses what is published"],
  DEAF: ["wrong", "the broker does not bring back what is sent: look at its permissions and at its load"],
  PUBSUB_UNAVAILABLE: ["wrong", "look at the broker and the network to it"],
};

export function diagnose(
  overview: Overview,
  { nowMs, lookedMs, reported, listeners = [] }: DiagnosisOptions,
): Finding[] {
  const findings: Finding[] = [];
  const add = (severity: Severity, about: string, what: string, todo: string): void =>
    void findings.push({ severity, about, what, todo });
  const { nodes, connection, foreignNodes } = overview;
  const up = nodes.filter(({ status }) => status === "up" || status === "returning");
  if (connection !== "connected") {
    const todo = "look at the broker and the network to it; nothing else that is said here is sure";
    add("wrong", overview.node, `this node is ${connection}`, todo);
  }
  if (nodes.length === 0) {
    const todo = "look at the name, the prefix and the broker, or start the application";
    add("look", overview.tracker, "no other node is heard under this name", todo);
  }
  for (const node of nodes)
    for (const [severity, what, todo] of ofNode(node, nowMs, lookedMs)) add(severity, node.name, what, todo);
  const heard = new Set(nodes.map(({ name }) => name));
  for (const name of listeners) {
    if (heard.has(name) || name === overview.node) continue;
    const todo =
      "its event loop stands still, or it may not publish at the broker: restart it, or mend its permissions";
    add("wrong", name, "it listens at the broker, and was not heard", todo);
  }
  for (const { name, differs, protocolVersions } of foreignNodes) {
    if (differs === "holds") {
      const what = "it holds what it follows, and tells nothing to one that only looks on";
      add("look", name, what, "ask a node that holds everything, or that follows the topic");
      continue;
    }
    const { oldest, newest } = protocolVersions;
    const spoken = oldest === newest ? `version ${oldest}` : `versions ${oldest} to ${newest}`;
    const what = `it speaks ${spoken} of the protocol, which is not spoken here: neither lists what the other has`;
    add("wrong", name, what, "upgrade the older ones first to a version that speaks both");
  }
  const periods = groupBy(up, ({ heartbeatPeriodMs }) => heartbeatPeriodMs?.toString());
  if (periods.size > 1) {
    const todo = "give all nodes the same options, unless it is meant: each is judged by its own period";
    add("look", "heartbeats", `periods differ: ${sorts(periods, (period) => `${period} ms`)}`, todo);
  }
  const versions = groupBy(up, ({ version }) => version);
  if (versions.size > 1) {
    const todo = "finish the upgrade; a rolling one is meant to look like this for a while";
    add("look", "versions", `versions differ: ${sorts(versions, (version) => version)}`, todo);
  }
  for (const [code, { count, message }] of groupReports(reported)) {
    const report = REPORTS[code];
    const times = count > 1 ? ` (${count} times)` : "";
    if (report !== undefined) add(report[0], code, message + times, report[1]);
  }
  return findings.sort((a, b) => Number(b.severity === "wrong") - Number(a.severity === "wrong"));
}

function* ofNode(
  node: NodeRow,
  nowMs: number,
  lookedMs: number,
): Generator<readonly [Severity, string, string]> {
  const { status, silentMs, link, startedMs, version, waitsFor, lagDots } = node;
  if (status === "down") {
    const todo = "it was killed, is cut off, or its event loop stands still: restart it, or mend its network";
    yield ["wrong", `silent for ${Math.round(silentMs / 1_000)} s, and said no goodbye`, todo];
    return;
  }
  if (status === "departing") return;
  if (link !== "whole") yield ["wrong", ...LINKS[link]];
  else if (version === undefined && lookedMs >= ANSWER_MS) {
    const what = "it is heard, and has not answered a greeting: it may not hear others";
    yield ["wrong", what, LINKS.oneWay[1]];
  } else if (waitsFor === "room") {
    const todo = "raise maxEntries on all nodes, if the memory allows it; or find out who tracks so much";
    yield ["wrong", "there is no room for all that it has", todo];
  } else if (waitsFor !== undefined && lookedMs >= ANSWER_MS) {
    const what =
      waitsFor === "summary" ? "it has not said what it has" : `${lagDots} of its changes are missing here`;
    yield ["look", what, "look again in a moment; if it lasts, look at the load of both nodes"];
  }
  if (startedMs > nowMs + CLOCK_MS) {
    const aheadS = Math.round((startedMs - nowMs) / 1_000);
    const todo = "keep the clocks of the machines in step (NTP): after a restart it may be heard late";
    yield ["look", `its clock is ${aheadS} s ahead of the one here`, todo];
  }
}

/** Those of whom it is known, by what is known. */
function groupBy(
  nodes: readonly NodeRow[],
  by: (node: NodeRow) => string | undefined,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const node of nodes) {
    const value = by(node);
    if (value !== undefined) groups.set(value, [...(groups.get(value) ?? []), node.name]);
  }
  return groups;
}

/** The smaller groups first, with a few names each. */
function sorts(groups: ReadonlyMap<string, readonly string[]>, say: (value: string) => string): string {
  return [...groups]
    .sort(([, a], [, b]) => a.length - b.length)
    .map(([value, names]) => {
      const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
      return `${say(value)} (${names.slice(0, 3).join(", ")}${more})`;
    })
    .join(", ");
}

function groupReports(
  reported: readonly Reported[],
): Map<TrackerErrorCode, { count: number; message: string }> {
  const groups = new Map<TrackerErrorCode, { count: number; message: string }>();
  for (const { code, message } of reported) {
    const count = (groups.get(code)?.count ?? 0) + 1;
    groups.set(code, { count, message });
  }
  return groups;
}
