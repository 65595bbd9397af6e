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

/** Collects garbage, so that a run does not pay for the one before it. @throws Error without `--expose-gc`. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run Node with --expose-gc");
  globalThis.gc();
}

/**
 * Runs subject and floor in turn, so that both meet the same moods of the machine, after one run of each that
 * warms up and does not count. Each returns its figure.
 */
export async function alternate(
  runs: number,
  subject: () => number | Promise<number>,
  floor: () => number | Promise<number>,
): Promise<{ subject: number[]; floor: number[] }> {
  const figures = { subject: [] as number[], floor: [] as number[] };
  for (let run = -1; run < runs; run++) {
    collectGarbage();
    const subjectFigure = await subject();
    collectGarbage();
    const floorFigure = await floor();
    if (run < 0) continue;
    figures.subject.push(subjectFigure);
    figures.floor.push(floorFigure);
  }
  return figures;
}
