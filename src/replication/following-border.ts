/**
 * The border of a node that follows: what a payload is, before anybody listens to it. What no node can have sent is refused
 * and reported; a node of which nothing can be listed, as it speaks another version or holds everything, is told of
 * once. Time comes in as an argument; knows no pair.
 */
import type { Counters } from "./counters.js";
import { decodeFollowing } from "./following/codec.js";
import { FOLLOWING_VERSION } from "./following/limits.js";
import type { FollowingFrame } from "./following/message.js";
import type { Life } from "./life.js";
import { ForeignNodes, type ForeignNode } from "./lives/foreign-nodes.js";
import type { Refusals } from "./lives/refusals.js";
import type { VersionRange } from "./message.js";
import type { Effects } from "./step.js";

export interface FollowingBorderOptions {
  readonly life: Life;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
}

export class FollowingBorder {
  readonly #ownName: string;
  readonly #counters: Counters;
  readonly #effects: Effects;
  /** Nodes of which nothing is listed. */
  readonly foreign: ForeignNodes;

  constructor(options: FollowingBorderOptions, counters: Counters, refusals: Refusals, effects: Effects) {
    const { life, downPeriodMs, permdownPeriodMs } = options;
    this.#ownName = life.name;
    this.#counters = counters;
    this.#effects = effects;
    this.foreign = new ForeignNodes(
      { downPeriodMs, permdownPeriodMs, speaks: OWN, othersHold: "everything" },
      effects,
      (nowMs) => refusals.report({ kind: "crowded", table: "foreignNodes" }, nowMs),
    );
  }

  /** Returns the frame that a payload is, if it is to be listened to. */
  take(payload: string, nowMs: number): FollowingFrame | undefined {
    const decoded = decodeFollowing(payload);
    const { frame } = decoded;
    if (frame !== undefined && frame.message.type !== "notice") return frame;
    this.#counters.framesReceived += 1;
    if (frame !== undefined) this.#heard(frame.from, "holds", OWN, nowMs);
    else if (decoded.from !== undefined) {
      this.#counters.framesUnread += 1;
      const { version } = decoded;
      this.#heard(decoded.from, "version", { oldest: version, newest: version }, nowMs);
    } else {
      this.#counters.framesRefused += 1;
      this.#effects.add({ type: "refused", reason: decoded.refused });
    }
    return undefined;
  }

  #heard(life: Life, differs: ForeignNode["differs"], speaks: VersionRange, nowMs: number): void {
    if (life.name === this.#ownName) return;
    this.foreign.heard({ life, differs, speaks }, differs === "holds", nowMs);
  }
}

const OWN: VersionRange = { oldest: FOLLOWING_VERSION, newest: FOLLOWING_VERSION };
