/**
 * Work without a clock: counts what a run asks of maps, sets and iterators, whoever asks. A search through all that a
 * node holds shows as steps, so cost that grows faster than what changed shows on any machine, and on each alike.
 */

type Method = (this: unknown, ...input: unknown[]) => unknown;
type Methods = Record<string, Method>;

function prototypeOf(value: object): Methods {
  return Object.getPrototypeOf(value) as Methods;
}

/** What is counted: the methods by which collections are asked, changed and walked. */
const counted: readonly { readonly prototype: Methods; readonly names: readonly string[] }[] = [
  { prototype: prototypeOf(new Map()), names: ["get", "has", "set", "delete"] },
  { prototype: prototypeOf(new Set()), names: ["has", "add", "delete"] },
  { prototype: prototypeOf(new Map().entries()), names: ["next"] },
  { prototype: prototypeOf(new Set().values()), names: ["next"] },
  { prototype: prototypeOf([].values()), names: ["next"] },
];

/** Counts the steps over collections that turns take: what runs within {@link Work.turn} is one. */
export class Work {
  /** Of all turns together. */
  steps = 0;
  /** Of the longest. */
  longestTurn = 0;

  /** Runs a turn. Between turns nothing is counted: whoever watches costs nothing. */
  turn(run: () => void): void {
    const before = this.steps;
    const restore = this.#count();
    try {
      run();
    } finally {
      restore();
    }
    this.longestTurn = Math.max(this.longestTurn, this.steps - before);
  }

  #count(): () => void {
    const restores: (() => void)[] = [];
    const step = (): void => {
      this.steps += 1;
    };
    for (const { prototype, names } of counted) {
      for (const name of names) {
        const original = prototype[name] as Method;
        restores.push(() => {
          prototype[name] = original;
        });
        prototype[name] = function (...input) {
          step();
          return Reflect.apply(original, this, input);
        };
      }
    }
    return () => {
      for (const restore of restores) restore();
    };
  }
}
