/**
 * A topic as it is open to one follower, on its author's side: in which generation and since which version, and what counts of
 * it where the follow has a limit. Knows no frame.
 */
import type { ReplicatedEntry } from "../entry.js";
import type { CutShare, CutTopic } from "./cut-topic.js";
import { NO_LIMIT } from "./message.js";
import type { Open } from "./message.js";
import type { OwnEntries } from "./own-entries.js";

export class OpenTopic {
  readonly generation: number;
  /** The version of the share that opened it. */
  version: number;
  /** What is told of it, where the follow has a limit. */
  readonly cut: CutTopic | undefined;
  readonly #topic: string;

  constructor(topic: string, generation: number, version: number, cut: CutTopic | undefined) {
    this.#topic = topic;
    this.generation = generation;
    this.version = version;
    this.cut = cut;
  }

  get limit(): number {
    return this.cut?.limit ?? NO_LIMIT;
  }

  /** Whether only how many entries there are is told. */
  get isOffer(): boolean {
    return this.cut?.isOffer === true;
  }

  /** As it travels. */
  get wire(): Open {
    const { generation, cut } = this;
    return cut === undefined ? [this.#topic, generation] : [this.#topic, generation, cut.told];
  }

  /** What counts of it. */
  entries(own: OwnEntries): Iterable<ReplicatedEntry> {
    return this.cut?.of() ?? own.of(this.#topic);
  }

  /** How many those are. */
  size(own: OwnEntries): number {
    return this.cut?.size ?? own.of(this.#topic).size;
  }

  counts(entry: ReplicatedEntry): boolean {
    return this.cut?.has(entry) !== false;
  }

  /** The share is told of it no longer. */
  unwatch(own: OwnEntries, share: CutShare): void {
    if (this.cut === undefined) own.unwatch(this.#topic, share);
    else this.cut.end();
  }
}
