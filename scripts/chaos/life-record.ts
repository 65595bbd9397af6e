/**
 * The driver's record of one life: what its process must have. Steps are planned on it and sent; the answer
 * confirms them, with the refs. What was not answered counts for nothing, and a life that is killed is dropped
 * with its record, so that the records of the lives that run are the truth.
 */
import type { SeededRandom } from "../../src/testing/random.js";
import { lifeTopic, lineOf, type ChaosMeta, type Holds, type Step, type StepResult } from "./messages.js";

/** Few, so that sessions and nodes meet under one key; some that a careless table would choke on. */
const fewTopics = ["room 1", "room 2", "room 3", "__proto__", "комната", "constructor"];
/** So many that a node which follows a few of them shares some with each other node, and not the same with all. */
const manyTopics = [...fewTopics, ...Array.from({ length: 24 }, (_, index) => `hall ${index}`)];
const keys = ["__proto__", "toString", "ключ", ...Array.from({ length: 24 }, (_, index) => `user ${index}`)];
/** Texts of metas: from nothing to what fills a frame when there are many. */
const textLengths = [0, 8, 40, 300];
/** More would make the lists long and the changes rare. */
const maxEntries = 120;
const maxSessions = 12;
/** Handles, of which some are of the same topic. */
const maxFollows = 12;

interface Recorded {
  readonly session: number;
  readonly topic: string;
  readonly key: string;
  meta: ChaosMeta;
  /** Unknown until the process has answered. */
  ref: string | undefined;
}

/** A step, and what its result must be. */
interface Planned {
  readonly step: Step;
  readonly entry?: Recorded;
  readonly count?: number;
}

export class LifeRecord {
  readonly nodeName: string;
  readonly #holds: Holds;
  readonly #topics: readonly string[];
  /** One for each handle. */
  #follows: string[] = [];
  #entries: Recorded[] = [];
  #sessions: number[] = [];
  #sessionCount = 0;
  #planned: Planned[] = [];

  constructor(nodeName: string, lifeRef: string, holds: Holds) {
    this.nodeName = nodeName;
    this.#holds = holds;
    this.#topics = holds === "followed" ? manyTopics : fewTopics;
    const meta = { revision: 0, text: "life" };
    this.#entries.push({ session: 0, topic: lifeTopic, key: nodeName, meta, ref: lifeRef });
  }

  /** Steps to send. To be called again only when these are confirmed. */
  plan(random: SeededRandom, count: number, nextRevision: () => number): Step[] {
    this.#planned = [];
    for (let step = 0; step < count; step += 1) {
      const meta = { revision: nextRevision(), text: "x".repeat(random.pick(textLengths)) };
      this.#planned.push(this.#planOne(random, meta));
    }
    return this.#planned.map(({ step }) => step);
  }

  /** The process has answered. Returns what is wrong with the answer. */
  confirm(results: readonly StepResult[]): string[] {
    const wrong: string[] = [];
    this.#planned.forEach(({ step, entry, count }, index) => {
      const result = results[index];
      if (entry !== undefined && typeof result === "string") entry.ref = result;
      const isRight = entry !== undefined ? typeof result === "string" : result === (count ?? null);
      if (!isRight) wrong.push(`${this.nodeName}: ${JSON.stringify(step)} returned ${String(result)}`);
    });
    this.#planned = [];
    return wrong;
  }

  /** Steps by which sessions of their own come: one for each key. To be confirmed as those of `plan`. */
  arrive(topic: string, keys: readonly string[], revision: number): Step[] {
    this.#planned = keys.map((key) => {
      const entry = {
        session: this.#newSession(),
        topic,
        key,
        meta: { revision, text: "on the way" },
        ref: undefined,
      };
      this.#entries.push(entry);
      const { session, meta } = entry;
      return { step: { call: "track", session, topic, key, meta }, entry };
    });
    return this.#planned.map(({ step }) => step);
  }

  /** Steps by which all that `arrive` has tracked under the topic goes, with its sessions. */
  depart(topic: string): Step[] {
    const gone = this.#entries.filter((entry) => entry.topic === topic);
    this.#drop((entry) => entry.topic === topic);
    this.#planned = gone.map(({ session }) => ({ step: { call: "close", session } }));
    return this.#planned.map(({ step }) => step);
  }

  /** The step that follows a topic, or follows it once less. */
  followed(call: "follow" | "unfollow", topic: string): Step[] {
    this.#planned = [this.#follow(call, topic)];
    return this.#planned.map(({ step }) => step);
  }

  /** The topics that it must follow; nothing where everything is held. */
  get follows(): readonly string[] {
    return [...new Set(this.#follows)];
  }

  /** What lists must have of this life, each line by its topic. */
  lines(): { readonly topic: string; readonly line: string }[] {
    return this.#entries.map(({ topic, key, ref = "not answered", meta }) => {
      return { topic, line: lineOf(topic, key, this.nodeName, ref, meta) };
    });
  }

  #planOne(random: SeededRandom, meta: ChaosMeta): Planned {
    if (this.#holds === "followed" && random.chance(0.12)) return this.#planFollow(random);
    const own = this.#entries.filter(({ session }) => session !== 0);
    const dice = random.next();
    const isFull = own.length >= maxEntries;
    if (own.length === 0 || (dice < 0.5 && !isFull)) return this.#track(random, meta);
    const entry = random.pick(own);
    const { session, topic, key } = entry;
    if (dice < 0.75) {
      entry.meta = meta;
      return { step: { call: "update", session, topic, key, meta }, entry };
    }
    if (dice < 0.92) {
      const count = this.#drop((each) => each === entry);
      return { step: { call: "untrack", session, topic, key }, count };
    }
    if (dice < 0.95) {
      const count = this.#drop((each) => each.session === session && each.topic === topic);
      return { step: { call: "untrack", session, topic }, count };
    }
    if (dice < 0.96) {
      const count = this.#drop((each) => each.session === session);
      return { step: { call: "untrack", session }, count };
    }
    this.#drop((each) => each.session === session);
    this.#sessions = this.#sessions.filter((each) => each !== session);
    return { step: { call: "close", session } };
  }

  /** What is followed, and the topic of the lives, changes all the time. */
  #planFollow(random: SeededRandom): Planned {
    const { length } = this.#follows;
    if (length > 0 && (length >= maxFollows || random.chance(0.4))) {
      return this.#follow("unfollow", random.pick(this.#follows));
    }
    return this.#follow("follow", random.pick([lifeTopic, ...this.#topics]));
  }

  #follow(call: "follow" | "unfollow", topic: string): Planned {
    if (call === "follow") this.#follows.push(topic);
    else this.#follows.splice(this.#follows.lastIndexOf(topic), 1);
    return { step: { call, topic } };
  }

  #track(random: SeededRandom, meta: ChaosMeta): Planned {
    const session = this.#session(random);
    const [topic, key] = [random.pick(this.#topics), random.pick(keys)];
    const present = this.#entries.find((each) => {
      return each.session === session && each.topic === topic && each.key === key;
    });
    if (present !== undefined) {
      present.meta = meta;
      return { step: { call: "update", session, topic, key, meta }, entry: present };
    }
    const entry: Recorded = { session, topic, key, meta, ref: undefined };
    this.#entries.push(entry);
    return { step: { call: "track", session, topic, key, meta }, entry };
  }

  #session(random: SeededRandom): number {
    const opens = this.#sessions.length < maxSessions && random.chance(0.3);
    if (!opens && this.#sessions.length > 0) return random.pick(this.#sessions);
    const session = this.#newSession();
    this.#sessions.push(session);
    return session;
  }

  #newSession(): number {
    this.#sessionCount += 1;
    return this.#sessionCount;
  }

  #drop(ends: (entry: Recorded) => boolean): number {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => !ends(entry));
    return before - this.#entries.length;
  }
}
