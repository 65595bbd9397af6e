/**
 * A node, and a publisher that floods it with well-formed frames of lives that nobody runs: what it keeps and how long
 * it is busy stay within stated bounds, and what is real gets through. `npm run fuzz` runs a million frames.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/replication/limits.js";
import { SeededRandom } from "../../src/testing/random.js";
import { Lanes, track, type LaneNode } from "../support/lanes.js";
import { Forger } from "./forger.js";

const frames = Number(process.env["FUZZ_FRAMES"] ?? 10_000);
const maxEntries = 20_000;
/** The bounds that SECURITY.md states. */
const mostHeapMegabytes = 200;
const mostFrameMs = 250;
const mostAnswerMs = 10_000;
const framesPerStep = 1_000;
const stepMs = 500;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapMegabytes(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** How long it takes, in virtual time, until something is so. */
async function within(lanes: Lanes, isSo: () => boolean): Promise<number> {
  for (let ms = 0; ; ms += 10) {
    if (isSo() || ms > 10 * mostAnswerMs) return ms;
    await lanes.advance(10);
  }
}

describe("a node that is flooded with forged frames", () => {
  it(`keeps and does no more than it says, in ${frames} frames`, { timeout: 1_800_000 }, async () => {
    const lanes = new Lanes(1);
    const alice = await lanes.start("alice", { maxEntries });
    const bob = await lanes.start("bob");
    track(alice, ...Array.from({ length: 50 }, (_, i) => `alice ${i}`));
    await lanes.advance(3_000);
    const [self] = bob.tracker.health().replicas;
    const forger = new Forger(new SeededRandom("forger"), { name: "alice", incarnation: self!.incarnation });
    const lists = ({ tracker }: LaneNode, key: string): boolean => tracker.has("room", key);
    /** What the test notes of its nodes is not theirs. */
    const forgetSeen = (): void => {
      for (const { seen, events } of [alice, bob]) seen.length = events.length = 0;
    };
    const beganMegabytes = heapMegabytes();
    const longest = { frameMs: 0, answerMs: 0, listMs: 0, heapMegabytes: 0 };
    const flood = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 1) {
        const text = forger.frame();
        const began = process.cpuUsage();
        alice.receive(text, sent % 3 === 0 ? "direct" : "broadcast");
        const { user, system } = process.cpuUsage(began);
        longest.frameMs = Math.max(longest.frameMs, (user + system) / 1_000);
        if (sent % framesPerStep === 0) await lanes.advance(stepMs);
      }
    };
    const rounds = Math.max(2, Math.round(frames / 50_000));
    for (let round = 0; round < rounds; round += 1) {
      await flood(frames / rounds);
      const { replicas } = alice.tracker.health();
      expect(replicas.length).toBeLessThanOrEqual(LIMITS.knownLives);
      expect(replicas.reduce((sum, { entries }) => sum + entries, 0)).toBeLessThanOrEqual(maxEntries);
      forgetSeen();
      longest.heapMegabytes = Math.max(longest.heapMegabytes, heapMegabytes() - beganMegabytes);
      // What it says is heard, and whoever starts is answered.
      const key = `round ${round}`;
      track(alice, key);
      const beganMs = performance.now();
      expect(alice.tracker.list("room").length).toBe(51 + round);
      longest.listMs = Math.max(longest.listMs, performance.now() - beganMs);
      longest.answerMs = Math.max(longest.answerMs, await within(lanes, () => lists(bob, key)));
      const newcomer = await lanes.start(`newcomer ${round}`);
      const answered = await within(lanes, () => newcomer.tracker.count("room") === 51 + round);
      longest.answerMs = Math.max(longest.answerMs, answered);
      await newcomer.stop(0);
    }
    if (frames >= 1_000_000)
      console.log(`${frames} frames: ${JSON.stringify(longest)}, began with ${beganMegabytes.toFixed(0)} MB`);
    expect(longest.heapMegabytes).toBeLessThan(mostHeapMegabytes);
    expect(longest.frameMs).toBeLessThan(mostFrameMs);
    expect(longest.answerMs).toBeLessThan(mostAnswerMs);
    // What was forged is forgotten in the end, and what is real is there.
    track(bob, "bob");
    await lanes.advance(2_500_000);
    expect(alice.tracker.health().replicas.map(({ name }) => name)).toEqual(["bob"]);
    expect(alice.tracker.topics()).toEqual(["room"]);
    expect(lists(alice, "bob")).toBe(true);
    expect(alice.tracker.health().complete).toBe(true);
    forgetSeen();
    expect(heapMegabytes() - beganMegabytes).toBeLessThan(30);
  });
});
