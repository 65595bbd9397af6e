/**
 * When frames leave a node that follows: what there is to say to a peer is said when it is due, all of it at once; and where much is
 * due, as much in one turn as makes no turn long. What is said is the business of the pairs. Knows no timer; time comes in
 * as an argument.
 */
import type { Agenda } from "./following/agenda.js";
import type { FollowingOutbox } from "./following/outbox.js";
import type { Pacing } from "./following/pacing.js";
import type { Pair } from "./following/pair.js";
import type { Listening } from "./listening.js";
import type { Connection } from "./lives/connection.js";
import type { PartnerLives } from "./partner-lives.js";
import type { Partner } from "./partner.js";

/** Units of text that are said in one turn: some milliseconds of work. The frame that exceeds them is the last one. */
const UNITS_OF_A_TURN = 262_144;

export interface SpeakingParts {
  readonly agenda: Agenda<Partner>;
  readonly pacing: Pacing;
  readonly outbox: FollowingOutbox;
  readonly partnerLives: PartnerLives;
  readonly listening: Listening;
  readonly connection: Connection;
}

export class Speaking {
  readonly #parts: SpeakingParts;

  constructor(parts: SpeakingParts) {
    this.#parts = parts;
  }

  /** When something is due next. */
  get nextMs(): number {
    return this.#parts.agenda.nextMs;
  }

  /** There is something to say to a peer. */
  hasNews(pair: Pair, nowMs: number): void {
    const { agenda, pacing, partnerLives } = this.#parts;
    const partner = partnerLives.partnerOf(pair);
    if (partner !== undefined) agenda.at(partner, pacing.dueMs(pair, partner.isAlive, nowMs));
  }

  /** A peer was heard: what is missing is asked for and answered at once; all else waits for the window. */
  answer(partner: Partner, nowMs: number): void {
    const { agenda, pacing } = this.#parts;
    const { pair, isAlive } = partner;
    agenda.at(partner, pair.urgentMs(nowMs));
    agenda.at(partner, pacing.dueMs(pair, isAlive, nowMs));
  }

  /** Says what is due. */
  advance(nowMs: number): void {
    const { agenda, pacing, outbox } = this.#parts;
    const mostUnits = outbox.units + UNITS_OF_A_TURN;
    while (outbox.units < mostUnits) {
      const partner = agenda.take(nowMs);
      if (partner === undefined) return;
      const { pair, isAlive } = partner;
      const dueMs = pacing.dueMs(pair, isAlive, nowMs);
      // What it was called for may have been said or confirmed since, or more is to be paid.
      if (!pair.isToldInPart && Math.min(dueMs, pair.urgentMs(nowMs)) > nowMs) agenda.at(partner, dueMs);
      else this.flush(partner, nowMs);
    }
  }

  /** Sends a peer all that there is to say to it, and asks to be called when there is more. */
  flush(partner: Partner, nowMs: number): void {
    const { agenda, pacing, outbox, partnerLives, listening, connection } = this.#parts;
    if (partnerLives.partnerOf(partner.pair) === undefined || partner.status === "departing") return;
    agenda.drop(partner);
    // What there is to say waits for the connection: then all are greeted.
    if (!connection.isAttached) return;
    const { pair, isAlive } = partner;
    const letters = pair.take(nowMs, isAlive, pacing.loadMs(nowMs));
    if (letters !== undefined) {
      outbox.sendLetters(letters, partner.life);
      listening.said(partner, letters, nowMs);
    }
    agenda.at(partner, pair.isToldInPart ? nowMs : pacing.dueMs(pair, isAlive, nowMs));
  }
}
