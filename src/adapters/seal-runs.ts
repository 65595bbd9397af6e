/**
 * Which runs of other nodes are alive, and which of their payloads came already. A run is one wrapper of one process; its
 * seals stay right for ever, so what was recorded of a run that is over could be played again to those who never heard of it.
 *
 * Promises that a payload counts once, and only of a run that has answered a question of this node's own making: what is over
 * answers nothing. Payloads that come before the answer wait, bounded in number and length, and count when it comes unless
 * the run says that they are older than {@link FRESH_MS}. Remembers nothing of what is over. Deterministic: time comes in as
 * an argument. Knows no key and no pubsub.
 */

/** What a run sent in this time before it is asked may be new to the asker; what is older is not. */
const FRESH_MS = 5_000;
/** A question may be lost. */
const ASK_AGAIN_MS = 250;
/** Who has not answered by then is over, or cannot be reached: what waits for it makes room. */
const ANSWER_MS = 10_000;
/** So far back payloads may come late. */
const WINDOW = 512;
/** As many lives as a tracker remembers. */
const MAX_RUNS = 4_096;
const MAX_WAITING_RUNS = 1_024;
const MAX_WAITING_PER_RUN = 1_024;
const MAX_WAITING_LENGTH = 16 * 1_024 * 1_024;

/** A payload that waits until its run has answered. */
export interface WaitingPayload {
  readonly counter: number;
  readonly channel: string;
  readonly payload: string;
}

/**
 * What is to become of a payload: `new` counts, `replayed` came before or is too late to tell, `waits` for the answer of its
 * run. With `ask` the run's node is to be asked that question. `lost` says how many found no room to wait.
 */
export interface Judgement {
  readonly verdict: "new" | "replayed" | "waits";
  readonly lost: number;
  readonly ask?: string;
}

interface Unproven {
  readonly question: string;
  readonly sinceMs: number;
  askedAtMs: number;
  length: number;
  readonly payloads: WaitingPayload[];
}

/** The last payloads of a run that counted: each in the place of its number, modulo the window. */
class Heard {
  readonly #at = new Float64Array(WINDOW);
  readonly #floor: number;
  #highest: number;

  /** Nothing up to the floor counts. */
  constructor(floor: number) {
    this.#floor = floor;
    this.#highest = floor;
  }

  /** Whether this is the first time; from now on it is not. */
  add(counter: number): boolean {
    if (counter <= this.#floor || counter <= this.#highest - WINDOW) return false;
    const place = counter % WINDOW;
    if (this.#at[place] === counter) return false;
    this.#at[place] = counter;
    if (counter > this.#highest) this.#highest = counter;
    return true;
  }
}

export class SealRuns {
  readonly #makeQuestion: () => string;
  /** By run, the one heard last at the end. */
  readonly #proven = new Map<string, Heard>();
  readonly #unproven = new Map<string, Unproven>();
  #waitingLength = 0;

  /** `makeQuestion` returns a text that nobody can foresee. */
  constructor(makeQuestion: () => string) {
    this.#makeQuestion = makeQuestion;
  }

  get waiting(): number {
    let count = 0;
    for (const { payloads } of this.#unproven.values()) count += payloads.length;
    return count;
  }

  /** This node's own run needs no answer. */
  trust(run: string): void {
    this.#proven.set(run, new Heard(0));
  }

  /** A payload has come whose seal is right. */
  judge(run: string, payload: WaitingPayload, nowMs: number): Judgement {
    const heard = this.#proven.get(run);
    if (heard !== undefined) {
      this.#proven.delete(run);
      this.#proven.set(run, heard);
      return { verdict: heard.add(payload.counter) ? "new" : "replayed", lost: 0 };
    }
    let lost = this.#makeRoom(nowMs);
    const unproven = this.#unproven.get(run) ?? this.#begin(run, nowMs);
    if (!this.#wait(unproven, payload)) lost += 1;
    if (nowMs - unproven.askedAtMs < ASK_AGAIN_MS) return { verdict: "waits", lost };
    unproven.askedAtMs = nowMs;
    return { verdict: "waits", lost, ask: unproven.question };
  }

  /**
   * A run has answered: nothing that it numbered up to `floor` is new. Returns what waited and counts, in its order, and how
   * much of it does not; nothing if that was not the question.
   */
  answered(
    run: string,
    question: string,
    floor: number,
  ): { readonly payloads: readonly WaitingPayload[]; readonly replayed: number } {
    const unproven = this.#unproven.get(run);
    if (unproven === undefined || unproven.question !== question) return { payloads: [], replayed: 0 };
    this.#end(run, unproven);
    const heard = new Heard(floor);
    this.#proven.set(run, heard);
    dropOldest(this.#proven, MAX_RUNS);
    const inOrder = [...unproven.payloads].sort((one, other) => one.counter - other.counter);
    const payloads = inOrder.filter(({ counter }) => heard.add(counter));
    return { payloads, replayed: inOrder.length - payloads.length };
  }

  #begin(run: string, nowMs: number): Unproven {
    const question = this.#makeQuestion();
    const unproven = { question, sinceMs: nowMs, askedAtMs: -Infinity, length: 0, payloads: [] };
    this.#unproven.set(run, unproven);
    return unproven;
  }

  /** Those who were asked first and have not answered make room. Returns how many payloads that costs. */
  #makeRoom(nowMs: number): number {
    let lost = 0;
    for (const [oldest, unproven] of this.#unproven) {
      const isLate = nowMs - unproven.sinceMs > ANSWER_MS;
      if (!isLate && this.#unproven.size < MAX_WAITING_RUNS) break;
      lost += unproven.payloads.length;
      this.#end(oldest, unproven);
    }
    return lost;
  }

  #wait(unproven: Unproven, payload: WaitingPayload): boolean {
    const { length } = payload.payload;
    if (unproven.payloads.length >= MAX_WAITING_PER_RUN) return false;
    if (this.#waitingLength + length > MAX_WAITING_LENGTH) return false;
    unproven.payloads.push(payload);
    unproven.length += length;
    this.#waitingLength += length;
    return true;
  }

  #end(run: string, { length }: Unproven): void {
    this.#unproven.delete(run);
    this.#waitingLength -= length;
  }
}

/** What this run sent, and when: enough to say what of it is older than {@link FRESH_MS}. */
export class SentLately {
  readonly #marks: { readonly atMs: number; readonly counter: number }[] = [];

  sent(counter: number, nowMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.atMs < FRESH_MS / 5) return;
    this.#marks.push({ atMs: nowMs, counter });
    while ((this.#marks[1]?.atMs ?? Infinity) <= nowMs - FRESH_MS) this.#marks.shift();
  }

  /** All payloads up to this number are older than {@link FRESH_MS}. */
  floor(nowMs: number): number {
    let floor = 0;
    for (const { atMs, counter } of this.#marks) if (atMs <= nowMs - FRESH_MS) floor = counter;
    return floor;
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
