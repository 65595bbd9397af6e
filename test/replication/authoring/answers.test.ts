/** What others ask, in the order in which it is answered. */
import { describe, expect, it } from "vitest";
import { Answers } from "../../../src/replication/authoring/answers.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import { WHETHER_THERE, type DeltaRequest } from "../../../src/replication/message.js";

const by = { name: "b", incarnation: "00000000000001" };
const asksFor = (shard: number, clock: number): DeltaRequest => ({ type: "deltaRequest", shard, clock });

function taken(answers: Answers): unknown[] {
  const requests: unknown[] = [];
  for (let asked = answers.take(0); asked !== undefined; asked = answers.take(0))
    requests.push(asked.request);
  return requests;
}

describe("requests of one life", () => {
  it("take the place of an older one for the same shard, whichever came first", () => {
    const answers = new Answers(PROTOCOL);
    for (const [counter, clock] of [
      [1, 10],
      [3, 30],
      [2, 20],
    ] as const) {
      answers.add(by, asksFor(0, clock), counter);
    }
    answers.add(by, asksFor(1, 5), 4);
    expect(taken(answers)).toEqual([asksFor(0, 30), asksFor(1, 5)]);
  });

  it("are answered though it asks whether somebody is there, before and after", () => {
    const answers = new Answers(PROTOCOL);
    answers.add(by, asksFor(0, 10), 1);
    answers.add(by, WHETHER_THERE, 2);
    expect(taken(answers)).toEqual([asksFor(0, 10), WHETHER_THERE]);
    // One that was overtaken is answered too.
    answers.add(by, WHETHER_THERE, 5);
    answers.add(by, asksFor(0, 20), 4);
    expect(taken(answers)).toEqual([WHETHER_THERE, asksFor(0, 20)]);
  });

  it("are refused when a newer one has come, and not those of an observer of that name", () => {
    const answers = new Answers(PROTOCOL);
    expect(answers.add(by, asksFor(0, 10), 3)).toBe(true);
    expect(answers.add(by, asksFor(0, 10), 2)).toBe(false);
    expect(answers.add({ ...by, observes: true }, asksFor(0, 5), 1)).toBe(true);
    answers.forget({ ...by, observes: true });
    expect(taken(answers)).toEqual([asksFor(0, 10)]);
  });
});

describe("observers", () => {
  const content = { entries: 2_000, dots: 2_000 };
  const items = 500;

  /** How many items so many are told in all, who ask every ten milliseconds for ten seconds; and a node beside them. */
  function toldTo(observers: number): { all: number[]; node: number } {
    const answers = new Answers(PROTOCOL);
    const all = Array.from({ length: observers }, () => 0);
    let node = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
      for (const i of all.keys()) {
        const looker = { name: `${i}`, incarnation: by.incarnation, observes: true };
        answers.add(looker, asksFor(0, 0), nowMs + 1);
      }
      answers.add(by, asksFor(0, 0), nowMs + 1);
      for (let asked = answers.take(nowMs); asked !== undefined; asked = answers.take(nowMs)) {
        answers.charge(asked.by, items, content, nowMs);
        if (asked.by.observes === true) all[Number(asked.by.name)]! += items;
        else node += items;
      }
      // Nobody is asked for in vain: whoever waits has a time, which is to come.
      expect(answers.isEmpty && answers.restsUntilMs > nowMs).toBe(true);
    }
    return { all, node };
  }

  it("are told together what a node is, each of them as much, and nodes beside them as ever", () => {
    const sum = (all: readonly number[]): number => all.reduce((so, each) => so + each, 0);
    const one = toldTo(1);
    const many = toldTo(16);
    expect(one.node).toBe(many.node);
    expect(sum(one.all)).toBe(one.node);
    expect(Math.abs(sum(many.all) - sum(one.all))).toBeLessThanOrEqual(items);
    expect(Math.max(...many.all) - Math.min(...many.all)).toBeLessThanOrEqual(items);
  });
});
