/**
 * Clients of several Redis servers, seen as one: each name lives on one of the servers, which the name itself decides.
 *
 * Promises that all nodes with the same servers in the same order find each name on the same one, that it is ready only
 * while all are, and that it can tell who looks for a name elsewhere. Knows no client and no channel.
 */
import { homeOf } from "../pubsub/broker-names.js";
import type { RedisLink, RedisWatcher } from "./redis-link.js";

/** @param links At least one, in the order that all nodes share. */
export function shardedLink(links: readonly RedisLink[]): RedisLink {
  const [only, ...others] = links;
  return only !== undefined && others.length === 0 ? only : new ShardedLink(links);
}

class ShardedLink implements RedisLink {
  readonly #links: readonly RedisLink[];
  readonly subscribed?: (names: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly strayed?: (names: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly reconnect?: () => void;

  constructor(links: readonly RedisLink[]) {
    this.#links = links;
    if (links.every(({ subscribed }) => subscribed !== undefined)) {
      this.subscribed = (names) => this.#ask(names, true);
      this.strayed = (names) => this.#ask(names, false);
    }
    if (links.every(({ reconnect }) => reconnect !== undefined)) {
      this.reconnect = () => links.forEach(({ reconnect }) => reconnect?.());
    }
  }

  get ready(): boolean {
    return this.#links.every(({ ready }) => ready);
  }

  get idle(): string | undefined {
    for (const [index, { idle }] of this.#links.entries()) {
      if (idle !== undefined) return `of shards[${index}] ${idle}`;
    }
    return undefined;
  }

  async publish(name: string, payload: string): Promise<unknown> {
    return this.#links[homeOf(name, this.#links.length)]?.publish(name, payload);
  }

  /** All or nothing, as far as the servers that have taken it can be told. */
  async subscribe(names: string[]): Promise<void> {
    const homes = this.#homes(names);
    const results = await Promise.allSettled(homes.map(async ([link, own]) => link.subscribe(own)));
    const failed = results.find((each) => each.status === "rejected");
    if (failed === undefined) return;
    const taken = homes.filter((_, index) => results[index]?.status === "fulfilled");
    // What a server will not end is delivered in vain.
    await Promise.allSettled(taken.map(async ([link, own]) => link.unsubscribe(own)));
    throw failed.reason;
  }

  async unsubscribe(names: string[]): Promise<void> {
    await Promise.all(this.#homes(names).map(([link, own]) => link.unsubscribe(own)));
  }

  async restore(names: string[]): Promise<void> {
    await Promise.all(this.#homes(names).map(([link, own]) => link.restore(own)));
  }

  watch(watcher: RedisWatcher): () => void {
    const ends = this.#links.map((link) => link.watch(watcher));
    return () => ends.forEach((end) => end());
  }

  /** Which of these are subscribed to on the servers that they live on; or else on any other. */
  async #ask(names: readonly string[], atHome: boolean): Promise<ReadonlySet<string>> {
    const count = this.#links.length;
    const found = await Promise.all(
      this.#links.map(async ({ subscribed }, index) => {
        const asked = names.filter((name) => (homeOf(name, count) === index) === atHome);
        return asked.length === 0 ? [] : [...((await subscribed?.(asked)) ?? [])];
      }),
    );
    return new Set(found.flat());
  }

  /** Each server that any of the names lives on, with those. */
  #homes(names: readonly string[]): (readonly [RedisLink, string[]])[] {
    return this.#links.flatMap((link, index) => {
      const own = names.filter((name) => homeOf(name, this.#links.length) === index);
      return own.length === 0 ? [] : [[link, own] as const];
    });
  }
}
