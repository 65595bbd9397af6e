/**
 * Three nodes on the simulated cluster of `rollcall/testing`, to be broken by hand: what may be done, and what is seen
 * of it. It promises that the same seed and the same acts at the same times lead to the same run. It knows no page: its
 * time passes when it is told so.
 */
import { simulate, type SimulatedCluster, type SimulatedNode } from "rollcall/testing";
import type { Session } from "rollcall";
import { decodeFrame } from "../../../src/replication/wire/codec.js";

export const nodeNames = ["paris", "tokyo", "lima"] as const;
export type NodeName = (typeof nodeNames)[number];

export const links = [
  ["paris", "tokyo"],
  ["tokyo", "lima"],
  ["lima", "paris"],
] as const satisfies readonly (readonly [NodeName, NodeName])[];

/** What a visitor of the page can do. */
export type Act =
  | { readonly kind: "track"; readonly node: NodeName }
  | { readonly kind: "close"; readonly node: NodeName }
  | { readonly kind: "kill"; readonly node: NodeName }
  | { readonly kind: "start"; readonly node: NodeName }
  | { readonly kind: "cut"; readonly link: number }
  | { readonly kind: "mend"; readonly link: number }
  | { readonly kind: "lose"; readonly percent: number };

/** An act, and when it was done. */
export interface Recorded {
  readonly atMs: number;
  readonly act: Act;
}

/** What one node knows of one author, itself included. */
export interface Known {
  readonly author: NodeName;
  readonly status: string;
  /** The numbers of the author's entries that it holds, in order: the set. */
  readonly dots: readonly number[];
  /** Up to which of the author's numbers it has everything: the context. */
  readonly upTo: number;
  /** How many numbers it knows to be missing. */
  readonly missing: number;
}

interface ShownEntry {
  readonly key: string;
  readonly node: NodeName;
}

export interface ShownNode {
  readonly name: NodeName;
  readonly runs: boolean;
  readonly entries: readonly ShownEntry[];
  readonly known: readonly Known[];
}

export interface Shown {
  readonly nowMs: number;
  readonly nodes: readonly ShownNode[];
  readonly cut: readonly boolean[];
  readonly lossPercent: number;
  /** Whether all nodes that run list the same. */
  readonly agrees: boolean;
  /** What has happened, the newest last. */
  readonly news: readonly string[];
}

/** Something that happened, and when. */
interface Told {
  readonly atMs: number;
  readonly text: string;
}

const topic = "room";
const people = [
  "ann",
  "bo",
  "cy",
  "dora",
  "eve",
  "fay",
  "gus",
  "hal",
  "ida",
  "joe",
  "kim",
  "lea",
  "max",
  "noa",
  "ole",
];
const newsKept = 40;

export class Stage {
  readonly seed: number;
  /** All acts so far, in order. */
  readonly acts: Recorded[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #sessions = new Map<NodeName, { key: string; session: Session }[]>();
  readonly #cut = links.map(() => false);
  /** By the node that hears and the author: the newest number of the author that it has heard of. */
  readonly #heard = new Map<string, number>();
  readonly #news: string[] = [];
  /** How many diffs of each life are among the news already. */
  readonly #told = new Map<SimulatedNode, number>();
  #lossPercent = 0;
  #tracked = 0;

  private constructor(seed: number, cluster: SimulatedCluster) {
    this.seed = seed;
    this.#cluster = cluster;
  }

  /** Starts the nodes, and tracks one on each. */
  static async open(seed: number): Promise<Stage> {
    // With one shard each author has one row of numbers, which a reader can follow.
    const cluster = await simulate({ seed, nodes: nodeNames, options: { poolSize: 1 }, trace: true });
    const stage = new Stage(seed, cluster);
    for (const name of nodeNames) stage.#track(name);
    await stage.advance(3_000);
    return stage;
  }

  get nowMs(): number {
    return this.#cluster.nowMs;
  }

  async advance(durationMs: number): Promise<void> {
    await this.#cluster.advance(durationMs);
    this.#read();
  }

  /** Does something, now. What makes no sense, such as to kill the dead, does nothing. */
  async do(act: Act): Promise<void> {
    this.acts.push({ atMs: this.nowMs, act });
    if (act.kind === "cut" || act.kind === "mend") this.#setCut(act.link, act.kind === "cut");
    else if (act.kind === "lose") this.#lose(act.percent);
    else if (act.kind === "start") await this.#start(act.node);
    else if (this.#life(act.node).running) {
      if (act.kind === "track") this.#track(act.node);
      else if (act.kind === "close") this.#close(act.node);
      else this.#kill(act.node);
    }
    this.#read();
  }

  /** What there is to see at the moment. */
  shown(): Shown {
    const nodes = nodeNames.map((name) => this.#shownNode(name));
    const lists = new Set(nodes.filter(({ runs }) => runs).map(({ entries }) => JSON.stringify(entries)));
    return {
      nowMs: this.nowMs,
      nodes,
      cut: [...this.#cut],
      lossPercent: this.#lossPercent,
      agrees: lists.size <= 1,
      news: [...this.#news],
    };
  }

  #life(name: NodeName): SimulatedNode {
    return this.#cluster.node(name);
  }

  #track(name: NodeName): void {
    const round = Math.floor(this.#tracked / people.length);
    const key = `${people[this.#tracked % people.length]}${round === 0 ? "" : round + 1}`;
    this.#tracked += 1;
    const session = this.#life(name).session();
    this.#life(name).tracker.track(session, topic, key, {});
    const sessions = this.#sessions.get(name) ?? [];
    this.#sessions.set(name, [...sessions, { key, session }]);
  }

  #close(name: NodeName): void {
    const [first, ...others] = this.#sessions.get(name) ?? [];
    first?.session.close();
    this.#sessions.set(name, others);
  }

  #kill(name: NodeName): void {
    this.#cluster.crash(name);
    this.#sessions.delete(name);
    this.#tell(`${name} was killed`);
  }

  async #start(name: NodeName): Promise<void> {
    if (this.#life(name).running) return;
    for (const author of nodeNames) this.#heard.delete(`${name} ${author}`);
    this.#tell(`${name} starts anew`);
    await this.#cluster.start(name);
  }

  #setCut(link: number, isCut: boolean): void {
    const [a, b] = links[link] ?? [];
    if (a === undefined || b === undefined || this.#cut[link] === isCut) return;
    this.#cut[link] = isCut;
    this.#tell(isCut ? `${a} and ${b} do not hear each other` : `${a} and ${b} hear each other again`);
    this.#cluster.network.mendAll();
    for (const [index, [from, to]] of links.entries()) {
      if (this.#cut[index]) this.#cluster.partition([from], [to]);
    }
  }

  #lose(percent: number): void {
    this.#lossPercent = percent;
    const { network } = this.#cluster;
    network.faults = { ...network.faults, lossRate: percent / 100 };
  }

  /** Takes in what has happened since it was called last. */
  #read(): void {
    for (const line of this.#cluster.trace.splice(0)) {
      const [, from, , to, channel, ...payload] = line.split(" ");
      if (from === undefined || to === undefined || channel?.startsWith("rollcall:") !== true) continue;
      const { frame } = decodeFrame(payload.join(" "));
      if (frame?.message.type === "heartbeat") this.#hear(to, from, frame.message.shards[0]?.clock);
      if (frame?.message.type === "delta") this.#hear(to, from, frame.message.upTo);
    }
    const told: Told[] = [];
    for (const node of this.#cluster.lives) {
      const from = this.#told.get(node) ?? 0;
      this.#told.set(node, node.diffs.length);
      for (const { atMs, diff } of node.diffs.slice(from)) {
        const { leaves = [], joins = [] } = diff.get(topic) ?? {};
        told.push(
          ...leaves.map(({ key, reason }) => ({ atMs, text: `on ${node.name} ${key} left: ${reason}` })),
        );
        told.push(...joins.map(({ key }) => ({ atMs, text: `on ${node.name} ${key} joined` })));
      }
    }
    told.sort((a, b) => a.atMs - b.atMs);
    for (const { text, atMs } of told) this.#tell(text, atMs);
  }

  #hear(hearer: string, author: string, upTo = 0): void {
    const pair = `${hearer} ${author}`;
    this.#heard.set(pair, Math.max(upTo, this.#heard.get(pair) ?? 0));
  }

  #tell(text: string, atMs = this.nowMs): void {
    this.#news.push(`${(atMs / 1_000).toFixed(1)} s: ${text}`);
    this.#news.splice(0, this.#news.length - newsKept);
  }

  #shownNode(name: NodeName): ShownNode {
    const life = this.#life(name);
    if (!life.running) return { name, runs: false, entries: [], known: [] };
    const entries = life.tracker
      .list(topic)
      .map(({ key, node }) => ({ key, node: node as NodeName }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return { name, runs: true, entries, known: nodeNames.map((author) => this.#known(life, author)) };
  }

  #known(life: SimulatedNode, author: NodeName): Known {
    const { tracker, name } = life;
    const replica = tracker
      .health()
      .replicas.find((each) => each.name === author && each.status !== "departing");
    const dots = this.#keysEver()
      .flatMap((key) => tracker.explain(topic, key))
      .filter((entry) => entry.node === author)
      .map(({ clock }) => clock)
      .sort((a, b) => a - b);
    const missing = replica?.lagDots ?? 0;
    const heard = this.#heard.get(`${name} ${author}`) ?? 0;
    return {
      author,
      status: author === name ? "itself" : (replica?.status ?? "unknown"),
      dots,
      upTo: Math.max(heard - missing, 0),
      missing,
    };
  }

  #keysEver(): string[] {
    return Array.from({ length: this.#tracked }, (_, index) => {
      const round = Math.floor(index / people.length);
      return `${people[index % people.length]}${round === 0 ? "" : round + 1}`;
    });
  }
}

/** Runs acts again from the beginning, and stands at the time of the last one. */
export async function replayed(seed: number, acts: readonly Recorded[]): Promise<Stage> {
  const stage = await Stage.open(seed);
  for (const { atMs, act } of acts) {
    if (atMs > stage.nowMs) await stage.advance(atMs - stage.nowMs);
    await stage.do(act);
  }
  return stage;
}
