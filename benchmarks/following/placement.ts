/**
 * Rooms and where their members are: sizes of 2 to 10,000 by a power law, as rooms have them, and members on any node,
 * the worst case, or nine of ten of them on the home nodes of their room: one for each hundred members, at least two.
 * By a seed, so that trackers and the model are given the same.
 */
import { SeededRandom } from "../../src/testing/random.js";

export type PlacementKind = "home" | "random";

export interface PlacementSize {
  readonly nodes: number;
  readonly entries: number;
  readonly kind: PlacementKind;
}

interface Room {
  readonly size: number;
  readonly homes: number;
  /** The first of its home nodes, and how far each is from the one before. */
  readonly first: number;
  readonly step: number;
}

const EXPONENT = 2.5;
const LARGEST = 10_000;
const MEMBERS_PER_HOME = 100;
const AT_HOME = 0.9;

export class Placement {
  readonly size: PlacementSize;
  readonly rooms: readonly Room[];
  /** The room of each entry; those of one room stand together. */
  readonly roomOf: Uint32Array;
  readonly #random: SeededRandom;

  constructor(size: PlacementSize) {
    const { nodes, entries } = size;
    this.size = size;
    this.#random = new SeededRandom(`${nodes} ${entries} ${size.kind}`);
    const sums = new Float64Array(LARGEST + 1);
    for (let members = 2; members <= LARGEST; members++)
      sums[members] = (sums[members - 1] ?? 0) + members ** -EXPONENT;
    const rooms: Room[] = [];
    this.roomOf = new Uint32Array(entries);
    for (let placed = 0; placed < entries;) {
      const members = Math.min(this.#membersBy(sums), entries - placed);
      const homes = Math.min(nodes, Math.max(2, Math.ceil(members / MEMBERS_PER_HOME)));
      const first = Math.floor(this.#random.next() * nodes);
      const step = 1 + Math.floor(this.#random.next() * Math.max(1, nodes / homes - 1));
      this.roomOf.fill(rooms.length, placed, placed + members);
      rooms.push({ size: members, homes, first, step });
      placed += members;
    }
    this.rooms = rooms;
  }

  /** The rooms of all members in the order in which they come: any. */
  arrivals(): Uint32Array {
    const rooms = this.roomOf.slice();
    for (let i = rooms.length - 1; i > 0; i--) {
      const other = Math.floor(this.#random.next() * (i + 1));
      [rooms[i], rooms[other]] = [rooms[other]!, rooms[i]!];
    }
    return rooms;
  }

  /** A node for somebody who comes to a room. */
  nodeIn(room: number): number {
    const { nodes, kind } = this.size;
    const { homes, first, step } = this.rooms[room]!;
    const isAtHome = kind === "home" && this.#random.next() < AT_HOME;
    const place = isAtHome ? first + Math.floor(this.#random.next() * homes) * step : undefined;
    return place === undefined ? Math.floor(this.#random.next() * nodes) : place % nodes;
  }

  /** A number below 1. */
  chance(): number {
    return this.#random.next();
  }

  #membersBy(sums: Float64Array): number {
    const wanted = this.#random.next() * sums[LARGEST]!;
    let [low, high] = [2, LARGEST];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
