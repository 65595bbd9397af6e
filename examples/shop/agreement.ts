/**
 * Whether the nodes' own lists agree: by how many shoppers of each life are on them, because two lists of
 * different shoppers may well have the same length. Reports are not of one moment and changes are on their way
 * all the time, so a difference counts only if it lasts over several reports.
 */

/** Shoppers on a node's list by the life that serves them. */
export type Counts = ReadonlyMap<string, number>;

/** At four reports a second: longer than a change takes between two nodes that hear each other. */
const keptReadings = 8;

export class Agreement {
  /** Of each node, the differences of its last reports from the list that is nearest to all, by life. */
  readonly #readings = new Map<string, Counts[]>();

  /** Takes the counts of one moment; nodes that do not say are absent. */
  read(lists: ReadonlyMap<string, Counts>): void {
    const reference = middleOf([...lists.values()]);
    for (const name of this.#readings.keys()) if (!lists.has(name)) this.#readings.delete(name);
    for (const [name, counts] of lists) {
      const readings = this.#readings.get(name) ?? [];
      readings.push(differences(counts, reference));
      if (readings.length > keptReadings) readings.shift();
      this.#readings.set(name, readings);
    }
  }

  /** Forgets what was read: from now on a difference is one of now. */
  startAnew(): void {
    this.#readings.clear();
  }

  /** By how many the node's list differs from that of most nodes, lastingly; `undefined` if it does not say. */
  differsBy(name: string): number | undefined {
    const readings = this.#readings.get(name);
    if (readings === undefined) return undefined;
    const [latest = new Map<string, number>()] = readings.slice(-1);
    let lasting = 0;
    for (const life of latest.keys()) {
      lasting += Math.min(...readings.map((reading) => reading.get(life) ?? 0));
    }
    return lasting;
  }

  /** Whether somebody said something, and nothing differs. */
  get agrees(): boolean {
    return this.#readings.size > 0 && [...this.#readings.keys()].every((name) => this.differsBy(name) === 0);
  }
}

/** By how many, for each life that is not the same in both. */
function differences(one: Counts, other: Counts): Counts {
  const found = new Map<string, number>();
  for (const life of new Set([...one.keys(), ...other.keys()])) {
    const difference = Math.abs((one.get(life) ?? 0) - (other.get(life) ?? 0));
    if (difference > 0) found.set(life, difference);
  }
  return found;
}

/** The list that differs least from all; the longest of them where several do. */
function middleOf(lists: readonly Counts[]): Counts {
  let best: Counts = new Map();
  let least = Infinity;
  for (const list of lists) {
    const sum = lists.reduce((all, other) => all + total(differences(list, other)), 0);
    if (sum > least || (sum === least && total(list) <= total(best))) continue;
    best = list;
    least = sum;
  }
  return best;
}

function total(counts: Counts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
