/**
 * The measured points as text: Markdown tables, so that they can be taken over into a page as they are, and rows
 * as the other benchmark programs write them. Pure.
 */
import { toRow, type Row } from "../harness/row.js";
import { formatNumber } from "../harness/table.js";
import { phases, type Point } from "./measure.js";
import type { Slopes } from "./slopes.js";

/** Per node and second. */
export function costTable(points: readonly Point[]): string {
  const figures = ["receivedBytes", "sentBytes", "receivedFrames", "merges", "workMs"] as const;
  return table(
    ["nodes", "entries", "", "received B", "sent B", "received frames", "merges", "work ms"],
    points.flatMap(({ nodes, entries, cost }) =>
      phases.map((phase) => [
        grouped(nodes),
        grouped(entries),
        phase,
        ...figures.map((figure) => formatNumber(cost[phase][figure])),
      ]),
    ),
  );
}

export function slopeTable(slopes: readonly Slopes[]): string {
  const figures = [
    ["idleBytesPerPeer", "idle B/s per peer"],
    ["bytesPerChange", "B per change"],
    ["workMicrosecondsPerChange", "work µs per change"],
    ["catchUpBytesPerEntry", "catch-up B per entry"],
    ["bytesPerReconnect", "B per reconnect"],
    ["restartBytesPerEntry", "rolling restart B per entry"],
  ] as const;
  return table(
    ["nodes", "entries", ...figures.map(([, heading]) => heading)],
    slopes.map((each) => [
      grouped(each.nodes),
      grouped(each.entries),
      ...figures.map(([figure]) => formatNumber(each[figure])),
    ]),
  );
}

/** One row per load and point, and one per catch-up. */
export function rowsOf(points: readonly Point[]): Row[] {
  return points.flatMap(({ nodes, entries, cost, catchUpBytes, reconnectsPerUser }) => {
    const where = `${grouped(nodes)} nodes, ${grouped(entries)} entries in all`;
    const loads = phases.map((phase) => {
      const { receivedBytes, sentBytes, receivedFrames, merges, workMs } = cost[phase];
      const [frames, merged, work] = [receivedFrames, merges, workMs].map(formatNumber);
      return toRow("growth", {
        name: `${where}, ${phase}: a node receives`,
        unit: "B/s",
        values: [receivedBytes],
        beside: [{ what: "and sends", values: [sentBytes] }],
        note: `per second ${frames} frames received, ${merged} merges, ${work} ms of work`,
      });
    });
    const catchUp = toRow("growth", {
      name: `${where}: a restarted node catches up with`,
      unit: "B",
      values: [catchUpBytes],
      note: `a user reconnects ${formatNumber(reconnectsPerUser)} times while all nodes are restarted`,
    });
    return [...loads, catchUp];
  });
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---:")), ...rows.map(line), ""].join("\n");
}
