/**
 * The border: what a payload is, before anybody listens to it. What no node can have sent is refused and reported. What a
 * node of another version says, and this one does not read, is left alone: it is counted, and a node of which nothing can
 * be read is told of once. Time comes in as an argument; knows no slice.
 */
import type { Counters } from "./counters.js";
import type { Life } from "./life.js";
import type { Contact } from "./lives/contact.js";
import { ForeignNodes } from "./lives/foreign-nodes.js";
import type { Membership } from "./lives/membership.js";
import type { Versions } from "./lives/versions.js";
import { spokenBy, type Frame } from "./message.js";
import type { ReplicatorOptions } from "./options.js";
import type { Effects, VoiceWay } from "./step.js";
import { decodeFrame, type FrameHead } from "./wire/codec.js";

/** The parts of replication that the border tells of what comes. */
export interface Inside {
  readonly membership: Membership;
  readonly versions: Versions;
  readonly contact: Contact;
  readonly counters: Counters;
  readonly effects: Effects;
}

export class Border {
  readonly #options: ReplicatorOptions;
  readonly #inside: Inside;
  /** Nodes of which nothing is listed. */
  readonly foreign: ForeignNodes;
  /** When it was told last that some follow. */
  #followersMs = -Infinity;

  constructor(options: ReplicatorOptions, inside: Inside) {
    this.#options = options;
    this.#inside = inside;
    const { downPeriodMs, permdownPeriodMs } = options;
    this.foreign = new ForeignNodes(
      { downPeriodMs, permdownPeriodMs, speaks: inside.versions.own },
      inside.effects,
      (nowMs) => inside.contact.reportRefusal({ kind: "crowded", table: "foreignNodes" }, nowMs),
    );
  }

  /** Returns the frame that a payload is, if it is to be listened to. */
  take(payload: string, way: VoiceWay, nowMs: number): Frame | undefined {
    const { counters, effects } = this.#inside;
    const decoded = decodeFrame(payload, this.#options.protocol);
    if (decoded.frame !== undefined) {
      if (decoded.further) counters.framesWithFurtherFields += 1;
      return this.#isForeign(decoded.frame, nowMs) ? undefined : decoded.frame;
    }
    counters.framesReceived += 1;
    if ("refused" in decoded) {
      counters.framesRefused += 1;
      effects.add({ type: "refused", reason: decoded.refused });
    } else if (decoded.unread === "kind") this.#unknownKind(decoded.head, way, nowMs);
    else if (decoded.unread === "holds") this.#follows(decoded.head, nowMs);
    else {
      counters.framesUnread += 1;
      const { from, version } = decoded.head;
      const speaks = { oldest: version, newest: version };
      if (!this.#isOwn(from)) this.foreign.heard({ life: from, differs: "version", speaks }, false, nowMs);
    }
    return undefined;
  }

  /** A heartbeat tells what its sender speaks; one that only looks on need not be understood. */
  #isForeign({ from, message, version, observes }: Frame, nowMs: number): boolean {
    if (message.type !== "heartbeat" || observes === true || this.#isOwn(from)) return false;
    const { counters, versions } = this.#inside;
    const speaks = spokenBy(message, version);
    if (!this.#options.protocol.rules.isForeign(speaks, versions.own)) return false;
    counters.framesReceived += 1;
    counters.framesUnread += 1;
    this.foreign.heard({ life: from, differs: "version", speaks }, true, nowMs);
    return true;
  }

  /** A node that follows is there: not more often than it says so, it is told that some are. */
  #follows({ from, version }: FrameHead, nowMs: number): void {
    if (this.#isOwn(from)) return;
    const { observer, heartbeatPeriodMs } = this.#options;
    const speaks = { oldest: version, newest: version };
    // Who only looks on is nobody's replica: those that follow tell it nothing.
    if (observer === true) return this.foreign.heard({ life: from, differs: "holds", speaks }, true, nowMs);
    if (nowMs - this.#followersMs < heartbeatPeriodMs) return;
    this.#followersMs = nowMs;
    this.#inside.effects.add({ type: "followers", areThere: true });
  }

  /** Who sends it is alive, whatever it says. */
  #unknownKind({ from, to, counter }: FrameHead, way: VoiceWay, nowMs: number): void {
    const { counters, membership } = this.#inside;
    counters.framesOfUnknownKind += 1;
    if (!this.#isOwn(from)) membership.hear(from, counter, way === "inbox" && to !== undefined, nowMs);
  }

  #isOwn({ name }: Life): boolean {
    return name === this.#options.life.name;
  }
}
