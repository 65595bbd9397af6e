/**
 * What a step of replication takes in and what comes of it. An event and the time go in; effects come out, in the order
 * in which they are to be carried out. Types, and the list in which the effects of a step are collected.
 */
import type { AnyMeta } from "../words.js";
import type { ReplicatedEntry } from "./entry.js";
import type { Life } from "./life.js";
import type { Eviction, VersionRange } from "./message.js";

/**
 * - `whole`: nothing is known to be missing.
 * - `noBroadcasts`: only what it sends to this node alone is heard, and no broadcast of it.
 * - `noDirect`: requests to it, or its answers, get through only as broadcasts.
 * - `oneWay`: it is heard and answers nothing, so it does not hear this node.
 */
export type ReplicaLink = "whole" | "noBroadcasts" | "noDirect" | "oneWay";

/**
 * - `connected`: as the pubsub says, and this node hears itself.
 * - `disconnected`: as the pubsub says.
 * - `deaf`: the pubsub says that it is connected, and this node does not hear itself: nor may others, or it them.
 */
export type ConnectionStatus = "connected" | "disconnected" | "deaf";

/** The two ways on which a node hears: what is broadcast, and what is sent to it alone. */
export type VoiceWay = "broadcasts" | "inbox";

/** What this node's own sessions change. */
export type LocalChange =
  | {
      readonly type: "add";
      readonly shard: number;
      readonly topic: string;
      readonly key: string;
      readonly session: string;
      readonly meta: Readonly<AnyMeta>;
    }
  | { readonly type: "update"; readonly previous: ReplicatedEntry; readonly meta: Readonly<AnyMeta> }
  | { readonly type: "remove"; readonly entry: ReplicatedEntry; readonly reason: "untracked" | "closed" };

export type ReplicationEvent =
  | LocalChange
  /** A payload came from the pubsub: from anybody, in any state. */
  | { readonly type: "frame"; readonly payload: string; readonly way: VoiceWay }
  /** Something may be due: it was asked for by a `wake`. */
  | { readonly type: "turn" }
  /** The pubsub lost its connection, or has it back. */
  | { readonly type: "connection"; readonly isAttached: boolean }
  /** This node is to say no more than that it is there, so that it may hear itself. */
  | { readonly type: "sound"; readonly ways: readonly VoiceWay[] }
  /** The pubsub knows that a node has ended. */
  | { readonly type: "nodeGone"; readonly name: string }
  /** Entries are to end, or are about to: those that own or list them are to know. */
  | { readonly type: "evict"; readonly eviction: Eviction }
  /**
   * One handle more of a topic, or one less: of a topic that is not followed nothing is shown, where it matters. Without a
   * limit it wants all that there is, and with one as many entries at least, if there are as many.
   */
  | {
      readonly type: "follow" | "unfollow";
      readonly topic: string;
      readonly limit?: number | undefined;
    }
  /** One more wants the number of entries of a topic, or one less. Only where nodes hold what they follow. */
  | { readonly type: "followCount" | "unfollowCount"; readonly topic: string }
  /** This life ends: it says all that it has to say, and that. */
  | { readonly type: "goodbye"; readonly windowMs: number };

/** What concerns a node that holds everything where others follow. */
export type BesideEvent =
  /** It hears those that follow from now on, or no longer. */
  | { readonly type: "followers"; readonly areHeard: boolean }
  /** A payload came from where they speak. */
  | { readonly type: "frame"; readonly payload: string; readonly way: "followers" };

/** This node hears others from now on, and has heard none before. Told once, when it has subscribed and hears itself. */
export type BeginEvent = { readonly type: "begin" };

/** What goes wrong between the nodes, to be reported. */
export type Trouble =
  | { readonly kind: "link"; readonly life: Life; readonly link: Exclude<ReplicaLink, "whole"> }
  | { readonly kind: "period"; readonly life: Life; readonly periodMs: number }
  | { readonly kind: "clockAhead" | "counterAhead" | "implausible"; readonly life: Life }
  /** It runs the same tracker and follows, and this node only looks on: nothing of it is listed. */
  | { readonly kind: "holds"; readonly life: Life }
  | { readonly kind: "full"; readonly life: Life; readonly maxEntries: number }
  /** It has no version of the protocol in common with this node, or does not read what this node has to speak. */
  | {
      readonly kind: "version";
      readonly life: Life;
      readonly speaks: VersionRange;
      readonly spoken: VersionRange;
    }
  | {
      readonly kind: "crowded";
      readonly table: "lives" | "livesOver" | "claims" | "observers" | "foreignNodes";
    };

/** What is told about other lives and about what goes wrong. */
export type News =
  | { readonly type: "replicaUp" | "replicaDown" | "replicaGone"; readonly life: Life }
  | { readonly type: "replicaLink"; readonly life: Life; readonly link: ReplicaLink }
  | { readonly type: "divergence"; readonly life: Life; readonly shard: number }
  | { readonly type: "nameConflict"; readonly name: string; readonly incarnations: readonly [string, string] }
  | { readonly type: "trouble"; readonly trouble: Trouble }
  /** A payload that no node can have sent. */
  | { readonly type: "refused"; readonly reason: string };

export type Effect =
  | News
  | { readonly type: "broadcast"; readonly payload: string }
  | { readonly type: "send"; readonly to: string; readonly payload: string }
  /** To be said where those speak who hold otherwise than this node: to one, or to all. */
  | { readonly type: "notice"; readonly to?: string | undefined; readonly payload: string }
  /** Of a node that holds everything: there are nodes that follow, and it is to hear them; or there are none any more. */
  | { readonly type: "followers"; readonly areThere: boolean }
  /**
   * A turn is wanted at that time, or sooner. Of one step each is earlier than the one before, so the last one counts.
   */
  | { readonly type: "wake"; readonly atMs: number }
  /** How this node is connected has changed; `unheard` are the ways on which it does not hear itself. */
  | {
      readonly type: "connection";
      readonly status: ConnectionStatus;
      readonly unheard: readonly VoiceWay[];
    }
  /** The number of entries of a topic has changed, or whether it is settled. */
  | { readonly type: "count"; readonly topic: string }
  /** Another node wants entries to end, or is about to end them. */
  | { readonly type: "evict"; readonly by: Life; readonly eviction: Eviction }
  /** The present connection is of no use: another one is wanted. */
  | { readonly type: "reconnect" };

/** How many entries a topic has, as a registrar says. */
export interface Count {
  readonly entries: number;
  /** Whether all have answered who are up, as far as is known. */
  readonly isSettled: boolean;
}

/** What comes of a step; to be read before the next one. */
export interface Step {
  /** The entry that a local change has made. */
  readonly made: ReplicatedEntry | undefined;
  readonly effects: readonly Effect[];
}

/** The effects of a step, while it lasts. A list that was taken is never touched again. */
export class Effects {
  #list: Effect[] = [];
  #wakeMs = Infinity;

  add(effect: Effect): void {
    this.#list.push(effect);
  }

  wakeAt(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = atMs;
    this.#list.push({ type: "wake", atMs });
  }

  /** Returns the effects since the last call. A step that has none costs no list. */
  take(): readonly Effect[] {
    const list = this.#list;
    if (list.length > 0) {
      this.#list = [];
      this.#wakeMs = Infinity;
    }
    return list;
  }
}
