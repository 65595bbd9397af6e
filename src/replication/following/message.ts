/**
 * What two nodes tell each other that hold only what they follow, decoded. All that there is to say to a peer travels
 * in one frame; its letters stand in the order in which they are to be read. How they look on the wire is the codec's
 * business. Types only.
 */
import type { Life } from "../life.js";
import type { Call } from "./roll-text.js";
import type { Eviction, WireBirth, WireRemoval } from "../message.js";

/** How far numbered changes of one stream were heard. */
export interface Heard {
  readonly stream: number;
  readonly number: number;
}

/** The numbers of a machine, from which those of the next one go on that has its life: none of them means two things. */
export interface Begun {
  /** Of the last frame, the last stream and the last event. */
  readonly counter: number;
  readonly streams: number;
  readonly clock: number;
}

/** What came of hearing something numbered: something new, nothing new, or that something before it was lost. */
export type Hearing = "news" | "known" | "gap";

/** Numbered changes after `since`, up to `upTo`, as final values: one for each topic that has changed. */
export interface Said<V> {
  readonly stream: number;
  readonly since: number;
  readonly upTo: number;
  readonly items: readonly (readonly [topic: string, value: V])[];
}

/** The limit of a follow that holds all that there is. */
export const NO_LIMIT = 0;
/** In the place of a limit: an author is to tell how much it has, and not who that is. */
export const OFFER_ONLY = -1;

/** What a life has to do with a topic. */
export interface Stake {
  /** A sum of `HAS` and `FOLLOWS`; 0: nothing any more. */
  readonly roles: number;
  /** Of its follow; 0 if it does not follow. */
  readonly generation: number;
  /** What an author that comes is to tell it: absent if all that it has, else a limit or `OFFER_ONLY`. */
  readonly limit?: number | undefined;
}

export const NO_STAKE: Stake = { roles: 0, generation: 0 };
export const HAS = 1;
export const FOLLOWS = 2;

/** Stakes as their owner tells them. */
export interface Stakes extends Said<Stake> {
  /** Whom its owner takes for up: where the registrar does too, it names lives by their places there. */
  readonly view?: number | undefined;
}

/** A life, as a registrar names it to others: on the wire possibly by its place in a view. */
export interface Member<L = Life> {
  readonly life: L;
  readonly stake: Stake;
}

/** Whom a registrar knows of a topic. */
export interface MemberList<L = Life> {
  readonly topic: string;
  /** Whether it knows of all that there are. */
  readonly isSettled: boolean;
  readonly members: readonly Member<L>[];
}

/** The answer of a registrar, and at the same time its confirmation. */
export interface Members extends Heard {
  readonly lists: readonly MemberList<Life | number>[];
  /** The view that both have, where lives are named by their places in it. */
  readonly view?: number | undefined;
}

/** Wishes were heard, and with them a share has had so many opens and closes. */
export interface WishesHeard extends Heard {
  readonly share: number;
  readonly version: number;
}

/** How far a share has come: its clock, and its version, which counts opens and closes. */
export interface Place {
  readonly stream: number;
  readonly clock: number;
  readonly version: number;
}

/** What an author has in the topics that are open, as of a frame. */
export interface ShareSummary extends Place {
  readonly count: number;
  readonly digest: number;
  /** Whether it is to be confirmed. */
  readonly isAsking?: boolean | undefined;
}

/** What a follow with a limit is told of what an author has in a topic. */
export interface Cut {
  /** As it was wished: of so many entries all, and of more so many at least; or `OFFER_ONLY`: none. */
  readonly limit: number;
  /** Only those entries count that hash to so many zero bits (`samples.ts`). */
  readonly sample: number;
  /** How many entries the author has; of an offer this is told anew when it is another order of magnitude (R105). */
  readonly entries: number;
}

/** A topic is open in a generation; where that follow has a limit, with what it is told. */
export type Open = readonly [topic: string, generation: number, cut?: Cut | undefined];

/**
 * How far a topic is told: what was born above the floor. It stood at `below` at the `from` of the frame, which lists all that
 * was born between the two; of a topic that the frame opens, all above the floor.
 */
export interface Floor {
  readonly topic: string;
  readonly floor: number;
  readonly below: number;
}

/**
 * The changes of a share between two places: of topics that were open at `from`, what came and went in
 * `(since, upTo]`; of those that were opened in `(from, to]`, everything. A whole one says everything of all.
 */
export interface ShareFrame {
  readonly stream: number;
  readonly isWhole: boolean;
  readonly since: number;
  readonly upTo: number;
  readonly from: number;
  readonly to: number;
  readonly opens: readonly Open[];
  /** Of topics that are told in stretches, as far as a stretch is in the frame, or they were opened in `(from, to]`. */
  readonly floors: readonly Floor[];
  readonly closes: readonly string[];
  readonly removals: readonly WireRemoval[];
  readonly births: readonly WireBirth[];
  /** Births that went with their sessions, and of which no removal tells: a follower may hold them. */
  readonly closed: readonly number[];
}

/** What a follower wants of an author in a topic. */
export interface Wish {
  /** Of the follow; negative: that one is wished no longer. */
  readonly generation: number;
  /** `NO_LIMIT`: all; or so many entries at least, if there are as many; or `OFFER_ONLY`. */
  readonly limit: number;
}

/**
 * What a node tells another of how many entries a topic has: as one that wants to know it, as the registrar that asks for
 * it and sums it up, and as an author. All parts are 0 that do not apply.
 */
export interface Tally {
  /** It wants the sum, by this number. */
  readonly want: number;
  /** It asks how many entries the other has there, by this number. */
  readonly ask: number;
  /** It has so many entries, and answers that ask. */
  readonly answers: number;
  readonly entries: number;
  /** All have so many, which tells the other what it wants by that number; and whether that is settled. */
  readonly tells: number;
  readonly sum: number;
  readonly isSettled: boolean;
}

/** What was heard of a peer, set by set. */
interface Greeting {
  readonly stakes: Heard;
  readonly wishes: Heard;
  readonly counts: Heard;
}

/** All that one frame says to a peer. */
export interface Letters {
  /** What was heard of the peer: it has appeared, or come back, or has not introduced itself. */
  readonly greeting?: Greeting;
  readonly stakes?: Stakes;
  readonly members?: Members;
  readonly wishes?: Said<Wish>;
  readonly wishesHeard?: WishesHeard;
  readonly share?: ShareFrame;
  readonly summary?: ShareSummary;
  /** A summary was heard, and what is held is as it says. */
  readonly stands?: Place;
  readonly counts?: Said<Tally>;
  readonly countsHeard?: Heard;
  /** What came after this place? After 0 of a stream 0: everything. */
  readonly question?: Place;
}

/** To all, once per heartbeat; to this life itself, so that it hears itself. */
export interface Beat {
  readonly type: "beat";
  /** How often the sender says so, and by how much it is often late with it. */
  readonly periodMs: number;
  readonly lateMs: number;
  /** The version of the sender's library. */
  readonly version?: string | undefined;
}

/** To all, by a caller: which lives it has heard since its last roll. */
export interface Roll {
  readonly type: "roll";
  /** Whether it is called so late that it says nothing of those that it does not name. */
  readonly isLate: boolean;
  readonly calls: readonly Call[];
}

/** Whom do these hashes mean? */
export interface Who {
  readonly type: "who";
  readonly hashes: readonly number[];
}

/** Lives by their names, each with the counter of the last frame that was heard of it. */
export interface Names {
  readonly type: "names";
  readonly lives: readonly (readonly [life: Life, counter: number])[];
}

/** What there is to say to a peer; in several frames where it does not fit one, merged when the last has come. */
export interface PairMessage {
  readonly type: "pair";
  readonly letters: Letters;
  /** Counted from 1. */
  readonly part: number;
  readonly parts: number;
}

export type FollowingMessage =
  | Beat
  | PairMessage
  | Roll
  | Who
  | Names
  | Eviction
  | { readonly type: "goodbye"; readonly windowMs: number }
  /** Of a kind that a later version has: its sender is alive. */
  | { readonly type: "unknown" };

export interface FollowingFrame {
  readonly from: Life;
  /** The incarnation that it is for, or the end of it; `undefined`: all. */
  readonly to: string | undefined;
  readonly counter: number;
  readonly message: FollowingMessage;
  /** Whether its sender holds everything, and says so in each of its frames. */
  readonly holdsEverything?: boolean | undefined;
  /** How much was in it that this version does not know: letters, or its kind. */
  readonly unknown?: number | undefined;
}
