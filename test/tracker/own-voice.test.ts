/** A start waits until this node hears itself, on both ways, and says which of them is missing. */
import { describe, expect, it } from "vitest";
import type { TrackerError } from "../../src/errors.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { hearingItself } from "../support/own-voice.js";

const startTimeoutMs = 3_000;
const lose = (): void => undefined;

/** What a start came to, and how long it took; beside, what is left of it. */
async function start(parts: Partial<PubSub>): Promise<{
  error: TrackerError | undefined;
  tookMs: number;
  timers: number;
  sent: string[];
}> {
  const { runtime, time, timers } = virtualRuntime();
  const sent: string[] = [];
  const own = hearingItself("n");
  const pubsub: PubSub = {
    ...own,
    ...parts,
    broadcast: (channel, payload) => {
      sent.push(payload);
      return (parts.broadcast ?? own.broadcast)(channel, payload);
    },
  };
  let error: TrackerError | undefined;
  let tookMs = Infinity;
  const end = (failure?: TrackerError): void => {
    error = failure;
    tookMs = time.nowMs;
  };
  void Tracker.start({}, { name: "voice", pubsub, runtime, startTimeoutMs }).then(
    (tracker) => (end(), tracker.stop({ handoffMs: 0 })),
    end,
  );
  await time.advance(2 * startTimeoutMs);
  return { error, tookMs, timers: timers.size, sent };
}

describe("a start", () => {
  it("takes no time where a node hears itself at once", async () => {
    expect(await start({})).toMatchObject({ error: undefined, tookMs: 0, timers: 0 });
  });

  it("hears itself though the first frames are lost", async () => {
    const own = hearingItself("n");
    let lost = 0;
    const { error, tookMs } = await start({
      ...own,
      broadcast: (channel, payload) => ((lost += 1) > 3 ? own.broadcast(channel, payload) : undefined),
    });
    expect(error).toBeUndefined();
    expect(tookMs).toBe(50 + 100 + 200);
  });

  it.each([
    ["broadcasts", { broadcast: lose }, ["broadcasts"], /what it broadcasts does not come back/],
    ["its inbox", { send: lose }, ["inbox"], /what it sends to its own inbox does not come back/],
    [
      "anything",
      { broadcast: lose, send: lose },
      ["broadcasts", "inbox"],
      /what it broadcasts and what it sends to its own inbox/,
    ],
  ] as const)("fails where it does not hear %s, and says so", async (_, parts, unheard, text) => {
    const { error, tookMs, timers, sent } = await start(parts);
    expect(error).toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
      details: { unheard, timeoutMs: startTimeoutMs },
    });
    expect(error?.message).toMatch(text);
    expect([tookMs, timers]).toEqual([startTimeoutMs, 0]);
    // Whoever heard it does not wait for it: a goodbye is of kind 6.
    expect(JSON.parse(sent.at(-1) ?? "[]")).toMatchObject({ 1: 6, 6: 0 });
  });

  it("says why, where the pubsub refuses what is sent", async () => {
    const refusal = new Error("permission denied");
    const { error } = await start({ broadcast: () => Promise.reject(refusal) });
    expect(error).toMatchObject({ code: "PUBSUB_UNAVAILABLE", cause: refusal });
  });
});
