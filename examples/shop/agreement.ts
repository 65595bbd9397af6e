/**
 * Whether the nodes' own lists agree, by the counts that they report. Reports are not of one moment and changes
 * are on their way all the time, so a difference counts only if it lasts over several reports.
 */

/** At four reports a second: longer than a change takes between two nodes that hear each other. */
const keptReadings = 8;

export class Agreement {
  readonly #readings = new Map<string, number[]>();

  /** Takes the counts of one moment; nodes that do not say are absent. */
  read(shoppers: ReadonlyMap<string, number>): void {
    const most = commonest([...shoppers.values()]);
    for (const name of this.#readings.keys()) if (!shoppers.has(name)) this.#readings.delete(name);
    for (const [name, count] of shoppers) {
      const readings = this.#readings.get(name) ?? [];
      readings.push(count - most);
      if (readings.length > keptReadings) readings.shift();
      this.#readings.set(name, readings);
    }
  }

  /** By how many the node's list differs from that of most nodes, lastingly; `undefined` if it does not say. */
  differsBy(name: string): number | undefined {
    const readings = this.#readings.get(name);
    return readings?.reduce((least, each) => (Math.abs(each) < Math.abs(least) ? each : least));
  }

  /** Whether all that were read last had the same count. */
  get agreesNow(): boolean {
    return [...this.#readings.values()].every((readings) => readings.at(-1) === 0);
  }
}

/** The count that most nodes have; the greatest of them where several have as many. */
function commonest(counts: readonly number[]): number {
  const votes = new Map<number, number>();
  for (const count of counts) votes.set(count, (votes.get(count) ?? 0) + 1);
  let best = 0;
  let bestVotes = 0;
  for (const [count, number] of votes) {
    if (number < bestVotes || (number === bestVotes && count < best)) continue;
    best = count;
    bestVotes = number;
  }
  return best;
}
