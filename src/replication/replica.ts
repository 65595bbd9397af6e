/**
 * A replica: what one life of another node contributes. Two things that do not know each other: the life, as far as it
 * is alive, and what is held of it.
 */
import { Holding } from "./holding/holding.js";
import type { Life } from "./life.js";
import type { ReplicatedEntry } from "./entry.js";
import { Peer, type PeerHolding, type PeerHolds } from "./lives/peer.js";
import { RULES, type Rules } from "./rules.js";

export type { PeerStatus as ReplicaStatus } from "./lives/peer.js";

export class Replica extends Peer {
  readonly held: Holding;

  constructor(life: Life, holder: string, rules: Rules = RULES) {
    super(life, rules);
    this.held = new Holding(this, life, holder, rules);
  }

  get isEmpty(): boolean {
    return this.held.isEmpty;
  }

  get holds(): PeerHolds {
    return "everything";
  }

  get holding(): PeerHolding {
    const { size, lagDots, isComplete, hasBeenHeardOut, hasCaughtUp, isCrowded } = this.held;
    const isSummedUp = hasBeenHeardOut && (hasCaughtUp || lagDots > 0);
    const lacks = isCrowded ? "room" : isSummedUp ? "entries" : "summary";
    return {
      ...{ entries: size, lagDots, isComplete },
      waitsFor: isComplete && hasBeenHeardOut ? undefined : lacks,
    };
  }

  entries(): Iterable<ReplicatedEntry> {
    return this.held.entries();
  }
}
