/**
 * The topics whose number of entries this node wants to know: counted by handles, each asked of the registrar that ranks
 * first, anew when that is another one. What it shows is what that registrar said last, or what was settled before (R94).
 *
 * Time comes in as an argument; knows no pair.
 */
import type { Count } from "../step.js";
import type { FollowingRules } from "./rules.js";

export interface CountWatchesPort {
  firstRegistrarOf(topic: string): string;
  isAbove(name: string, other: string, topic: string): boolean;
  /** A registrar is to tell the number, by this want; 0: no longer. */
  want(registrar: string, topic: string, want: number): void;
  /** What is shown of a topic has changed. */
  changed(topic: string): void;
}

interface Watch {
  handles: number;
  registrar: string;
  want: number;
  /** What the registrar has said in answer to the present want. */
  told: Count | undefined;
  shown: Count;
  /** When what is shown was settled last; `undefined` while it is, -Infinity if it never was. */
  settledMs: number | undefined;
}

const NOTHING: Count = { entries: 0, isSettled: false };

export class CountWatches {
  readonly #port: CountWatchesPort;
  readonly #rules: FollowingRules;
  readonly #downPeriodMs: number;
  readonly #watches = new Map<string, Watch>();
  /** Those of which something was said, or that lost their registrar. */
  readonly #changed = new Set<string>();
  /** Those that show what was settled, and are told what is not. */
  readonly #held = new Set<string>();
  #wants = 0;

  constructor(port: CountWatchesPort, downPeriodMs: number, rules: FollowingRules) {
    this.#port = port;
    this.#downPeriodMs = downPeriodMs;
    this.#rules = rules;
  }

  get size(): number {
    return this.#watches.size;
  }

  topics(): IterableIterator<string> {
    return this.#watches.keys();
  }

  /** When something is to be looked at: at once, or not before something happens. */
  get dueMs(): number {
    return this.#changed.size > 0 ? -Infinity : Infinity;
  }

  /** What is known of the number of a topic's entries. */
  shownOf(topic: string): Count {
    return this.#watches.get(topic)?.shown ?? NOTHING;
  }

  /** The registrar that is to tell the number, if this node wants to know it. */
  registrarOf(topic: string): string | undefined {
    return this.#watches.get(topic)?.registrar;
  }

  /** One more handle. */
  open(topic: string): void {
    const watch = this.#watches.get(topic);
    if (watch !== undefined) {
      watch.handles += 1;
      return;
    }
    const registrar = this.#port.firstRegistrarOf(topic);
    const begun = { handles: 1, registrar, want: 0, told: undefined, shown: NOTHING, settledMs: -Infinity };
    this.#watches.set(topic, begun);
    this.#want(topic, begun);
  }

  /** One handle less. */
  close(topic: string): void {
    const watch = this.#watches.get(topic);
    if (watch === undefined) return;
    watch.handles -= 1;
    if (watch.handles > 0) return;
    this.#watches.delete(topic);
    this.#changed.delete(topic);
    this.#held.delete(topic);
    this.#port.want(watch.registrar, topic, 0);
  }

  /** A node is up: possibly in another life than before. */
  came(name: string): void {
    for (const [topic, watch] of this.#watches) {
      if (name === watch.registrar) this.#want(topic, watch);
      else if (this.#port.isAbove(name, watch.registrar, topic)) this.#choose(topic, watch);
    }
  }

  /** A node is up no longer. */
  went(name: string): void {
    for (const [topic, watch] of this.#watches) if (name === watch.registrar) this.#choose(topic, watch);
  }

  /** Nothing was heard for a while: what was said before answers nothing. */
  resumed(): void {
    for (const [topic, watch] of this.#watches) this.#want(topic, watch);
  }

  /** A registrar has told the number, in answer to a want. */
  told(registrar: string, topic: string, want: number, count: Count): void {
    const watch = this.#watches.get(topic);
    if (watch?.registrar !== registrar || !this.#rules.isOfPresentCount(want, watch.want)) return;
    watch.told = count;
    this.#changed.add(topic);
  }

  /** Shows what has changed. */
  advance(nowMs: number): void {
    for (const topic of this.#changed) this.#show(topic, nowMs);
    this.#changed.clear();
  }

  /** Looks after what was held until now. Once per tick. */
  pass(nowMs: number): void {
    for (const topic of this.#held) this.#show(topic, nowMs);
  }

  #choose(topic: string, watch: Watch): void {
    this.#port.want(watch.registrar, topic, 0);
    watch.registrar = this.#port.firstRegistrarOf(topic);
    this.#want(topic, watch);
  }

  #want(topic: string, watch: Watch): void {
    this.#wants += 1;
    watch.want = this.#wants;
    watch.told = undefined;
    this.#changed.add(topic);
    this.#port.want(watch.registrar, topic, watch.want);
  }

  #show(topic: string, nowMs: number): void {
    const watch = this.#watches.get(topic);
    if (watch === undefined) return;
    const { told, shown } = watch;
    if (told?.isSettled === true) watch.settledMs = undefined;
    else watch.settledMs ??= nowMs;
    const sinceMs = nowMs - (watch.settledMs ?? nowMs);
    const isShown =
      told !== undefined && this.#rules.isCountShown(told.isSettled, sinceMs, this.#downPeriodMs);
    if (isShown || told === undefined) this.#held.delete(topic);
    else this.#held.add(topic);
    const entries = isShown ? told.entries : shown.entries;
    const isSettled = isShown && told.isSettled;
    if (entries === shown.entries && isSettled === shown.isSettled) return;
    watch.shown = { entries, isSettled };
    this.#port.changed(topic);
  }
}
