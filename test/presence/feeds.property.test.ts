import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import { Feeds } from "../../src/presence/feeds.js";
import { Holds } from "../../src/presence/holds.js";
import { Fetcher } from "../../src/presence/fetcher.js";
import { DIFF_EVENT, STATE_EVENT, toPresences, toWireDiff } from "../../src/presence/wire.js";
import type { PresenceDiff, Presences } from "../../src/presence/wire.js";
import { Reporter } from "../../src/reports.js";
import { ModelTopic, anyStep, type Page } from "./model-topic.js";
import { StrictFold, describeMetas, describePresences } from "./strict-fold.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

interface Named {
  name: string;
}

const fetchTimeoutMs = 50;

/** How fetches behave, one after the other. A delay above the timeout means that it is given up. */
const anyFetch = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("resolves" as const), delayMs: fc.nat({ max: 80 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("rejects" as const), delayMs: fc.nat({ max: 80 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("returns" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throws" as const) }) },
);

const anyAction = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("step" as const), step: anyStep }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscribe" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), index: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), delayMs: fc.nat({ max: 60 }) }) },
);

type FetchBehaviour = typeof anyFetch extends fc.Arbitrary<infer Value> ? Value : never;
type Action = typeof anyAction extends fc.Arbitrary<infer Value> ? Value : never;

interface Script {
  readonly actions: readonly Action[];
  readonly fetches: readonly FetchBehaviour[] | undefined;
  readonly handleMetas: boolean;
}

const anyScript: fc.Arbitrary<Script> = fc.record({
  actions: fc.array(anyAction, { maxLength: 50 }),
  fetches: fc.option(fc.array(anyFetch, { minLength: 1, maxLength: 12 }), { nil: undefined }),
  handleMetas: fc.boolean(),
});

/** One subscriber: what it came to, and that nothing reached it too early or too late. */
class Listener {
  readonly fold = new StrictFold<Named>();
  readonly client = new PresenceClient<Page, Named>();
  unsubscribe = (): void => undefined;
  ended = false;

  readonly state = (presences: Presences<Page, Named>): void => {
    this.#check(presences);
    this.fold.state(presences);
    this.client.receive(STATE_EVENT, presences);
  };

  readonly diff = (diff: PresenceDiff<Page, Named>): void => {
    for (const part of [diff.joins, diff.updates, diff.leaves]) this.#check(part);
    this.fold.checkKeys();
    this.fold.diff(diff);
    this.client.receive(DIFF_EVENT, toWireDiff(diff));
  };

  /** A presence has what was fetched for its own key, or nothing. */
  #check(presences: Presences<Page, Named>): void {
    if (this.ended) throw new Error("called after it was unsubscribed");
    for (const [key, { name }] of Object.entries(presences)) {
      if (name !== undefined && name !== `name of ${key}`)
        throw new Error(`${key} has the extras of ${name}`);
    }
  }
}

/** Runs a script until nothing is on its way any more. */
async function run(script: Script, diffPeriodMs: number) {
  const { time, runtime } = virtualRuntime();
  const reporter = new Reporter("test", runtime, { error: true });
  const errors = new Set<string>();
  reporter.on("error", ({ message, cause }) => errors.add(cause instanceof Error ? cause.message : message));

  const asked: (readonly string[])[] = [];
  const fetch = (_topic: string, keys: readonly string[]) => {
    const behaviour = script.fetches?.[asked.length % script.fetches.length];
    asked.push(keys);
    const found = new Map(keys.map((key) => [key, { name: `name of ${key}` }]));
    if (behaviour === undefined || behaviour.kind === "returns") return found;
    if (behaviour.kind === "throws") throw new Error("fetch threw");
    return new Promise<Map<string, Named>>((resolve, reject) => {
      runtime.schedule(behaviour.delayMs, () => {
        if (behaviour.kind === "resolves") resolve(found);
        else reject(new Error("fetch rejected"));
      });
    });
  };
  const fetcher = new Fetcher<Named>({
    fetch: script.fetches && fetch,
    fetchTimeoutMs,
    runtime,
    reporter,
  });

  const handled = new StrictFold<Named>();
  handled.state({});
  const handleMetas = (
    _topic: string,
    diff: PresenceDiff<Page, Named>,
    presences: Parameters<typeof describeMetas>[0],
  ): void => {
    handled.diff(diff);
    if (describeMetas(presences) !== handled.now()) throw new Error("presences are not as of their diff");
  };
  const feeds = new Feeds<Page, Named>(
    {
      fetcher,
      handleMetas: script.handleMetas ? handleMetas : undefined,
      diffPeriodMs,
      runtime,
      reporter,
    },
    new Holds({}, 1_000, () => {
      throw new Error("nothing is followed where everything is held");
    }),
  );

  const topic = new ModelTopic();
  const history = [""];
  const listeners: Listener[] = [];
  const subscribe = (): Listener => {
    const listener = new Listener();
    const { state, diff } = listener;
    const { online, offline } = listener.fold;
    listener.unsubscribe = feeds.subscribe("room", { state, diff, online, offline }, () => topic.list());
    listeners.push(listener);
    return listener;
  };
  for (const action of script.actions) {
    if (action.kind === "wait") await time.advance(action.delayMs);
    if (action.kind === "subscribe") subscribe();
    if (action.kind === "unsubscribe") {
      const listener = listeners[action.index % listeners.length];
      listener?.unsubscribe();
      if (listener !== undefined) listener.ended = true;
    }
    if (action.kind === "step") {
      const diff = topic.take(action.step);
      if (diff === undefined) continue;
      feeds.change(new Map([["room", diff]]));
      history.push(describePresences(toPresences(topic.list(), new Map())));
    }
  }
  await time.advance(10 * (fetchTimeoutMs + diffPeriodMs));
  const last = subscribe();
  await time.advance(10 * (fetchTimeoutMs + diffPeriodMs));
  return { topic, history, listeners, last, handled, errors, asked, time };
}

const fetchFailures = [
  "fetch threw",
  "fetch rejected",
  `fetch took longer than fetchTimeoutMs (${fetchTimeoutMs}); the presences go out without what it adds`,
];

/** What holds of every run, whatever the period. */
function expectTruth({
  topic,
  listeners,
  last,
  handled,
  errors,
  asked,
}: Awaited<ReturnType<typeof run>>): void {
  // A subscriber that throws is reported: nothing but the failures of the fetches may be there.
  expect([...errors].filter((error) => !fetchFailures.includes(error))).toEqual([]);
  const listed = toPresences(topic.list(), new Map());
  for (const { fold, client, ended } of listeners) {
    if (ended) continue;
    expect(fold.now()).toBe(describePresences(listed));
    fold.checkKeys();
    expect(describePresences(client.list())).toBe(describePresences(listed));
    expect(client.ignored).toBe(0);
  }
  expect(last.fold.history).toHaveLength(1);
  if (handled.history.length > 1) expect(handled.now()).toBe(describePresences(listed));
  for (const keys of asked) {
    expect(keys.length).toBeGreaterThan(0);
    expect(new Set(keys).size).toBe(keys.length);
  }
}

describe("a follower of a topic", () => {
  it("gets one state and then every change, once and in order, whenever it subscribes", async () => {
    await fc.assert(
      fc.asyncProperty(anyScript, async (script) => {
        const result = await run(script, 0);
        expectTruth(result);
        const { history, listeners, handled } = result;
        for (const { fold, ended } of listeners) {
          if (!ended) expect(fold.history).toEqual(history.slice(history.length - fold.history.length));
          else expect(history.join("\n")).toContain(fold.history.join("\n"));
        }
        if (script.handleMetas) expect(handled.history).toEqual(history);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it("comes to the same with diffs collected over a period, and hears less often", async () => {
    await fc.assert(
      fc.asyncProperty(anyScript, fc.integer({ min: 1, max: 60 }), async (script, diffPeriodMs) => {
        const result = await run(script, diffPeriodMs);
        expectTruth(result);
        const { history, listeners, handled, time } = result;
        const windows = Math.ceil(time.nowMs / diffPeriodMs);
        for (const { fold } of [...listeners, { fold: handled }]) {
          expect(fold.history.length).toBeLessThanOrEqual(1 + Math.min(windows, history.length - 1));
          // Each thing it held is one that there was, in the order in which they were.
          let from = 0;
          for (const held of fold.history) {
            const at = history.indexOf(held, from);
            expect(at).toBeGreaterThanOrEqual(from);
            from = at;
          }
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
