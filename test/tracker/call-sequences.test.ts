/**
 * One session may serve several trackers of a process, and a tracker many sessions: whatever the order of the calls,
 * each tracker lists what its own calls say, here and on another node.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { Model, sequencesOf, textOf, type Alphabet, type Call, type Stage } from "./call-sequences.js";

/** So many sequences run before the other node is compared. */
const batchSize = 4_000;
const names = ["rooms", "typing"] as const;
const options = { poolSize: 1, broadcastPeriodMs: 0 };

const running: Tracker[] = [];

const { stackTraceLimit } = Error;

beforeEach(() => {
  // Half the calls throw, and nobody reads where.
  Error.stackTraceLimit = 0;
});

afterEach(async () => {
  Error.stackTraceLimit = stackTraceLimit;
  for (const tracker of running.splice(0)) await tracker.stop({ handoffMs: 0 });
});

/** What a tracker lists, with the refs. */
function listed(tracker: Tracker, topic: string): string[] {
  const texts = tracker.list(topic).map(({ key, ref, meta }) => `${key} ${ref} ${JSON.stringify(meta)}`);
  return texts.sort();
}

class Pair {
  readonly #virtual = virtualRuntime();
  readonly here: Tracker[] = [];
  readonly there: Tracker[] = [];
  readonly errors: unknown[] = [];
  #topics = 0;

  static async start(): Promise<Pair> {
    const pair = new Pair();
    const hub = new MemoryHub();
    for (const [node, trackers] of [
      ["a", pair.here],
      ["b", pair.there],
    ] as const) {
      const pubsub = hub.node(node);
      for (const name of names) {
        const { runtime } = pair.#virtual;
        const tracker = await Tracker.start({}, { name, pubsub, runtime, ...options });
        tracker.on("error", (error) => pair.errors.push(error));
        trackers.push(tracker);
        running.push(tracker);
      }
    }
    await pair.pass(5_000);
    return pair;
  }

  stage(sessions: number): Stage {
    const first = (this.#topics += 10);
    return {
      trackers: this.here,
      sessions: Array.from({ length: sessions }, () => new Session()),
      topic: (number) => `room ${first + number}`,
    };
  }

  /** Enough for the news to arrive, and for a heartbeat to tell what differs. */
  async pass(durationMs = 2_500): Promise<void> {
    await this.#virtual.time.advance(durationMs);
  }
}

/** Runs all sequences; throws what is wrong with the first that is. */
async function runAll(alphabet: Alphabet, length: number): Promise<number> {
  const pair = await Pair.start();
  let ran = 0;
  let batch: { sequence: readonly Call[]; stage: Stage }[] = [];
  const compare = async (): Promise<void> => {
    await pair.pass();
    for (const { sequence, stage } of batch) {
      for (let topic = 0; topic < alphabet.topics; topic++) {
        for (const [index, here] of pair.here.entries()) {
          const name = stage.topic(topic);
          if (String(listed(pair.there[index]!, name)) === String(listed(here, name))) continue;
          expect(listed(pair.there[index]!, name), sequence.map(textOf).join(", ")).toEqual(
            listed(here, name),
          );
        }
      }
      for (const session of stage.sessions) session.close();
    }
    batch = [];
    await pair.pass();
    for (const tracker of [...pair.here, ...pair.there]) {
      expect(tracker.topics()).toEqual([]);
      expect(tracker.health().complete).toBe(true);
    }
    expect(pair.errors).toEqual([]);
  };
  for (const sequence of sequencesOf(alphabet, length)) {
    const stage = pair.stage(alphabet.sessions);
    const wrong = resultOf(sequence, alphabet, stage);
    if (wrong !== undefined) expect.fail(`${sequence.map(textOf).join(", ")}: ${wrong}`);
    ran += 1;
    batch.push({ sequence, stage });
    if (batch.length === batchSize) await compare();
  }
  await compare();
  return ran;
}

/** Says how a sequence differs from the model: by what a call returns, or by what is listed after the last. */
function resultOf(sequence: readonly Call[], alphabet: Alphabet, stage: Stage): string | undefined {
  const model = new Model(alphabet);
  for (const [number, call] of sequence.entries()) {
    const wrong = model.call(call, number, stage);
    if (wrong !== undefined) return `${textOf(call)} ${wrong}`;
  }
  for (let tracker = 0; tracker < alphabet.trackers; tracker++) {
    for (let topic = 0; topic < alphabet.topics; topic++) {
      const entries = stage.trackers[tracker]!.list(stage.topic(topic));
      const numbers = entries.map(({ meta }) => meta["n"] as number).sort((a, b) => a - b);
      const expected = model.metas(tracker, topic);
      if (String(numbers) === String(expected)) continue;
      return `tracker ${tracker} lists [${numbers}] instead of [${expected}] under topic ${topic}`;
    }
  }
  return undefined;
}

describe("calls in any order", () => {
  const two: Alphabet = {
    sessions: 2,
    trackers: 2,
    topics: 1,
    does: ["track", "update", "set", "untrack", "close"],
  };

  it.each([1, 2, 3, 4])("%i of two sessions in two trackers", { timeout: 120_000 }, async (length) => {
    expect(await runAll(two, length)).toBeGreaterThan(3);
  });

  it(
    "five of two sessions in two trackers, `set` left out, which tracks or updates",
    {
      timeout: 120_000,
    },
    async () => {
      const does = ["track", "update", "untrack", "close"] as const;
      expect(await runAll({ ...two, does }, 5)).toBeGreaterThan(100_000);
    },
  );

  it("four of one session under two topics of two trackers", { timeout: 120_000 }, async () => {
    const does = ["track", "update", "set", "untrack", "untrackTopic", "untrackAll", "close"] as const;
    expect(await runAll({ sessions: 1, trackers: 2, topics: 2, does }, 4)).toBeGreaterThan(1_000);
  });
});
