/** Presences on one hub and on virtual time, for tests with the real tracker. */
import { MemoryHub } from "../../src/adapters/memory.js";
import { TrackerError } from "../../src/errors.js";
import { Presence, type NoExtra, type PresenceOptions } from "../../src/presence/index.js";
import type { VirtualTime } from "../../src/testing/virtual-time.js";
import type { AnyMeta, Meta } from "../../src/words.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

export class PresenceCluster {
  readonly hub = new MemoryHub();
  readonly time: VirtualTime;
  readonly #runtime = virtualRuntime();

  constructor() {
    this.time = this.#runtime.time;
  }

  get runtime() {
    return this.#runtime.runtime;
  }

  /** The timers that wait, of all nodes. */
  get timers() {
    return this.#runtime.timers;
  }

  /** A presence on a node of its own. What it reports must be expected: see `errors`. */
  async start<M extends Meta<M> = AnyMeta, X extends object = NoExtra>(
    nodeName: string,
    options: Partial<PresenceOptions<M, X>> = {},
  ): Promise<{ presence: Presence<M, X>; errors: TrackerError[] }> {
    const pubsub = this.hub.node(nodeName);
    const { runtime } = this;
    const presence = await Presence.start<M, X>({ name: "test", pubsub, runtime, ...options });
    const errors: TrackerError[] = [];
    presence.on("error", (error) => errors.push(error));
    await this.time.advance(0);
    return { presence, errors };
  }

  /** Lets every promise settle, and every message arrive that nobody holds back; no time passes. */
  async now(): Promise<void> {
    await this.time.advance(0);
  }

  /** Lets enough time pass for everything to be replicated. */
  async converge(): Promise<void> {
    await this.time.advance(5_000);
  }
}

/** The code and details of what a call throws. */
export function thrownBy(call: () => unknown): Pick<TrackerError, "code" | "details"> {
  try {
    call();
  } catch (error) {
    if (error instanceof TrackerError) return { code: error.code, details: error.details };
    throw error;
  }
  throw new Error("nothing was thrown");
}
