/**
 * Letters in pieces: cut where they would not fit one frame, and put together again when all pieces have come. A piece is
 * letters like any other, so that each is checked by itself; together they are merged whole or not at all (R7).
 */
import type { Rules } from "../rules.js";
import type { Letters, MemberList, PairMessage, ShareFrame } from "./message.js";

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What is listed in letters may be cut between any two of its items; all else stays together, in the first piece. */
export class Pieces {
  readonly #letters: Letters;
  readonly #rows: readonly MemberList[];

  constructor(letters: Letters) {
    this.#letters = letters;
    this.#rows = rowsOf(letters.members?.lists ?? []);
  }

  /** How many items there are. */
  get length(): number {
    const { stakes, wishes, share, counts } = this.#letters;
    let length = this.#rows.length;
    for (const said of [stakes, wishes, counts]) length += said?.items.length ?? 0;
    if (share !== undefined) {
      const { opens, floors, closes, removals, births, closed } = share;
      length +=
        opens.length + floors.length + closes.length + removals.length + births.length + closed.length;
    }
    return length;
  }

  /** The items from one place to another; with all that is no item, if `isFirst`. */
  part(from: number, to: number, isFirst: boolean): Letters {
    const { greeting, stakes, members, wishes, wishesHeard, share, summary, stands, question } =
      this.#letters;
    const { counts, countsHeard } = this.#letters;
    const letters: Writable<Letters> = {};
    let before = 0;
    const take = <T>(items: readonly T[]): readonly T[] => {
      const taken = items.slice(Math.max(0, from - before), Math.max(0, to - before));
      before += items.length;
      return taken;
    };
    if (isFirst && greeting !== undefined) letters.greeting = greeting;
    if (stakes !== undefined) {
      const items = take(stakes.items);
      if (isFirst || items.length > 0) letters.stakes = { ...stakes, items };
    }
    if (members !== undefined) {
      const rows = take(this.#rows);
      if (isFirst || rows.length > 0) letters.members = { ...members, lists: joined(rows) };
    }
    if (wishes !== undefined) {
      const items = take(wishes.items);
      if (isFirst || items.length > 0) letters.wishes = { ...wishes, items };
    }
    if (isFirst && wishesHeard !== undefined) letters.wishesHeard = wishesHeard;
    if (share !== undefined) {
      const { opens, floors, closes, removals, births, closed } = share;
      const lists = {
        opens: take(opens),
        floors: take(floors),
        closes: take(closes),
        removals: take(removals),
        births: take(births),
        closed: take(closed),
      };
      if (isFirst || Object.values(lists).some(({ length }) => length > 0))
        letters.share = { ...share, ...lists };
    }
    if (isFirst && summary !== undefined) letters.summary = summary;
    if (isFirst && stands !== undefined) letters.stands = stands;
    if (counts !== undefined) {
      const items = take(counts.items);
      if (isFirst || items.length > 0) letters.counts = { ...counts, items };
    }
    if (isFirst && countsHeard !== undefined) letters.countsHeard = countsHeard;
    if (isFirst && question !== undefined) letters.question = question;
    return letters;
  }
}

/** The pieces of one peer's letters, put together as they come, in their order. */
export class Assembly {
  readonly #rules: Rules;
  #letters: Letters | undefined;
  #counter = 0;
  #part = 0;
  #parts = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Births of the pieces that have come. */
  get weight(): number {
    return this.#letters?.share?.births.length ?? 0;
  }

  /** A piece was not taken: those before it are of no use. */
  drop(): void {
    this.#letters = undefined;
  }

  /** Adds a piece. Returns all letters, if this was the last piece that they lacked. */
  add({ letters, part, parts }: PairMessage, counter: number): Letters | undefined {
    // What is in one piece tells less than what waits only by chance: the same things are said again.
    if (parts === 1) return letters;
    const isNext =
      this.#letters !== undefined &&
      this.#parts === parts &&
      this.#part === part - 1 &&
      this.#counter === counter - 1;
    if (part === 1) this.#letters = letters;
    else if (isNext) this.#letters = together(this.#letters ?? {}, letters);
    else this.#letters = undefined;
    this.#counter = counter;
    this.#part = part;
    this.#parts = parts;
    if (this.#letters === undefined || !this.#rules.isWhole(part, parts)) return undefined;
    const whole = this.#letters;
    this.#letters = undefined;
    return whole;
  }
}

function together(one: Letters, more: Letters): Letters {
  const letters: Writable<Letters> = { ...one };
  const { stakes, members, wishes, share, counts } = more;
  if (stakes !== undefined) letters.stakes = withItems(one.stakes, stakes);
  if (wishes !== undefined) letters.wishes = withItems(one.wishes, wishes);
  if (counts !== undefined) letters.counts = withItems(one.counts, counts);
  if (members !== undefined) {
    const lists = joined([...(one.members?.lists ?? []), ...members.lists]);
    letters.members = { ...members, lists };
  }
  if (share !== undefined) letters.share = one.share === undefined ? share : withMore(one.share, share);
  return letters;
}

function withItems<S extends { readonly items: readonly unknown[] }>(one: S | undefined, more: S): S {
  return one === undefined ? more : { ...one, items: one.items.concat(more.items) };
}

function withMore(
  one: ShareFrame,
  { opens, floors, closes, removals, births, closed }: ShareFrame,
): ShareFrame {
  return {
    ...one,
    opens: one.opens.concat(opens),
    floors: one.floors.concat(floors),
    closes: one.closes.concat(closes),
    removals: one.removals.concat(removals),
    births: one.births.concat(births),
    closed: one.closed.concat(closed),
  };
}

/** A list for each member, so that long lists can be cut. */
function rowsOf(lists: readonly MemberList[]): MemberList[] {
  return lists.flatMap((list) =>
    list.members.length < 2 ? [list] : list.members.map((member) => ({ ...list, members: [member] })),
  );
}

/** Lists of one topic that follow each other become one. */
function joined(rows: readonly MemberList[]): MemberList[] {
  const lists: (MemberList & { members: MemberList["members"][number][] })[] = [];
  for (const row of rows) {
    const last = lists.at(-1);
    if (last?.topic === row.topic && last.isSettled === row.isSettled) last.members.push(...row.members);
    else lists.push({ ...row, members: [...row.members] });
  }
  return lists;
}
