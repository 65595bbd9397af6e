/**
 * The registrars of a topic: of all nodes that are up, those whose names rank highest with it by a hash. Every node
 * computes them from its own membership, and nobody has to agree. Of two nodes with the same names, both choose the same.
 */
import { hashText, mix } from "../hash.js";

/** What is known of a topic's registrars, so that it costs little to see whether another node is one. */
export interface Standing {
  readonly ofTopic: number;
  /** The registrar that ranks lowest; undefined while there are fewer than a topic may have. */
  readonly last: string | undefined;
  readonly lastRank: number;
}

export class Ranks {
  readonly #count: number;
  /** The hashes of the names. */
  readonly #names = new Map<string, number>();

  /** @param count is how many registrars a topic has. */
  constructor(count: number) {
    this.#count = count;
  }

  add(name: string): void {
    this.#names.set(name, hashText(name));
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  /** What a node has to rank above to be a registrar of a topic that has these, the highest first. */
  standingOf(topic: string, registrars: readonly string[]): Standing {
    const ofTopic = hashText(topic);
    const last = registrars.length < this.#count ? undefined : registrars.at(-1);
    return { ofTopic, last, lastRank: last === undefined ? -1 : rankOf(ofTopic, hashText(last)) };
  }

  /** Tells of topics whether a node ranks among the registrars that they have without it; of one in a few operations. */
  entrant(name: string): (standing: Standing) => boolean {
    const ofName = hashText(name);
    return ({ ofTopic, last, lastRank }) =>
      last === undefined || isAbove(name, rankOf(ofTopic, ofName), last, lastRank);
  }

  /** Whether a node ranks higher with a topic than another one. */
  isAbove(name: string, other: string, topic: string): boolean {
    const ofTopic = hashText(topic);
    return isAbove(name, rankOf(ofTopic, hashText(name)), other, rankOf(ofTopic, hashText(other)));
  }

  /** The registrars of a topic that had these, the highest first, and among which another node ranks. */
  registrarsWith(entrant: string, topic: string, registrars: readonly string[]): readonly string[] {
    const place = registrars.findIndex((name) => this.isAbove(entrant, name, topic));
    return registrars.toSpliced(place < 0 ? registrars.length : place, 0, entrant).slice(0, this.#count);
  }

  /** The registrars of a topic, the highest first. Costs as much as there are nodes. */
  registrarsOf(topic: string): string[] {
    const ofTopic = hashText(topic);
    const best: { readonly name: string; readonly rank: number }[] = [];
    for (const [name, ofName] of this.#names) {
      const rank = rankOf(ofTopic, ofName);
      let place = best.length;
      for (; place > 0; place--) {
        const above = best[place - 1]!;
        if (!isAbove(name, rank, above.name, above.rank)) break;
      }
      if (place === this.#count) continue;
      best.splice(place, 0, { name, rank });
      if (best.length > this.#count) best.pop();
    }
    return best.map(({ name }) => name);
  }
}

/** How high an author ranks among those that a follower may choose from in a topic: each follower ranks them otherwise. */
export function preferenceOf(topic: string, follower: string, author: string): number {
  return rankOf(rankOf(hashText(topic), hashText(follower)), mix(hashText(author)));
}

function rankOf(topic: number, name: number): number {
  return mix(Math.imul(topic ^ name, 0x9e3779b1)) >>> 0;
}

function isAbove(name: string, rank: number, other: string, otherRank: number): boolean {
  return rank === otherRank ? name > other : rank > otherRank;
}
