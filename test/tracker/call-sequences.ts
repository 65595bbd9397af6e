/**
 * Every sequence of calls on a few sessions and trackers, and a model of what each call has to do. Sequences that
 * differ only in which of two equals is called the first are the same, so the model numbers sessions, trackers and
 * topics in the order of their first use.
 */
import type { Session } from "../../src/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { codeOf } from "./recorder.js";

export interface Call {
  readonly does: "track" | "update" | "set" | "untrack" | "untrackTopic" | "untrackAll" | "close";
  readonly session: number;
  readonly tracker: number;
  readonly topic: number;
}

/** How many of each there are. */
export interface Alphabet {
  readonly sessions: number;
  readonly trackers: number;
  readonly topics: number;
  readonly does: readonly Call["does"][];
}

/** All sequences of so many calls. */
export function* sequencesOf(alphabet: Alphabet, length: number): Generator<readonly Call[]> {
  const calls = callsOf(alphabet);
  function* from(sequence: readonly Call[]): Generator<readonly Call[]> {
    if (sequence.length === length) {
      yield sequence;
      return;
    }
    for (const call of calls) if (isInOrder(sequence, call)) yield* from([...sequence, call]);
  }
  yield* from([]);
}

function callsOf({ sessions, trackers, topics, does }: Alphabet): Call[] {
  const calls: Call[] = [];
  for (const what of does) {
    const namesTopic = what !== "untrackAll" && what !== "close";
    for (let session = 0; session < sessions; session++) {
      for (let tracker = 0; tracker < (what === "close" ? 1 : trackers); tracker++) {
        for (let topic = 0; topic < (namesTopic ? topics : 1); topic++) {
          calls.push({ does: what, session, tracker, topic });
        }
      }
    }
  }
  return calls;
}

/** Whether a call uses nothing whose equal with a lower number has not been used. */
function isInOrder(sequence: readonly Call[], call: Call): boolean {
  const used = { session: -1, tracker: -1, topic: -1 };
  for (const each of sequence) {
    used.session = Math.max(used.session, each.session);
    if (each.does !== "close") used.tracker = Math.max(used.tracker, each.tracker);
    if (each.does !== "close" && each.does !== "untrackAll") used.topic = Math.max(used.topic, each.topic);
  }
  return call.session <= used.session + 1 && call.tracker <= used.tracker + 1 && call.topic <= used.topic + 1;
}

export function textOf({ does, session, tracker, topic }: Call): string {
  return does === "close" ? `close s${session}` : `t${tracker}.${does} s${session} r${topic}`;
}

/** What a sequence runs on, with the names that are its own. */
export interface Stage {
  readonly trackers: readonly Tracker[];
  readonly sessions: readonly Session[];
  readonly topic: (number: number) => string;
}

/** What has to be there: the number of each meta, by session, tracker and topic. */
export class Model {
  readonly #alphabet: Alphabet;
  readonly #metas: (number | undefined)[];
  readonly #closed: boolean[];

  constructor(alphabet: Alphabet) {
    this.#alphabet = alphabet;
    const { sessions, trackers, topics } = alphabet;
    this.#metas = new Array<undefined>(sessions * trackers * topics).fill(undefined);
    this.#closed = new Array<boolean>(sessions).fill(false);
  }

  /** Makes a call here and on the stage; says how the two differ. */
  call(call: Call, number: number, { trackers, sessions, topic }: Stage): string | undefined {
    const tracker = trackers[call.tracker]!;
    const session = sessions[call.session]!;
    const name = topic(call.topic);
    const meta = { n: number };
    const expected = this.#expect(call, number);
    let result: unknown;
    const code = codeOf(() => {
      if (call.does === "close") session.close();
      else if (call.does === "untrackAll") result = tracker.untrack(session);
      else if (call.does === "untrackTopic") result = tracker.untrack(session, name);
      else if (call.does === "untrack") result = tracker.untrack(session, name, "ann");
      else if (call.does === "track") result = typeof tracker.track(session, name, "ann", meta);
      else if (call.does === "set") result = typeof tracker.set(session, name, "ann", meta);
      else result = typeof tracker.update(session, name, "ann", meta);
    });
    const got = code ?? result;
    return got === expected ? undefined : `got ${String(got)} instead of ${String(expected)}`;
  }

  /** The numbers of the metas under a topic of a tracker. */
  metas(tracker: number, topic: number): number[] {
    const metas: number[] = [];
    for (let session = 0; session < this.#alphabet.sessions; session++) {
      const number = this.#metas[this.#placeOf(session, tracker, topic)];
      if (number !== undefined) metas.push(number);
    }
    return metas.sort((a, b) => a - b);
  }

  #placeOf(session: number, tracker: number, topic: number): number {
    return (session * this.#alphabet.trackers + tracker) * this.#alphabet.topics + topic;
  }

  #expect({ does, session, tracker, topic }: Call, number: number): unknown {
    const { trackers, topics } = this.#alphabet;
    const place = this.#placeOf(session, tracker, topic);
    if (does === "close") {
      this.#closed[session] = true;
      this.#take(this.#placeOf(session, 0, 0), trackers * topics);
      return undefined;
    }
    if (does === "untrackAll") return this.#take(this.#placeOf(session, tracker, 0), topics);
    if (does === "untrackTopic" || does === "untrack") return this.#take(place, 1);
    if (this.#closed[session] === true) return "undefined";
    if (does === "track" && this.#metas[place] !== undefined) return "ALREADY_TRACKED";
    if (does === "update" && this.#metas[place] === undefined) return "NOT_TRACKED";
    this.#metas[place] = number;
    return "string";
  }

  /** Takes away what is in some places in a row; says how much that was. */
  #take(first: number, places: number): number {
    let taken = 0;
    for (let place = first; place < first + places; place++) {
      if (this.#metas[place] !== undefined) taken += 1;
      this.#metas[place] = undefined;
    }
    return taken;
  }
}
