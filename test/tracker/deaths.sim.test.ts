/** How soon a kill is noticed by what the pubsub tells, whatever the answers take, and who is no kill. Virtual time. */
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/random.js";
import { Lanes, track, type LaneNode } from "../support/lanes.js";

const HEARTBEAT_MS = 2_000;
const PROMISED_MS = 4_000;
const PROMISED_MEDIAN_MS = 3_000;
/** Rounds, each with its kills at another time between two heartbeats. */
const ROUNDS = 40;

/** A node that has seen enough of the pubsub to ask it. */
async function watch(seed: number): Promise<{ lanes: Lanes; random: SeededRandom; watching: LaneNode }> {
  const lanes = new Lanes(seed);
  lanes.knowsListeners = true;
  const watching = await lanes.start("watching");
  await lanes.advance(12_000);
  return { lanes, random: new SeededRandom(`deaths ${seed}`), watching };
}

/** Starts two nodes, kills them 300 ms apart, and tells how long each kill was not noticed. */
async function killTwo(lanes: Lanes, watching: LaneNode, round: number): Promise<number[]> {
  const nodes: LaneNode[] = [];
  for (const name of [`ann ${round}`, `bob ${round}`]) {
    const node = await lanes.start(name);
    track(node, name);
    nodes.push(node);
  }
  await lanes.advance(2 * HEARTBEAT_MS + (round * HEARTBEAT_MS) / ROUNDS);
  const killedAtMs: number[] = [];
  for (const node of nodes) {
    node.kill();
    killedAtMs.push(lanes.time.nowMs);
    await lanes.advance(300);
  }
  const leftAtMs = nodes.map(() => Infinity);
  const giveUpMs = lanes.time.nowMs + 2 * PROMISED_MS;
  while (leftAtMs.includes(Infinity) && lanes.time.nowMs < giveUpMs) {
    await lanes.advance(1);
    for (const [index, { name }] of nodes.entries()) {
      if (leftAtMs[index] === Infinity && watching.seen.includes(`leave ${name} down`))
        leftAtMs[index] = lanes.time.nowMs;
    }
  }
  return leftAtMs.map((leftMs, index) => leftMs - killedAtMs[index]!);
}

describe("a kill that the pubsub tells of", () => {
  it.each([1, 2, 3])("is noticed in time, though each answer takes its time: seed %i", async (seed) => {
    const { lanes, random, watching } = await watch(seed);
    lanes.answersAfterMs = () => random.between(0, 40);
    const tookMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) tookMs.push(...(await killTwo(lanes, watching, round)));
    tookMs.sort((a, b) => a - b);
    expect(tookMs.at(-1)).toBeLessThan(PROMISED_MS);
    expect(tookMs[ROUNDS]).toBeLessThan(PROMISED_MEDIAN_MS);
  });
});

describe("a question that is not answered", () => {
  it.each([1, 2])("costs no more than the next one: seed %i", async (seed) => {
    const { lanes, random, watching } = await watch(seed);
    const kills = 8;
    let questions = 0;
    // Each kill is asked about a dozen times, of which two fail.
    lanes.answersAfterMs = () => ((questions += 1) % 7 === 0 ? "fails" : random.between(0, 10));
    for (let round = 0; round < kills; round += 1) {
      const tookMs = await killTwo(lanes, watching, (round * ROUNDS) / kills);
      expect(Math.max(...tookMs)).toBeLessThan(PROMISED_MS + HEARTBEAT_MS / 16);
    }
    expect(questions).toBeGreaterThan(kills * 7);
  });
});

describe("a connection that is cut every 5 s for up to 2 s", () => {
  it.each([1, 3, 4, 12])("is no death to one whose own is steady, for an hour: seed %i", async (seed) => {
    const { lanes, watching } = await watch(seed);
    const random = new SeededRandom(`cut ${seed}`);
    lanes.answersAfterMs = () => random.between(0, 5);
    const cut = await lanes.start("cut");
    track(cut, "cut");
    await lanes.advance(3_000 + random.between(0, 2_000));
    for (let each = 0; each < 720; each += 1) {
      const cutMs = random.between(0, 2_000);
      cut.setConnected(false);
      await lanes.advance(cutMs);
      cut.setConnected(true);
      await lanes.advance(5_000 - cutMs);
    }
    expect(watching.seen.filter((what) => what.startsWith("leave"))).toEqual([]);
    // One that dies in the end is noticed all the same, though it had more time.
    cut.kill();
    await lanes.advance(5_200);
    expect(watching.seen.at(-1)).toBe("leave cut down");
  });
});
