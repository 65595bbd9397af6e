/**
 * Any pubsub, sealed: without the key nobody can speak for a node or read what the nodes say, though they can publish and
 * listen. A wrapper, of which neither the tracker nor the adapter knows:
 *
 * ```ts
 * const pubsub = sealed(redisPubSub({ publisher, subscriber }), { keys: [key] });
 * ```
 *
 * Promises: what is altered, made up, brought from another channel, prefix or node, played again, or recorded of a process
 * that has ended, changes nothing, and is counted and reported. The seal is looked at before anything is parsed. Keys are
 * exchanged without a restart ({@link SealedPubSub.rotate}). Nodes that have the key trust each other as before.
 *
 * It costs about 10 µs for a payload of a kilobyte, either way, about a hundred bytes more and, encrypted, a third; and one
 * question and one answer for each pair of nodes that meet. It must not know what a payload means.
 */
import { randomBytes } from "node:crypto";
import { pubsubOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import { endSubscription, Subscriptions } from "../pubsub/subscriptions.js";
import { unavailable } from "../pubsub/unavailable.js";
import { settlesWithin } from "../pubsub/within.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import { runMessageOf, type RunMessage } from "./seal-messages.js";
import { SealRefusals, type SealRefusal } from "./seal-refusals.js";
import {
  checkSealedOptions,
  keysOf,
  type Keys,
  type SealedOptions,
  type SealedSettings,
} from "./seal-options.js";
import { SealRuns } from "./seal-runs.js";
import type { SealKey } from "./seal.js";
import { bytesLeft, envelopeOf, open, seal, SEAL_MARK, type Envelope, type SealMode } from "./seal.js";

export type { SealedOptions, SealRefusal };

/** What a sealed pubsub has seen. Numbers of payloads, since it was made. */
export interface SealedHealth {
  readonly sealed: number;
  readonly opened: number;
  /** Accepted without a seal. */
  readonly unsealed: number;
  /** Wait until their node has shown that it is alive. */
  readonly waiting: number;
  /** Questions and answers for another wrapper of a node of this name: an earlier one, or one beside this. */
  readonly elsewhere: number;
  readonly refused: Readonly<Record<SealRefusal, number>>;
}

export interface SealedPubSub extends PubSub {
  /**
   * Other keys from now on: the first one seals, all of them open. To exchange a key, rotate all nodes to
   * `[current, next]`, then all to `[next, current]`, then all to `[next]`; nothing is lost on the way.
   *
   * @throws TrackerError `INVALID_OPTION` as {@link sealed}; the keys then stay as they were.
   */
  rotate(keys: SealedOptions["keys"]): void;
  health(): SealedHealth;
  /**
   * Ends all subscriptions of this wrapper; the pubsub in it stays open. Resolves after a second at the latest. Closing
   * twice does nothing.
   */
  close(): Promise<void>;
}

/** Questions and answers go here. No tracker and no channel server has a channel of this name. */
const RUNS_CHANNEL = "rollcall:seal:runs";
/** Longer ones are not looked at: checking a seal costs time by the byte. */
const MAX_SEALED_BYTES = 4 * 1_024 * 1_024;
/** Of a run that has not answered, so many questions and answers are remembered: played again they are not new. */
const MAX_MESSAGES = 4_096;
/** So many derived keys are kept: of each run that was heard, one for each key and mode. All can be derived again. */
const MAX_RUN_KEYS = 8_192;
/** The first payload waits so long at most for the channel on which questions come. */
const MAX_HEARING_MS = 1_000;
/** The pubsub has so long to end a subscription. */
const END_TIMEOUT_MS = 1_000;

/**
 * @throws TrackerError `INVALID_OPTION` for what is no pubsub, another option, no key at all, a key of less than 32 bytes, the
 *   same key twice, and a pubsub whose payloads are too small for a seal.
 */
export function sealed(pubsub: PubSub, options: SealedOptions): SealedPubSub {
  pubsubOption("pubsub", pubsub);
  checkedNodeName(pubsub.nodeName);
  return new SealedNode(pubsub, checkSealedOptions(options));
}

class SealedNode implements SealedPubSub {
  readonly nodeName: string;
  readonly maxPayloadBytes: number;
  readonly prefix: string | undefined;
  readonly echoes: boolean | undefined;
  readonly onStatus?: NonNullable<PubSub["onStatus"]>;
  readonly onNodeGone?: NonNullable<PubSub["onNodeGone"]>;
  readonly listening?: NonNullable<PubSub["listening"]>;
  readonly reconnect?: NonNullable<PubSub["reconnect"]>;
  readonly #pubsub: PubSub;
  readonly #mode: SealMode;
  readonly #acceptsUnsealed: boolean;
  readonly #isSealing: boolean;
  readonly #runtime: Pick<Runtime, "monotonicMs" | "schedule">;
  readonly #run = randomBytes(16).toString("base64url");
  readonly #runs = new SealRuns(() => randomBytes(16).toString("base64url"));
  readonly #startMs: number;
  /** Questions and answers that came of runs that had not answered, by run and number. */
  readonly #messages = new Set<string>();
  readonly #events = new AdapterEvents("connected");
  readonly #ends = new Map<string, Subscriptions>();
  readonly #subscriptions: BrokerSubscriptions;
  readonly #refusals: SealRefusals;
  #keys: Keys;
  /** Of this run and of those that were heard, by key, run and mode: deriving one costs more than a seal. */
  readonly #runKeys = new Map<string, Uint8Array>();
  #counter = 0;
  #sealed = 0;
  #opened = 0;
  #unsealed = 0;
  #elsewhere = 0;
  #questions: Promise<Subscriptions> | undefined;
  #hearsQuestions = false;
  #cancelTimer: CancelTimer | undefined;
  #closed = false;

  constructor(pubsub: PubSub, { keys, mode, acceptUnsealed, sealing, runtime }: SealedSettings) {
    this.#pubsub = pubsub;
    this.#keys = keys;
    this.#mode = mode;
    this.#acceptsUnsealed = acceptUnsealed;
    this.#isSealing = sealing;
    this.#runtime = runtime;
    this.nodeName = pubsub.nodeName;
    this.prefix = pubsub.prefix;
    this.echoes = pubsub.echoes;
    this.maxPayloadBytes = bytesLeft(
      Math.min(pubsub.maxPayloadBytes ?? Infinity, MAX_SEALED_BYTES),
      mode,
      this.nodeName,
    );
    if (this.maxPayloadBytes < 1) {
      const text = `Payloads of ${pubsub.maxPayloadBytes} bytes are too small for a seal`;
      throw new TrackerError("INVALID_OPTION", text, { option: "pubsub", value: pubsub.maxPayloadBytes });
    }
    if (pubsub.onStatus) this.onStatus = (listener) => pubsub.onStatus!(listener);
    if (pubsub.onNodeGone) this.onNodeGone = (listener) => pubsub.onNodeGone!(listener);
    if (pubsub.listening) this.listening = (channel, nodes) => pubsub.listening!(channel, nodes);
    if (pubsub.reconnect) this.reconnect = () => pubsub.reconnect!();
    this.#refusals = new SealRefusals(this.#events.reportError);
    this.#startMs = runtime.monotonicMs();
    this.#runs.trust(this.#run, this.#startMs);
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#open(channel), close: (channel) => this.#end(channel) },
      this.#events.reportError,
    );
  }

  readonly onError = (listener: (error: unknown) => void): Unsubscribe => {
    if (this.#pubsub.onError === undefined) return this.#events.onError(listener);
    const inner: unknown = this.#pubsub.onError(listener);
    const end = this.#events.onError(listener);
    promiseOf(inner)?.catch(this.#events.reportError);
    return () => {
      void end();
      return endSubscription(inner);
    };
  };

  broadcast(channel: string, payload: string): void | Promise<void> {
    this.#refuseUnlessSendable(payload);
    return this.#whenAskable(() =>
      this.#pubsub.broadcast(channel, this.#isSealing ? this.#seal(channel, payload) : payload),
    );
  }

  send(node: string, channel: string, payload: string): void | Promise<void> {
    this.#refuseUnlessSendable(payload);
    return this.#whenAskable(() =>
      this.#pubsub.send(node, channel, this.#isSealing ? this.#seal(channel, payload, node) : payload),
    );
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.#subscriptions.add(channel, receive);
  }

  rotate(keys: SealedOptions["keys"]): void {
    this.#keys = keysOf(keys);
    this.#runKeys.clear();
  }

  health(): SealedHealth {
    return {
      sealed: this.#sealed,
      opened: this.#opened,
      unsealed: this.#unsealed,
      waiting: this.#runs.waiting,
      elsewhere: this.#elsewhere,
      refused: { ...this.#refusals.counts },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#subscriptions.close();
    // What has just begun is not waited for: without a connection that may be never.
    void this.#questions?.then((questions) => this.#endAll(questions)).catch(this.#events.reportError);
    this.#events.clear();
  }

  #refuseUnlessSendable(payload: string): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    if (payload.length * 3 <= this.maxPayloadBytes) return;
    const bytes = Buffer.byteLength(payload);
    if (bytes <= this.maxPayloadBytes) return;
    const text = `A payload of ${bytes} bytes is above the limit of ${this.maxPayloadBytes} that the seal leaves`;
    throw new TrackerError("PUBLISH_FAILED", text, { bytes, maxPayloadBytes: this.maxPayloadBytes });
  }

  /** A node that speaks is asked: its first payload waits until the question can be heard, though not for long. */
  #whenAskable(publish: () => void | Promise<void>): void | Promise<void> {
    if (this.#hearsQuestions) return publish();
    const hearing = this.#hearQuestions().catch(this.#events.reportError);
    return settlesWithin(this.#runtime, MAX_HEARING_MS, hearing).then(publish);
  }

  async #open(channel: string): Promise<void> {
    await this.#hearQuestions();
    this.#ends.set(channel, await this.#listen(channel));
  }

  /** From the first call on, for good; one that fails is made anew by the next. */
  #hearQuestions(): Promise<unknown> {
    if (this.#questions !== undefined) return this.#questions;
    const questions = (this.#questions = this.#listen(RUNS_CHANNEL));
    questions.then(
      () => (this.#hearsQuestions = true),
      () => (this.#questions = undefined),
    );
    return questions;
  }

  async #listen(channel: string): Promise<Subscriptions> {
    const subscriptions = new Subscriptions((text, cause) => {
      this.#events.reportError(
        new TrackerError(
          "PUBSUB_UNAVAILABLE",
          text,
          { channel },
          cause === undefined ? undefined : { cause },
        ),
      );
    });
    subscriptions.add(
      await this.#pubsub.subscribe(channel, (text: unknown) => this.#received(channel, text)),
    );
    return subscriptions;
  }

  async #end(channel: string): Promise<void> {
    const subscriptions = this.#ends.get(channel);
    this.#ends.delete(channel);
    if (subscriptions) await this.#endAll(subscriptions);
  }

  #endAll(subscriptions: Subscriptions): Promise<void> {
    return subscriptions.endAll(this.#runtime, END_TIMEOUT_MS);
  }

  #seal(channel: string, payload: string, to?: string): string {
    const [key] = this.#keys;
    const counter = ++this.#counter;
    this.#sealed += 1;
    const parts = {
      mode: this.#mode,
      keyId: key.id,
      run: this.#run,
      counter,
      sentMs: this.#clockMs(),
      node: this.nodeName,
    };
    return seal(parts, this.#runKey(key, this.#run, this.#mode), this.#placeOf(channel, to), payload);
  }

  #received(channel: string, text: unknown): void {
    if (typeof text !== "string") return this.#refuse("malformed", channel);
    if (!text.startsWith(SEAL_MARK)) {
      if (!this.#acceptsUnsealed || channel === RUNS_CHANNEL) return this.#refuse("unsealed", channel);
      this.#unsealed += 1;
      return this.#subscriptions.deliver(channel, text);
    }
    const envelope = text.length > MAX_SEALED_BYTES ? undefined : envelopeOf(text);
    if (envelope === undefined) return this.#refuse("malformed", channel);
    const { keyId, mode, run, counter, sentMs, isDirect, node } = envelope;
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) return this.#refuse("unknownKey", channel, envelope);
    const known = this.#runKeys.get(keyName(key, run, mode));
    const runKey = known ?? key.ofRun(run, mode);
    const payload = open(envelope, runKey, this.#placeOf(channel, isDirect ? this.nodeName : undefined));
    if (payload === undefined) return this.#refuse("altered", channel, envelope);
    if (known === undefined) this.#keep(keyName(key, run, mode), runKey);
    if (channel === RUNS_CHANNEL) return this.#hear(envelope, payload);
    const nowMs = this.#runtime.monotonicMs();
    const verdict = this.#runs.judge(run, node, { counter, sentMs, channel, payload }, nowMs);
    if (verdict === "new") return this.#deliver(channel, payload);
    if (verdict === "waits") return this.#ask();
    this.#refuse(verdict === "lost" ? "unproven" : "replayed", channel, envelope);
  }

  /** A question of another node, or its answer. */
  #hear(envelope: Envelope, text: string): void {
    const message = envelope.isDirect ? runMessageOf(text) : undefined;
    if (message === undefined) return this.#refuse("malformed", RUNS_CHANNEL, envelope);
    const { node, run, counter } = envelope;
    if (message.to !== this.#run) {
      this.#elsewhere += 1;
      return;
    }
    if (!this.#isNewMessage(run, counter)) return this.#refuse("replayed", RUNS_CHANNEL, envelope);
    const { question } = message;
    if (message.kind === "ask")
      return this.#tell(node, { kind: "answer", to: run, question, clockMs: this.#clockMs() });
    const answered = this.#runs.answered(run, question, message.clockMs, this.#runtime.monotonicMs());
    // A question is asked again while its answer is on the way, so a second answer is nothing to speak of.
    if (answered === undefined) return;
    if (answered.replayed > 0) this.#refuse("replayed", RUNS_CHANNEL, envelope, answered.replayed);
    for (const each of answered.payloads) this.#deliver(each.channel, each.payload);
  }

  #isNewMessage(run: string, counter: number): boolean {
    const id = `${run}.${counter}`;
    if (this.#messages.has(id) || !this.#runs.isNewMessage(run, counter)) return false;
    for (const oldest of this.#messages) {
      if (this.#messages.size < MAX_MESSAGES) break;
      this.#messages.delete(oldest);
    }
    this.#messages.add(id);
    return true;
  }

  /** Asks the runs that are to be asked, and again until there is an answer or it is too late for one. */
  #ask(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#closed) return;
    const nowMs = this.#runtime.monotonicMs();
    const { questions, lost } = this.#runs.due(nowMs);
    if (lost > 0) this.#refuse("unproven", RUNS_CHANNEL, undefined, lost);
    for (const { node, run, question } of questions) this.#tell(node, { kind: "ask", to: run, question });
    const { dueMs } = this.#runs;
    if (dueMs < Infinity)
      this.#cancelTimer = this.#runtime.schedule(Math.max(1, dueMs - nowMs), () => this.#ask());
  }

  #refuse(reason: SealRefusal, channel: string, from?: Envelope, count = 1): void {
    this.#refusals.add(reason, channel, from?.node, count, this.#runtime.monotonicMs());
  }

  /** What this run's clock shows. */
  #clockMs(): number {
    return Math.floor(this.#runtime.monotonicMs() - this.#startMs);
  }

  #deliver(channel: string, payload: string): void {
    this.#opened += 1;
    this.#subscriptions.deliver(channel, payload);
  }

  /** What is lost of this is said again. */
  #tell(node: string, message: RunMessage): void {
    try {
      const sealedMessage = this.#seal(RUNS_CHANNEL, JSON.stringify(message), node);
      const sent: unknown = this.#pubsub.send(node, RUNS_CHANNEL, sealedMessage);
      promiseOf(sent)?.catch(this.#events.reportError);
    } catch (error) {
      this.#events.reportError(error);
    }
  }

  #placeOf(
    channel: string,
    to: string | undefined,
  ): { prefix: string; channel: string; to: string | undefined } {
    return { prefix: this.prefix ?? "", channel, to };
  }

  #runKey(key: SealKey, run: string, mode: SealMode): Uint8Array {
    const name = keyName(key, run, mode);
    const known = this.#runKeys.get(name);
    if (known !== undefined) return known;
    const derived = key.ofRun(run, mode);
    this.#keep(name, derived);
    return derived;
  }

  #keep(name: string, derived: Uint8Array): void {
    if (this.#runKeys.size >= MAX_RUN_KEYS) this.#runKeys.clear();
    this.#runKeys.set(name, derived);
  }
}

function keyName({ id }: SealKey, run: string, mode: SealMode): string {
  return `${id}.${run}.${mode}`;
}
