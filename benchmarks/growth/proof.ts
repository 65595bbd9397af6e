/**
 * Proves the sampling that the growth benchmark is built on: a small cluster is measured twice, once with a few
 * observers and once whole, where everybody hears everybody. What the few take has to be what all take.
 */
import { measure, phases, type Phase, type Point } from "./measure.js";

const size = { nodes: 20, entries: 10_000 };
const toleratedDifference = 0.02;
const figures = ["sentBytes", "receivedBytes", "receivedFrames", "merges"] as const;

export interface Proof {
  readonly nodes: number;
  readonly entries: number;
  /** The largest difference that was found, as a share of what the whole cluster takes, and where. */
  readonly largestDifference: number;
  readonly found: string;
}

/** @throws Error where the few do not take what all take. */
export async function proveSampling(say: (step: string) => void): Promise<Proof> {
  const whole = await measure({ ...size, whole: true }, say);
  const sampled = await measure(size, say);
  const differences = [
    ...phases.flatMap((phase) => figures.map((figure) => ofFigure(whole, sampled, phase, figure))),
    difference("catch-up, bytes", whole.catchUpBytes, sampled.catchUpBytes),
  ];
  const different = differences.filter(({ share }) => !(share <= toleratedDifference));
  if (different.length > 0) {
    throw new Error(`a few nodes do not take what all take: ${different.map(({ text }) => text).join("; ")}`);
  }
  const largest = differences.reduce((most, each) => (each.share > most.share ? each : most));
  return { ...size, largestDifference: largest.share, found: largest.text };
}

interface Difference {
  readonly text: string;
  readonly share: number;
}

function ofFigure(whole: Point, sampled: Point, phase: Phase, figure: (typeof figures)[number]): Difference {
  return difference(`${phase}, ${figure}`, whole.cost[phase][figure], sampled.cost[phase][figure]);
}

function difference(what: string, ofAll: number, ofFew: number): Difference {
  // Idle nodes merge nothing, whoever hears them.
  const share = ofAll === ofFew ? 0 : Math.abs(ofFew - ofAll) / ofAll;
  return { text: `${what}: all take ${ofAll}, the few ${ofFew}`, share };
}
