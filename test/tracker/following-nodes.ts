/** Trackers that hold what they follow, on a pubsub of their own in virtual time. */
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
  readonly #receivers = new Map<string, Map<string, (payload: string) => void>>();
  readonly #statuses = new Map<string, (status: PubSubStatus) => void>();
  #lost: (way: { from: string; to: string; isDirect: boolean }) => boolean = () => false;

  async start(name: string, options: Partial<TrackerOptions> = {}): Promise<Started> {
    const random = new SeededRandom(name);
    const machine = new Machine({ time: this.time, random, clockOffsetMs: 0, afterTask: () => undefined });
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
    await this.time.advance(5);
    const tracker = await starting;
    tracker.on("error", ({ code }) => void errors.push(code));
    return { tracker, diffs, fold, wrong, errors };
  }

  /** Nothing gets through that one node sends to another alone, until `mend`. */
  dropDirect(from: string, to: string): void {
    this.#lost = (each) => each.isDirect && each.from === from && each.to === to;
  }

  /** Nothing comes from a node any more, as if it had been killed. */
  kill(name: string): void {
    this.#lost = (each) => each.from === name;
  }

  /** The pubsub of a node loses its connection, says so, and nothing comes from it or gets to it until `mend`. */
  disconnect(name: string): void {
    this.#lost = ({ from, to }) => from === name || to === name;
    this.#statuses.get(name)?.("disconnected");
  }

  reconnect(name: string): void {
    this.mend();
    this.#statuses.get(name)?.("connected");
  }

  mend(): void {
    this.#lost = () => false;
  }

  #pubsub(nodeName: string, machine: Machine): PubSub {
    const own = new Map<string, (payload: string) => void>();
    this.#receivers.set(nodeName, own);
    const carry = (to: string, channel: string, payload: string, isDirect: boolean): void => {
      if (this.#lost({ from: nodeName, to, isDirect })) return;
      const receivers = this.#receivers.get(to);
      this.time.at(this.time.nowMs + 1, () => machine.arrive(() => receivers?.get(channel)?.(payload)));
    };
    return {
      nodeName,
      echoes: true,
      broadcast: (channel, payload) => {
        for (const to of this.#receivers.keys()) carry(to, channel, payload, false);
      },
      onStatus: (listener) => {
        this.#statuses.set(nodeName, (status) => machine.arrive(() => listener(status)));
        return () => void this.#statuses.delete(nodeName);
      },
      send: (to, channel, payload) => carry(to, channel, payload, true),
      subscribe: (channel, receive) => {
        own.set(channel, receive);
        return () => void own.delete(channel);
      },
    };
  }
}
