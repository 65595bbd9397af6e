/**
 * A partner: one life of another node, where nodes hold what they follow. Two things that do not know each other: the
 * life, as far as it is alive, and what is shared with it.
 */
import { Pair } from "./following/pair.js";
import type { PairsOf } from "./following/pair.js";
import type { Life } from "./life.js";
import { refPrefixOf } from "./life.js";
import { Peer } from "./lives/peer.js";

export class Partner extends Peer {
  readonly pair: Pair;

  /** @param stream is one that this node has not used before. */
  constructor(life: Life, stream: number, of: PairsOf) {
    super(life, of.protocol.rules);
    this.pair = new Pair(life, { owner: this, shard: 0, refPrefix: refPrefixOf(life, 0) }, stream, of);
  }

  get isEmpty(): boolean {
    return this.pair.followed.version === 0 && this.pair.stakesHeard.size === 0;
  }
}
