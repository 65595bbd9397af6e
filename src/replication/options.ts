/** What a replicator is made with: who it is, its periods and bounds, its random, and who is told what happens inside. */
import type { Life } from "./life.js";
import type { DeltaMessage } from "./message.js";
import type { Protocol } from "./rules.js";

export interface ReplicatorOptions {
  readonly life: Life;
  readonly poolSize: number;
  /** Whether this node only looks on: it has nothing, asks others, and is nobody's replica. Default false. */
  readonly observer?: boolean | undefined;
  /** Whether this node hears itself as others hear it; if not, it believes what it is told of its connection. */
  readonly echoes: boolean;
  readonly maxFrameBytes: number;
  readonly broadcastPeriodMs: number;
  readonly heartbeatPeriodMs: number;
  readonly tickPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** How many entries of other lives are kept. */
  readonly maxEntries: number;
  readonly random: () => number;
  /** The version of the library, told to each life that is met. */
  readonly version?: string | undefined;
  readonly tracing?: Tracing | undefined;
  readonly protocol: Protocol;
}

/** Is told what happens inside, in the middle of it: it only looks, and does nothing but note it. */
export interface Tracing {
  /** What was changed here was told to all. */
  flushed(delta: DeltaMessage): void;
  /** Something of a life was merged, shown or not. */
  merged(
    life: Life,
    change: { readonly [What in "added" | "updated" | "removed"]: readonly unknown[] },
  ): void;
  /** A slice is begun anew, from pages. */
  rebuilding(life: Life, shard: number): void;
}
