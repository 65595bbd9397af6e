/** Real trackers whose frames take a millisecond, in virtual time; each follows what it says, unless it is told to hold everything. */
import type { PubSub, PubSubStatus } from "../../src/pubsub/pubsub.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { Machine } from "../../src/testing/machine.js";
import { SeededRandom } from "../../src/testing/random.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import { Tracker, type TrackerOptions } from "../../src/tracker/tracker.js";
import type { Diff } from "../../src/words.js";

export interface Started {
  readonly tracker: Tracker;
  readonly diffs: Diff[];
  readonly fold: DiffFold;
  readonly wrong: string[];
  readonly errors: string[];
}

/** Nodes whose frames take a millisecond, in virtual time. */
export class Nodes {
  readonly time = new VirtualTime();
  /** What was published last, by channel. */
  readonly published = new Map<string, string>();
  /** Whether the pubsub can say who listens. */
  knowsListeners = false;
  /** How long a subscription takes. */
  subscribeMs = 0;
  readonly #machines = new Map<string, Machine>();
  readonly #receivers = new Map<string, Map<string, (payload: string) => void>>();
  readonly #statuses = new Map<string, (status: PubSubStatus) => void>();
  #lost: (way: { from: string; to: string; isDirect: boolean }) => boolean = () => false;

  async start(name: string, options: Partial<TrackerOptions> = {}): Promise<Started> {
    const random = new SeededRandom(name);
    const machine = new Machine({ time: this.time, random, clockOffsetMs: 0, afterTask: () => undefined });
    this.#machines.set(name, machine);
    const diffs: Diff[] = [];
    const fold = new DiffFold();
    const wrong: string[] = [];
    const errors: string[] = [];
    const starting = Tracker.start(
      {
        handleDiff(diff) {
          diffs.push(diff);
          wrong.push(...fold.apply(diff));
        },
      },
      {
        name: "rooms",
        pubsub: this.#pubsub(name, machine),
        holds: "followed",
        runtime: machine.runtime,
        ...options,
      },
    );
    await this.time.advance(this.subscribeMs + 5);
    const tracker = await starting;
    tracker.on("error", ({ code }) => void errors.push(code));
    return { tracker, diffs, fold, wrong, errors };
  }

  /** Nothing gets through that one node sends to another alone, or one of several, until `mend`. */
  dropDirect(...ways: readonly (readonly [from: string, to: string])[]): void {
    this.#lost = (each) => each.isDirect && ways.some(([from, to]) => each.from === from && each.to === to);
  }

  /** Nothing comes from a node any more, until `mend`. */
  silence(name: string): void {
    this.#lost = ({ from }) => from === name;
  }

  /** The pubsub of a node loses its connection, says so, and nothing comes from it or gets to it until `reconnect`. */
  disconnect(name: string): void {
    this.#lost = ({ from, to }) => from === name || to === name;
    this.#statuses.get(name)?.("disconnected");
  }

  reconnect(name: string): void {
    this.mend();
    this.#statuses.get(name)?.("connected");
  }

  /** A node ends without a word. */
  crash(name: string): void {
    const machine = this.#machines.get(name);
    this.#receivers.delete(name);
    machine?.end();
  }

  /** The channels to which a node listens. */
  channelsOf(name: string): string[] {
    return [...(this.#receivers.get(name)?.keys() ?? [])].sort();
  }

  mend(): void {
    this.#lost = () => false;
  }

  #pubsub(nodeName: string, machine: Machine): PubSub {
    const own = new Map<string, (payload: string) => void>();
    this.#receivers.set(nodeName, own);
    const carry = (to: string, channel: string, payload: string, isDirect: boolean): void => {
      if (this.#receivers.get(nodeName) !== own) return;
      if (this.#lost({ from: nodeName, to, isDirect })) return;
      const receivers = this.#receivers.get(to);
      this.time.at(this.time.nowMs + 1, () => machine.arrive(() => receivers?.get(channel)?.(payload)));
    };
    return {
      nodeName,
      echoes: true,
      broadcast: (channel, payload) => {
        this.published.set(channel, payload);
        for (const to of this.#receivers.keys()) carry(to, channel, payload, false);
      },
      onStatus: (listener) => {
        this.#statuses.set(nodeName, (status) => machine.arrive(() => listener(status)));
        return () => void this.#statuses.delete(nodeName);
      },
      send: (to, channel, payload) => carry(to, channel, payload, true),
      ...(this.knowsListeners && {
        listening: (channel: string, names: readonly string[]) => {
          this.time.promisesMayBePending();
          const listen = names.filter((other) => this.#receivers.get(other)?.has(channel) === true);
          return Promise.resolve(new Set(listen));
        },
      }),
      subscribe: async (channel, receive) => {
        const { subscribeMs } = this;
        if (subscribeMs > 0) {
          await new Promise<void>((resolve) => {
            machine.runtime.schedule(subscribeMs, () => {
              this.time.promisesMayBePending();
              resolve();
            });
          });
        }
        own.set(channel, receive);
        this.time.promisesMayBePending();
        return () => {
          this.time.promisesMayBePending();
          own.delete(channel);
        };
      },
    };
  }
}
