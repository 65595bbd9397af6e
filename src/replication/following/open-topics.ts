/**
 * The topics that are open to one follower, on its author's side: in which generation each is, and what counts of it where its
 * follow has a limit. A share may have a hundred thousand, so a topic has no object of its own. Knows no frame.
 */
import type { Digest } from "../../crdt/digest.js";
import type { ReplicatedEntry } from "../entry.js";
import { CutTopic, type CutShare } from "./cut-topic.js";
import { NO_LIMIT } from "./message.js";
import type { Open } from "./message.js";
import type { OwnEntries } from "./own-entries.js";
import type { FollowingRules } from "./rules.js";
import { sumOf } from "./sum.js";

export class OpenTopics {
  readonly #own: OwnEntries;
  readonly #share: CutShare;
  readonly #rules: FollowingRules;
  readonly #generations = new Map<string, number>();
  /** Of those whose follows have limits, what is told. */
  readonly #cuts = new Map<string, CutTopic>();

  /** @param share is told of what changes in them. */
  constructor(own: OwnEntries, share: CutShare, rules: FollowingRules) {
    this.#own = own;
    this.#share = share;
    this.#rules = rules;
  }

  get size(): number {
    return this.#generations.size;
  }

  topics(): IterableIterator<string> {
    return this.#generations.keys();
  }

  generationOf(topic: string): number | undefined {
    return this.#generations.get(topic);
  }

  /** What is told of it, where its follow has a limit. */
  cutOf(topic: string): CutTopic | undefined {
    return this.#cuts.get(topic);
  }

  /** All as they travel. */
  *wire(): Generator<Open> {
    for (const topic of this.#generations.keys()) {
      const open = this.wireOf(topic);
      if (open !== undefined) yield open;
    }
  }

  /** One as it travels, if it is open. */
  wireOf(topic: string): Open | undefined {
    const generation = this.#generations.get(topic);
    if (generation === undefined) return undefined;
    const cut = this.#cuts.get(topic);
    return cut === undefined ? [topic, generation] : [topic, generation, cut.told];
  }

  /** What counts of it. */
  entriesOf(topic: string): Iterable<ReplicatedEntry> {
    return this.#cuts.get(topic)?.of() ?? this.#own.of(topic);
  }

  /** How many those are. */
  sizeOf(topic: string): number {
    return this.#cuts.get(topic)?.size ?? this.#own.of(topic).size;
  }

  /** What they sum up to. */
  digestOf(topic: string): Digest {
    const cut = this.#cuts.get(topic);
    return cut === undefined ? this.#own.digestOf(topic) : sumOf(cut.of());
  }

  /** One that is not open is so from now on. */
  begin(topic: string, generation: number, limit: number): void {
    this.#generations.set(topic, generation);
    if (limit === NO_LIMIT) this.#own.watch(topic, this.#share);
    else this.#cuts.set(topic, new CutTopic(topic, limit, this.#own, this.#share, this.#rules));
  }

  /** It is open no longer. */
  end(topic: string): void {
    if (!this.#generations.delete(topic)) return;
    const cut = this.#cuts.get(topic);
    if (cut === undefined) return this.#own.unwatch(topic, this.#share);
    cut.end();
    this.#cuts.delete(topic);
  }

  endAll(): void {
    for (const topic of this.#generations.keys()) this.end(topic);
  }
}
