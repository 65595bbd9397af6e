/**
 * What a merge changed, told from what it brought and took.
 */
import type { Change, Element, UpdatedElement } from "./delta.js";
import { type Dot, DotMap } from "./dot.js";

/** An element that a merge brought or took, with the dot that its chain of updates began with. */
interface Traced<V> {
  readonly element: Element<V>;
  readonly origin: Dot;
}

/** What a merge has brought and taken so far. */
export interface Tally<V> {
  readonly born: Traced<V>[];
  readonly died: Traced<V>[];
}

/**
 * What came of the births and deaths of a merge. What was born and died in it was never here; a death and a
 * birth of one chain are an update.
 */
export function changeOf<V>({ born, died }: Tally<V>): Change<V> {
  if (born.length === 0 || died.length === 0) {
    return { added: born.map(elementOf), updated: [], removed: died.map(elementOf) };
  }
  const passing = new DotMap<true>();
  const bornDots = new DotMap<true>();
  for (const { element } of born) bornDots.set(element.dot, true);
  const superseded = new DotMap<Element<V>[]>();
  for (const { element, origin } of died) {
    if (bornDots.has(element.dot)) {
      passing.set(element.dot, true);
      continue;
    }
    const revisions = superseded.get(origin);
    if (revisions === undefined) superseded.set(origin, [element]);
    else revisions.push(element);
  }
  const added: Element<V>[] = [];
  const updated: UpdatedElement<V>[] = [];
  const replaced = new DotMap<true>();
  for (const { element, origin } of born) {
    if (passing.has(element.dot)) continue;
    const previous = superseded.get(origin)?.pop();
    if (previous === undefined) added.push(element);
    else {
      updated.push({ dot: element.dot, value: element.value, previous });
      replaced.set(previous.dot, true);
    }
  }
  const removed: Element<V>[] = [];
  for (const { element } of died) {
    if (!passing.has(element.dot) && !replaced.has(element.dot)) removed.push(element);
  }
  return { added, updated, removed };
}

function elementOf<V>({ element }: Traced<V>): Element<V> {
  return element;
}
