/**
 * The topics of each key: the view the other way round, for applications that ask for it. It follows the changes as they
 * are committed, so a read costs the topics of the key. Most keys have one topic, so a set is made only for the second.
 *
 * Knows no entry and no node: the view says whether a key is under a topic.
 */
import type { Diff } from "../words.js";

export class KeyIndex {
  readonly #topics = new Map<string, string | Set<string>>();
  readonly #has: (topic: string, key: string) => boolean;

  /** `has` tells what is shown now. */
  constructor(has: (topic: string, key: string) => boolean) {
    this.#has = has;
  }

  topicsOf(key: string): string[] {
    const topics = this.#topics.get(key);
    if (topics === undefined) return [];
    return typeof topics === "string" ? [topics] : [...topics];
  }

  /** Takes a change that has just been committed. */
  change(diff: Diff): void {
    for (const [topic, { joins, leaves, ended }] of diff) {
      if (ended === true) this.#end(topic);
      for (const { key } of joins) this.#add(key, topic);
      // Another entry of the key may still be there, or have come in the same change.
      for (const { key } of leaves) if (!this.#has(topic, key)) this.#delete(key, topic);
    }
  }

  /** A topic is followed no longer, and nobody says who was under it: costs as much as there are keys. */
  #end(topic: string): void {
    for (const key of [...this.#topics.keys()]) if (!this.#has(topic, key)) this.#delete(key, topic);
  }

  #add(key: string, topic: string): void {
    const topics = this.#topics.get(key);
    if (topics === undefined) this.#topics.set(key, topic);
    else if (typeof topics !== "string") topics.add(topic);
    else if (topics !== topic) this.#topics.set(key, new Set([topics, topic]));
  }

  #delete(key: string, topic: string): void {
    const topics = this.#topics.get(key);
    if (topics === topic) this.#topics.delete(key);
    if (!(topics instanceof Set) || !topics.delete(topic) || topics.size > 1) return;
    for (const last of topics) this.#topics.set(key, last);
  }
}
