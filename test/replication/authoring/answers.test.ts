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
});
