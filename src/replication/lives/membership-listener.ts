/** Who is told what membership finds out. Types only. */
import type { Life } from "../life.js";
import type { Peer } from "./peer.js";

/** What membership finds out, in the order in which it does. */
export interface MembershipListener<P extends Peer> {
  /** A life is heard for the first time. */
  appeared(replica: P, nowMs: number): void;
  /** It is silent, and its entries are to be hidden if they were shown: one that was coming back has shown none. */
  wentDown(replica: P, nowMs: number, wasShown: boolean): void;
  /** It was heard after it went down; its entries stay hidden until it has caught up. */
  cameBack(replica: P, nowMs: number): void;
  /** It ended, and its entries wait for their keys. */
  departs(replica: P, nowMs: number): void;
  /** All about it is to be forgotten. */
  ended(replica: P): void;
  /** It has not been heard for so long that it is to be asked whether it is there. */
  missed(replica: P, nowMs: number): void;
  /** It has not ended, whatever was heard in its name: its entries wait for nobody. */
  stays(replica: P, nowMs: number): void;
  /** What was heard of a life before was not its own: its counters are believed anew. */
  insisted(replica: P, nowMs: number): void;
  /** Two lives of one name are alive. */
  conflict(name: string, incarnations: readonly [string, string]): void;
  /** An earlier life of the name had a clock that was ahead of this one's. */
  clockAhead(life: Life): void;
  /** A table of lives is full of lives that cannot be forgotten yet. */
  crowded(table: "lives" | "livesOver", nowMs: number): void;
}
