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
  readonly #options: FollowingBorderOptions;
  readonly #counters: Counters;
  readonly #refusals: Refusals;
  readonly #effects: Effects;
  readonly #foreign = new ForeignNodes();

  constructor(options: FollowingBorderOptions, counters: Counters, refusals: Refusals, effects: Effects) {
    this.#options = options;
    this.#counters = counters;
    this.#refusals = refusals;
    this.#effects = effects;
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

  /** Nodes that were heard within the last down period, and of which nothing is listed. */
  foreignNodes(nowMs: number): ForeignNode[] {
    return this.#foreign.toldSince(nowMs - this.#options.downPeriodMs);
  }

  /** A node of that name is heard. */
  isHeard({ name }: Life): void {
    this.#foreign.delete(name);
  }

  /** Forgets those of long ago. To be called once a tick. */
  pass(nowMs: number): void {
    const { downPeriodMs, permdownPeriodMs } = this.#options;
    this.#foreign.forget(nowMs - downPeriodMs, nowMs - permdownPeriodMs);
  }

  #heard(life: Life, differs: ForeignNode["differs"], speaks: VersionRange, nowMs: number): void {
    const { life: own, downPeriodMs } = this.#options;
    if (life.name === own.name) return;
    const hasSaid = differs === "holds";
    const told = this.#foreign.heard({ life, differs, speaks }, hasSaid, downPeriodMs, nowMs);
    if (told === undefined) return;
    if (told === "crowded") this.#refusals.report({ kind: "crowded", table: "foreignNodes" }, nowMs);
    else if (differs === "holds")
      this.#effects.add({ type: "trouble", trouble: { kind: "holds", life, holds: "everything" } });
    else
      this.#effects.add({
        type: "trouble",
        trouble: { kind: "version", life, speaks: told.speaks, spoken: OWN },
      });
  }
}

const OWN: VersionRange = { oldest: FOLLOWING_VERSION, newest: FOLLOWING_VERSION };
