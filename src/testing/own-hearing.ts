/**
 * Whether an endpoint hears itself, by what arrives there: a node that does not is to know it. It measures the time in
 * which the node could hear at all, and knows no tracker.
 */
import type { Machine } from "./machine.js";
import type { VirtualTime } from "./virtual-time.js";

/** A stretch of time. */
export interface Stretch {
  readonly fromMs: number;
  untilMs: number;
}

export class OwnHearing {
  /** After how long a node that does not hear itself is to know it. */
  deafAfterMs = Infinity;
  /** What has been under way for longer says nothing of the connection that there is. */
  memoryMs = Infinity;
  /** A node knows only to within so much when it sent a frame: it remembers when it spoke, and counts part of a stall. */
  resolutionMs = 0;
  readonly #time: VirtualTime;
  readonly #machine: Machine;
  /** When it heard itself last, or could not be expected to have done so before. */
  readonly #heardMs: { broadcast: number; send: number };
  /** The same, of frames alone that the node, too, can tell from those that were under way for too long. */
  readonly #surelyHeardMs: { broadcast: number; send: number };
  /** When it had started, and when it had heard itself before on both ways, as long as it has not since. */
  #startedMs = Infinity;
  #heardBeforeMs = Infinity;
  /** When a stretch began that lasts, though one of the ways is whole again. */
  #beganMs = Infinity;
  /** Since when it has been disconnected, and knows it: that time is none in which it could be heard. */
  #awaySinceMs = Infinity;
  /** When it heard itself last though it may have taken itself for deaf until then. */
  mayHaveResumedMs = -Infinity;
  /** When it was disconnected, and knew it: nodes count the time in which they are connected. */
  readonly #aways: Stretch[] = [];
  /** Stretches of deafness that are over. */
  readonly #over: Stretch[] = [];

  constructor(time: VirtualTime, machine: Machine) {
    this.#time = time;
    this.#machine = machine;
    this.#heardMs = { broadcast: time.nowMs, send: time.nowMs };
    this.#surelyHeardMs = { ...this.#heardMs };
  }

  /** The stretches in which it did not hear itself and was to know it; the last one may last: until `Infinity`. */
  get deafStretches(): readonly Stretch[] {
    const fromMs = this.#sinceMs();
    return fromMs === Infinity ? this.#over : [...this.#over, { fromMs, untilMs: Infinity }];
  }

  /** Whether it may take itself for deaf: of a stall it counts as much as a tick may. */
  get mayBeDeaf(): boolean {
    const { broadcast, send } = this.#surelyHeardMs;
    const heardMs = Math.min(broadcast, send, this.#heardBeforeMs);
    return this.#time.nowMs - heardMs > this.deafAfterMs || this.deafStretches.at(-1)?.untilMs === Infinity;
  }

  /** It heard what it had sent at the given time. */
  heard(lane: "broadcast" | "send", sentMs: number): void {
    const underWayMs = this.#time.nowMs - sentMs - this.#machine.stalledMsSince(sentMs);
    if (underWayMs - this.#awayMsSince(sentMs) > this.memoryMs) return;
    const fromMs = this.#sinceMs();
    if (this.mayBeDeaf) this.mayHaveResumedMs = this.#time.nowMs;
    this.#heardMs[lane] = this.#time.nowMs;
    const mostMs = this.#time.nowMs - sentMs - this.#awayMsSince(sentMs);
    if (mostMs <= this.memoryMs - this.resolutionMs) this.#surelyHeardMs[lane] = this.#time.nowMs;
    if (this.#heardMs.broadcast > this.#startedMs && this.#heardMs.send > this.#startedMs)
      this.#heardBeforeMs = Infinity;
    this.#beganMs = Infinity;
    if (fromMs === Infinity) return;
    // On the other way it may be deaf still.
    if (this.#sinceMs() === Infinity) this.#over.push({ fromMs, untilMs: this.#time.nowMs });
    else this.#beganMs = fromMs;
  }

  /**
   * It has heard itself on both ways, or it would not have started. From now on it is to know that it does not; it may
   * count from when it did.
   */
  started(): void {
    this.#heardBeforeMs = Math.min(this.#heardMs.broadcast, this.#heardMs.send);
    this.#startedMs = this.#time.nowMs;
    this.#heardMs.broadcast = this.#startedMs;
    this.#heardMs.send = this.#startedMs;
    Object.assign(this.#surelyHeardMs, this.#heardMs);
    this.#beganMs = Infinity;
  }

  /** It has noticed that it is disconnected. */
  disconnected(): void {
    this.#awaySinceMs = this.#time.nowMs;
  }

  /** It was disconnected, and knew it, since the given time: a node that was deaf before is not expected to hear. */
  reconnected(sinceMs: number): void {
    const { nowMs } = this.#time;
    this.#awaySinceMs = Infinity;
    this.#aways.push({ fromMs: sinceMs, untilMs: nowMs });
    for (const lane of ["broadcast", "send"] as const) {
      const wasDeaf = this.#deafSinceMs(lane, sinceMs) !== Infinity;
      this.#heardMs[lane] = wasDeaf ? this.#heardMs[lane] + nowMs - sinceMs : nowMs;
      // It may have counted a stall as time in which it was not heard, and stays deaf until it is.
      const mayHaveBeenDeaf = wasDeaf || sinceMs - this.#surelyHeardMs[lane] > this.deafAfterMs;
      this.#surelyHeardMs[lane] = mayHaveBeenDeaf ? this.#surelyHeardMs[lane] + nowMs - sinceMs : nowMs;
    }
  }

  /** For how long it was disconnected, and knew it, since the given time. */
  #awayMsSince(sinceMs: number): number {
    let awayMs = 0;
    for (const { fromMs, untilMs } of this.#aways) awayMs += Math.max(0, untilMs - Math.max(fromMs, sinceMs));
    return awayMs;
  }

  #sinceMs(): number {
    return Math.min(this.#beganMs, this.#deafSinceMs("broadcast"), this.#deafSinceMs("send"));
  }

  /** Since when it has been deaf on a lane; `Infinity` if it is not. */
  #deafSinceMs(lane: "broadcast" | "send", nowMs = Math.min(this.#time.nowMs, this.#awaySinceMs)): number {
    const heardMs = this.#heardMs[lane];
    const unheardMs = nowMs - heardMs - this.#machine.stalledMsSince(heardMs);
    return unheardMs > this.deafAfterMs ? nowMs - (unheardMs - this.deafAfterMs) : Infinity;
  }
}

/** All stretches in which an endpoint knew, or was to know, that it could not be heard, by their ends. */
export function unwellStretches(endpoint: {
  readonly knownOutages: readonly Stretch[];
  readonly ownHearing: OwnHearing;
}): readonly Stretch[] {
  const { deafStretches } = endpoint.ownHearing;
  if (deafStretches.length === 0) return endpoint.knownOutages;
  return [...endpoint.knownOutages, ...deafStretches].sort((a, b) => a.untilMs - b.untilMs);
}

/** Whether an endpoint certainly noticed a stretch: if it is shorter than two ticks, no tick may have seen it. */
export function isNoticed(
  stretch: Stretch,
  { knownOutages }: { readonly knownOutages: readonly Stretch[] },
  tickPeriodMs: number,
): boolean {
  return stretch.untilMs - stretch.fromMs >= 2 * tickPeriodMs || knownOutages.includes(stretch);
}

/** How much time from then on lies within stretches: what lies in several, as a stall during an outage, counts once. */
export function timeWithin(stretches: readonly Stretch[], sinceMs: number): number {
  let withinMs = 0;
  let reachedMs = sinceMs;
  for (const { fromMs, untilMs } of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    if (untilMs <= reachedMs) continue;
    withinMs += untilMs - Math.max(fromMs, reachedMs);
    reachedMs = untilMs;
  }
  return withinMs;
}

/** What is seen of how well a node is. */
interface Observed {
  readonly startedMs: number;
  readonly machine: Machine;
  readonly endpoint: { readonly knownOutages: readonly Stretch[]; readonly ownHearing: OwnHearing };
}

/** When a node last was unwell in a way that it or others notice: stalled, or without its broker. */
export function unwellMs({ machine, endpoint }: Observed): number {
  const stalledMs = machine.stalls.at(-1)?.untilMs ?? -Infinity;
  return Math.max(stalledMs, unwellStretches(endpoint).at(-1)?.untilMs ?? -Infinity);
}

/** Since when nodes certainly heard each other: nothing was lost or out of order, and all of them were well. */
export function quietSinceMs(
  { lossMs, disorderMs }: { readonly lossMs: number; readonly disorderMs: number },
  nodes: readonly Observed[],
): number {
  const wellMs = nodes.map((node) => Math.max(node.startedMs, unwellMs(node)));
  return Math.max(lossMs, disorderMs, ...wellMs);
}
