/**
 * What was measured as rows, as the other benchmark programs write them: shares, with full replication and the model of
 * the same run beside them, and with targets where there are any. Pure.
 */
import { toRow, type Figure, type Row } from "../harness/row.js";
import type { PlacementSize } from "./placement.js";

interface Traffic {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
}

export interface Compared {
  readonly size: PlacementSize;
  /** Where nothing changes. */
  readonly idle: Traffic;
  readonly shares: Traffic;
  readonly model: Traffic;
  readonly full: Traffic | undefined;
}

/** Where nothing changes, in a cluster of so many nodes. */
const IDLE_TARGET: Traffic & { readonly nodes: number } = {
  nodes: 1_000,
  receivedFrames: 25,
  receivedBytes: 25_000,
};

/** At 1 % of all entries replaced per second. */
const TARGETS: readonly (PlacementSize & Traffic)[] = [
  { nodes: 100, entries: 100_000, kind: "home", receivedFrames: 140, receivedBytes: 22_000 },
  { nodes: 100, entries: 100_000, kind: "random", receivedFrames: 260, receivedBytes: 65_000 },
  { nodes: 300, entries: 60_000, kind: "home", receivedFrames: 45, receivedBytes: 15_000 },
];
const MODEL_OFF = { receivedFrames: 0.1, receivedBytes: 0.2 };

export function rowsOf(compared: Compared): Row[] {
  const { size } = compared;
  const { nodes, entries, kind } = size;
  const placement = kind === "home" ? "home nodes" : "placed at random";
  const where = `${nodes} nodes, ${entries.toLocaleString("en-US")} entries in rooms, ${placement}`;
  const target = TARGETS.find(
    (each) => each.nodes === nodes && each.entries === entries && each.kind === kind,
  );
  return (["receivedFrames", "receivedBytes"] as const).flatMap((figure) => {
    const isFrames = figure === "receivedFrames";
    const [what, unit] = isFrames ? (["frames", "/s"] as const) : (["bytes", "B/s"] as const);
    const most = target?.[figure];
    const received: Figure = {
      name: `following: ${what} received by a node, ${where}`,
      unit,
      values: [compared.shares[figure]],
      ...(most !== undefined && {
        target: { text: `under ${most.toLocaleString("en-US")}${unit}`, met: (median) => median < most },
      }),
      beside:
        compared.full === undefined ? [] : [{ what: "full replication", values: [compared.full[figure]] }],
    };
    const off = Math.abs(compared.model[figure] / compared.shares[figure] - 1);
    const model: Figure = {
      name: `following: the model is off in ${what}, ${where}`,
      unit: "",
      values: [off],
      ...(target !== undefined &&
        nodes === 100 && {
          target: { text: `within ${MODEL_OFF[figure]}`, met: () => off <= MODEL_OFF[figure] },
        }),
      beside: [{ what: `the model, ${unit}`, values: [compared.model[figure]] }],
    };
    const mostIdle = nodes === IDLE_TARGET.nodes ? IDLE_TARGET[figure] : undefined;
    const idle: Figure = {
      name: `following: ${what} received by an idle node, ${where}`,
      unit,
      values: [compared.idle[figure]],
      ...(mostIdle !== undefined && {
        target: {
          text: `under ${mostIdle.toLocaleString("en-US")}${unit}`,
          met: (median) => median < mostIdle,
        },
      }),
    };
    return [idle, received, model].map((each) => toRow(`following ${where}`, each));
  });
}
