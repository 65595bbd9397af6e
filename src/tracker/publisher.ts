/**
 * Payloads on their way into the pubsub: names the channels, and reports what the pubsub refuses. What is
 * lost is repaired by later messages, so nothing is sent again from here.
 */
import { TrackerError } from "../errors.js";
import type { PubSub } from "../pubsub/pubsub.js";
import type { Runtime } from "../runtime.js";

export class Publisher {
  readonly broadcastChannel: string;
  readonly inboxChannel: string;
  readonly #pubsub: PubSub;
  readonly #report: (error: TrackerError) => void;
  readonly #underWay = new Set<Promise<void>>();

  constructor(pubsub: PubSub, trackerName: string, report: (error: TrackerError) => void) {
    this.#pubsub = pubsub;
    this.#report = report;
    this.broadcastChannel = `rollcall:${trackerName}`;
    this.inboxChannel = `rollcall:${trackerName}:inbox`;
  }

  broadcast(payload: string): void {
    this.#publish(() => this.#pubsub.broadcast(this.broadcastChannel, payload));
  }

  send(node: string, payload: string): void {
    this.#publish(() => this.#pubsub.send(node, this.inboxChannel, payload));
  }

  /** Resolves when what is under way has got through or failed, and after `timeoutMs` at the latest. */
  async settled(runtime: Runtime, timeoutMs: number): Promise<void> {
    if (this.#underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = runtime.schedule(timeoutMs, resolve);
      void Promise.all(this.#underWay).then(() => {
        cancel();
        resolve();
      });
    });
  }

  #publish(publish: () => void | Promise<void>): void {
    let result: void | Promise<void>;
    try {
      result = publish();
    } catch (cause) {
      this.#failed(cause);
      return;
    }
    if (result === undefined) return;
    const underWay: Promise<void> = result
      .catch((cause: unknown) => this.#failed(cause))
      .finally(() => this.#underWay.delete(underWay));
    this.#underWay.add(underWay);
  }

  #failed(cause: unknown): void {
    if (cause instanceof TrackerError) this.#report(cause);
    else {
      this.#report(new TrackerError("PUBLISH_FAILED", "The pubsub refused a payload", {}, { cause }));
    }
  }
}
