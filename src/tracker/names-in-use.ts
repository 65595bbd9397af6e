/** The names of the trackers that run, by their pubsub: each may be used once, or a node would hear itself. */
import { TrackerError } from "../errors.js";
import type { PubSub } from "../pubsub/pubsub.js";

const namesByPubSub = new WeakMap<PubSub, Set<string>>();

/**
 * Takes a name. Returns the function that releases it.
 *
 * @throws TrackerError `NAME_IN_USE`
 */
export function reserveName(pubsub: PubSub, name: string): () => void {
  let names = namesByPubSub.get(pubsub);
  if (names === undefined) {
    names = new Set();
    namesByPubSub.set(pubsub, names);
  }
  if (names.has(name)) {
    throw new TrackerError("NAME_IN_USE", `A tracker named ${name} runs on this pubsub already`, { name });
  }
  const taken = names.add(name);
  return () => {
    taken.delete(name);
  };
}
