/**
 * Any pubsub, sealed: nobody who can publish on it, or listen, but has not the key, can speak for a node or read what the
 * nodes say. A wrapper, of which neither the tracker nor the adapter knows:
 *
 * ```ts
 * const pubsub = sealed(redisPubSub({ publisher, subscriber }), { keys: [process.env.ROLLCALL_KEY] });
 * ```
 *
 * Promises: what is altered, made up, brought from another channel, prefix or node, played again, or recorded of a process
 * that has ended, changes nothing, and is counted and reported. The seal is looked at before anything is parsed. Keys are
 * exchanged without a restart ({@link SealedPubSub.rotate}). Nodes that have the key trust each other as before.
 *
 * What it costs: 10 to 15 µs for a payload of a kilobyte, either way, some hundred bytes of it and, encrypted, a third; and
 * one question and one answer for each pair of nodes that meet. It must not know what a payload means.
 */
import { randomBytes } from "node:crypto";
import { TrackerError } from "../errors.js";
import { requireKnownOptions } from "../known-names.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import { unavailable } from "../pubsub/unavailable.js";
import { nodeRuntime, type Runtime } from "../runtime.js";
import { SealRuns, SentLately } from "./seal-runs.js";
import {
  bytesLeft,
  envelopeOf,
  open,
  seal,
  SEAL_MARK,
  SealKey,
  type Envelope,
  type SealMode,
} from "./seal.js";

/** Why a payload was refused. `altered` is also one that was made for another channel, prefix or node. */
export type SealRefusal = "unsealed" | "malformed" | "unknownKey" | "altered" | "replayed" | "unproven";

export interface SealedOptions {
  /** The first one seals, all of them open. Each is text or bytes, at least 32 bytes long, and random. */
  readonly keys: readonly (string | Uint8Array)[];
  /** `encrypt` (default), or `sign`: shorter, and readable for everybody. Nodes may differ. */
  readonly mode?: SealMode | undefined;
  /** Whether payloads without a seal count, too: while nodes that do not seal are replaced. Default false. */
  readonly acceptUnsealed?: boolean | undefined;
  /** Whether this node seals. False only while there are nodes that could not open it. Default true. */
  readonly sealing?: boolean | undefined;
  /** Time; a test passes a virtual one. */
  readonly runtime?: Pick<Runtime, "monotonicMs"> | undefined;
}

/** What a sealed pubsub has seen. Numbers of payloads, since it was made. */
export interface SealedHealth {
  readonly sealed: number;
  readonly opened: number;
  /** Accepted without a seal. */
  readonly unsealed: number;
  /** Wait until their node has shown that it is alive. */
  readonly waiting: number;
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
  /** Ends all subscriptions of this wrapper; the pubsub in it stays open. Closing twice does nothing. */
  close(): Promise<void>;
}

const optionNames: Readonly<Record<keyof SealedOptions, true>> = {
  keys: true,
  mode: true,
  acceptUnsealed: true,
  sealing: true,
  runtime: true,
};

/** Questions and answers go here. No tracker and no channel server has a channel of this name. */
const RUNS_CHANNEL = "rollcall:seal:runs";
/** Longer ones are not looked at: checking a seal costs time by the byte. */
const MAX_SEALED_BYTES = 4 * 1_024 * 1_024;
/** A refusal of one kind is reported at once, and then so often at most. */
const REPORT_EVERY_MS = 60_000;

/**
 * @throws TrackerError `INVALID_OPTION` for what is no pubsub, another option, no key at all, a key of less than 32 bytes, the
 *   same key twice, and a pubsub whose payloads are too small for a seal.
 */
export function sealed(pubsub: PubSub, options: SealedOptions): SealedPubSub {
  if (typeof (pubsub as Partial<PubSub> | undefined)?.subscribe !== "function") {
    throw new TrackerError("INVALID_OPTION", "Expected a pubsub to seal, such as redisPubSub(…)", {
      option: "pubsub",
    });
  }
  requireKnownOptions(options, optionNames);
  const { mode = "encrypt", acceptUnsealed = false, sealing = true, runtime = nodeRuntime } = options;
  if (mode !== "encrypt" && mode !== "sign") {
    throw new TrackerError("INVALID_OPTION", 'Expected mode to be "encrypt" or "sign"', {
      option: "mode",
      value: mode,
    });
  }
  for (const [option, value] of Object.entries({ acceptUnsealed, sealing })) {
    if (typeof value === "boolean") continue;
    throw new TrackerError("INVALID_OPTION", `Expected ${option} to be true or false`, { option, value });
  }
  return new SealedNode(pubsub, { keys: keysOf(options.keys), mode, acceptUnsealed, sealing, runtime });
}

/** What goes between wrappers: is that run yours, and are you alive? It is, and nothing up to `floor` was sent lately. */
type RunMessage =
  | { readonly kind: "ask"; readonly run: string; readonly question: string }
  | { readonly kind: "answer"; readonly question: string; readonly floor: number };

/** Only who has a key gets this far; one that has a fault, too. */
function runMessageOf(text: string): RunMessage | undefined {
  let message: Readonly<Partial<Record<"kind" | "run" | "question" | "floor", unknown>>>;
  try {
    message = Object(JSON.parse(text)) as typeof message;
  } catch {
    return undefined;
  }
  const { kind, run, question, floor } = message;
  if (typeof question !== "string" || question.length > 64) return undefined;
  if (kind === "ask" && typeof run === "string") return { kind, run, question };
  if (kind === "answer" && Number.isSafeInteger(floor)) return { kind, question, floor: floor as number };
  return undefined;
}

type Keys = readonly [SealKey, ...SealKey[]];

function keysOf(secrets: SealedOptions["keys"]): Keys {
  const [first, ...older] = Array.isArray(secrets) ? secrets.map((secret) => new SealKey(secret)) : [];
  if (first === undefined) {
    throw new TrackerError("INVALID_OPTION", "Expected keys to be an array of at least one", {
      option: "keys",
    });
  }
  const keys: Keys = [first, ...older];
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new TrackerError("INVALID_OPTION", "One of the keys is there twice", { option: "keys" });
  }
  return keys;
}

interface Settings {
  readonly keys: Keys;
  readonly mode: SealMode;
  readonly acceptUnsealed: boolean;
  readonly sealing: boolean;
  readonly runtime: Pick<Runtime, "monotonicMs">;
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
  readonly #runtime: Pick<Runtime, "monotonicMs">;
  readonly #run = randomBytes(16).toString("base64url");
  readonly #runs = new SealRuns(() => randomBytes(16).toString("base64url"));
  readonly #sentLately = new SentLately();
  readonly #events = new AdapterEvents("connected");
  readonly #ends = new Map<string, Unsubscribe>();
  readonly #subscriptions: BrokerSubscriptions;
  readonly #refused: Record<SealRefusal, number> = {
    unsealed: 0,
    malformed: 0,
    unknownKey: 0,
    altered: 0,
    replayed: 0,
    unproven: 0,
  };
  readonly #reported = new Map<SealRefusal, { atMs: number; count: number }>();
  #keys: Keys;
  /** Of this run and of those that were heard, by key, run and mode: deriving one costs more than a seal. */
  readonly #runKeys = new Map<string, Uint8Array>();
  #counter = 0;
  #sealed = 0;
  #opened = 0;
  #unsealed = 0;
  #questions: Promise<Unsubscribe> | undefined;
  #closed = false;

  constructor(pubsub: PubSub, { keys, mode, acceptUnsealed, sealing, runtime }: Settings) {
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
    this.#runs.trust(this.#run);
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#open(channel), close: (channel) => this.#end(channel) },
      this.#events.reportError,
    );
  }

  readonly onError = (listener: (error: unknown) => void): Unsubscribe => {
    const ends = [this.#events.onError(listener), this.#pubsub.onError?.(listener)];
    return () => ends.forEach((end) => void end?.());
  };

  broadcast(channel: string, payload: string): void | Promise<void> {
    this.#prepare(payload);
    return this.#pubsub.broadcast(channel, this.#isSealing ? this.#seal(channel, payload) : payload);
  }

  send(node: string, channel: string, payload: string): void | Promise<void> {
    this.#prepare(payload);
    return this.#pubsub.send(node, channel, this.#isSealing ? this.#seal(channel, payload, node) : payload);
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
      refused: { ...this.#refused },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscriptions.close();
    // What has just begun is not waited for: without a connection that may be never.
    void this.#questions?.then((end) => end()).catch(this.#events.reportError);
    this.#events.clear();
  }

  /** Who speaks will be asked; who is closed, or says too much, is refused. */
  #prepare(payload: string): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    this.#hearQuestions().catch(this.#events.reportError);
    if (payload.length * 3 <= this.maxPayloadBytes) return;
    const bytes = Buffer.byteLength(payload);
    if (bytes <= this.maxPayloadBytes) return;
    const text = `A payload of ${bytes} bytes is above the limit of ${this.maxPayloadBytes} that the seal leaves`;
    throw new TrackerError("PUBLISH_FAILED", text, { bytes, maxPayloadBytes: this.maxPayloadBytes });
  }

  async #open(channel: string): Promise<void> {
    await this.#hearQuestions();
    this.#ends.set(channel, await this.#listen(channel));
  }

  /** From the first call on, for good; one that fails is made anew by the next. */
  #hearQuestions(): Promise<unknown> {
    if (this.#questions !== undefined) return this.#questions;
    const questions = (this.#questions = this.#listen(RUNS_CHANNEL));
    questions.catch(() => (this.#questions = undefined));
    return questions;
  }

  async #listen(channel: string): Promise<Unsubscribe> {
    return this.#pubsub.subscribe(channel, (text) => this.#received(channel, text));
  }

  async #end(channel: string): Promise<void> {
    const end = this.#ends.get(channel);
    this.#ends.delete(channel);
    await end?.();
  }

  #seal(channel: string, payload: string, to?: string): string {
    const [key] = this.#keys;
    const counter = ++this.#counter;
    this.#sealed += 1;
    this.#sentLately.sent(counter, this.#runtime.monotonicMs());
    const parts = { mode: this.#mode, keyId: key.id, run: this.#run, counter, node: this.nodeName };
    return seal(parts, this.#runKey(key, this.#run, this.#mode), this.#placeOf(channel, to), payload);
  }

  #received(channel: string, text: string): void {
    if (!text.startsWith(SEAL_MARK)) {
      if (!this.#acceptsUnsealed || channel === RUNS_CHANNEL) return this.#refuse("unsealed", channel);
      this.#unsealed += 1;
      return this.#subscriptions.deliver(channel, text);
    }
    const envelope = text.length > MAX_SEALED_BYTES ? undefined : envelopeOf(text);
    if (envelope === undefined) return this.#refuse("malformed", channel);
    const { keyId, mode, run, counter, isDirect, node } = envelope;
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) return this.#refuse("unknownKey", channel, envelope);
    const known = this.#runKeys.get(keyName(key, run, mode));
    const runKey = known ?? key.ofRun(run, mode);
    const payload = open(envelope, runKey, this.#placeOf(channel, isDirect ? this.nodeName : undefined));
    if (payload === undefined) return this.#refuse("altered", channel, envelope);
    if (known === undefined) this.#keep(keyName(key, run, mode), runKey);
    if (channel === RUNS_CHANNEL) return this.#control(envelope, payload);
    const judgement = this.#runs.judge(run, { counter, channel, payload }, this.#runtime.monotonicMs());
    if (judgement.lost > 0) this.#refuse("unproven", channel, envelope, judgement.lost);
    if (judgement.verdict === "replayed") return this.#refuse("replayed", channel, envelope);
    if (judgement.ask !== undefined) this.#tell(node, { kind: "ask", run, question: judgement.ask });
    if (judgement.verdict === "new") this.#deliver(channel, payload);
  }

  /** A question of another node, or its answer. */
  #control(envelope: Envelope, text: string): void {
    const message = envelope.isDirect ? runMessageOf(text) : undefined;
    if (message === undefined) return this.#refuse("malformed", RUNS_CHANNEL, envelope);
    const { node, run } = envelope;
    if (message.kind === "ask") {
      // One for a run of this name that is over gets no answer: that is what it was asked for.
      if (message.run !== this.#run) return this.#refuse("replayed", RUNS_CHANNEL, envelope);
      const floor = this.#sentLately.floor(this.#runtime.monotonicMs());
      return this.#tell(node, { kind: "answer", question: message.question, floor });
    }
    const { payloads, replayed } = this.#runs.answered(run, message.question, message.floor);
    if (replayed > 0) this.#refuse("replayed", RUNS_CHANNEL, envelope, replayed);
    for (const each of payloads) this.#deliver(each.channel, each.payload);
  }

  #deliver(channel: string, payload: string): void {
    this.#opened += 1;
    this.#subscriptions.deliver(channel, payload);
  }

  /** What is lost of this is said again with the next payload of who was asked. */
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
    // All can be derived again.
    if (this.#runKeys.size >= MAX_RUN_KEYS) this.#runKeys.clear();
    this.#runKeys.set(name, derived);
  }

  #refuse(reason: SealRefusal, channel: string, from?: Pick<Envelope, "node">, count = 1): void {
    this.#refused[reason] += count;
    const nowMs = this.#runtime.monotonicMs();
    const reported = this.#reported.get(reason) ?? { atMs: -Infinity, count: 0 };
    this.#reported.set(reason, reported);
    reported.count += count;
    if (nowMs - reported.atMs < REPORT_EVERY_MS) return;
    reported.atMs = nowMs;
    const details = { reason, channel, count: reported.count, ...(from && { node: from.node }) };
    reported.count = 0;
    this.#events.reportError(new TrackerError("SEAL_REFUSED", refusalTexts[reason], details));
  }
}

const MAX_RUN_KEYS = 8_192;

function keyName({ id }: SealKey, run: string, mode: SealMode): string {
  return `${id}.${run}.${mode}`;
}

const refusalTexts: Readonly<Record<SealRefusal, string>> = {
  unsealed:
    "A payload without a seal was refused: a node that does not seal, or somebody else, speaks on this channel",
  malformed: "A payload was refused whose seal cannot be read",
  unknownKey: "A payload was refused that is sealed by a key that this node does not have",
  altered: "A payload was refused: its seal is wrong, or for another channel, prefix or node",
  replayed: "A payload was refused that had come before, or long ago",
  unproven: "A payload was refused: its node has not shown that it is alive, and too much waits for that",
};
