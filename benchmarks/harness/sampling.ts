/**
 * A cluster of which only a few nodes, the observers, hear everybody, while all others hear only the observers: hundreds of
 * nodes in the memory of one process. Nobody relays anything, so what an observer receives depends on who sends, and not on
 * what the senders hold.
 *
 * One thing that senders hear moves what they say: the window in which they collect changes follows what all say (R89). Who
 * is no observer is told of what it does not hear as much as the window needs, the length of each delta, and decides by the
 * rules of the protocol.
 */
import { decodeFrame } from "../../src/replication/wire/codec.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { protocolOption } from "../../src/tracker/options.js";
import type { VirtualTime } from "../../src/testing/virtual-time.js";
import type { LabOptions } from "./lab.js";
import type { HeldFrame, WireOptions } from "./wire.js";

export class Sampling {
  readonly #observers: ReadonlySet<string>;
  readonly #loads = new Map<string, HeardLoad>();

  constructor(observers: Iterable<string>) {
    this.#observers = new Set(observers);
  }

  /** What the wire of such a cluster has to know. */
  wire(time: VirtualTime): Pick<WireOptions, "hears" | "broadcastPasses"> {
    return {
      hears: (to, from) => this.#hears(to, from),
      broadcastPasses: (frame) => this.#passes(frame, time.nowMs),
    };
  }

  /** The options with which a life of this node is started. */
  options(name: string): LabOptions {
    if (this.#observers.has(name)) return {};
    const load = new HeardLoad();
    this.#loads.set(name, load);
    const options: LabOptions & { [protocolOption]: Protocol } = { [protocolOption]: load.protocol };
    return options;
  }

  #hears(to: string, from: string): boolean {
    return this.#observers.has(to) || this.#observers.has(from);
  }

  #passes({ from, payload }: HeldFrame, nowMs: number): void {
    if (this.#observers.has(from)) return;
    if (decodeFrame(payload).frame?.message.type !== "delta") return;
    for (const [name, load] of this.#loads) if (name !== from) load.said(payload.length, nowMs);
  }
}

/** What one life has said and heard, and what was said of which it is only told. */
class HeardLoad {
  #paidUntilMs = -Infinity;
  /** Known as soon as the life has said or heard anything itself. */
  #periodMs: number | undefined;
  readonly protocol: Protocol = {
    ...PROTOCOL,
    rules: {
      ...PROTOCOL.rules,
      paidUntilMs: (_, nowMs, units, periodMs) => {
        this.#periodMs = periodMs;
        return this.#pay(nowMs, units, periodMs);
      },
      quietUntilMs: (flushedMs, periodMs) => {
        this.#periodMs = periodMs;
        return PROTOCOL.rules.quietUntilMs(flushedMs, periodMs, this.#paidUntilMs);
      },
    },
  };

  said(units: number, nowMs: number): void {
    if (this.#periodMs !== undefined) this.#pay(nowMs, units, this.#periodMs);
  }

  #pay(nowMs: number, units: number, periodMs: number): number {
    this.#paidUntilMs = PROTOCOL.rules.paidUntilMs(this.#paidUntilMs, nowMs, units, periodMs);
    return this.#paidUntilMs;
  }
}
