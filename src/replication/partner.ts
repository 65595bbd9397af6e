/**
 * A partner: one life of another node, where nodes hold what they follow. Two things that do not know each other: the
 * life, as far as it is alive, and what is shared with it.
 */
import { Pair } from "./following/pair.js";
import type { PairsOf } from "./following/pair.js";
import { SHARD_OF_EVERYTHING } from "./following/limits.js";
import { Assembly } from "./following/pieces.js";
import type { Life } from "./life.js";
import { refPrefixOf } from "./life.js";
import { Link } from "./lives/link.js";
import type { ReplicatedEntry } from "./entry.js";
import { Peer } from "./lives/peer.js";
import type { PeerHolding, PeerHolds } from "./lives/peer.js";
import type { Rules } from "./rules.js";

export class Partner extends Peer {
  readonly pair: Pair;
  /** Its letters that did not fit one frame, until all pieces have come. */
  readonly assembly: Assembly;
  /** How many of the entries that are held of it are counted. */
  counted = 0;
  /** The counter that this node has told of it in its last roll. */
  calledCounter = 0;
  /** When it called the roll last; and when it last did so in time. */
  rolledMs = -Infinity;
  calledMs = -Infinity;
  /** The caller that told of it last; undefined of one that says to all that it is there. */
  namedBy: Partner | undefined;
  /** How many entries of it wait for room. */
  lacksRoomFor = 0;
  readonly #rules: Rules;

  /** @param stream is one that this node has not used before. */
  constructor(life: Life, stream: number, of: PairsOf, holdsEverything: boolean) {
    super(life, of.protocol.rules);
    this.#rules = of.protocol.rules;
    this.forgetLink();
    this.assembly = new Assembly(of.protocol.rules);
    const shard = holdsEverything ? SHARD_OF_EVERYTHING : 0;
    const origin = { owner: this, shard, refPrefix: refPrefixOf(life, shard) };
    this.pair = new Pair(life, origin, stream, of, holdsEverything);
  }

  get holds(): PeerHolds {
    return this.pair.holdsEverything ? "everything" : "followed";
  }

  /** How many entries are held of it, and how many of them wait for the rest of their letters. */
  get weight(): number {
    return this.pair.followed.weight + this.assembly.weight;
  }

  /** How frames got through until now means nothing any more. */
  forgetLink(): void {
    this.link = new Link(this.#rules, false);
  }

  get holding(): PeerHolding {
    const { followed, isChecked, isIntroduced, isCrowded } = this.pair;
    const isComplete = isIntroduced && isChecked && !followed.isBehind;
    const lacks = isCrowded ? "room" : isIntroduced ? "entries" : "summary";
    return {
      ...{ entries: followed.entries.size, lagDots: followed.lag, isComplete },
      waitsFor: isComplete ? undefined : lacks,
    };
  }

  /** Whether what is held of it is what it says: nothing, if it says so. */
  get caughtUp(): { readonly hasCaughtUp: boolean; readonly isComplete: boolean } {
    const { followed, isChecked } = this.pair;
    const hasCaughtUp = !followed.isBehind && (isChecked || followed.openedCount === 0);
    return { hasCaughtUp, isComplete: hasCaughtUp };
  }

  entries(): Iterable<ReplicatedEntry> {
    return this.pair.followed.shown();
  }

  get isEmpty(): boolean {
    const { followed, stakesHeard, countsHeard } = this.pair;
    return followed.version === 0 && stakesHeard.size === 0 && countsHeard.size === 0;
  }
}
