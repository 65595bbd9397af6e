/**
 * Which lives this node takes for up, and one number for all of them: nodes with the same number name a life by its place among
 * them. Names and incarnations are most of what lists of members are made of otherwise. Of the numbers that were told, the
 * latest are kept with their lives: an answer by one of them may be on its way.
 *
 * A change costs one hash and one copy of the list. Knows no pair and no time.
 */
import { chainText, hashText, mix } from "../hash.js";
import { replicaOf } from "../life.js";
import type { Life } from "../life.js";
import type { Member, MemberList, Members } from "./message.js";

/** The lives of a view, in the order of their names. */
type View = readonly Life[];

/** An answer takes a moment, and what is not understood is asked again. */
const VIEWS_KEPT = 8;
const DIGESTS = 2 ** 48;
const NOBODY: Life = { name: "", incarnation: "" };

export class Views {
  #lives: View = [];
  #digest = 0;
  /** By their digests, the one that was told last behind all others. */
  readonly #told = new Map<number, View>();

  /** Of 48 bits, by two hashes: no two views have the same one, but for a chance in so many. */
  get digest(): number {
    return this.#digest;
  }

  /** Returns the number of the present view, which an answer may name from now on. */
  tell(): number {
    this.#told.delete(this.#digest);
    this.#told.set(this.#digest, this.#lives);
    for (const digest of this.#told.keys()) {
      if (this.#told.size <= VIEWS_KEPT) break;
      this.#told.delete(digest);
    }
    return this.#digest;
  }

  /** A life is up, and no other one of its name. */
  came(life: Life): void {
    this.went(life.name);
    const place = this.#search(life.name);
    this.#lives = [...this.#lives.slice(0, place), life, ...this.#lives.slice(place)];
    this.#digest = (this.#digest + hashOf(life)) % DIGESTS;
  }

  /** The life of a name is not up any more, if one was. */
  went(name: string): void {
    const place = this.#search(name);
    const life = this.#lives[place];
    if (life?.name !== name) return;
    this.#lives = [...this.#lives.slice(0, place), ...this.#lives.slice(place + 1)];
    this.#digest = (this.#digest + DIGESTS - hashOf(life)) % DIGESTS;
  }

  /** A list that names lives by their places in the present view; those that are not there by themselves. */
  byPlace(list: MemberList): MemberList<Life | number> {
    const named = ({ life, stake }: Member): Member<Life | number> => {
      const place = this.#search(life.name);
      const { name, incarnation } = this.#lives[place] ?? NOBODY;
      return { life: name === life.name && incarnation === life.incarnation ? place : life, stake };
    };
    return { ...list, members: list.members.map(named) };
  }

  /** Lists with the lives that they name; nothing, where they name any by a view that is not known. */
  read({ view, lists }: Members): readonly MemberList[] | undefined {
    const lives = this.#told.get(view ?? -1) ?? [];
    const read: MemberList[] = [];
    for (const list of lists) {
      const members: Member[] = [];
      for (const { life: named, stake } of list.members) {
        const life = typeof named === "number" ? lives[named] : named;
        if (life === undefined) return undefined;
        members.push({ life, stake });
      }
      read.push({ ...list, members });
    }
    return read;
  }

  /** The place of a name, or that which it would have. */
  #search(name: string): number {
    let from = 0;
    let until = this.#lives.length;
    while (from < until) {
      const middle = (from + until) >>> 1;
      if (this.#lives[middle]!.name < name) from = middle + 1;
      else until = middle;
    }
    return from;
  }
}

function hashOf(life: Life): number {
  const id = replicaOf(life);
  return hashText(id) * 2 ** 16 + (mix(chainText(0, id)) >>> 16);
}
