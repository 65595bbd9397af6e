/**
 * Whether the nodes' own lists agree: by how many shoppers of each life are on them, because two lists of
 * different shoppers may well have the same length. Reports are not of one moment and changes are on their way
 * all the time, so a difference counts only if it lasts over several reports.
 */

/** Shoppers on a node's list by the life that serves them. */
export type Counts = ReadonlyMap<string, number>;

/** What the nodes said at one moment, by name. */
type Lists = ReadonlyMap<string, Counts>;

/** At four reports a second: longer than a change takes between two nodes that hear each other. */
const keptReadings = 8;

export class Agreement {
  /** The latest last. */
  readonly #readings: Lists[] = [];
  /** The node whose list the others are compared with. */
  #reference: string | undefined;

  /** Takes the counts of one moment; nodes that do not say are absent. */
  read(lists: Lists): void {
    this.#readings.push(lists);
    if (this.#readings.length > keptReadings) this.#readings.shift();
    this.#reference = nearestToAll(lists, this.#readings);
  }

  /** Forgets what was read: from now on a difference is one of now. */
  startAnew(): void {
    this.#readings.length = 0;
  }

  /** By how many the node's list differs from that of most nodes, lastingly; `undefined` if it does not say. */
  differsBy(name: string): number | undefined {
    const alone = this.#lasting(name, 1);
    return alone === undefined ? undefined : alone + (this.lacks(name) ?? 0);
  }

  /** How many of these it lacks; the rest is on its list alone. */
  lacks(name: string): number | undefined {
    return this.#lasting(name, -1);
  }

  /** By how many it differs at this moment, what is on its way included. */
  differsNowBy(name: string): number {
    const [list, reference] = [this.#latest.get(name), this.#latest.get(this.#reference ?? "")];
    return list === undefined || reference === undefined ? 0 : differenceOf(list, reference);
  }

  /** Whether somebody said something, and nothing differs. */
  get agrees(): boolean {
    return this.#latest.size > 0 && [...this.#latest.keys()].every((name) => this.differsBy(name) === 0);
  }

  get #latest(): Lists {
    return this.#readings.at(-1) ?? new Map<string, Counts>();
  }

  /** How many of each life it has had more all the time, or fewer if `sign` is -1. */
  #lasting(name: string, sign: 1 | -1): number | undefined {
    const latest = this.#latest.get(name);
    if (latest === undefined) return undefined;
    const pairs = this.#readings.flatMap((lists): (readonly [Counts, Counts])[] => {
      const [list, reference] = [lists.get(name), lists.get(this.#reference ?? "")];
      return list === undefined || reference === undefined ? [] : [[list, reference]];
    });
    let lasting = 0;
    for (const life of lives(latest, pairs.at(-1)?.[1] ?? latest)) {
      const differences = pairs.map(
        ([list, reference]) => sign * ((list.get(life) ?? 0) - (reference.get(life) ?? 0)),
      );
      lasting += Math.max(0, Math.min(...differences));
    }
    return lasting;
  }
}

function lives(one: Counts, other: Counts): ReadonlySet<string> {
  return new Set([...one.keys(), ...other.keys()]);
}

/** By how many, over all lives. */
function differenceOf(one: Counts, other: Counts): number {
  let sum = 0;
  for (const life of lives(one, other)) sum += Math.abs((one.get(life) ?? 0) - (other.get(life) ?? 0));
  return sum;
}

/**
 * Whose list differs least from all. Where several do it is the longest, over all readings: of two sides of the
 * same size it would else be now this one and now that one.
 */
function nearestToAll(lists: Lists, readings: readonly Lists[]): string | undefined {
  let nearest: string | undefined;
  let least = Infinity;
  let longest = -1;
  for (const [name, list] of lists) {
    let sum = 0;
    for (const other of lists.values()) sum += differenceOf(list, other);
    let length = 0;
    for (const reading of readings) length += total(reading.get(name));
    if (sum > least || (sum === least && length <= longest)) continue;
    nearest = name;
    least = sum;
    longest = length;
  }
  return nearest;
}

function total(counts: Counts | undefined): number {
  let sum = 0;
  for (const count of counts?.values() ?? []) sum += count;
  return sum;
}
