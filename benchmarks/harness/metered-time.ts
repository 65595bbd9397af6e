/** Virtual time that knows how long the longest of its turns took, in processor time. */
import { VirtualTime } from "../../src/testing/virtual-time.js";

export class MeteredTime extends VirtualTime {
  /** Of the turns since it was set to 0. */
  longestMs = 0;
  /** Processor time at the end of the last turn: what promises do after it is a turn of its own. */
  #endedAt: NodeJS.CpuUsage | undefined;

  override at(atMs: number, run: () => void): () => void {
    return super.at(atMs, () => {
      this.promisesEnd();
      this.longestMs = Math.max(this.longestMs, processorMs(run));
      this.#endedAt = process.cpuUsage();
    });
  }

  /** What whoever lets time pass has done before is no turn of anybody's. */
  override advance(durationMs: number): Promise<void> {
    this.#endedAt = undefined;
    return super.advance(durationMs);
  }

  /** What comes now is nothing that promises do. */
  promisesEnd(): void {
    if (this.#endedAt === undefined) return;
    const { user, system } = process.cpuUsage(this.#endedAt);
    this.#endedAt = undefined;
    this.longestMs = Math.max(this.longestMs, (user + system) / 1_000);
  }
}

/** The milliseconds for which processors work while something runs: also those that collect its garbage beside it. */
export function processorMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
