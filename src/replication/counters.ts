/** What replication counts, for health and metrics. */
import { utf8Length } from "./bytes.js";

/** What was sent, received and not listened to, by reason. Counts since the start. */
export interface Counters {
  /** Of all nodes but this one. */
  framesReceived: number;
  framesRefused: number;
  /** In a version of the protocol that this node does not read, or of a node that reads none of its own. */
  framesUnread: number;
  /** Of a kind that a later version has added, and that are left alone. */
  framesOfUnknownKind: number;
  /** With more fields than this version reads: the rest of them is read. */
  framesWithFurtherFields: number;
  framesLate: number;
  framesOver: number;
  framesSuperseded: number;
  framesMisaddressed: number;
  /** Of lives for which there was no room, and of observers. */
  framesCrowded: number;
  /** Shards that were claimed, by a heartbeat or a delta, and for which there was no room. */
  claimsCrowded: number;
  /** Entries that came, and for which there was no room. */
  entriesCrowded: number;
  /** With a counter that their life cannot have reached. */
  framesImplausible: number;
  deltasMerged: number;
  pagesMerged: number;
  requestsSent: number;
  /** Handed to the pubsub while it was connected; a broadcast is one, however many hear it. */
  framesSent: number;
  /** Of these, in UTF-8, without what the pubsub adds. */
  bytesSent: number;
  /** Slices that were begun anew, from pages. */
  rebuilds: number;
  divergences: number;
}

export function noCounts(): Counters {
  return {
    framesReceived: 0,
    framesRefused: 0,
    framesUnread: 0,
    framesOfUnknownKind: 0,
    framesWithFurtherFields: 0,
    framesLate: 0,
    framesOver: 0,
    framesSuperseded: 0,
    framesMisaddressed: 0,
    framesCrowded: 0,
    claimsCrowded: 0,
    entriesCrowded: 0,
    framesImplausible: 0,
    deltasMerged: 0,
    pagesMerged: 0,
    requestsSent: 0,
    framesSent: 0,
    bytesSent: 0,
    rebuilds: 0,
    divergences: 0,
  };
}

/** A payload goes to the pubsub. */
export function countSent(counters: Counters, payload: string): void {
  counters.framesSent += 1;
  counters.bytesSent += utf8Length(payload);
}
