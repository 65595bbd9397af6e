/**
 * A naive topic: what a tracker would list and the diffs it would hand out, for tests that need diffs without
 * a cluster. Steps that make no sense (an update of what is not there) do nothing, so that any list of steps
 * is a script.
 */
import fc from "fast-check";
import type { Entry, TopicDiff } from "../../src/words.js";

export interface Page {
  page: string;
}

/** `slot` names an entry: its key, session and node follow from it. */
export interface Step {
  readonly do: "join" | "update" | "leave" | "hide" | "show";
  readonly slot: number;
}

const keys = ["alice", "__proto__"];

/** Steps of entries up to a slot; the more there are, the more metas a key has. */
export const stepOf = (maxSlot: number): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constantFrom("join", "join", "update", "leave", "hide", "show"),
    slot: fc.nat({ max: maxSlot }),
  });

export const anyStep = stepOf(4);

export class ModelTopic {
  /** What is listed, and what is hidden because its node is silent, by slot. */
  readonly #listed = new Map<number, Entry<Page>>();
  readonly #hidden = new Map<number, Entry<Page>>();
  #revision = 0;

  list(): Entry<Page>[] {
    return [...this.#listed.values()];
  }

  /** Takes a step and returns its diff; `undefined` if it changed nothing. */
  take(step: Step): TopicDiff<Page> | undefined {
    const listed = this.#listed.get(step.slot);
    const hidden = this.#hidden.get(step.slot);
    switch (step.do) {
      case "join":
        return (listed ?? hidden) ? undefined : this.#join(step.slot, this.#entry(step.slot));
      case "show":
        return hidden && this.#join(step.slot, hidden);
      case "leave":
        return listed && this.#leave(step.slot, listed, "untracked");
      case "hide":
        if (listed !== undefined) this.#hidden.set(step.slot, listed);
        return listed && this.#leave(step.slot, listed, "down");
      case "update": {
        if (listed === undefined) {
          // Its node updates it where it cannot be heard: it will come back as another revision.
          if (hidden !== undefined) this.#hidden.set(step.slot, this.#entry(step.slot));
          return undefined;
        }
        const next = { ...this.#entry(step.slot), prevRef: listed.ref };
        this.#listed.set(step.slot, next);
        return { joins: [], updates: [{ ...next, previous: listed.meta }], leaves: [] };
      }
    }
  }

  #entry(slot: number): Entry<Page> {
    this.#revision += 1;
    return {
      key: keys[slot % keys.length] ?? "",
      meta: Object.freeze({ page: `/${this.#revision}` }),
      ref: `r${this.#revision}`,
      node: `node${slot % 3}`,
      session: `session-${slot}`,
    };
  }

  #join(slot: number, entry: Entry<Page>): TopicDiff<Page> {
    this.#hidden.delete(slot);
    this.#listed.set(slot, entry);
    return { joins: [entry], updates: [], leaves: [] };
  }

  #leave(slot: number, entry: Entry<Page>, reason: "untracked" | "down"): TopicDiff<Page> {
    this.#listed.delete(slot);
    return { joins: [], updates: [], leaves: [{ ...entry, reason }] };
  }
}
