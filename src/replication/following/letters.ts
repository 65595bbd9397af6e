/**
 * The letters of a frame as positional values: what two nodes say to each other, each letter with its part behind it.
 * Promises and knows what `codec.ts` beside this file does; births and removals are those of `src/replication/wire`.
 *
 *     "g"  stream, number, stream, number, stream, number        heard of your stakes, wishes and counts
 *     "e"  stream, since, steps, [ topic, roles, follow ]*, view
 *     "m"  stream, number, lives, [ topic, settled, [ life, roles, follow ]* ]*, view
 *     "w"  stream, since, steps, [ topic, follow ]*
 *     "a"  stream, number, share, version                        heard of your wishes
 *     "s"  stream, whole, since, steps, from, steps, [ topic, follow ]*, [ topic ]*, removals, births, [ topic, floor, below ]*,
 *          [ birth ]*                                          of those that closed, as steps
 *     "y"  stream, clock, version, count, digest, asks             the last only where it is 1
 *     "k"  stream, clock, version
 *     "c"  stream, since, steps, [ topic, [ want, ask, answers, entries, tells, sum, settled ] ]*
 *     "h"  stream, number                                        heard of your counts
 *     "q"  stream, clock, version
 *
 * Steps lead from the number before them to what is said with it. A follow is its generation, or [ generation, limit ] where that is not 0; in an open, with sample and entries behind it.
 *
 * What is marked by a star is one flat array; floors and closed births are left away where there are none; of the numbers of a count
 * those are left away that are 0 with all behind them. Lives are names and incarnations, one after the other; a life is its place in the
 * view, or -1, -2 and so on: the first of the lives, the second. A view is left away where there is none to tell. The topic of an open or a floor is its index in the strings of the births, or itself where no birth
 * has it.
 */
import { fitsJsonText } from "../bytes.js";
import { isIncarnation, replicaOf } from "../life.js";
import type { Life } from "../life.js";
import { LIMITS, MAX_NAME_BYTES } from "../limits.js";
import type { WireBirth } from "../message.js";
import { decodeBirths, encodeBirths } from "../wire/births.js";
import type { BirthsForm } from "../wire/births.js";
import { decodeRemovals, encodeRemovals } from "../wire/bodies.js";
import { array, check, integer, positive, step } from "../wire/checks.js";
import { isNodeName } from "../wire/codec.js";
import {
  ITEMS_OF_A_COUNT,
  MAX_AUTHOR_ENTRIES,
  MAX_FOLLOW_LIMIT,
  MAX_FRAME_ITEMS,
  MAX_SAMPLE,
} from "./limits.js";
import { FOLLOWS, NO_LIMIT, OFFER_ONLY } from "./message.js";
import type {
  Floor,
  Heard,
  Letters,
  Member,
  MemberList,
  Members,
  Open,
  Said,
  ShareFrame,
  Stake,
  Tally,
  Wish,
} from "./message.js";
import { PARTS_OF_A_TALLY } from "./tally.js";

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export function encodeLetters(letters: Letters, form: BirthsForm): unknown[] {
  const { greeting, stakes, members, wishes, wishesHeard, share, summary, stands, question } = letters;
  const { counts, countsHeard } = letters;
  const parts: unknown[] = [];
  if (greeting !== undefined)
    parts.push("g", [greeting.stakes, greeting.wishes, greeting.counts].flatMap(placeOf));
  if (stakes !== undefined)
    parts.push(
      "e",
      encodeSaid(stakes, ({ roles, generation, limit }) => [roles, followOf(generation, limit)]).concat(
        stakes.view ?? [],
      ),
    );
  if (members !== undefined) parts.push("m", encodeMembers(members));
  if (wishes !== undefined)
    parts.push(
      "w",
      encodeSaid(wishes, ({ generation, limit }) => [followOf(generation, limit)]),
    );
  if (wishesHeard !== undefined)
    parts.push("a", [...placeOf(wishesHeard), wishesHeard.share, wishesHeard.version]);
  if (share !== undefined) parts.push("s", encodeShare(share, form));
  if (summary !== undefined) {
    const { stream, clock, version, count, digest, isAsking } = summary;
    parts.push("y", [stream, clock, version, count, digest, ...(isAsking === true ? [1] : [])]);
  }
  if (stands !== undefined) parts.push("k", [stands.stream, stands.clock, stands.version]);
  if (counts !== undefined)
    parts.push(
      "c",
      encodeSaid(counts, (tally) => [encodeTally(tally)]),
    );
  if (countsHeard !== undefined) parts.push("h", placeOf(countsHeard));
  if (question !== undefined) parts.push("q", [question.stream, question.clock, question.version]);
  return parts;
}

/** Returns the letters, and how many there are beside them that this version does not know. */
export function decodeLetters(parts: readonly unknown[]): {
  readonly letters: Letters;
  readonly unknown: number;
} {
  check(parts.length % 2 === 0, "letters");
  const letters: Writable<Letters> = {};
  const seen = new Set<unknown>();
  const items = new Items();
  let unknown = 0;
  for (let i = 0; i < parts.length; i += 2) {
    const letter = parts[i];
    check(typeof letter === "string" && !seen.has(letter), "letter");
    seen.add(letter);
    const part = array(parts[i + 1], "letter");
    switch (letter) {
      case "g":
        letters.greeting = {
          stakes: decodeHeard(part, 0),
          wishes: decodeHeard(part, 2),
          counts: decodeHeard(part, 4),
        };
        break;
      case "e":
        letters.stakes = {
          ...decodeSaid(part, 3, items, (said, at) => decodeStake(said[at], said[at + 1])),
          ...decodeView(part),
        };
        break;
      case "m":
        letters.members = decodeMembers(part, items);
        break;
      case "w":
        letters.wishes = decodeSaid(part, 2, items, (said, at) => decodeWish(said[at]));
        break;
      case "a":
        letters.wishesHeard = {
          ...decodeHeard(part, 0),
          share: integer(part[2], "stream"),
          version: integer(part[3], "version"),
        };
        break;
      case "s":
        letters.share = decodeShare(part, items);
        break;
      case "y":
        letters.summary = {
          ...decodePlace(part),
          count: integer(part[3], "count"),
          digest: step(part[4], "digest"),
          ...(part[5] === 1 && { isAsking: true }),
        };
        break;
      case "k":
        letters.stands = decodePlace(part);
        break;
      case "c":
        letters.counts = decodeSaid(part, 2, items, (said, at) => decodeTally(said[at]));
        items.add((ITEMS_OF_A_COUNT - 1) * letters.counts.items.length);
        break;
      case "h":
        letters.countsHeard = decodeHeard(part, 0);
        break;
      case "q":
        letters.question = decodePlace(part);
        break;
      default:
        unknown += 1;
    }
  }
  return { letters, unknown };
}

/** Counts what a frame names: its bytes alone would allow for too much. */
class Items {
  #count = 0;

  add(count: number): void {
    this.#count += count;
    check(this.#count <= MAX_FRAME_ITEMS, "number of items");
  }
}

function placeOf({ stream, number }: Heard): [number, number] {
  return [stream, number];
}

function decodeHeard(part: readonly unknown[], at: number): Heard {
  return { stream: integer(part[at], "stream"), number: integer(part[at + 1], "number") };
}

/** The number so many steps behind another one. */
function after(number: number, steps: unknown): number {
  return integer(number + integer(steps, "steps"), "steps");
}

function decodePlace(part: readonly unknown[]): { stream: number; clock: number; version: number } {
  return {
    stream: integer(part[0], "stream"),
    clock: integer(part[1], "clock"),
    version: integer(part[2], "version"),
  };
}

function encodeSaid<V>(
  { stream, since, upTo, items }: Said<V>,
  valuesOf: (value: V) => readonly unknown[],
): unknown[] {
  const flat: unknown[] = [];
  for (const [topic, value] of items) flat.push(topic, ...valuesOf(value));
  return [stream, since, upTo - since, flat];
}

/** @param width is how many values an item has, its topic included. */
function decodeSaid<V>(
  part: readonly unknown[],
  width: number,
  items: Items,
  valueOf: (flat: readonly unknown[], at: number) => V,
): Said<V> {
  const stream = positive(part[0], "stream");
  const since = integer(part[1], "since");
  const upTo = after(since, part[2]);
  const flat = array(part[3], "items");
  check(flat.length % width === 0, "items");
  items.add(flat.length / width);
  const said: [string, V][] = [];
  for (let i = 0; i < flat.length; i += width) said.push([topicOf(flat[i]), valueOf(flat, i + 1)]);
  return { stream, since, upTo, items: said };
}

function followOf(generation: number, limit = NO_LIMIT): number | [number, number] {
  return limit === NO_LIMIT ? generation : [generation, limit];
}

/** Returns the numbers of a follow, the generation first; what is not there is 0. */
function decodeFollow(value: unknown): { generation: number; limit: number; others: readonly unknown[] } {
  const [generation, limit = NO_LIMIT, ...others] =
    typeof value === "number" ? [value] : array(value, "follow");
  const most = step(limit, "limit");
  check(most >= OFFER_ONLY && most <= MAX_FOLLOW_LIMIT, "limit");
  return { generation: step(generation, "generation"), limit: most, others };
}

function decodeStake(roles: unknown, follow: unknown): Stake {
  const sum = integer(roles, "roles");
  check(sum <= 3, "roles");
  const { generation, limit } = decodeFollow(follow);
  // Of a follow it is that in which topics are opened.
  check(generation >= ((sum & FOLLOWS) === 0 ? 0 : 1), "generation");
  return limit === NO_LIMIT ? { roles: sum, generation } : { roles: sum, generation, limit };
}

function decodeWish(value: unknown): Wish {
  const { generation, limit } = decodeFollow(value);
  check(generation !== 0, "wish");
  return { generation, limit };
}

function encodeOpen([, generation, cut]: Open): number | number[] {
  return cut === undefined ? generation : [generation, cut.limit, cut.sample, cut.entries];
}

function decodeOpen(topic: string, value: unknown): Open {
  const { generation, limit, others } = decodeFollow(value);
  check(generation > 0, "generation");
  if (limit === NO_LIMIT) return [topic, generation];
  const sample = integer(others[0], "sample");
  const entries = integer(others[1], "entries");
  check(sample <= MAX_SAMPLE && entries <= MAX_AUTHOR_ENTRIES, "cut");
  return [topic, generation, { limit, sample, entries }];
}

function encodeTally(tally: Tally): number[] {
  const numbers = PARTS_OF_A_TALLY.map((part) => Number(tally[part]));
  return numbers.slice(0, numbers.findLastIndex((number) => number !== 0) + 1);
}

function decodeTally(value: unknown): Tally {
  const numbers = array(value, "tally").slice(0, PARTS_OF_A_TALLY.length);
  const [want = 0, ask = 0, answers = 0, entries = 0, tells = 0, sum = 0, settled = 0] = numbers.map(
    (number) => integer(number, "tally"),
  );
  check(entries <= MAX_AUTHOR_ENTRIES && sum <= MAX_AUTHOR_ENTRIES * LIMITS.knownLives, "entries");
  check(settled <= 1, "settled");
  return { want, ask, answers, entries, tells, sum, isSettled: settled === 1 };
}

function decodeView({ 4: view }: readonly unknown[]): { readonly view?: number } {
  return view === undefined ? {} : { view: integer(view, "view") };
}

function encodeMembers({ stream, number, lists, view }: Members): unknown[] {
  const lives: string[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (life: Life | number): number => {
    if (typeof life === "number") return life;
    const id = replicaOf(life);
    let index = indexes.get(id);
    if (index === undefined) {
      index = -lives.push(life.name, life.incarnation) / 2;
      indexes.set(id, index);
    }
    return index;
  };
  const flat = lists.flatMap(({ topic, isSettled, members }) => [
    topic,
    isSettled ? 1 : 0,
    members.flatMap(({ life, stake: { roles, generation, limit } }) => [
      indexOf(life),
      roles,
      followOf(generation, limit),
    ]),
  ]);
  return [stream, number, lives, flat, ...(view === undefined ? [] : [view])];
}

function decodeMembers(part: readonly unknown[], items: Items): Members {
  const names = array(part[2], "lives");
  check(names.length % 2 === 0, "lives");
  items.add(names.length / 2);
  const lives: Life[] = [];
  for (let i = 0; i < names.length; i += 2) {
    const [name, incarnation] = [names[i], names[i + 1]];
    check(isNodeName(name) && isIncarnation(incarnation), "life");
    lives.push({ name, incarnation });
  }
  const flat = array(part[3], "lists");
  check(flat.length % 3 === 0, "lists");
  items.add(flat.length / 3);
  const lists: MemberList<Life | number>[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    const isSettled = flat[i + 1];
    check(isSettled === 0 || isSettled === 1, "settled");
    const rows = array(flat[i + 2], "members");
    check(rows.length % 3 === 0, "members");
    items.add(rows.length / 3);
    const members: Member<Life | number>[] = [];
    for (let j = 0; j < rows.length; j += 3) {
      const place = step(rows[j], "life");
      const life = place < 0 ? lives[-1 - place] : place;
      check(life !== undefined && (place < 0 || part.length > 4), "life");
      members.push({ life, stake: decodeStake(rows[j + 1], rows[j + 2]) });
    }
    lists.push({ topic: topicOf(flat[i]), isSettled: isSettled === 1, members });
  }
  return { ...decodeHeard(part, 0), lists, ...decodeView(part) };
}

function encodeShare(share: ShareFrame, form: BirthsForm): unknown[] {
  const { stream, isWhole, since, upTo, from, to, opens, floors, closes, removals, births, closed } = share;
  const block = encodeBirths(births, 0, form);
  const indexes = opens.length + floors.length === 0 ? undefined : indexesOf(block, births);
  return [
    ...[stream, isWhole ? 1 : 0, since, upTo - since, from, to - from],
    opens.flatMap((open) => [indexes?.get(open[0]) ?? open[0], encodeOpen(open)]),
    closes,
    encodeRemovals(removals, since),
    block,
    ...(floors.length + closed.length === 0
      ? []
      : [floors.flatMap(({ topic, floor, below }) => [indexes?.get(topic) ?? topic, floor, below])]),
    ...(closed.length === 0 ? [] : [closed.map((birth, i) => birth - (closed[i - 1] ?? 0))]),
  ];
}

/** Where the topics of births stand among their strings. */
function indexesOf(block: readonly unknown[], births: readonly WireBirth[]): ReadonlyMap<string, number> {
  const topics = new Set(births.map(({ topic }) => topic));
  const indexes = new Map<string, number>();
  const strings = (block[0] ?? []) as readonly string[];
  for (const [index, text] of strings.entries()) if (topics.has(text)) indexes.set(text, index);
  return indexes;
}

function decodeShare(part: readonly unknown[], items: Items): ShareFrame {
  const isWhole = part[1];
  check(isWhole === 0 || isWhole === 1, "whole");
  const since = integer(part[2], "since");
  const upTo = after(since, part[3]);
  const from = integer(part[4], "from");
  const to = after(from, part[5]);
  const block = array(part[9], "births");
  const births = decodeBirths(block, 0, upTo);
  const strings = block.length === 0 ? [] : array(block[0], "strings");
  const flat = array(part[6], "opens");
  check(flat.length % 2 === 0, "opens");
  items.add(flat.length / 2);
  const named = (topic: unknown): string =>
    topicOf(typeof topic === "string" ? topic : strings[integer(topic, "topic")]);
  const opens: Open[] = [];
  for (let i = 0; i < flat.length; i += 2) opens.push(decodeOpen(named(flat[i]), flat[i + 1]));
  const floors = decodeFloors(part[10], upTo, named);
  items.add(floors.length);
  const closes = array(part[7], "closes").map(topicOf);
  items.add(closes.length);
  return {
    stream: positive(part[0], "stream"),
    isWhole: isWhole === 1,
    ...{ since, upTo, from, to, opens, floors, closes },
    removals: decodeRemovals(array(part[8], "removals"), since, upTo),
    births,
    closed: decodeBirthsClosed(part[11], upTo),
  };
}

/** @param steps is absent where nothing has closed. */
function decodeBirthsClosed(steps: unknown, upTo: number): number[] {
  if (steps === undefined) return [];
  let birth = 0;
  return array(steps, "closed").map((each) => {
    birth += positive(each, "closed");
    check(birth <= upTo, "closed");
    return birth;
  });
}

/** @param flat is absent where no topic is told in stretches. */
function decodeFloors(flat: unknown, upTo: number, named: (topic: unknown) => string): Floor[] {
  const floors: Floor[] = [];
  if (flat === undefined) return floors;
  const numbers = array(flat, "floors");
  check(numbers.length % 3 === 0, "floors");
  for (let i = 0; i < numbers.length; i += 3) {
    const floor = integer(numbers[i + 1], "floor");
    const below = integer(numbers[i + 2], "floor");
    check(floor <= upTo && below <= upTo, "floor");
    floors.push({ topic: named(numbers[i]), floor, below });
  }
  return floors;
}

function topicOf(value: unknown): string {
  check(typeof value === "string" && fitsJsonText(value, MAX_NAME_BYTES), "topic");
  return value;
}
