/**
 * How soon a change is seen, and what that costs, with the options that a tracker has by default: the window in which
 * changes are collected follows the load. Nodes on virtual time and a wire of a millisecond, so that the figures are
 * those of the protocol; beside them what a fixed window of `broadcastPeriodMs` takes.
 */
import type { Benchmark } from "../harness/command.js";
import { Lab, type LabOptions } from "../harness/lab.js";
import { Session } from "../../src/session.js";
import { SeededRandom } from "../../src/testing/random.js";
import { by, changed } from "../../test/sim/protocol.js";
import { keyOf, metaOf, topicOf } from "../workload.js";

const nodeCount = 5;
const users = 2_000;
const settleMs = 10_000;
const measuredMs = 20_000;
/** How long all nodes wait before further changes, as before the window followed the load. */
const fixed = changed({ rules: { quietUntilMs: (flushedMs, periodMs) => flushedMs + periodMs } });

/** Targets, for those rates that have one. */
const targetMs = new Map([[100, 50]]);

interface Measured {
  /** From a change until another node lists it: each sample of each other node. */
  readonly seenMs: number[];
  /** What one node sends, in the mean. */
  readonly bytesPerSecond: number;
  readonly framesPerSecond: number;
}

export const window: Benchmark = {
  name: "window",
  async run({ report, progress }) {
    for (const rate of [100, 1_000, 10_000]) {
      progress(`${rate} changes a second`);
      const [now, before] = [await measure(rate, {}), await measure(rate, by(fixed, {}))];
      const of = `${rate.toLocaleString("en-US")} changes a second on ${nodeCount} nodes`;
      const limitMs = targetMs.get(rate);
      report({
        name: `${of}: a change is seen elsewhere, p50`,
        unit: "ms",
        values: [percentile(now.seenMs, 0.5)],
        floor: { what: "the way of a frame", values: [1] },
        ...(limitMs !== undefined && {
          target: { text: `under ${limitMs} ms`, met: (median: number) => median < limitMs },
        }),
        beside: [
          { what: "p99", values: [percentile(now.seenMs, 0.99)] },
          { what: "with a fixed window, p50", values: [percentile(before.seenMs, 0.5)] },
          { what: "with a fixed window, p99", values: [percentile(before.seenMs, 0.99)] },
        ],
      });
      for (const [what, unit, figure] of [
        ["bytes", "B/s", "bytesPerSecond"],
        ["frames", "/s", "framesPerSecond"],
      ] as const) {
        report({
          name: `${of}: ${what} that a node sends in a second`,
          unit,
          values: [now[figure]],
          floor: { what: "with a fixed window", values: [before[figure]] },
          ...(rate === 10_000 && {
            target: {
              text: "as with a fixed window, within 2 %",
              met: (_: number, ratio: number) => ratio < 1.02,
            },
          }),
        });
      }
    }
  },
};

/** Changes at random times, of random users, each on the node of that user. */
async function measure(changesPerSecond: number, options: LabOptions): Promise<Measured> {
  const lab = new Lab();
  const random = new SeededRandom(`window ${changesPerSecond}`);
  const names = Array.from({ length: nodeCount }, (_, i) => `node-${i}`);
  const changedMs = new Map<string, number>();
  const seenMs: number[] = [];
  let isMeasured = false;
  const trackers = await Promise.all(
    names.map((name) =>
      lab.start(name, options, {
        handleDiff: (diff) => {
          if (!isMeasured) return;
          for (const { updates } of diff.values())
            for (const { node, ref } of updates) {
              const atMs = node === name ? undefined : changedMs.get(ref);
              if (atMs !== undefined) seenMs.push(lab.time.nowMs - atMs);
            }
        },
      }),
    ),
  );
  const sessions = Array.from({ length: users }, () => new Session());
  for (const [i, session] of sessions.entries())
    trackers[i % nodeCount]!.track(session, topicOf(i), keyOf(i), metaOf(i));
  await lab.advance(settleMs);
  let revision = 0;
  const change = (): void => {
    const i = random.integer(0, users - 1);
    const ref = trackers[i % nodeCount]!.update(sessions[i]!, topicOf(i), keyOf(i), metaOf(i, ++revision));
    if (ref !== undefined) changedMs.set(ref, lab.time.nowMs);
    lab.time.at(lab.time.nowMs + (-Math.log(1 - random.next()) * 1_000) / changesPerSecond, change);
  };
  change();
  await lab.advance(settleMs);
  isMeasured = true;
  const before = names.map((name) => ({ ...lab.wire.traffic(name) }));
  await lab.advance(measuredMs);
  isMeasured = false;
  const perSecond = (figure: "sentBytes" | "sentFrames"): number =>
    names.reduce((sum, name, i) => sum + lab.wire.traffic(name)[figure] - before[i]![figure], 0) /
    nodeCount /
    (measuredMs / 1_000);
  return { seenMs, bytesPerSecond: perSecond("sentBytes"), framesPerSecond: perSecond("sentFrames") };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
