/**
 * How this node is connected, as the pubsub says and as far as it hears itself; when it says that it is there; and
 * which of the time that passes counts for the silence of others. Time comes in as an argument; knows no other life.
 */
import { isAddressedTo } from "../life.js";
import type { Life } from "../life.js";
import type { Frame } from "../message.js";
import type { Rules } from "../rules.js";
import type { ConnectionStatus, Effects, VoiceWay } from "../step.js";
import { HealthyTime } from "./healthy-time.js";
import { OwnDelay } from "./own-delay.js";
import { OwnVoice } from "./own-voice.js";
import { Rhythm } from "./rhythm.js";

export interface ConnectionOptions {
  readonly life: Life;
  readonly echoes: boolean;
  readonly tickPeriodMs: number;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
}

/** What a tick comes to. */
interface Passed {
  /** Whether those that have been silent for too long may be hidden. */
  readonly hides: boolean;
  /** What is added to the time after which they are. */
  readonly graceMs: number;
  /** The ways on which this node is to speak now. */
  readonly soundings: readonly VoiceWay[];
}

export class Connection {
  readonly voice: OwnVoice;
  readonly ownDelay = new OwnDelay();
  /** The time in which this node could hear, as far as it knows. */
  readonly healthy: HealthyTime;
  /** And as far as the pubsub says. */
  readonly #connected: HealthyTime;
  readonly rhythm: Rhythm;
  readonly #options: ConnectionOptions;
  readonly #rules: Rules;
  readonly #effects: Effects;
  #isAttached = true;
  /** Healthy time since a tick came late. */
  #sinceLateMs = Infinity;
  /** For how long it has been connected since it doubted its connection. */
  #sinceDoubtMs = Infinity;
  #nextHeartbeatMs: number;
  /** When the last one was sent while the pubsub was connected. */
  #lastHeartbeatMs = -Infinity;
  /** Whether what this node heard of itself last, as it was deaf, had been said just before. */
  #isCuredQuickly = false;
  /** When it spoke last because it doubted its connection. */
  #soundedMs = -Infinity;
  /** For how long it had not heard itself when a new connection was asked for last. */
  #askedMs: number | undefined;

  constructor(options: ConnectionOptions, rules: Rules, effects: Effects, nowMs: number) {
    this.voice = new OwnVoice(options, rules);
    this.healthy = new HealthyTime(rules, options.tickPeriodMs, nowMs);
    this.#connected = new HealthyTime(rules, options.tickPeriodMs, nowMs);
    this.rhythm = new Rhythm(options.heartbeatPeriodMs, options.permdownPeriodMs, rules);
    this.#options = options;
    this.#rules = rules;
    this.#effects = effects;
    this.#nextHeartbeatMs = nowMs;
  }

  /** Whether the pubsub says that it is connected. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  get status(): ConnectionStatus {
    if (!this.#isAttached) return "disconnected";
    return this.voice.isDeaf ? "deaf" : "connected";
  }

  /** Whether frames take so long that what is heard may have been sent long ago. */
  get isSlow(): boolean {
    return this.voice.isDoubted || this.#rules.isSlow(this.ownDelay.longestMs, this.#options.tickPeriodMs);
  }

  /** Whether they may: it is, or nothing has come back yet that this node has said since it could hear. */
  get mayBeSlow(): boolean {
    const isUnknown = this.#options.echoes && !this.ownDelay.isKnown;
    return this.isSlow || this.#rules.mayBeSlow(isUnknown);
  }

  /** How long frames take at the most, as far as is known. */
  get delayMs(): number {
    const isKnown = this.#options.echoes && this.ownDelay.isKnown && !this.voice.isDoubted;
    return isKnown ? this.ownDelay.longestMs : Infinity;
  }

  /** How long a question and its answer take, where that is long. */
  get slowMs(): number {
    return this.isSlow ? 2 * this.ownDelay.longestMs : 0;
  }

  /** When the next tick or heartbeat is due. */
  get dueMs(): number {
    return Math.min(this.nextTickMs, this.#nextHeartbeatMs);
  }

  get nextTickMs(): number {
    return this.healthy.lastPassMs + this.#options.tickPeriodMs;
  }

  /** Whether a heartbeat is due: then it is sent, and the next one is due after a period. */
  takeHeartbeat(nowMs: number): boolean {
    if (nowMs < this.#nextHeartbeatMs) return false;
    this.rhythm.beat(nowMs - this.#nextHeartbeatMs);
    this.#nextHeartbeatMs = this.#rules.heartbeatDueMs(nowMs, this.#options.heartbeatPeriodMs);
    if (this.#isAttached) this.#lastHeartbeatMs = nowMs;
    return true;
  }

  /** It can be heard again, as far as is known. Returns when the next heartbeat is due. */
  resume(nowMs: number): number {
    const { tickPeriodMs } = this.#options;
    this.ownDelay.forgetUnderWay(this.#isCuredQuickly);
    this.#isCuredQuickly = false;
    this.#nextHeartbeatMs = this.#rules.reconnectHeartbeatDueMs(nowMs, this.#lastHeartbeatMs, tickPeriodMs);
    return this.#nextHeartbeatMs;
  }

  /** The pubsub has connected, or lost its connection. */
  attach(isAttached: boolean): void {
    this.#change(() => {
      this.#isAttached = isAttached;
      this.#isCuredQuickly = false;
      if (isAttached) this.voice.connected();
      // A new connection gets as much time as one that was asked for: else it is given up before it can be heard.
      this.#askedMs = isAttached && this.voice.isDeaf ? this.voice.unheardMs : undefined;
    });
  }

  /** Whether this life is deaf, and is not any more once it has heard this frame. */
  isCuredBy({ from, to, counter }: Frame): boolean {
    const { incarnation } = this.#options.life;
    return from.incarnation === incarnation && this.voice.isCuredBy(wayOf(to, incarnation), counter);
  }

  /** A frame of this node's name came. Returns whether this life was deaf, and hears itself again. */
  hear({ from, to, counter }: Pick<Frame, "from" | "to" | "counter">, nowMs: number): boolean {
    const { incarnation } = this.#options.life;
    if (from.incarnation !== incarnation) return false;
    const { isDeaf } = this.voice;
    const way = wayOf(to, incarnation);
    const connectedMs = this.#connected.at(nowMs);
    // What comes back after a deafness was under way through it.
    const tookMs = this.ownDelay.tookMs(counter, nowMs) ?? Infinity;
    this.#isCuredQuickly = isDeaf && !this.#rules.isSlow(tookMs, this.#options.tickPeriodMs);
    if (!isDeaf) this.ownDelay.heard(counter, nowMs);
    this.#change(() => this.voice.hear(way, counter, connectedMs));
    return this.#rules.isAsReconnected(isDeaf, this.voice.isDeaf);
  }

  /** It says something that it is to hear itself. */
  speak(outbox: { readonly counter: number }, nowMs: number, say: () => void): void {
    const { counter } = outbox;
    this.voice.speaks(counter);
    say();
    this.ownDelay.spoke(counter + 1, outbox.counter, nowMs);
  }

  /** It is about to speak for the first time, or again as long as it has not heard itself and so has not started. */
  waits(nowMs: number): void {
    this.#connected.pass(nowMs);
    this.voice.waits(this.#connected.passedMs);
  }

  tick(nowMs: number): Passed {
    const { tickPeriodMs, heartbeatPeriodMs } = this.#options;
    const counts = this.#counts();
    const isLate = nowMs - this.healthy.lastPassMs > 2 * tickPeriodMs;
    const healthyMs = this.healthy.pass(nowMs);
    const sinceLateMs = this.#sinceLateMs + (isLate ? 0 : healthyMs);
    const mayHide = this.#rules.hides(isLate, sinceLateMs, tickPeriodMs, counts);
    if (counts) this.#sinceLateMs = isLate ? 0 : sinceLateMs;
    const connectedMs = this.#connected.pass(nowMs);
    this.#change(() => this.voice.pass(this.#connected.passedMs));
    this.#sinceDoubtMs = this.voice.isDoubted ? 0 : this.#sinceDoubtMs + connectedMs;
    if (this.#isToBeRenewed()) this.#effects.add({ type: "reconnect" });
    return {
      hides: mayHide && this.#rules.hidesUnheard(this.voice.isDoubted),
      graceMs: this.#rules.graceMs(this.#sinceDoubtMs, heartbeatPeriodMs),
      soundings: this.#soundings(nowMs),
    };
  }

  #soundings(nowMs: number): readonly VoiceWay[] {
    const dueMs = this.#rules.soundingDueMs(this.#soundedMs, this.#options.tickPeriodMs);
    const soundings = this.#isAttached && nowMs >= dueMs ? this.voice.soundings : [];
    if (soundings.length > 0) this.#soundedMs = nowMs;
    return soundings;
  }

  /** When it becomes deaf, and again after each down period for which it stays so. */
  #isToBeRenewed(): boolean {
    if (this.status !== "deaf") {
      this.#askedMs = undefined;
      return false;
    }
    const { unheardMs } = this.voice;
    if (this.#askedMs !== undefined && unheardMs - this.#askedMs < this.#options.downPeriodMs) return false;
    this.#askedMs = unheardMs;
    return true;
  }

  #counts(): boolean {
    return this.#isAttached && this.#rules.countsSilence(this.voice.isDeaf);
  }

  #change(change: () => void): void {
    const { status } = this;
    change();
    this.#connected.run(this.#isAttached);
    this.healthy.run(this.#counts());
    if (this.status === status) return;
    this.#effects.add({ type: "connection", status: this.status, unheard: this.voice.doubted });
  }
}

/** The way on which a frame of this life came: what is addressed to another life and comes here was broadcast. */
function wayOf(to: string | undefined, incarnation: string): VoiceWay {
  return to !== undefined && isAddressedTo(incarnation, to) ? "inbox" : "broadcasts";
}
