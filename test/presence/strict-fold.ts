/**
 * Folds what a subscriber hears and trusts nothing: a second state, a diff before the state, a join of what
 * is there, an update or a leave of what is not, and a wrong online or offline each throw.
 */
import type { PresenceDiff, PresenceMeta, Presences } from "../../src/presence/wire.js";
import type { Page } from "./model-topic.js";

export class StrictFold<X extends object> {
  readonly #metas = new Map<string, Map<string, PresenceMeta<Page>>>();
  readonly #online = new Set<string>();
  /** What was here after the state and after every diff. */
  readonly history: string[] = [];

  readonly state = (presences: Presences<Page, X>): void => {
    if (this.history.length > 0) throw new Error("a second state");
    for (const [key, { metas }] of Object.entries(presences)) {
      this.#online.add(key);
      for (const meta of metas) this.#add(key, meta);
    }
    this.history.push(this.now());
  };

  readonly diff = ({ joins, updates, leaves }: PresenceDiff<Page, X>): void => {
    if (this.history.length === 0) throw new Error("a diff before the state");
    for (const [key, { metas }] of Object.entries(leaves)) for (const meta of metas) this.#drop(key, meta);
    for (const [key, { metas, previous }] of Object.entries(updates)) {
      if (metas.length !== previous.length) throw new Error("updates without their previous metas");
      for (const meta of previous) this.#drop(key, meta);
      for (const meta of metas) this.#add(key, meta);
    }
    for (const [key, { metas }] of Object.entries(joins)) for (const meta of metas) this.#add(key, meta);
    this.history.push(this.now());
  };

  readonly online = (key: string): void => {
    if (this.#online.has(key)) throw new Error(`${key} came online but was here`);
    this.#online.add(key);
  };

  readonly offline = (key: string): void => {
    if (!this.#online.delete(key)) throw new Error(`${key} went offline but was not here`);
  };

  /** The keys that online and offline told of must be those that the diffs came to. */
  checkKeys(): void {
    const told = [...this.#online].sort().join();
    const folded = [...this.#metas.keys()].sort().join();
    if (told !== folded) throw new Error(`online and offline say ${told}, the diffs say ${folded}`);
  }

  /** What is here now, in the form of {@link describePresences}. */
  now(): string {
    return describeMetas([...this.#metas].map(([key, metas]) => [key, [...metas.values()]]));
  }

  #add(key: string, meta: PresenceMeta<Page>): void {
    const metas = this.#metas.get(key) ?? new Map<string, PresenceMeta<Page>>();
    if (metas.has(meta.phx_ref)) throw new Error(`${key} ${meta.phx_ref} joined but was here`);
    metas.set(meta.phx_ref, meta);
    this.#metas.set(key, metas);
  }

  #drop(key: string, meta: PresenceMeta<Page>): void {
    const metas = this.#metas.get(key);
    const held = metas?.get(meta.phx_ref);
    if (metas === undefined || held === undefined)
      throw new Error(`${key} ${meta.phx_ref} left but was not here`);
    if (held.page !== meta.page) throw new Error(`${key} ${meta.phx_ref} was here as something else`);
    metas.delete(meta.phx_ref);
    if (metas.size === 0) this.#metas.delete(key);
  }
}

/** Presences as one text, whatever the order of keys and metas. */
export function describePresences(presences: Presences<Page>): string {
  return describeMetas(Object.entries(presences).map(([key, { metas }]) => [key, metas]));
}

/** The same of metas by key. */
export function describeMetas(presences: Iterable<[string, readonly PresenceMeta<Page>[]]>): string {
  const metas: string[] = [];
  for (const [key, group] of presences) {
    for (const { phx_ref, page } of group) metas.push(`${key}=${phx_ref}${page}`);
  }
  return metas.sort().join(" ");
}
