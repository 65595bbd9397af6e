/**
 * Frames that no replica would send: real ones damaged in their text or in their values, and nonsense. From a
 * seeded random, so that a failure can be replayed.
 */
import type { SeededRandom } from "../../src/testing/random.js";

/** Numbers, texts and structures at which careless code breaks. */
const nasty: readonly unknown[] = [
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 - 1,
  -(2 ** 53),
  1e308,
  null,
  true,
  "",
  "a",
  "__proto__",
  "constructor",
  "\u0000",
  "\ud800",
  "x".repeat(2_000),
  "k".repeat(513),
  "a\n\u001b[2K",
  JSON.parse("[".repeat(70) + "]".repeat(70)),
  -2,
  [],
  [[]],
  {},
  { __proto__: null },
  [null, null, null],
];

/** A frame with one to three kinds of damage. */
export function damage(frame: string, random: SeededRandom): string {
  let text = frame;
  for (let times = random.integer(1, 3); times > 0; times -= 1) {
    text = random.chance(0.6) ? damageValues(text, random) : damageText(text, random);
  }
  return text;
}

function damageText(text: string, random: SeededRandom): string {
  const at = random.integer(0, text.length);
  const other = random.integer(0, text.length);
  const [from, to] = at < other ? [at, other] : [other, at];
  switch (random.integer(0, 5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, from) + text.slice(to);
    case 2:
      return text.slice(0, to) + text.slice(from, Math.min(to, from + 500)) + text.slice(to);
    case 3:
      return (
        text.slice(0, at) +
        random.pick(["0", "9", "-", ",", "[", "]", '"', "\\", "e9", "{}"]) +
        text.slice(at)
      );
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.integer(0, 0xffff)) + text.slice(at + 1);
    default:
      return text.replace(/\d+/, String(random.pick([0, 2 ** 53, 2 ** 31, 999_999_999])));
  }
}

/** Replaces, removes, repeats or swaps a value somewhere in the frame. */
function damageValues(text: string, random: SeededRandom): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damageText(text, random);
  }
  const lists: unknown[][] = [];
  collectLists(value, lists, 0);
  const list = lists.length === 0 ? undefined : random.pick(lists);
  if (list === undefined) return JSON.stringify(random.pick(nasty));
  const at = random.integer(0, list.length);
  const found = list[at];
  switch (random.integer(0, 5)) {
    case 0:
      list[at] = random.pick(nasty);
      break;
    case 1:
      list.splice(at, random.integer(1, 3));
      break;
    case 2:
      list.splice(at, 0, random.pick(nasty));
      break;
    case 3:
      if (typeof found === "number") list[at] = found + random.pick([-1, 1, 1_000, 2 ** 40]);
      break;
    case 4:
      if (list.length > 1) list[at] = list[random.integer(0, list.length - 1)];
      break;
    default:
      if (typeof found === "number") list[at] = -found;
  }
  return JSON.stringify(value);
}

function collectLists(value: unknown, lists: unknown[][], depth: number): void {
  if (typeof value !== "object" || value === null || depth > 8) return;
  if (Array.isArray(value)) lists.push(value as unknown[]);
  for (const inner of Object.values(value)) collectLists(inner, lists, depth + 1);
}

/** A frame that is no longer than others and stands for far more: long strings that many rows name. */
export function expanding(random: SeededRandom): string {
  const long = (lengths: readonly number[]): string => "x".repeat(random.pick(lengths));
  const [topic, key, prefix] = [
    long([1, 512, 513, 9_000]),
    long([2, 512, 600]),
    long([1, 60, 64, 70, 5_000]),
  ];
  const [text, name] = [long([1, 500, 5_000, 50_000]), long([1, 100, 5_000])];
  const count = random.pick([1, 10, 100, 1_000, 5_000, 20_000]);
  const rows: unknown[] = [];
  for (let i = 0; i < count; i += 1) rows.push(1, 0, 1, random.chance(0.001) ? long([1, 64, 65]) : 1, 0, 2);
  const births = [[topic, key, text], [[`s${name}`]], prefix, rows];
  return JSON.stringify([1, 1, "a", "0mb4k2xyz01abc", 0, 1, 0, 0, count, 1, 1, [], births]);
}

/** A text that was never a frame. */
export function nonsense(random: SeededRandom): string {
  switch (random.integer(0, 3)) {
    case 0:
      return Array.from({ length: random.integer(0, 60) }, () =>
        String.fromCharCode(random.integer(0, random.pick([0x7f, 0xffff]))),
      ).join("");
    case 1:
      return JSON.stringify(random.pick(nasty)) ?? "";
    case 2:
      return "[".repeat(random.integer(1, 5_000));
    default:
      return JSON.stringify(Array.from({ length: random.integer(0, 14) }, () => random.pick(nasty)));
  }
}
