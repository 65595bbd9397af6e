/**
 * Letters in pieces: cut where they would not fit one frame, and put together again when all pieces have come. A piece is
 * letters like any other, so that each is checked by itself; together they are merged whole or not at all (R7).
 */
import type { Rules } from "../rules.js";
import type { Life } from "../life.js";
import type { Letters, Member, Members, PairMessage, ShareFrame } from "./message.js";

/** The letters that have items, and what of a share is listed. */
const SAID = ["stakes", "wishes", "counts"] as const;
const LISTS = ["opens", "floors", "closes", "removals", "births", "closed"] as const;

/** What is listed in letters may be cut between any two of its items; all else stays together, in the first piece. */
export class Pieces {
  readonly #letters: Letters;
  readonly #rows: Members["lists"];

  constructor(letters: Letters) {
    this.#letters = letters;
    this.#rows = rowsOf(letters.members?.lists ?? []);
  }

  /** How many items there are. */
  get length(): number {
    let length = this.#rows.length;
    for (const name of SAID) length += this.#letters[name]?.items.length ?? 0;
    const { share } = this.#letters;
    if (share !== undefined) for (const name of LISTS) length += share[name].length;
    return length;
  }

  /** The items from one place to another; with all that is no item, if `isFirst`. */
  part(from: number, to: number, isFirst: boolean): Letters {
    const all = this.#letters;
    const letters: Record<string, unknown> = isFirst ? { ...all } : {};
    let before = 0;
    const take = <T>(items: readonly T[]): readonly T[] => {
      const taken = items.slice(Math.max(0, from - before), Math.max(0, to - before));
      before += items.length;
      return taken;
    };
    const put = (name: string, part: object, length: number): void => {
      if (isFirst || length > 0) letters[name] = part;
    };
    for (const name of SAID) {
      const said = all[name];
      if (said === undefined) continue;
      const items = take<unknown>(said.items);
      put(name, { ...said, items }, items.length);
    }
    if (all.members !== undefined) {
      const rows = take(this.#rows);
      put("members", { ...all.members, lists: joined(rows) }, rows.length);
    }
    if (all.share !== undefined) {
      const start = before;
      const part = withLists(all.share, (name) => take<unknown>(all.share![name]));
      put("share", part, Math.min(to, before) - Math.max(from, start));
    }
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
  const letters: Record<string, unknown> = { ...more, ...one };
  for (const name of SAID) {
    const said = more[name];
    if (said !== undefined && one[name] !== undefined)
      letters[name] = { ...said, items: [...one[name].items, ...said.items] };
  }
  const { members, share } = more;
  if (members !== undefined)
    letters["members"] = { ...members, lists: joined([...(one.members?.lists ?? []), ...members.lists]) };
  if (share !== undefined && one.share !== undefined)
    letters["share"] = withLists(one.share, (name) => [...one.share![name], ...share[name]]);
  return letters;
}

/** A share with other lists. */
function withLists(
  share: ShareFrame,
  listOf: (name: (typeof LISTS)[number]) => readonly unknown[],
): ShareFrame {
  return { ...share, ...Object.fromEntries(LISTS.map((name) => [name, listOf(name)])) };
}

/** A list for each member, so that long lists can be cut. */
function rowsOf(lists: Members["lists"]): Members["lists"] {
  return lists.flatMap((list) =>
    list.members.length < 2 ? [list] : list.members.map((member) => ({ ...list, members: [member] })),
  );
}

/** Lists of one topic that follow each other become one. */
function joined(rows: Members["lists"]): Members["lists"] {
  const lists: (Members["lists"][number] & { members: Member<Life | number>[] })[] = [];
  for (const row of rows) {
    const last = lists.at(-1);
    if (last?.topic === row.topic && last.isSettled === row.isSettled) last.members.push(...row.members);
    else lists.push({ ...row, members: [...row.members] });
  }
  return lists;
}
