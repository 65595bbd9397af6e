/**
 * The lives of other nodes, where nodes follow: what it means for what is shared and shown that one appears, falls silent,
 * comes back, departs or ends. Who is alive is the membership's business. Sends nothing.
 */
import type { Agenda } from "./following/agenda.js";
import type { Interests } from "./following/interests.js";
import type { Pair } from "./following/pair.js";
import type { Rolls } from "./following/rolls.js";
import type { Views } from "./following/views.js";
import type { FollowingBorder } from "./following-border.js";
import type { Life } from "./life.js";
import type { Greetings } from "./lives/greetings.js";
import type { HealthyTime } from "./lives/healthy-time.js";
import type { MembershipListener } from "./lives/membership-listener.js";
import type { Refusals } from "./lives/refusals.js";
import type { Partner } from "./partner.js";
import type { Reading } from "./reading.js";
import type { ShownLives } from "./shown-lives.js";
import type { Effects } from "./step.js";

/** The parts of replication that a life concerns. */
export interface Concerned {
  readonly shown: ShownLives;
  readonly interests: Interests;
  readonly rolls: Rolls<Partner>;
  /** Of those that follow, as nodes that hold everything do not hear each other here. */
  readonly views: Views;
  readonly reading: Reading;
  readonly greetings: Greetings;
  /** When something is to be said to whom. */
  readonly agenda: Agenda<Partner>;
  readonly refusals: Refusals;
  readonly border: FollowingBorder;
  readonly effects: Effects;
  readonly healthy: HealthyTime;
}

export class PartnerLives implements MembershipListener<Partner> {
  readonly #concerned: Concerned;
  /** Who is up, and may be a registrar, by name. */
  readonly #up = new Map<string, Partner>();
  readonly #partners = new Map<Pair, Partner>();

  constructor(concerned: Concerned) {
    this.#concerned = concerned;
  }

  get size(): number {
    return this.#partners.size;
  }

  partners(): IterableIterator<Partner> {
    return this.#partners.values();
  }

  partnerOf(pair: Pair): Partner | undefined {
    return this.#partners.get(pair);
  }

  /** Those that have not ended. */
  *pairs(): Generator<Pair> {
    for (const partner of this.#partners.values()) if (partner.status !== "departing") yield partner.pair;
  }

  isUp(pair: Pair): boolean {
    return this.#up.get(pair.life.name)?.pair === pair;
  }

  upNames(): IterableIterator<string> {
    return this.#up.keys();
  }

  // What membership finds out.

  appeared(partner: Partner, nowMs: number): void {
    const { interests, greetings, border, effects } = this.#concerned;
    this.#concerned.shown.appeared(partner);
    border.foreign.delete(partner.life.name);
    this.#partners.set(partner.pair, partner);
    this.#concerned.rolls.add(partner);
    greetings.want(partner, nowMs);
    interests.appeared(partner.pair);
    this.#came(partner);
    effects.add({ type: "replicaUp", life: partner.life });
  }

  wentDown(partner: Partner, nowMs: number, wasShown: boolean): void {
    if (!wasShown) return;
    this.#concerned.shown.wentDown(partner);
    this.#went(partner, nowMs);
    partner.forgetLink();
  }

  cameBack(partner: Partner, nowMs: number): void {
    partner.pair.resume();
    partner.forgetLink();
    this.#concerned.greetings.want(partner, nowMs);
    this.#concerned.agenda.at(partner, nowMs);
  }

  departs(partner: Partner, nowMs: number): void {
    const { shown, interests, agenda } = this.#concerned;
    shown.departs(partner);
    interests.departed(partner.pair);
    agenda.drop(partner);
    this.#went(partner, nowMs);
  }

  /** It has not ended: it is as one that comes back, and what it has is shown already. */
  stays(partner: Partner, nowMs: number): void {
    const { shown, interests } = this.#concerned;
    shown.stays(partner);
    interests.appeared(partner.pair);
    this.#came(partner);
    this.cameBack(partner, nowMs);
  }

  ended(partner: Partner): void {
    const { shown, interests, reading, greetings, agenda, healthy } = this.#concerned;
    const { pair, departure } = partner;
    shown.ended(partner);
    greetings.drop(partner);
    agenda.drop(partner);
    reading.forget(partner);
    interests.forget(pair, departure !== undefined);
    this.#partners.delete(pair);
    this.#concerned.rolls.delete(partner);
    // Membership does not say when: as of the last tick, which is at most one tick too early.
    this.#went(partner, healthy.lastPassMs);
  }

  missed(partner: Partner, nowMs: number): void {
    this.#concerned.greetings.want(partner, nowMs);
  }

  insisted(partner: Partner, nowMs: number): void {
    partner.pair.followed.doubt();
    // One that has nothing to say, as this node follows nothing of it, would never be asked.
    this.#concerned.agenda.at(partner, nowMs);
    const trouble = { kind: "counterAhead", life: partner.life } as const;
    this.#concerned.effects.add({ type: "trouble", trouble });
  }

  conflict(name: string, incarnations: readonly [string, string]): void {
    this.#concerned.effects.add({ type: "nameConflict", name, incarnations });
  }

  clockAhead(life: Life): void {
    this.#concerned.effects.add({ type: "trouble", trouble: { kind: "clockAhead", life } });
  }

  crowded(table: "lives" | "livesOver", nowMs: number): void {
    this.#concerned.refusals.report({ kind: "crowded", table }, nowMs);
  }

  /** One that was down has caught up: all that it has is shown, and it is up when it is. */
  isShownAgain(partner: Partner): void {
    this.#concerned.shown.returned(partner, () => this.#came(partner));
  }

  #came(partner: Partner): void {
    this.#up.set(partner.name, partner);
    this.#concerned.interests.came(partner.pair);
    if (partner.pair.holdsEverything) return;
    this.#concerned.rolls.came(partner.name);
    this.#concerned.views.came(partner.life);
  }

  #went(partner: Partner, nowMs: number): void {
    if (this.#up.get(partner.name) !== partner) return;
    this.#up.delete(partner.name);
    this.#concerned.interests.went(partner.pair, nowMs);
    this.#concerned.rolls.went(partner.name);
    this.#concerned.views.went(partner.name);
  }
}
