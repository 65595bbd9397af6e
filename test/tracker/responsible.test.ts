/** Once per cluster: nodes agree on who is responsible, the share of one node moves and no other, shares are even. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { responsibleOf } from "../../src/tracker/responsible.js";
import { codeOf, startAlone } from "./recorder.js";

const names = fc.uniqueArray(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 1, maxLength: 12 });
const texts = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 50 });

function shuffled(items: readonly string[], random: SeededRandom): string[] {
  const placed = items.map((item) => ({ item, place: random.next() }));
  return placed.sort((a, b) => a.place - b.place).map(({ item }) => item);
}

describe("rendezvous hashing", () => {
  it("answers alike in whatever order the nodes come", () => {
    fc.assert(
      fc.property(names, texts, fc.nat(), (nodes, all, seed) => {
        const mixed = shuffled(nodes, new SeededRandom(seed));
        for (const text of all) expect(responsibleOf(text, mixed)).toBe(responsibleOf(text, nodes));
      }),
    );
  });

  it("moves only the share of the node that comes or goes", () => {
    fc.assert(
      fc.property(names, texts, ([changing = "", ...others], all) => {
        for (const text of all) {
          const withIt = responsibleOf(text, [...others, changing]);
          if (withIt !== changing) expect(responsibleOf(text, others)).toBe(withIt);
        }
      }),
    );
  });

  it.each([2, 3, 10, 50])("shares evenly among %d nodes, whatever their names", (count) => {
    const all = 2_000 * count;
    for (let seed = 1; seed <= 3; seed++) {
      const random = new SeededRandom(seed);
      const nodes = Array.from({ length: count }, (_, i) =>
        seed === 1 ? `node-${i + 1}` : `host-${random.integer(0, 1e9)}.example:${4_000 + i}`,
      );
      const shares = new Map(nodes.map((node) => [node, 0]));
      for (let i = 0; i < all; i++) {
        const node = responsibleOf(`room:${i} user:${i % 97}`, nodes) ?? "";
        shares.set(node, (shares.get(node) ?? 0) + 1);
      }
      // Of a fair choice a share of 2,000 is off by more than five deviations once in a million.
      for (const share of shares.values()) expect(Math.abs(share - 2_000), `seed ${seed}`).toBeLessThan(224);
    }
  });

  it("answers as every other version of this library does", () => {
    const nodes = ["a", "b", "c", "node-1", "node-2"];
    const answers = ["job-1", "job-2", "", "ключ", "\ud800", "a long text, of many words"].map((text) =>
      responsibleOf(text, nodes),
    );
    expect(answers).toEqual(["node-2", "c", "c", "a", "a", "node-1"]);
  });

  it("decides between names of one weight in whatever order they come", () => {
    expect(responsibleOf("a", ["b", "b"])).toBe("b");
    expect(responsibleOf("a", [])).toBeUndefined();
  });
});

describe("responsible", () => {
  const jobs = Array.from({ length: 60 }, (_, i) => `job-${i}`);

  it("is agreed upon by all nodes that agree on who is there, after faults of every kind", async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed);
      const nodes = ["a", "b", "c", "d", "e"];
      const cluster = await simulate({ seed, nodes, network: { lossRate: 0.1, delayMs: [1, 100] } });
      for (let round = 0; round < 4; round++) {
        const [first = "a", second = "b", ...rest] = shuffled(nodes, random);
        if (cluster.node(first).running) cluster.crash(first);
        else await cluster.restart(first);
        cluster.partition([second], rest);
        await cluster.advance(random.integer(0, 20_000));
        await cluster.settle();
        const running = cluster.running().map(({ name }) => name);
        for (const job of jobs) {
          const expected = responsibleOf(job, running);
          const said = cluster.running().map(({ tracker }) => tracker.responsible(job));
          expect(said, `seed ${seed}, ${job}`).toEqual(running.map(() => expected));
          const doing = cluster.running().filter(({ tracker }) => tracker.isResponsible(job));
          expect(doing.map(({ name }) => name)).toEqual([expected]);
        }
      }
    }
  });

  it("passes over a node that departs as soon as its goodbye is heard, though its entries are shown", async () => {
    const cluster = await simulate({ seed: 1, nodes: ["a", "b", "c"] });
    await cluster.settle();
    const ofB = jobs.filter((job) => cluster.node("a").tracker.responsible(job) === "b");
    expect(ofB).not.toEqual([]);
    cluster.node("b").tracker.track(cluster.node("b").session(), "room", "ann", {});
    await cluster.advance(100);
    await cluster.stop("b", { handoffMs: 8_000 });
    await cluster.advance(100);
    expect(cluster.node("a").tracker.has("room", "ann")).toBe(true);
    for (const job of ofB) {
      const said = ["a", "b", "c"].map((name) => cluster.node(name).tracker.responsible(job));
      expect(new Set(said).size).toBe(1);
      expect(said).not.toContain("b");
      expect(cluster.node("b").tracker.isResponsible(job)).toBe(false);
    }
  });

  it("counts a node that is heard again before its entries are shown: it counts itself", async () => {
    const cluster = await simulate({ seed: 3, nodes: ["a", "b"] });
    const b = cluster.node("b");
    await cluster.settle();
    const job = jobs.find((each) => cluster.node("a").tracker.responsible(each) === "b") ?? "";
    cluster.partition(["a"], ["b"]);
    await cluster.advance(12_000);
    expect(cluster.node("a").tracker.isResponsible(job)).toBe(true);
    b.tracker.track(b.session(), "room", "ann", {});
    await cluster.advance(2_000);
    // Its heartbeats arrive, what it has does not.
    cluster.heal();
    cluster.cutLane("b", "a", "send");
    const statusOf = (): string | undefined => cluster.node("a").tracker.health().replicas[0]?.status;
    for (let i = 0; i < 400 && statusOf() !== "returning"; i++) await cluster.advance(10);
    expect(statusOf()).toBe("returning");
    expect(cluster.node("a").tracker.responsible(job)).toBe("b");
  });

  it("is this node while nobody else is known, and chooses among those it is given", async () => {
    const tracker = await startAlone();
    expect([tracker.responsible("x"), tracker.isResponsible("x")]).toEqual(["alone", true]);
    expect(tracker.responsible("x", ["other"])).toBeUndefined();
    expect(tracker.isResponsible("x", ["other"])).toBe(false);
    expect(tracker.responsible("x", new Set(["other", "alone"]))).toBe("alone");
    for (const among of ["alone", 5, null, {}]) {
      expect(codeOf(() => tracker.responsible("x", among as never))).toBe("INVALID_ARGUMENT");
    }
    for (const text of [undefined, 5, null]) {
      expect(codeOf(() => tracker.responsible(text as never))).toBe("INVALID_ARGUMENT");
    }
    await tracker.stop({ handoffMs: 0 });
    expect([tracker.responsible("x"), tracker.isResponsible("x")]).toEqual(["alone", false]);
    expect(tracker.responsible("x", ["alone"])).toBeUndefined();
  });
});
