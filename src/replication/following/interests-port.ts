/** What the interests of a node are told when they begin, and whom they ask about others. Types only. */
import type { Life } from "../life.js";
import type { Lingering } from "./follows.js";
import type { Begun } from "./message.js";
import type { Pair } from "./pair.js";

export interface InterestsOptions {
  readonly life: Life;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  /** How long a follow without a handle, and a stake without an entry, are kept. */
  readonly lingering: Lingering;
  readonly countPeriodMs: number;
  /** Whether this node holds everything: what it has is known to others as of a shard of its own. */
  readonly holdsEverything: boolean;
  /** The numbers of the machine that had its life before. */
  readonly begun?: Begun | undefined;
}

export interface InterestsPort {
  /** The present life of a name, unless it has ended. */
  pairOf(name: string): Pair | undefined;
  isUp(pair: Pair): boolean;
  /** Whether a later life of its name is up that holds otherwise, where this node speaks with those apart. */
  isSuperseded(life: Life): boolean;
  /** All that are known and have not ended. */
  pairs(): Iterable<Pair>;
  /** There is something to say to a pair. */
  hasNews(pair: Pair): void;
  /** What is known of a topic's count is another number. */
  countChanged(topic: string): void;
}
