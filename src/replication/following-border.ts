/**
 * The border of a node that follows: what a payload is, before anybody listens to it. What no node can have sent is refused
 * and reported; a node of which nothing can be listed, as it speaks another version, is told of once; and nodes that hold
 * everything say to each other elsewhere what they have to say. Time comes in as an argument; knows no pair.
 */
import type { Counters } from "./counters.js";
import { decodeFollowing } from "./following/codec.js";
import { FOLLOWING_VERSION } from "./following/limits.js";
import type { FollowingFrame } from "./following/message.js";
import type { Life } from "./life.js";
import { ForeignNodes } from "./lives/foreign-nodes.js";
import type { Refusals } from "./lives/refusals.js";
import type { VersionRange } from "./message.js";
import type { Effects } from "./step.js";

export interface FollowingBorderOptions {
  readonly life: Life;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** Whether this node holds everything. */
  readonly holdsEverything: boolean;
}

export class FollowingBorder {
  readonly #ownName: string;
  readonly #holdsEverything: boolean;
  readonly #counters: Counters;
  readonly #effects: Effects;
  /** Nodes of which nothing is listed. */
  readonly foreign: ForeignNodes;

  constructor(options: FollowingBorderOptions, counters: Counters, refusals: Refusals, effects: Effects) {
    const { life, downPeriodMs, permdownPeriodMs, holdsEverything } = options;
    this.#ownName = life.name;
    this.#holdsEverything = holdsEverything;
    this.#counters = counters;
    this.#effects = effects;
    this.foreign = new ForeignNodes({ downPeriodMs, permdownPeriodMs, speaks: OWN }, effects, (nowMs) =>
      refusals.report({ kind: "crowded", table: "foreignNodes" }, nowMs),
    );
  }

  /** Returns the frame that a payload is, if it is to be listened to. */
  take(payload: string, nowMs: number): FollowingFrame | undefined {
    const decoded = decodeFollowing(payload);
    const { frame } = decoded;
    if (frame !== undefined) return this.#isForThis(frame) ? frame : undefined;
    this.#counters.framesReceived += 1;
    if (decoded.from !== undefined) {
      this.#counters.framesUnread += 1;
      const { version } = decoded;
      this.#heard(decoded.from, { oldest: version, newest: version }, nowMs);
    } else {
      this.#counters.framesRefused += 1;
      this.#effects.add({ type: "refused", reason: decoded.refused });
    }
    return undefined;
  }

  #isForThis({ from, holdsEverything = false }: FollowingFrame): boolean {
    return from.name === this.#ownName || !(holdsEverything && this.#holdsEverything);
  }

  #heard(life: Life, speaks: VersionRange, nowMs: number): void {
    if (life.name === this.#ownName) return;
    this.foreign.heard({ life, differs: "version", speaks }, false, nowMs);
  }
}

const OWN: VersionRange = { oldest: FOLLOWING_VERSION, newest: FOLLOWING_VERSION };
