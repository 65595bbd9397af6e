/**
 * The sum of a node's diffs. Folding every diff that a node has delivered must lead to exactly its list: the
 * first and sharpest check of a tracker, and for a behaviour under test a model of what it should show. It
 * knows only the public words: diffs and entries.
 */
import { isDeepStrictEqual } from "node:util";
import type { AnyMeta, Diff, Entry } from "../words.js";
import { exactText, sameValue } from "./metas.js";

/** The entries of one topic: key, then session. */
type Folded<M> = Map<string, Map<string, Entry<M>>>;

export class DiffFold<M = AnyMeta> {
  readonly #topics = new Map<string, Folded<M>>();
  readonly #begun = new Set<string>();

  /** The topics in which something is left. */
  topics(): string[] {
    return [...this.#topics.keys()];
  }

  /** The topics whose follow has begun and not ended, empty ones too; none where a node holds everything. */
  followed(): string[] {
    return [...this.#begun];
  }

  /** What the diffs of a topic add up to, in no promised order. */
  list(topic: string): Entry<M>[] {
    const entries: Entry<M>[] = [];
    for (const sessions of this.#topics.get(topic)?.values() ?? []) entries.push(...sessions.values());
    return entries;
  }

  /** The entry of a session under a topic and key. */
  find(topic: string, key: string, session: string): Entry<M> | undefined {
    return this.#topics.get(topic)?.get(key)?.get(session);
  }

  /** How many entries are left under a topic. */
  count(topic: string): number {
    let count = 0;
    for (const sessions of this.#topics.get(topic)?.values() ?? []) count += sessions.size;
    return count;
  }

  /**
   * Adds a diff to what has been folded so far. Returns what is wrong with it, one line each: a second join, an
   * update or a leave of what is not there, a `prevRef` or `previous` that is not what was there, an entry that
   * is in a diff twice, a topic in which nothing changed.
   */
  apply(diff: Diff<M>): string[] {
    const wrong: string[] = [];
    for (const [topic, { joins, updates, leaves, began = false, ended = false }] of diff) {
      if (ended) {
        this.#topics.delete(topic);
        this.#begun.delete(topic);
      }
      if (began && this.#topics.has(topic)) wrong.push(`a follow of ${topic} begins where one has not ended`);
      if (joins.length + updates.length + leaves.length === 0 && !began && !ended) {
        wrong.push(`a diff names topic ${topic} in which nothing changed`);
      }
      if (began) this.#begun.add(topic);
      const touched = new Set<string>();
      const seen = (entry: Entry<M>): void => {
        const identity = JSON.stringify([entry.session, entry.key]);
        if (touched.has(identity)) wrong.push(`${describeEntry(topic, entry)} is in one diff twice`);
        touched.add(identity);
      };
      for (const entry of leaves) {
        seen(entry);
        const present = this.find(topic, entry.key, entry.session);
        if (present === undefined) wrong.push(`leave without a join: ${describeEntry(topic, entry)}`);
        else if (present.ref !== entry.ref) {
          wrong.push(`leave of ${describeEntry(topic, entry)} but there was ref ${present.ref}`);
        }
        this.#delete(topic, entry);
      }
      for (const entry of updates) {
        seen(entry);
        const present = this.find(topic, entry.key, entry.session);
        if (present === undefined) {
          wrong.push(`update of what is not there: ${describeEntry(topic, entry)}`);
        } else if (present.ref !== entry.prevRef) {
          wrong.push(
            `update of ${describeEntry(topic, entry)} from ref ${entry.prevRef}, but there was ref ${present.ref}`,
          );
        } else if (!sameValue(present.meta, entry.previous)) {
          wrong.push(`update of ${describeEntry(topic, entry)} with a previous meta that was not there`);
        } else if (present.ref === entry.ref && isDeepStrictEqual(present.meta, entry.meta)) {
          // Only a value that was altered on its way, and is put right, changes within its revision.
          wrong.push(`update of ${describeEntry(topic, entry)} to the revision that was there`);
        }
        this.#set(topic, entry);
      }
      for (const entry of joins) {
        seen(entry);
        if (this.find(topic, entry.key, entry.session) !== undefined)
          wrong.push(`second join: ${describeEntry(topic, entry)}`);
        this.#set(topic, entry);
      }
    }
    return wrong;
  }

  #set(topic: string, entry: Entry<M>): void {
    const keys: Folded<M> = this.#topics.get(topic) ?? new Map<string, Map<string, Entry<M>>>();
    this.#topics.set(topic, keys);
    const sessions = keys.get(entry.key) ?? new Map<string, Entry<M>>();
    keys.set(entry.key, sessions.set(entry.session, entry));
  }

  #delete(topic: string, { key, session }: Entry<M>): void {
    const keys = this.#topics.get(topic);
    const sessions = keys?.get(key);
    if (keys === undefined || sessions === undefined) return;
    sessions.delete(session);
    if (sessions.size === 0) keys.delete(key);
    if (keys.size === 0) this.#topics.delete(topic);
  }
}

/** So many letters of a meta are shown. */
const describedLength = 200;

/** An entry in a line of text, for messages about what is wrong. */
export function describeEntry<M>(topic: string, { node, session, key, ref, meta }: Entry<M>): string {
  const text = exactText(meta);
  const shown = text.length > describedLength ? `${text.slice(0, describedLength)}…` : text;
  return `${topic}/${key} of ${node} (session ${session}, ref ${ref}, meta ${shown})`;
}
