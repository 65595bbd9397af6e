/**
 * Which runs of other nodes are alive, and which of their payloads are new. A run is one wrapper of one process; its seals
 * stay right for ever, so what was recorded of a run that is over could be played again.
 *
 * Promises that a payload counts once, only while it is younger than {@link FRESH_MS}, and only of a run that has answered a
 * question of this node's own making: what is over answers nothing. An answer says what the run's own clock shows, by which
 * the age of its payloads is known from then on; no two clocks have to agree. What seems too old, as after a machine has
 * slept, or is of a run that has not answered yet, waits for an answer, bounded in number, length and time, and is counted if
 * none comes. Remembers nothing of what is over. Deterministic: time comes in as an argument. Knows no key and no pubsub.
 */

/** What is older does not count. Longer than a broker that stands still keeps things back, and short for an attacker. */
const FRESH_MS = 30_000;
/** A question may be lost: it is asked again after this time, then after twice as long, and so on. */
const ASK_AGAIN_MS = 250;
/** Who has not answered by then is over, or cannot be reached; a later answer proves nothing. */
const ANSWER_MS = 10_000;
/** So far back payloads may come out of order. */
const WINDOW = 512;
/** As many lives as a tracker remembers. */
const MAX_RUNS = 4_096;
const MAX_WAITING_RUNS = 1_024;
const MAX_WAITING_PER_RUN = 1_024;
const MAX_WAITING_LENGTH = 16 * 1_024 * 1_024;

/** A payload whose seal is right. `sentMs` is of the clock of its run. */
export interface RunPayload {
  readonly counter: number;
  readonly sentMs: number;
  readonly channel: string;
  readonly payload: string;
}

/** Ask that node whether that run is its own. */
export interface RunQuestion {
  readonly node: string;
  readonly run: string;
  readonly question: string;
}

/** `new` counts; `replayed` has come before, or is too old; `waits` for an answer; `lost` finds no room to wait. */
export type Verdict = "new" | "replayed" | "waits" | "lost";

interface Waiting {
  readonly node: string;
  readonly question: string;
  readonly sinceMs: number;
  askAtMs: number;
  patienceMs: number;
  length: number;
  readonly payloads: RunPayload[];
}

/** The last payloads of a run that counted: each in the place of its number, modulo the window. */
class Window {
  readonly #at = new Float64Array(WINDOW);
  #highest = 0;

  /** Whether a payload of that number has not come yet, as far as can be told. */
  isNew(counter: number): boolean {
    return counter > this.#highest - WINDOW && this.#at[counter % WINDOW] !== counter;
  }

  /** Whether it was new; from now on it is not. */
  add(counter: number): boolean {
    if (!this.isNew(counter)) return false;
    this.#at[counter % WINDOW] = counter;
    if (counter > this.#highest) this.#highest = counter;
    return true;
  }
}

interface Proven {
  readonly window: Window;
  /** What has to be added to the run's clock to get this node's; at most {@link ANSWER_MS} too much. */
  offsetMs: number;
}

export class SealRuns {
  readonly #makeQuestion: () => string;
  /** By run, the one heard last at the end. */
  readonly #proven = new Map<string, Proven>();
  /** The one that waits for longest first. */
  readonly #waiting = new Map<string, Waiting>();
  #waitingLength = 0;

  /** `makeQuestion` returns a text that nobody can foresee. */
  constructor(makeQuestion: () => string) {
    this.#makeQuestion = makeQuestion;
  }

  /** How many payloads wait. */
  get waiting(): number {
    let count = 0;
    for (const { payloads } of this.#waiting.values()) count += payloads.length;
    return count;
  }

  /** When {@link due} has something to say. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const { askAtMs, sinceMs } of this.#waiting.values())
      dueMs = Math.min(dueMs, askAtMs, sinceMs + ANSWER_MS);
    return dueMs;
  }

  /** This node's own run needs no answer; its clock began at `startMs`. */
  trust(run: string, startMs: number): void {
    this.#proven.set(run, { window: new Window(), offsetMs: startMs });
  }

  /** A payload has come. */
  judge(run: string, node: string, payload: RunPayload, nowMs: number): Verdict {
    const proven = this.#proven.get(run);
    if (proven !== undefined) {
      this.#proven.delete(run);
      this.#proven.set(run, proven);
      if (!proven.window.isNew(payload.counter)) return "replayed";
      if (isFresh(payload, proven, nowMs)) return proven.window.add(payload.counter) ? "new" : "replayed";
    }
    return this.#wait(run, node, payload, nowMs);
  }

  /** Whether a message between wrappers is new. Those of a run that has not answered are told apart by their numbers alone. */
  isNewMessage(run: string, counter: number): boolean {
    return this.#proven.get(run)?.window.add(counter) ?? true;
  }

  /**
   * A run has answered, and shows `clockMs` on its clock. Returns what waited and counts, in its order, and how much of it is
   * too old; nothing if that is not what it was asked, or too late.
   */
  answered(
    run: string,
    question: string,
    clockMs: number,
    nowMs: number,
  ): { readonly payloads: readonly RunPayload[]; readonly replayed: number } | undefined {
    const waiting = this.#waiting.get(run);
    if (waiting === undefined || waiting.question !== question) return undefined;
    if (nowMs - waiting.sinceMs > ANSWER_MS) return undefined;
    this.#end(run, waiting);
    const proven = this.#proven.get(run) ?? { window: new Window(), offsetMs: 0 };
    proven.offsetMs = nowMs - clockMs;
    this.#proven.set(run, proven);
    for (const oldest of this.#proven.keys()) {
      if (this.#proven.size <= MAX_RUNS) break;
      this.#proven.delete(oldest);
    }
    const inOrder = [...waiting.payloads].sort((one, other) => one.counter - other.counter);
    const payloads = inOrder.filter(
      (each) => isFresh(each, proven, nowMs) && proven.window.add(each.counter),
    );
    return { payloads, replayed: inOrder.length - payloads.length };
  }

  /** Whom to ask now, and how many payloads have waited in vain. */
  due(nowMs: number): { readonly questions: readonly RunQuestion[]; readonly lost: number } {
    const questions: RunQuestion[] = [];
    let lost = 0;
    for (const [run, waiting] of this.#waiting) {
      if (nowMs - waiting.sinceMs >= ANSWER_MS) {
        lost += waiting.payloads.length;
        this.#end(run, waiting);
      } else if (nowMs >= waiting.askAtMs) {
        waiting.askAtMs = nowMs + waiting.patienceMs;
        waiting.patienceMs *= 2;
        questions.push({ node: waiting.node, run, question: waiting.question });
      }
    }
    return { questions, lost };
  }

  #wait(run: string, node: string, payload: RunPayload, nowMs: number): Verdict {
    let waiting = this.#waiting.get(run);
    if (waiting === undefined) {
      if (this.#waiting.size >= MAX_WAITING_RUNS) return "lost";
      waiting = {
        node,
        question: this.#makeQuestion(),
        sinceMs: nowMs,
        askAtMs: nowMs,
        patienceMs: ASK_AGAIN_MS,
        length: 0,
        payloads: [],
      };
      this.#waiting.set(run, waiting);
    }
    const { length } = payload.payload;
    if (waiting.payloads.length >= MAX_WAITING_PER_RUN) return "lost";
    if (this.#waitingLength + length > MAX_WAITING_LENGTH) return "lost";
    waiting.payloads.push(payload);
    waiting.length += length;
    this.#waitingLength += length;
    return "waits";
  }

  #end(run: string, { length }: Waiting): void {
    this.#waiting.delete(run);
    this.#waitingLength -= length;
  }
}

function isFresh({ sentMs }: RunPayload, { offsetMs }: Proven, nowMs: number): boolean {
  return nowMs - (sentMs + offsetMs) <= FRESH_MS;
}
