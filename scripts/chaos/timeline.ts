/**
 * When each life could not be heard, and whether a node that called another down was right. A life that has
 * ended may be called down. One that lives may be only if it was silent itself: stopped, stalled, without its
 * connection, or behind a relay that stood still. That the observer was stopped is no excuse: it is what a node
 * must blame on itself.
 */
import type { Periods } from "./messages.js";

interface Span {
  readonly fromMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
}

/** One node called another down. */
export interface DownReport {
  readonly observer: string;
  readonly lifeId: string;
  readonly atMs: number;
}

/** One node reported that frames do not get through, which they do unless the machine stands still. */
export interface Suspicion {
  readonly text: string;
  readonly atMs: number;
}

/** Names a life of a node. */
export function lifeIdOf(name: string, incarnation: string): string {
  return `${name} ${incarnation}`;
}

/** Stands for what all messages pass: the driver, which relays, and the machine. */
export const everyone = "everyone";

export class Timeline {
  readonly #spans = new Map<string, Span[]>();
  readonly #ended = new Map<string, number>();
  /** When each life had its connection again: what was before counts as nobody's silence. */
  readonly #connectedMs = new Map<string, number[]>();
  /** Ends the silence of those that have lost it. */
  readonly #reconnected = new Map<string, (untilMs: number) => void>();

  silentSpan(lifeId: string, fromMs: number, untilMs: number): void {
    this.#of(lifeId).push({ fromMs, untilMs });
  }

  /** Returns what ends the span that begins now. */
  silentFrom(lifeId: string, fromMs: number): (untilMs: number) => void {
    const span: Span = { fromMs, untilMs: Infinity };
    this.#of(lifeId).push(span);
    return (untilMs) => (span.untilMs = untilMs);
  }

  /** It lost its connection, or has it again. */
  status(lifeId: string, connected: boolean, atMs: number): void {
    this.#reconnected.get(lifeId)?.(atMs);
    this.#reconnected.delete(lifeId);
    if (connected) this.#connectedMs.set(lifeId, [...this.#connectionsOf(lifeId), atMs]);
    else this.#reconnected.set(lifeId, this.silentFrom(lifeId, atMs));
  }

  /** The life is over, or about to be; the first time counts. */
  ended(lifeId: string, atMs: number): void {
    if (!this.#ended.has(lifeId)) this.#ended.set(lifeId, atMs);
  }

  /** Why a report was wrong; nothing if it was right. */
  complaint({ observer, lifeId, atMs }: DownReport, periods: Periods): string | undefined {
    if ((this.#ended.get(lifeId) ?? Infinity) <= atMs) return undefined;
    const { heartbeatPeriodMs, downPeriodMs } = periods;
    const connectedMs = this.#connectionsOf(observer).findLast((each) => each <= atMs) ?? -Infinity;
    const fromMs = Math.max(atMs - downPeriodMs - heartbeatPeriodMs, connectedMs);
    const silentMs = this.#silentMs(lifeId, fromMs, atMs) + this.#silentMs(everyone, fromMs, atMs);
    // Two of a healthy node's heartbeats are in any down period, with this much to spare.
    const sparedMs = (downPeriodMs - 2 * heartbeatPeriodMs) / 2;
    if (silentMs > sparedMs) return undefined;
    return `${observer} called ${lifeId} down, which was alive, and silent for ${Math.round(silentMs)} ms only`;
  }

  /** Why a suspicion was wrong; nothing if what all messages pass stood still before it. */
  falseAlarm({ text, atMs }: Suspicion, { downPeriodMs }: Periods): string | undefined {
    const silentMs = this.#silentMs(everyone, atMs - 3 * downPeriodMs, atMs);
    if (silentMs > downPeriodMs / 4) return undefined;
    return `${text}, and all that stood still for ${Math.round(silentMs)} ms only`;
  }

  #connectionsOf(lifeId: string): readonly number[] {
    return this.#connectedMs.get(lifeId) ?? [];
  }

  #of(lifeId: string): Span[] {
    const spans = this.#spans.get(lifeId) ?? [];
    this.#spans.set(lifeId, spans);
    return spans;
  }

  #silentMs(lifeId: string, fromMs: number, untilMs: number): number {
    let silentMs = 0;
    for (const span of this.#spans.get(lifeId) ?? []) {
      silentMs += Math.max(0, Math.min(span.untilMs, untilMs) - Math.max(span.fromMs, fromMs));
    }
    return silentMs;
  }
}
