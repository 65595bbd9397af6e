/**
 * Questions of others to this node: of nodes that were heard, and of observers. A question that is not answered is
 * counted. Time comes in as an argument.
 */
import type { Asker } from "./authoring/answers.js";
import type { Authorship } from "./authoring/authorship.js";
import type { Life } from "./life.js";
import type { Contact } from "./lives/contact.js";
import type { Membership } from "./lives/membership.js";
import { Observers } from "./lives/observers.js";
import type { Frame, SliceRequest } from "./message.js";
import type { Counters } from "./counters.js";
import type { Rules } from "./rules.js";
import type { Effects } from "./step.js";

/** The parts of replication that a question concerns. */
export interface Asked {
  readonly self: Life;
  readonly authorship: Authorship;
  readonly contact: Contact;
  readonly membership: Membership;
  readonly counters: Counters;
  readonly effects: Effects;
}

export class Questions {
  readonly #asked: Asked;
  readonly #rules: Rules;
  readonly #observers = new Observers((by) => this.#asked.authorship.forget({ ...by, observes: true }));

  constructor(asked: Asked, rules: Rules) {
    this.#asked = asked;
    this.#rules = rules;
  }

  /** Somebody who may ask does. */
  ask(by: Asker, request: SliceRequest, counter: number, nowMs: number): void {
    const { authorship, counters } = this.#asked;
    const refused = authorship.ask(by, request, counter, nowMs);
    if (refused === "foreign") counters.framesRefused += 1;
    else if (refused === "late") counters.framesLate += 1;
  }

  /** A frame of somebody who only looks on: what it asks of this life is answered, and nothing is kept of it. */
  ofObserver({ from, to, message, version }: Frame, nowMs: number): void {
    const { self, membership, contact, counters, effects } = this.#asked;
    if (to !== undefined && to !== self.incarnation) counters.framesMisaddressed += 1;
    if (to !== self.incarnation) return;
    if (message.type !== "deltaRequest" && message.type !== "pageRequest") return;
    const isNode = from.name === self.name || membership.presentOf(from.name)?.isAlive === true;
    if (!this.#rules.mayOnlyLookOn(isNode)) {
      counters.framesRefused += 1;
      effects.add({ type: "refused", reason: "observer with the name of a node" });
    } else if (!this.#observers.admits(from, nowMs)) {
      counters.framesCrowded += 1;
      contact.reportRefusal({ kind: "crowded", table: "observers" }, nowMs);
    } else {
      // Nothing shows whether its counter is its own, so the newest question is the one that came last.
      // Others need not understand it, so it is answered in the version that it reads.
      this.ask({ ...from, observes: true, version }, message, counters.framesReceived, nowMs);
    }
  }
}
