/**
 * The law of numbered sets: whatever is lost, repeated, overtaken and forgotten, or told by somebody else, what a peer has heard is in the end what
 * it was told; and nothing that is confirmed is said again.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FOLLOWING_PROTOCOL, FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import type { FollowingProtocol, FollowingRules } from "../../../src/replication/following/rules.js";
import type { Heard, Said } from "../../../src/replication/following/message.js";
import { HeardSet, Told } from "../../../src/replication/following/told.js";

const TOPICS = ["t", "__proto__", "u", "v"];
const isGone = (value: number): boolean => value < 0;
const AT_ONCE = { awaitedMs: 0, restMs: 0 };

const doings = [
  ...([
    "set",
    "set",
    "end",
    "say",
    "say",
    "hear",
    "hear",
    "hear",
    "lose",
    "confirm",
    "confirmed",
    "confirmed",
  ] as const),
  ...(["teller forgets", "hearer forgets", "greet", "somebody else tells"] as const),
];
const anyDoings = fc.array(fc.record({ what: fc.constantFrom(...doings), which: fc.nat({ max: 11 }) }), {
  minLength: 10,
  maxLength: 80,
  size: "max",
});

class Pair {
  readonly #protocol: FollowingProtocol;
  readonly #model = new Map<string, number>();
  #stream = 1;
  #told: Told<number>;
  #heard: HeardSet<number>;
  /** What the hearer was told of by changes. */
  #fold = new Map<string, number>();
  #saids: Said<number>[] = [];
  #confirmations: Heard[] = [];
  #values = 0;
  #nowMs = 0;
  readonly wrong: string[] = [];

  constructor(protocol: FollowingProtocol) {
    this.#protocol = protocol;
    this.#told = new Told(this.#stream, isGone, protocol);
    this.#heard = new HeardSet(isGone, protocol);
  }

  do(what: (typeof doings)[number], which: number): void {
    const topic = TOPICS[which % TOPICS.length] ?? "";
    this.#nowMs += which * 100;
    switch (what) {
      case "set":
        this.#values += 1;
        this.#model.set(topic, this.#values);
        this.#told.set(topic, this.#values);
        break;
      case "end":
        if (this.#model.delete(topic)) this.#told.set(topic, -1);
        break;
      case "say":
        if (this.#told.dueMs <= this.#nowMs) this.#saids.push(this.#told.say(this.#nowMs, AT_ONCE));
        break;
      case "hear":
        this.#hear(this.#saids[this.#saids.length - 1 - (which % 4)]);
        break;
      case "lose":
        this.#saids.pop();
        break;
      case "confirm":
      case "greet":
        this.#confirmations.push(this.#heard.heard);
        break;
      case "confirmed": {
        const heard = this.#confirmations[this.#confirmations.length - 1 - (which % 3)];
        if (heard !== undefined) this.#told.confirm(heard);
        break;
      }
      case "teller forgets": {
        this.#stream += 1;
        this.#told = new Told(this.#stream, isGone, this.#protocol);
        for (const [each, value] of this.#model) this.#told.set(each, value);
        break;
      }
      case "hearer forgets":
        this.#heard = new HeardSet(isGone, this.#protocol);
        this.#fold = new Map();
        break;
      case "somebody else tells": {
        // In the teller's name, and ahead of all that it has said.
        const { stream, number } = this.#heard.heard;
        const since = stream === this.#told.stream && which % 2 === 0 ? number : 0;
        const items = [[topic, which]] as const;
        this.#hear({ stream: this.#told.stream, since, upTo: number + 1_000, items });
        break;
      }
      default:
        what satisfies never;
    }
  }

  settle(): void {
    this.#told.confirm(this.#heard.heard);
    // A teller with nothing to say may have begun anew all the same, and introduces itself.
    let said = this.#told.say(this.#nowMs, AT_ONCE);
    for (let round = 0; round < 4; round++) {
      this.#hear(said);
      this.#told.confirm(this.#heard.heard);
      if (this.#told.isConfirmed) break;
      said = this.#told.say(this.#nowMs, AT_ONCE);
    }
    if (!this.#told.isConfirmed) this.wrong.push("not confirmed at rest");
    if (this.#told.dueMs < Infinity) this.wrong.push("what is confirmed is said again");
    if (this.#told.size !== this.#model.size) this.wrong.push("what ended and was confirmed is kept");
    const should = textOf(this.#model);
    const heard = textOf(new Map(TOPICS.flatMap((topic) => entryOf(topic, this.#heard.get(topic)))));
    if (heard !== should) this.wrong.push(`heard ${heard} instead of ${should}`);
    if (textOf(this.#fold) !== should) this.wrong.push(`the changes add up to ${textOf(this.#fold)}`);
  }

  #hear(said: Said<number> | undefined): void {
    if (said === undefined) return;
    this.#heard.hear(said, (topic, value) => {
      if (value === undefined || isGone(value)) this.#fold.delete(topic);
      else this.#fold.set(topic, value);
    });
  }
}

function entryOf(topic: string, value: number | undefined): [string, number][] {
  return value === undefined ? [] : [[topic, value]];
}

function textOf(map: ReadonlyMap<string, number>): string {
  return JSON.stringify([...map].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function findingsOf(
  sequence: readonly { readonly what: (typeof doings)[number]; readonly which: number }[],
  rules: Partial<FollowingRules> = {},
): readonly string[] {
  const pair = new Pair({ ...FOLLOWING_PROTOCOL, rules: { ...FOLLOWING_RULES, ...rules } });
  for (const { what, which } of sequence) pair.do(what, which);
  pair.settle();
  return pair.wrong;
}

describe("a set that one peer is told", () => {
  it("is in the end what it has heard", () => {
    fc.assert(
      fc.property(anyDoings, (sequence) => {
        expect(findingsOf(sequence)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Partial<FollowingRules>]>([
    ["R67: is not continued when it was begun anew", { isSameStream: () => true }],
    ["R71: is everything, when it is said from the beginning", { isEverything: () => false }],
  ])("%s", (_, rules) => {
    const { failed } = fc.check(
      fc.property(anyDoings, (sequence) => findingsOf(sequence, rules).length === 0),
      { numRuns: 10_000, seed: 1, endOnFailure: true },
    );
    expect(failed).toBe(true);
  });

  it("R67: is told also when it is empty, until that is confirmed", () => {
    const heard = new HeardSet<number>(isGone);
    heard.hear({ stream: 1, since: 0, upTo: 1, items: [["t", 1]] }, () => undefined);
    const told = new Told<number>(2, isGone);
    told.confirm(heard.heard);
    expect(told.dueMs).toBe(-Infinity);
    heard.hear(told.say(0, AT_ONCE), () => undefined);
    expect(heard.size).toBe(0);
    expect(told.dueMs).toBe(250);
    told.confirm(heard.heard);
    expect(told.dueMs).toBe(Infinity);
  });

  it("R70: says again what was not confirmed, with growing patience, until it is", () => {
    const told = new Told<number>(1, isGone);
    told.set("t", 1);
    const saidMs: number[] = [];
    for (let nowMs = 0; nowMs <= 8_000; nowMs += 50) {
      if (told.dueMs > nowMs) continue;
      told.say(nowMs, AT_ONCE);
      saidMs.push(nowMs);
    }
    expect(saidMs).toEqual([0, 250, 750, 1_750, 3_750, 5_750, 7_750]);
    told.set("u", 1);
    expect(told.dueMs).toBe(-Infinity);
    expect(told.say(8_000, AT_ONCE)).toEqual({
      stream: 1,
      since: 0,
      upTo: 2,
      items: [
        ["t", 1],
        ["u", 1],
      ],
    });
    told.confirm({ stream: 1, number: 2 });
    expect(told.dueMs).toBe(Infinity);
  });

  it("R70: waits with that for as long as the other may wait with its answer: less where somebody waits for it", () => {
    const told = new Told<number>(1, isGone);
    const busy = { awaitedMs: 500, restMs: 3_500 };
    told.set("t", 1);
    told.say(0, busy);
    expect(told.dueMs).toBe(750);
    told.say(750, busy);
    expect(told.dueMs).toBe(750 + 500 + 500);
    told.confirm({ stream: 1, number: 1 });
    told.set("t", -1, false);
    told.say(2_000, busy);
    expect(told.dueMs).toBe(2_000 + 3_500 + 250);
    expect(told.urgentMs).toBe(Infinity);
    told.set("u", 1);
    told.say(2_100, busy);
    expect(told.urgentMs).toBe(2_100 + 500 + 250);
  });
});
