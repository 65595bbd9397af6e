/**
 * The topics of a share that its author tells in stretches, from their latest births down: of each, how far it is told, and
 * what that sums up to. What is born meanwhile is above all that is still to be told, so it is told as any change.
 *
 * Knows no frame and no follower.
 */
import { Digest } from "../../crdt/digest.js";
import type { ReplicatedEntry } from "../entry.js";
import type { OwnEntries } from "./own-entries.js";
import { sumOf } from "./sum.js";

/** A stretch of a topic: all that was born above `floor` and up to `below`. */
interface Stretch {
  readonly entries: readonly ReplicatedEntry[];
  readonly floor: number;
  readonly below: number;
  readonly sum: Digest;
}

/** How a topic is told that is told in stretches. */
class Telling {
  /** What was born above it is told. */
  floor: number;
  /** The version of the share with which it came there. */
  version: number;
  /** The same of the stretch before: the last one may be lost. */
  below: number;
  belowVersion: number;
  /** What is told. */
  count = 0;
  readonly digest = new Digest();

  constructor(floor: number, version: number) {
    this.floor = floor;
    this.version = version;
    this.below = floor;
    this.belowVersion = version;
  }

  include(clock: number, hash: number): void {
    this.count += 1;
    this.digest.add(clock, hash);
  }

  exclude(clock: number, hash: number): void {
    this.count -= 1;
    this.digest.subtract(clock, hash);
  }
}

export class Stretches {
  readonly #own: OwnEntries;
  readonly #tellings = new Map<string, Telling>();
  /** Those of which something is still to be told. */
  readonly #open = new Set<string>();

  constructor(own: OwnEntries) {
    this.#own = own;
  }

  /** Whether there is one of which something is still to be told. */
  get areOpen(): boolean {
    return this.#open.size > 0;
  }

  /** Whether the follower has heard to their ends all that were told in stretches. */
  get areHeard(): boolean {
    return this.#tellings.size === 0;
  }

  open(): Iterable<string> {
    return this.#open;
  }

  get(topic: string): Telling | undefined {
    return this.#tellings.get(topic);
  }

  /** A topic is told from now on: of what was born up to a clock, nothing was told yet. */
  begin(topic: string, clock: number, version: number): void {
    this.#own.beginStretches(topic);
    this.#tellings.set(topic, new Telling(clock, version));
    this.#open.add(topic);
  }

  end(topic: string): void {
    if (!this.#tellings.delete(topic)) return;
    this.#open.delete(topic);
    this.#own.endStretches(topic);
  }

  clear(): void {
    for (const topic of [...this.#tellings.keys()]) this.end(topic);
  }

  /** The next stretch of a topic, with so many entries at the most, which is told with a version of the share. */
  next(topic: string, most: number, version: number): Stretch | undefined {
    const telling = this.#tellings.get(topic);
    if (telling === undefined) return undefined;
    const below = telling.floor;
    const { entries, floor } = this.#own.stretch(topic, below, most);
    const sum = sumOf(entries);
    telling.count += entries.length;
    telling.digest.addAll(sum);
    if (telling.version !== version) {
      telling.below = below;
      telling.belowVersion = telling.version;
    }
    telling.floor = floor;
    telling.version = version;
    if (floor === 0) {
      this.#open.delete(topic);
      this.#own.hasDigest(topic, telling.digest);
    }
    return { entries, floor, below, sum };
  }

  /** How far a topic was told at a version; `undefined` where that is not known any more. */
  floorAt(topic: string, version: number): number | undefined {
    const telling = this.#tellings.get(topic);
    if (telling === undefined) return 0;
    if (version >= telling.version) return telling.floor;
    return version >= telling.belowVersion ? telling.below : undefined;
  }

  /** What was told after a version; `undefined` instead of the entries where it is not known from where on. */
  *since(
    version: number,
  ): Generator<Omit<Stretch, "sum" | "entries"> & { topic: string; entries: ReplicatedEntry[] | undefined }> {
    for (const [topic, { floor, version: toldWith }] of this.#tellings) {
      if (toldWith <= version) continue;
      const below = this.floorAt(topic, version);
      const entries =
        below === undefined ? undefined : this.#own.stretch(topic, below, Infinity, floor).entries;
      yield { topic, floor, below: below ?? 0, entries };
    }
  }

  /** The follower has heard a version: what was told to its end is told as any topic from then on. */
  heard(version: number): void {
    for (const [topic, telling] of this.#tellings)
      if (telling.floor === 0 && telling.version <= version) this.end(topic);
  }
}
