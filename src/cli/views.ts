/** What the commands show, as lines of text. Pure: what is shown comes in, and how wide the screen is. */
import type { Finding } from "../inspect/diagnosis.js";
import type { NodeRow, Overview, TopicRow } from "../inspect/overview.js";
import type { Explanation } from "../tracker/health.js";
import type { AnyMeta, Entry, TopicDiff } from "../words.js";
import {
  cutTo,
  plain,
  shortDuration,
  shortNumber,
  styled,
  table,
  wrapped,
  type Cell,
  type Column,
  type Screen,
  type Style,
} from "./screen.js";

/** What a node sends, per second. */
export interface Rate {
  readonly frames: number;
  readonly bytes: number;
}

const STATUS_STYLES: Readonly<Record<NodeRow["status"], Style>> = {
  up: "green",
  down: "red",
  returning: "yellow",
  departing: "yellow",
};

const NODE_COLUMNS: readonly Column[] = [
  { title: "NODE", least: 16 },
  { title: "STATUS" },
  { title: "LINK" },
  { title: "HEARD", align: "right" },
  { title: "LAG", align: "right" },
  { title: "ENTRIES", align: "right" },
  { title: "FRAMES/S", align: "right" },
  { title: "BYTES/S", align: "right" },
  { title: "UP", align: "right", spare: 1 },
  { title: "PERIOD", align: "right", spare: 3 },
  { title: "VERSION", spare: 2 },
  { title: "LIFE", spare: 4 },
];

export function topLines(
  screen: Screen,
  overview: Overview,
  rates: ReadonlyMap<string, Rate>,
  nowMs: number,
): string[] {
  const { nodes, tracker, connection, complete, entryCount, topicCount } = overview;
  const up = nodes.filter(({ status }) => status === "up").length;
  const state = connection === "connected" ? (complete ? "complete" : "catching up") : connection;
  const style = connection === "connected" ? (complete ? "green" : "yellow") : "red";
  let [frames, bytes] = [0, 0];
  for (const rate of rates.values()) {
    frames += rate.frames;
    bytes += rate.bytes;
  }
  const counts = [
    `${up} of ${nodes.length} nodes up`,
    `${shortNumber(entryCount)} entries in ${shortNumber(topicCount)} topics`,
    `${shortNumber(frames)} frames/s`,
    `${shortNumber(bytes)} bytes/s`,
  ];
  const title = `${styled(screen, "bold", cutTo(plain(tracker), 24))}  ${styled(screen, style, state)}`;
  const rows = nodes.map((node): Cell[] => {
    const rate = rates.get(node.name) ?? { frames: 0, bytes: 0 };
    const silent = node.silentMs > 1.5 * (node.heartbeatPeriodMs ?? Infinity);
    return [
      { text: node.name },
      { text: node.status, style: STATUS_STYLES[node.status] },
      { text: node.link, style: node.link === "whole" ? undefined : "red" },
      { text: `${(node.silentMs / 1_000).toFixed(1)}s`, style: silent ? "yellow" : undefined },
      { text: shortNumber(node.lagDots), style: node.lagDots > 0 ? "yellow" : undefined },
      { text: shortNumber(node.entries) },
      { text: shortNumber(rate.frames) },
      { text: shortNumber(rate.bytes) },
      { text: shortDuration(nowMs - node.startedMs) },
      { text: node.heartbeatPeriodMs === undefined ? "" : `${node.heartbeatPeriodMs}ms` },
      { text: node.version ?? "" },
      { text: node.incarnation },
    ];
  });
  return [title, ...wrapped(counts.join(", "), screen.columns, ""), "", ...table(screen, NODE_COLUMNS, rows)];
}

export function topicLines(screen: Screen, topics: readonly TopicRow[]): string[] {
  const columns: Column[] = [
    { title: "TOPIC", least: 16 },
    { title: "ENTRIES", align: "right" },
    { title: "KEYS", align: "right" },
  ];
  const rows = topics.map(({ topic, entries, keys }): Cell[] => [
    { text: topic },
    { text: String(entries) },
    { text: String(keys) },
  ]);
  return table(screen, columns, rows);
}

export function entryLines(screen: Screen, entries: readonly Entry<AnyMeta>[]): string[] {
  const columns: Column[] = [
    { title: "KEY", least: 24 },
    { title: "NODE", least: 12 },
    { title: "META", least: 16 },
    { title: "SESSION", least: 8, spare: 1 },
    { title: "REF", spare: 2 },
  ];
  const rows = entries.map(({ key, node, meta, session, ref }): Cell[] => [
    { text: key },
    { text: node },
    { text: JSON.stringify(meta) },
    { text: session },
    { text: ref },
  ]);
  return table(screen, columns, rows);
}

/** One change, as `watch` tells it. */
export interface Change {
  readonly what: "join" | "update" | "leave";
  readonly topic: string;
  readonly entry: Entry<AnyMeta> & { readonly reason?: string; readonly previous?: Readonly<AnyMeta> };
}

export function* changesOf(topic: string, { leaves, updates, joins }: TopicDiff<AnyMeta>): Generator<Change> {
  for (const entry of leaves) yield { what: "leave", topic, entry };
  for (const entry of updates) yield { what: "update", topic, entry };
  for (const entry of joins) yield { what: "join", topic, entry };
}

const CHANGES = {
  join: ["+", "green"],
  update: ["~", "yellow"],
  leave: ["-", "red"],
} as const;

export function changeLine(screen: Screen, { what, topic, entry }: Change, time: string): string {
  const [sign, style] = CHANGES[what];
  const said = entry.reason ?? JSON.stringify(entry.meta);
  const text = cutTo(
    `${time} ${sign} ${plain(topic)}  ${plain(entry.key)}  ${plain(entry.node)}  ${plain(said)}`,
    screen.columns,
  );
  return styled(screen, style, text);
}

export function explanationLines(screen: Screen, explanations: readonly Explanation[]): string[] {
  const columns: Column[] = [
    { title: "NODE", least: 12 },
    { title: "SHOWN" },
    { title: "STATUS" },
    { title: "HEARD", align: "right" },
    { title: "DOT", align: "right" },
    { title: "SESSION", least: 8 },
    { title: "REF", spare: 2 },
    { title: "LIFE", spare: 1 },
  ];
  const rows = explanations.map((each): Cell[] => [
    { text: each.node },
    { text: each.visible ? "yes" : "hidden", style: each.visible ? "green" : "red" },
    { text: each.status },
    { text: `${(each.silentMs / 1_000).toFixed(1)}s` },
    { text: `${each.shard}.${each.clock}` },
    { text: each.session },
    { text: each.ref },
    { text: each.incarnation },
  ]);
  return table(screen, columns, rows);
}

/** What the doctor has looked at, in the order in which it says so. */
export interface Examined {
  readonly what: string;
  readonly found: string;
}

export function doctorLines(
  screen: Screen,
  examined: readonly Examined[],
  findings: readonly Finding[],
): string[] {
  const width = Math.min(screen.columns, 100);
  const lines = examined.flatMap(({ what, found }) =>
    wrapped(`${what.padEnd(10)} ${found}`, width, " ".repeat(11)),
  );
  lines.push("");
  if (findings.length === 0)
    lines.push(styled(screen, "green", "Nothing is wrong, as far as can be seen from here."));
  for (const { severity, about, what, todo } of findings) {
    const mark = severity === "wrong" ? styled(screen, "red", "wrong") : styled(screen, "yellow", "look ");
    const [first = "", ...rest] = wrapped(`${about}: ${what}`, width - 6, "      ");
    lines.push(`${mark} ${first}`, ...rest);
    lines.push(...wrapped(`→ ${todo}`, width - 8, "  ").map((line) => `      ${line}`));
  }
  return lines;
}
