/**
 * What channel servers of several nodes say to each other: broadcasts and disconnects, through a pubsub.
 * Promises that a frame from anywhere else, or one's own that comes back, has no effect, and that a pubsub that
 * refuses is reported and, for the subscription, asked again. Knows no socket and no channel.
 */
import { randomText, type Runtime } from "../runtime.js";
import { channelName } from "../pubsub/channel-names.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import type { Reporter } from "../reports.js";
import { Broadcast } from "./subscribers.js";

const PROTOCOL = 1;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** The first line of a frame; the second is the payload, so that it passes through without being encoded again. */
type Head =
  | readonly [protocol: number, server: string, kind: "json" | "bytes", topic: string, event: string]
  | readonly [protocol: number, server: string, kind: "disconnect", id: string];

/** What the other nodes' servers ask of this one. */
export interface ClusterReceiver {
  broadcastReceived(broadcast: Broadcast): void;
  disconnectReceived(id: string): void;
}

export class ClusterLink {
  readonly #pubsub: PubSub;
  readonly #channel: string;
  readonly #runtime: Runtime;
  readonly #reports: Reporter;
  readonly #receiver: ClusterReceiver;
  /** Tells this server's own frames from those of others, also of its own earlier lives. */
  readonly #server: string;
  #unsubscribe: Unsubscribe | undefined;
  #stopHearingErrors: Unsubscribe | undefined;
  #cancelRetry: (() => void) | undefined;
  #closed = false;
  #onOpen: (() => void) | undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#onOpen = resolve));

  constructor(
    settings: { readonly pubsub: PubSub; readonly name: string; readonly runtime: Runtime },
    reports: Reporter,
    receiver: ClusterReceiver,
  ) {
    this.#pubsub = settings.pubsub;
    this.#channel = channelName("channels", settings.name);
    this.#runtime = settings.runtime;
    this.#reports = reports;
    this.#receiver = receiver;
    this.#server = randomText(12, () => settings.runtime.random());
  }

  /** Subscribes, and tries again while the pubsub refuses. */
  async open(): Promise<void> {
    try {
      this.#stopHearingErrors = this.#pubsub.onError?.((error) => {
        this.#reports.report("PUBSUB_UNAVAILABLE", "the pubsub reports a failure", {}, error);
      });
    } catch (error) {
      this.#reports.report("PUBSUB_UNAVAILABLE", "the pubsub refused a listener", {}, error);
    }
    await this.#subscribe(FIRST_RETRY_MS);
  }

  async #subscribe(retryMs: number): Promise<void> {
    try {
      const unsubscribe = await this.#pubsub.subscribe(this.#channel, (payload) => this.#receive(payload));
      if (this.#closed) await unsubscribe();
      else this.#unsubscribe = unsubscribe;
      this.#onOpen?.();
    } catch (error) {
      this.#reports.report("PUBSUB_UNAVAILABLE", "the pubsub refused the subscription", { retryMs }, error);
      if (this.#closed) return;
      const nextMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      this.#cancelRetry = this.#runtime.schedule(retryMs, () => void this.#subscribe(nextMs));
    }
  }

  /** Resolves when the subscription is in force. */
  whenOpen(): Promise<void> {
    return this.#opened;
  }

  broadcast({ topic, event, encoded }: Broadcast): void {
    if (typeof encoded === "string") this.#publish([PROTOCOL, this.#server, "json", topic, event], encoded);
    else this.#publish([PROTOCOL, this.#server, "bytes", topic, event], encoded.toString("base64"));
  }

  disconnect(id: string): void {
    this.#publish([PROTOCOL, this.#server, "disconnect", id], "");
  }

  /** Ends the subscription. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = undefined;
    try {
      await this.#stopHearingErrors?.();
      await unsubscribe?.();
    } catch (error) {
      this.#reports.report("PUBSUB_UNAVAILABLE", "the pubsub refused to unsubscribe", {}, error);
    }
  }

  #publish(head: Head, body: string): void {
    if (this.#closed) return;
    const payload = `${JSON.stringify(head)}\n${body}`;
    const { maxPayloadBytes = Infinity } = this.#pubsub;
    const failed = (error: unknown): void =>
      this.#reports.report("PUBLISH_FAILED", "the pubsub refused a broadcast", { kind: head[2] }, error);
    if (Buffer.byteLength(payload) > maxPayloadBytes) {
      return failed(new Error(`the broadcast is larger than the ${maxPayloadBytes} bytes of the pubsub`));
    }
    try {
      promiseOf(this.#pubsub.broadcast(this.#channel, payload))?.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #receive(payload: string): void {
    if (this.#closed) return;
    try {
      const line = payload.indexOf("\n");
      const head = JSON.parse(payload.slice(0, line)) as unknown;
      if (!isHead(head)) throw new Error("not a frame of a channel server");
      if (head[0] !== PROTOCOL) return this.#reportUnknownProtocol(head[0]);
      if (head[1] === this.#server) return;
      const body = payload.slice(line + 1);
      if (head[2] === "disconnect") this.#receiver.disconnectReceived(head[3]);
      else this.#receiver.broadcastReceived(readBroadcast(head[3], head[4], head[2], body));
    } catch (error) {
      this.#reports.report("INVALID_FRAME", "a frame that no channel server has sent", {}, error);
    }
  }

  #reportUnknownProtocol(protocol: number): void {
    this.#reports.report("UNKNOWN_PROTOCOL", "a frame of another protocol version", { protocol }, undefined);
  }
}

function readBroadcast(topic: string, event: string, kind: "json" | "bytes", body: string): Broadcast {
  if (kind === "bytes") return new Broadcast(topic, event, Buffer.from(body, "base64"));
  const payload = JSON.parse(body) as unknown;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw new Error("the payload is not an object");
  }
  return new Broadcast(topic, event, payload, body);
}

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [protocol, server, kind, ...names] = value as readonly unknown[];
  if (typeof protocol !== "number" || typeof server !== "string") return false;
  if (protocol !== PROTOCOL) return true;
  const count = kind === "disconnect" ? 1 : kind === "json" || kind === "bytes" ? 2 : 0;
  return count > 0 && names.length === count && names.every((name) => typeof name === "string");
}
