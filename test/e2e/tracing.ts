/** Chromium's own trace of a page: which tasks its main thread ran, and how long each kept the processor. */
import type { Browser, Page } from "playwright-core";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Wall time, in microseconds. */
  readonly dur?: number;
  /** Time on the processor, in microseconds: what the page needs, however busy the machine is. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Traces the page while something goes on; returns the processor time of each task, in milliseconds. */
export async function traceTasks(
  browser: Browser,
  page: Page,
  during: () => Promise<void>,
): Promise<readonly number[]> {
  await browser.startTracing(page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "__metadata"],
  });
  await during();
  // What a task gives comes before the task ends, and one that has not ended is not in the trace.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const mainThreads = new Set<string>();
  for (const { name, pid, tid, args } of trace.traceEvents) {
    if (name === "thread_name" && args?.name === "CrRendererMain") mainThreads.add(`${pid} ${tid}`);
  }
  const tasks: number[] = [];
  for (const { name, ph, pid, tid, tdur } of trace.traceEvents) {
    const isTask = name === "RunTask" || name === "ThreadControllerImpl::RunTask";
    if (!isTask || ph !== "X" || tdur === undefined || !mainThreads.has(`${pid} ${tid}`)) continue;
    tasks.push(tdur / 1_000);
  }
  return tasks;
}
