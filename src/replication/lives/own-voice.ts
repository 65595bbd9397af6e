/**
 * Whether this node hears itself: what it broadcasts, and what it sends to itself alone, has to come back by the way
 * that it takes to others. Time comes in as the time for which the pubsub says that it is connected; knows no message
 * and no other life.
 */
import { DOWN_PERIODS_TO_RETURN, SOUNDING_MARKS } from "../limits.js";
import type { VoiceWay } from "../step.js";
import type { Rules } from "../rules.js";

const VOICE_WAYS: readonly VoiceWay[] = ["broadcasts", "inbox"];

/** This node has spoken: whatever it sent later has a higher counter. */
interface Mark {
  readonly counter: number;
  readonly atMs: number;
}

export class OwnVoice {
  /** Where nothing comes back, nothing is judged. */
  readonly #isJudged: boolean;
  readonly #heartbeatPeriodMs: number;
  /** A frame that was sent longer ago says nothing of the connection that there is now. */
  readonly #memoryMs: number;
  readonly #rules: Rules;
  /** When it was heard last. */
  readonly #heardMs: Record<VoiceWay, number> = { broadcasts: 0, inbox: 0 };
  /** Whether it was heard since the pubsub connected last. */
  readonly #proven: Record<VoiceWay, boolean>;
  readonly #deaf: Record<VoiceWay, boolean> = { broadcasts: false, inbox: false };
  #marks: Mark[] = [];
  #tickMs = 0;

  constructor(
    options: {
      readonly echoes: boolean;
      readonly heartbeatPeriodMs: number;
      readonly downPeriodMs: number;
    },
    rules: Rules,
  ) {
    this.#isJudged = options.echoes;
    this.#proven = { broadcasts: !options.echoes, inbox: !options.echoes };
    this.#heartbeatPeriodMs = options.heartbeatPeriodMs;
    this.#memoryMs = DOWN_PERIODS_TO_RETURN * options.downPeriodMs;
    this.#rules = rules;
  }

  /** Whether it has not been heard on one of the ways for so long that it can be no chance. */
  get isDeaf(): boolean {
    return this.#deaf.broadcasts || this.#deaf.inbox;
  }

  /** Whether it should have been heard by now, on both ways, and was not. */
  get isDoubted(): boolean {
    return this.#isDoubtedOn("broadcasts") || this.#isDoubtedOn("inbox");
  }

  /** The ways on which it should have been heard by now. */
  get doubted(): readonly VoiceWay[] {
    return VOICE_WAYS.filter((way) => this.#isDoubtedOn(way));
  }

  /** Whether it was heard on both ways since the pubsub connected last. */
  get isProven(): boolean {
    return this.#proven.broadcasts && this.#proven.inbox;
  }

  /** The ways on which it has not been heard since the pubsub connected last. */
  get unproven(): readonly VoiceWay[] {
    return VOICE_WAYS.filter((way) => !this.#proven[way]);
  }

  /** The ways on which it is to speak again before its next heartbeat. */
  get soundings(): readonly VoiceWay[] {
    return this.doubted.filter((way) =>
      this.#rules.soundsAgain(this.#unheardFor(way), this.#heartbeatPeriodMs),
    );
  }

  /** For how long it has not been heard, on the way on which that is longer. */
  get unheardMs(): number {
    return Math.max(...VOICE_WAYS.map((way) => this.#unheardFor(way)));
  }

  /** It speaks now: the frame will have a counter above this one. */
  speaks(counter: number): void {
    const sinceMs = this.#tickMs - this.#memoryMs;
    this.#marks = this.#marks.filter(({ atMs }) => atMs >= sinceMs).slice(1 - SOUNDING_MARKS);
    this.#marks.push({ counter, atMs: this.#tickMs });
  }

  /** Whether it is deaf on this way alone, and is not any more once it has heard the frame. */
  isCuredBy(way: VoiceWay, counter: number): boolean {
    const isOtherDeaf = this.#deaf[way === "inbox" ? "broadcasts" : "inbox"];
    return this.#deaf[way] && !isOtherDeaf && this.#isRecent(counter);
  }

  /** A frame of this life came back. */
  hear(way: VoiceWay, counter: number, connectedMs: number): void {
    if (!this.#isRecent(counter)) return;
    this.#heardMs[way] = connectedMs;
    this.#proven[way] = true;
    this.#deaf[way] = false;
  }

  /** A tick: a way that was not heard for too long by now makes this node deaf. */
  pass(connectedMs: number): void {
    this.#tickMs = connectedMs;
    for (const way of VOICE_WAYS) {
      this.#deaf[way] ||= this.#rules.isDeaf(this.#unheardFor(way), this.#heartbeatPeriodMs);
    }
  }

  /** Before its first tick it waits to be heard at all: time passes for what it has said, and nobody counts it as deaf. */
  waits(connectedMs: number): void {
    this.#tickMs = connectedMs;
    for (const way of VOICE_WAYS) this.#heardMs[way] = connectedMs;
  }

  /** The pubsub has connected. A node that was deaf before stays so until it is heard. */
  connected(): void {
    if (!this.#isJudged) return;
    for (const way of VOICE_WAYS) {
      this.#proven[way] = false;
      if (!this.#deaf[way]) this.#heardMs[way] = this.#tickMs;
    }
  }

  /** Whether a frame was sent after the first time that is remembered. */
  #isRecent(counter: number): boolean {
    const [first] = this.#marks;
    return first !== undefined && counter > first.counter;
  }

  #isDoubtedOn(way: VoiceWay): boolean {
    return this.#deaf[way] || this.#rules.isOverdue(this.#unheardFor(way), this.#heartbeatPeriodMs);
  }

  #unheardFor(way: VoiceWay): number {
    return this.#isJudged ? Math.max(0, this.#tickMs - this.#heardMs[way]) : 0;
  }
}
