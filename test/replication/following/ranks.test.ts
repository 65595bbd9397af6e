/** Registrars are the same for all who know the same nodes, spread evenly, and few change when a node comes or goes. */
import { describe, expect, it } from "vitest";
import { Ranks } from "../../../src/replication/following/ranks.js";

const names = Array.from({ length: 20 }, (_, i) => `node-${i}`);
const topics = Array.from({ length: 2_000 }, (_, i) => `room:${i}`);

function ranksOf(known: readonly string[], count = 2): Ranks {
  const ranks = new Ranks(count);
  for (const name of known) ranks.add(name);
  return ranks;
}

describe("the registrars of a topic", () => {
  it("are the same in whatever order nodes were heard", () => {
    const [one, other] = [ranksOf(names), ranksOf([...names].reverse())];
    for (const topic of topics) expect(one.registrarsOf(topic)).toEqual(other.registrarsOf(topic));
  });

  it("are as many as there are to be, or all", () => {
    expect(ranksOf([]).registrarsOf("t")).toEqual([]);
    expect(ranksOf(["a"]).registrarsOf("t")).toEqual(["a"]);
    expect(ranksOf(["a", "b", "c"]).registrarsOf("t")).toHaveLength(2);
    expect(ranksOf(["a", "b", "c"], 1).registrarsOf("t")).toHaveLength(1);
  });

  it("are spread evenly", () => {
    const ranks = ranksOf(names);
    const counts = new Map<string, number>();
    for (const topic of topics)
      for (const name of ranks.registrarsOf(topic)) counts.set(name, (counts.get(name) ?? 0) + 1);
    // 200 each; five standard deviations of a fair draw are 67.
    for (const name of names) expect(Math.abs((counts.get(name) ?? 0) - 200), name).toBeLessThan(67);
  });

  it("change only where a node that comes is among them, or one that goes was", () => {
    const ranks = ranksOf(names);
    const before = new Map(topics.map((topic) => [topic, ranks.registrarsOf(topic)]));
    ranks.add("new");
    let changed = 0;
    for (const topic of topics) {
      const registrars = before.get(topic) ?? [];
      const after = ranks.registrarsOf(topic);
      expect(ranks.entrant("new")(ranks.standingOf(topic, registrars))).toBe(after.includes("new"));
      if (after.includes("new")) changed += 1;
      else expect(after).toEqual(registrars);
    }
    expect(changed).toBeGreaterThan(100);
    ranks.delete("new");
    for (const topic of topics) expect(ranks.registrarsOf(topic)).toEqual(before.get(topic));
  });

  it("are the same whether one node comes after the other, or all are ranked at once", () => {
    for (const topic of topics.slice(0, 50)) {
      const ranks = ranksOf([]);
      let registrars: readonly string[] = [];
      for (const name of names) {
        const enters = ranks.entrant(name)(ranks.standingOf(topic, registrars));
        ranks.add(name);
        if (enters) registrars = ranks.registrarsWith(name, topic, registrars);
        expect(registrars, `${topic} with ${name}`).toEqual(ranks.registrarsOf(topic));
      }
    }
  });
});
