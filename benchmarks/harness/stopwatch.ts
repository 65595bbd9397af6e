/** Timing of one stretch of work. The only place of the in-process benchmarks that reads a clock. */

/** The milliseconds that `work` takes. */
export function timeMs(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

/** The same for work that waits. */
export async function timeAsyncMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/**
 * Nanoseconds per call of something too short to be timed alone: called `calls` times between two looks at
 * the clock. `call` gets the number of the call and returns something, which is used so that it is not
 * optimised away.
 */
export function timePerCallNs(calls: number, call: (index: number) => unknown): number {
  let sink: unknown;
  const startMs = performance.now();
  for (let index = 0; index < calls; index++) sink = call(index);
  const tookMs = performance.now() - startMs;
  if (sink === timePerCallNs) throw new Error("unreachable: keeps the last result alive");
  return (tookMs * 1e6) / calls;
}

/**
 * Collects the young garbage, so that a run does not pay for the one before it. Not the old: a full collection
 * shrinks the young generation to its least, and what runs next would be measured while it grows again.
 *
 * @throws Error without `--expose-gc`.
 */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run Node with --expose-gc");
  globalThis.gc({ type: "minor" });
}

/** Runs that do not count, until the code is compiled as it would be in a server that has run for a while. */
const warmUpRuns = 5;
/** Long runs compile all they need in the first. */
const warmUpLimitMs = 2_000;

/**
 * Runs subject and floor in turn, so that both meet the same moods of the machine, after some runs of each
 * that warm up and do not count. Each returns its figure.
 */
export async function alternate(
  runs: number,
  subject: () => number | Promise<number>,
  floor: () => number | Promise<number>,
): Promise<{ subject: number[]; floor: number[] }> {
  const once = async (): Promise<{ subjectFigure: number; floorFigure: number }> => {
    collectGarbage();
    const subjectFigure = await subject();
    collectGarbage();
    return { subjectFigure, floorFigure: await floor() };
  };
  const startMs = performance.now();
  for (let run = 0; run < warmUpRuns; run++) {
    await once();
    if (performance.now() - startMs > warmUpLimitMs) break;
  }
  const figures = { subject: [] as number[], floor: [] as number[] };
  for (let run = 0; run < runs; run++) {
    const { subjectFigure, floorFigure } = await once();
    figures.subject.push(subjectFigure);
    figures.floor.push(floorFigure);
  }
  return figures;
}
