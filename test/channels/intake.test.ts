/** A socket is read no faster than its rate on average, however much one read brings. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SocketRates } from "../../src/channels/admission.js";
import { Intake } from "../../src/channels/intake.js";
import { validateOptions } from "../../src/channels/options.js";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { Runtime } from "../../src/runtime.js";

const perSecond = 50;
const burst = 50;
const { limits } = validateOptions({
  pubsub: memoryPubSub(),
  messagesPerSecond: perSecond,
  messageBurst: burst,
});

/** A socket whose client always has more to say: each read brings so many messages, all of which are handled. */
function flooded(messagesPerRead: number) {
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly run: () => void } | undefined;
  const runtime: Runtime = {
    monotonicMs: () => nowMs,
    wallClockMs: () => nowMs,
    random: () => 0,
    schedule(delayMs, run) {
      timer = { atMs: nowMs + delayMs, run };
      return () => void (timer = undefined);
    },
  };
  let handled = 0;
  let isRead = true;
  const readable = { pause: () => void (isRead = false), resume: () => void (isRead = true) };
  const owner = { slowed: () => undefined };
  const intake = new Intake(readable, owner, { runtime, limits }, SocketRates.ofOne(limits, 0), undefined);
  return {
    handledAfter(periodMs: number, readEveryMs = 1): number {
      for (const untilMs = nowMs + periodMs; nowMs < untilMs; nowMs += readEveryMs) {
        if (timer !== undefined && timer.atMs <= nowMs) {
          const { run } = timer;
          timer = undefined;
          run();
        }
        if (!isRead) continue;
        for (let count = 0; count < messagesPerRead; count++) intake.spend(30, nowMs);
        handled += messagesPerRead;
      }
      return handled;
    },
  };
}

describe("an intake", () => {
  it("lets a socket pay for all that one read has brought before it reads on", () => {
    const socket = flooded(2_000);
    expect(socket.handledAfter(1_000)).toBe(2_000); // cannot be refused any more
    expect(socket.handledAfter(37_000)).toBe(2_000);
    expect(socket.handledAfter(2_000)).toBe(4_000);
  });

  it("handles no more than the burst, the rate and one read, and no less than the rate", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 100, max: 60_000 }),
        fc.integer({ min: 1, max: 50 }),
        (messagesPerRead, periodMs, readEveryMs) => {
          const handled = flooded(messagesPerRead).handledAfter(periodMs, readEveryMs);
          expect(handled).toBeLessThanOrEqual(burst + (periodMs / 1_000) * perSecond + messagesPerRead);
          const sent = Math.ceil(periodMs / readEveryMs) * messagesPerRead;
          const rated = ((periodMs - 2 * readEveryMs) / 1_000) * perSecond;
          expect(handled).toBeGreaterThanOrEqual(Math.floor(Math.min(sent, rated)));
        },
      ),
    );
  });
});
