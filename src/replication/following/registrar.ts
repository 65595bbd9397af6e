/**
 * What this node knows as a registrar: who has a stake in a topic. Soft: rows of living lives, which their owners tell
 * again. It introduces, and never speaks of an entry.
 */
import type { Life } from "../life.js";
import { replicaOf } from "../life.js";
import { NO_STAKE } from "./message.js";
import type { Member, Stake } from "./message.js";

export class Registrar {
  /** By topic and life. */
  readonly #rows = new Map<string, Map<string, Member>>();
  readonly #changed: (life: Life, topic: string, stake: Stake) => void;

  /** @param changed is told of each stake that a life is said to have, also where nothing is new. */
  constructor(changed: (life: Life, topic: string, stake: Stake) => void) {
    this.#changed = changed;
  }

  /** How many rows there are, over all topics. */
  get size(): number {
    let size = 0;
    for (const rows of this.#rows.values()) size += rows.size;
    return size;
  }

  /** What a life has to do with a topic from now on; without roles, or undefined: nothing. */
  enlist(life: Life, topic: string, stake: Stake | undefined): void {
    const id = replicaOf(life);
    const rows = this.#rows.get(topic);
    if (stake === undefined || stake.roles === 0) {
      rows?.delete(id);
      if (rows?.size === 0) this.#rows.delete(topic);
    } else if (rows === undefined) this.#rows.set(topic, new Map([[id, { life, stake }]]));
    else rows.set(id, { life, stake });
    this.#changed(life, topic, stake ?? NO_STAKE);
  }

  membersOf(topic: string): Member[] {
    return [...(this.#rows.get(topic)?.values() ?? [])];
  }
}
