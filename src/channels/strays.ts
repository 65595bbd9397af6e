/**
 * The nodes whose servers announce themselves by the name of our tracker, while that tracker does not hear theirs: it is on
 * another pubsub, or in another cluster. What they hear is listed nowhere here. Promises that a node is judged only by what it
 * has answered after it was unknown for a while, so that one that has left or starts is none, and that whoever makes up nodes
 * makes this one keep and ask no more than its bounds. Time comes in as an argument; knows no pubsub and no tracker.
 */

/** A node that is up is known to the tracker within a few heartbeats. Less than broadcasts are kept for. */
const JUDGED_AFTER_MS = 10_000;
const ASK_EVERY_MS = 5_000;
/** One that was judged is asked whether it is there still, when it was silent for so long. */
const STRAY_SILENT_MS = 30_000;
/** One that has not answered so often is gone. */
const MAX_UNANSWERED = 6;
/** In one sweep, each by a frame of its own. Those who were asked first are asked again last. */
const MAX_ASKED_NODES = 16;
/** After its hello a node may seem to be up for so long by its life before. */
const WATCHED_MS = 60_000;
/** While so many are looked at no further ones can be judged, and everything goes to all. */
const MAX_NODES = 10_000;

type IsUp = (name: string) => boolean;

interface Node {
  heardAtMs: number;
  /** When it was heard first of those times after which the tracker did not know it. */
  unknownAtMs: number | undefined;
  askedAtMs: number;
  unanswered: number;
}

export class Strays {
  readonly #nodes = new Map<string, Node>();
  readonly #strays = new Set<string>();
  /** Whether one that the tracker does not know has to wait for its question, as so many others are asked. */
  #isBehind = false;
  #sweptAtMs = -Infinity;

  /** Whether there is one, or may be. */
  get any(): boolean {
    return this.#strays.size > 0 || this.#nodes.size >= MAX_NODES || this.#isBehind;
  }

  get nodes(): ReadonlySet<string> {
    return this.#strays;
  }

  /**
   * A node has said hello, by itself or as an answer. Returns whether it was found to be a stray now. Who is up is asked
   * only to judge: it takes long to tell, and in a cluster that starts as many come up as say hello.
   */
  heard(name: string, { isAnswer, isUp }: { isAnswer: boolean; isUp: IsUp }, nowMs: number): boolean {
    const node = this.#nodes.get(name) ?? this.#begin(name, nowMs);
    if (node === undefined) return false;
    node.heardAtMs = nowMs;
    node.unanswered = 0;
    const { unknownAtMs, askedAtMs } = node;
    // A node that starts anew says hello, and is not up yet.
    if (!isAnswer || unknownAtMs === undefined || this.#strays.has(name)) return false;
    // What was sent before may have waited while this process stood still, and what its tracker sent with it.
    if (askedAtMs - unknownAtMs < JUDGED_AFTER_MS || isUp(name)) return false;
    this.#strays.add(name);
    return true;
  }

  /** Forgets those who are known now, and those who are gone. Returns the nodes to ask. */
  sweep(isUp: IsUp, nowMs: number): readonly string[] {
    const asked: string[] = [];
    this.#isBehind = false;
    for (const [name, node] of this.#nodes) {
      if (isUp(name)) {
        this.#known(name, node, nowMs);
        continue;
      }
      if (node.heardAtMs >= this.#sweptAtMs) node.unknownAtMs ??= node.heardAtMs;
      if (this.#isToAsk(name, node, nowMs)) {
        if (node.unanswered >= MAX_UNANSWERED) this.#forget(name);
        else if (asked.length < MAX_ASKED_NODES) asked.push(name);
        else if (node.unknownAtMs !== undefined) this.#isBehind = true;
      }
    }
    this.#sweptAtMs = nowMs;
    for (const name of asked) this.#ask(name, nowMs);
    return asked;
  }

  #begin(name: string, nowMs: number): Node | undefined {
    if (this.#nodes.size >= MAX_NODES) return undefined;
    const node = { heardAtMs: nowMs, unknownAtMs: undefined, askedAtMs: -Infinity, unanswered: 0 };
    this.#nodes.set(name, node);
    return node;
  }

  #known(name: string, node: Node, nowMs: number): void {
    this.#strays.delete(name);
    node.unknownAtMs = undefined;
    node.unanswered = 0;
    if (nowMs - node.heardAtMs >= WATCHED_MS) this.#nodes.delete(name);
  }

  #isToAsk(name: string, node: Node, nowMs: number): boolean {
    if (nowMs - node.askedAtMs < ASK_EVERY_MS) return false;
    if (this.#strays.has(name)) return nowMs - node.heardAtMs >= STRAY_SILENT_MS;
    return node.unknownAtMs === undefined || nowMs - node.unknownAtMs >= JUDGED_AFTER_MS;
  }

  #ask(name: string, nowMs: number): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    node.askedAtMs = nowMs;
    node.unanswered += 1;
    this.#nodes.delete(name);
    this.#nodes.set(name, node);
  }

  #forget(name: string): void {
    this.#nodes.delete(name);
    this.#strays.delete(name);
  }
}
