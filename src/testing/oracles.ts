/**
 * What must be true of every tracker and every cluster, as functions of what their public interface shows. Each
 * returns what is wrong, one line each; nothing if all is well. They change nothing and know no internals.
 */
import { isTrackerError } from "../errors.js";
import type { AnyMeta, Entry, Meta } from "../words.js";
import type { Tracker } from "../tracker/tracker.js";
import { describeEntry, type DiffFold } from "./diff-fold.js";
import { sameValue } from "./metas.js";
import type { SimulatedNode } from "./simulated-node.js";

/** An entry of somebody's list, with its topic. */
interface Listed<M> {
  readonly topic: string;
  readonly entry: Entry<M>;
}

/** Entries by topic, key and session, as a text that is only compared. */
function byIdentity<M>(listed: Iterable<Listed<M>>): Map<string, Listed<M>> {
  const found = new Map<string, Listed<M>>();
  for (const item of listed) {
    found.set(JSON.stringify([item.topic, item.entry.key, item.entry.session]), item);
  }
  return found;
}

function sameEntry<M>(a: Entry<M>, b: Entry<M>): boolean {
  return a.ref === b.ref && a.node === b.node && sameValue(a.meta, b.meta);
}

/** Everything that a tracker lists. */
export function listAll<M extends Meta<M>>(tracker: Tracker<M>): Listed<M>[] {
  const all: Listed<M>[] = [];
  for (const topic of tracker.topics()) {
    for (const entry of tracker.list(topic)) all.push({ topic, entry });
  }
  return all;
}

/** Whether a node may be asked who is in a topic: one that holds what it follows may not, unless it follows that. */
function isRead<M extends Meta<M>>(tracker: Tracker<M>, topic: string): boolean {
  try {
    tracker.has(topic, "");
    return true;
  } catch (error) {
    if (isTrackerError(error) && error.code === "NOT_FOLLOWED") return false;
    throw error;
  }
}

/** What a node itself has tracked under topics, whether or not it follows them. */
function listOfOwn<M extends Meta<M>>(tracker: Tracker<M>, topics: Iterable<string>): Listed<M>[] {
  const own: Listed<M>[] = [];
  for (const topic of topics) for (const entry of tracker.listOwn(topic)) own.push({ topic, entry });
  return own;
}

/** What is in one of two lists and not in the other, or differs: meta, ref or node. */
function difference<M>(
  expected: Map<string, Listed<M>>,
  found: Map<string, Listed<M>>,
  who: string,
): string[] {
  const wrong: string[] = [];
  for (const [identity, { topic, entry }] of expected) {
    const other = found.get(identity);
    if (other === undefined) wrong.push(`${who} lacks ${describeEntry(topic, entry)}`);
    else if (!sameEntry(entry, other.entry)) {
      wrong.push(`${who} has ${describeEntry(topic, other.entry)} instead of ${describeEntry(topic, entry)}`);
    }
  }
  for (const [identity, { topic, entry }] of found) {
    if (!expected.has(identity)) wrong.push(`${who} has the ghost ${describeEntry(topic, entry)}`);
  }
  return wrong;
}

/**
 * The diffs of a node, folded together, are exactly its list. A topic that it does not follow any more, and still is told of
 * while the follow lingers, has none.
 */
export function foldEqualsList<M extends Meta<M>>(fold: DiffFold<M>, tracker: Tracker<M>): string[] {
  if (isFolded(fold, tracker)) return [];
  const folded: Listed<M>[] = [];
  for (const topic of fold.topics().filter((each) => isRead(tracker, each))) {
    for (const entry of fold.list(topic)) folded.push({ topic, entry });
  }
  const expected = byIdentity(folded);
  const found = byIdentity(listAll(tracker));
  const wrong = difference(expected, found, "against its diffs, the list");
  // What was there before is each node's own: two nodes may have seen different revisions.
  for (const [identity, { topic, entry }] of found) {
    const before = expected.get(identity)?.entry;
    if (before === undefined || before.ref !== entry.ref || before.prevRef === entry.prevRef) continue;
    wrong.push(
      `against its diffs, the list has ${describeEntry(topic, entry)} after ref ${entry.prevRef} instead of ${before.prevRef}`,
    );
  }
  return wrong;
}

/** The quick way to know that all is well: it is asked after nearly every step. */
function isFolded<M extends Meta<M>>(fold: DiffFold<M>, tracker: Tracker<M>): boolean {
  const topics = tracker.topics();
  if (topics.length !== fold.topics().length) return false;
  for (const topic of topics) {
    const list = tracker.list(topic);
    if (list.length !== fold.count(topic)) return false;
    const seen = new Set<Entry<M>>();
    for (const entry of list) {
      const folded = fold.find(topic, entry.key, entry.session);
      if (folded === undefined || !sameEntry(folded, entry) || folded.prevRef !== entry.prevRef) return false;
      seen.add(folded);
    }
    if (seen.size !== list.length) return false;
  }
  return true;
}

/**
 * `count`, `countKeys`, `has`, `getByKey` and `topics` say what `list` says; no entry is listed twice. Nobody is asked of what it
 * does not follow.
 */
export function readsAgree<M extends Meta<M>>(tracker: Tracker<M>, topics: Iterable<string>): string[] {
  const wrong: string[] = [];
  const known = new Set(tracker.topics());
  if (known.size !== tracker.topics().length) wrong.push("topics() names a topic twice");
  for (const topic of new Set([...topics, ...known])) {
    if (!isRead(tracker, topic)) continue;
    const list = tracker.list(topic);
    const keys = new Map<string, number>();
    for (const { key } of list) keys.set(key, (keys.get(key) ?? 0) + 1);
    if (list.length > 0 !== known.has(topic)) wrong.push(`topics() and list(${topic}) disagree`);
    if (byIdentity(list.map((entry) => ({ topic, entry }))).size !== list.length) {
      wrong.push(`list(${topic}) holds an entry twice`);
    }
    if (tracker.count(topic) !== list.length) {
      wrong.push(`count(${topic}) is ${tracker.count(topic)} of ${list.length}`);
    }
    if (tracker.countKeys(topic) !== keys.size) {
      wrong.push(`countKeys(${topic}) is ${tracker.countKeys(topic)} of ${keys.size}`);
    }
    for (const [key, count] of keys) {
      if (!tracker.has(topic, key)) wrong.push(`has(${topic}, ${key}) is false`);
      const found = tracker.getByKey(topic, key);
      if (found.length !== count || found.some((entry) => entry.key !== key)) {
        wrong.push(`getByKey(${topic}, ${key}) gives ${found.length} of ${count}`);
      }
    }
  }
  return wrong;
}

/**
 * Every running node lists exactly what the running nodes have: the entries that each has of its own, which are
 * right at once since local operations are synchronous. Where nodes hold what they follow, each is asked of that alone.
 */
export function convergence<M extends Meta<M> = AnyMeta>(nodes: readonly SimulatedNode<M>[]): string[] {
  const running = nodes.filter((node) => node.running);
  const topics = new Set(running.flatMap(({ tracker, fold }) => [...tracker.topics(), ...fold.followed()]));
  const truth = byIdentity(running.flatMap(({ tracker }) => listOfOwn(tracker, topics)));
  return running.flatMap(({ name, tracker }) => {
    const asked = [...truth].filter(([, { topic }]) => isRead(tracker, topic));
    return difference(new Map(asked), byIdentity(listAll(tracker)), name);
  });
}

/**
 * Every running node knows the others that run as up and complete, and nobody else as up. A life is told from an
 * earlier one of its name by its silence: what a tracker measures may exceed the truth by `blurMs` only.
 */
export function membershipIsRight<M extends Meta<M> = AnyMeta>(
  nodes: readonly SimulatedNode<M>[],
  nowMs: number,
  blurMs: number,
): string[] {
  const running = nodes.filter((node) => node.running);
  return running.flatMap((node) => {
    const { complete, replicas } = node.tracker.health();
    const wrong: string[] = complete ? [] : [`${node.name} is not complete`];
    const up = replicas.filter(({ status }) => status === "up");
    for (const other of running) {
      if (other.name === node.name) continue;
      const heardMs = node.endpoint.lastFreshMs.get(other.endpoint) ?? Infinity;
      if (!up.some(({ name, silentMs }) => name === other.name && silentMs <= nowMs - heardMs + blurMs)) {
        wrong.push(`${node.name} does not know that life ${other.life} of ${other.name} is up`);
      }
    }
    for (const { name } of up) {
      if (!running.some((other) => other.name === name))
        wrong.push(`${node.name} believes that ${name} is up`);
    }
    return wrong;
  });
}

/** So many texts are asked for: of several nodes each is responsible for some. */
const responsibilities = ["webhook 1", "webhook 2", "webhook 3", "job", ""];

/** Running nodes that agree on who is there, as they do at rest, agree on who of them is responsible for what. */
export function responsibleIsAgreed<M extends Meta<M>>(nodes: readonly SimulatedNode<M>[]): string[] {
  const running = nodes.filter((node) => node.running);
  const names = new Set(running.map(({ name }) => name));
  return responsibilities.flatMap((text) => {
    const told = running.map(({ name, tracker }) => ({ name, responsible: tracker.responsible(text) }));
    const claims = running.filter(({ tracker }) => tracker.isResponsible(text)).map(({ name }) => name);
    const [first] = told;
    if (first === undefined) return [];
    const isAgreed = told.every(({ responsible }) => responsible === first.responsible);
    const isOne = names.has(first.responsible) && claims.every((name) => name === first.responsible);
    if (isAgreed && isOne && claims.length > 0) return [];
    const what = told.map(({ name, responsible }) => `${name} says ${responsible}`).join(", ");
    return [`nobody, or several nodes are responsible for ${JSON.stringify(text)}: ${what}`];
  });
}

/** A node that knows that it is disconnected does not claim to have heard everybody. */
export function outageIsAdmitted<M extends Meta<M>>({ name, endpoint, tracker }: SimulatedNode<M>): string[] {
  if (endpoint.knownOutages.at(-1)?.untilMs !== Infinity || !tracker.health().complete) return [];
  return [`${name} says that it is complete while it is disconnected`];
}

/** A node that has not heard itself for long says so, and no other node does. */
export function deafnessIsAdmitted<M extends Meta<M>>(
  { name, endpoint, machine, tracker, options }: SimulatedNode<M>,
  nowMs: number,
): string[] {
  // A node that has stopped speaks no more, while its subscriptions end.
  if (tracker.stopped) return [];
  const { connection } = tracker.health();
  const deaf = endpoint.ownHearing.deafStretches.at(-1);
  if (deaf?.untilMs !== Infinity) {
    const isFalse = connection === "deaf" && !endpoint.ownHearing.mayBeDeaf;
    return isFalse ? [`${name} says that it does not hear itself, and it does`] : [];
  }
  // It looks with every tick, and after a stall a tick counts for two.
  const forMs = nowMs - deaf.fromMs - machine.stalledMsSince(deaf.fromMs - options.heartbeatPeriodMs);
  if (forMs < options.heartbeatPeriodMs || connection !== "connected") return [];
  return [`${name} says that it is connected, and has not heard itself for long`];
}

/** No life has offered the network a payload above its limit. */
export function payloadsFit<M extends Meta<M>>(nodes: readonly SimulatedNode<M>[]): string[] {
  return nodes.flatMap(({ name, endpoint }) =>
    endpoint.oversized.map(
      ({ channel, bytes }) => `${name} sent ${bytes} bytes on ${channel}, above the limit`,
    ),
  );
}

/** No node has reported that a slice differed from its author's: it must not happen without a corruption. */
export function noDivergence<M extends Meta<M>>(nodes: readonly SimulatedNode<M>[]): string[] {
  return nodes.flatMap(({ name, events }) =>
    events
      .filter(({ event }) => event === "divergence")
      .map(({ atMs, detail }) => `${name} reported a divergence at ${atMs} ms: ${JSON.stringify(detail)}`),
  );
}
