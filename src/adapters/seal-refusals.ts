/**
 * What a sealed pubsub has refused: counted by reason, and reported, each reason at once and then once in a while. Time comes
 * in as an argument.
 */
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
  readonly #report: (error: TrackerError) => void;
  readonly #reported = new Map<SealRefusal, { atMs: number; count: number }>();

  constructor(report: (error: TrackerError) => void) {
    this.#report = report;
  }

  /** So many payloads were refused, of that node if one is named in them. */
  add(reason: SealRefusal, channel: string, node: string | undefined, count: number, nowMs: number): void {
    this.counts[reason] += count;
    const reported = this.#reported.get(reason) ?? { atMs: -Infinity, count: 0 };
    this.#reported.set(reason, reported);
    reported.count += count;
    if (nowMs - reported.atMs < REPORT_EVERY_MS) return;
    reported.atMs = nowMs;
    const details = { reason, channel, count: reported.count, ...(node !== undefined && { node }) };
    reported.count = 0;
    this.#report(new TrackerError("SEAL_REFUSED", refusalTexts[reason], details));
  }
}

const refusalTexts: Readonly<Record<SealRefusal, string>> = {
  unsealed:
    "A payload without a seal was refused: a node that does not seal, or somebody else, speaks on this channel",
  malformed: "A payload was refused whose seal cannot be read",
  unknownKey: "A payload was refused that is sealed by a key that this node does not have",
  altered: "A payload was refused: its seal is wrong, or for another channel, prefix or node",
  replayed: "A payload was refused that had come before, or was sent long ago",
  unproven: "A payload was refused: its node has not shown that it is alive, or too much waits for that",
};
