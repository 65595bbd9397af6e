/** What a sealed pubsub has refused: counted, and reported so that a flood of it makes no flood of reports. */
import { TrackerError } from "../errors.js";

/** Why a payload was refused. `altered` is also one that was made for another channel, prefix or node. */
export type SealRefusal = "unsealed" | "malformed" | "unknownKey" | "altered" | "replayed" | "unproven";

/** A refusal of one kind is reported at once, and then so often at most. */
const REPORT_EVERY_MS = 60_000;

export class SealRefusals {
  readonly counts: Record<SealRefusal, number> = {
    unsealed: 0,
    malformed: 0,
    unknownKey: 0,
    altered: 0,
    replayed: 0,
    unproven: 0,
  };
  readonly #reported = new Map<SealRefusal, { atMs: number; count: number }>();
  readonly #reportError: (error: TrackerError) => void;

  constructor(reportError: (error: TrackerError) => void) {
    this.#reportError = reportError;
  }

  refuse(
    reason: SealRefusal,
    nowMs: number,
    from: { readonly channel: string; readonly node?: string },
    count: number,
  ): void {
    this.counts[reason] += count;
    const reported = this.#reported.get(reason) ?? { atMs: -Infinity, count: 0 };
    this.#reported.set(reason, reported);
    reported.count += count;
    if (nowMs - reported.atMs < REPORT_EVERY_MS) return;
    reported.atMs = nowMs;
    const details = { reason, ...from, count: reported.count };
    reported.count = 0;
    this.#reportError(new TrackerError("SEAL_REFUSED", refusalTexts[reason], details));
  }
}

const refusalTexts: Readonly<Record<SealRefusal, string>> = {
  unsealed:
    "A payload without a seal was refused: a node that does not seal, or somebody else, speaks on this channel",
  malformed: "A payload was refused whose seal cannot be read",
  unknownKey: "A payload was refused that is sealed by a key that this node does not have",
  altered: "A payload was refused: its seal is wrong, or for another channel, prefix or node",
  replayed: "A payload was refused that had come before, or long ago",
  unproven: "A payload was refused: its node has not shown that it is alive, and too much waits for that",
};
