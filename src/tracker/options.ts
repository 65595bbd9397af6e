/**
 * The options of a tracker: their meaning, their defaults with the reason, and their check at the border.
 */
import {
  booleanOption,
  durationOption,
  isArray,
  looked,
  pubsubOption,
  runtimeOption,
  wholeOption,
  wrongOption,
} from "../checks.js";
import { readOptions } from "../known-names.js";
import { largestShareFrameBytes } from "../replication/following/outbox.js";
import { isNodeName, largestEntryFrameBytes } from "../replication/wire/codec.js";
import { MAX_FRAME_BYTES, LIMITS, MAX_NODE_NAME_BYTES, MAX_POOL_SIZE } from "../replication/limits.js";
import type { Replicator } from "../replication/replicator.js";
import { PROTOCOL, type Protocol } from "../replication/rules.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { nodeRuntime, type Runtime } from "../runtime.js";
import { diagnosticsOption, type Diagnostics } from "./diagnostics.js";
import { requireSchema, type MetaSchema } from "./schema.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- options of which nobody said more fit every tracker
export interface TrackerOptions<M = any> {
  /**
   * The name of the tracker, the same on all nodes: trackers of one name on one pubsub share a presence list.
   * At most 128 bytes, without control characters.
   */
  readonly name: string;
  /** The pubsub that carries the messages. The application opens and closes its connection. */
  readonly pubsub: PubSub;
  /**
   * What this node holds of others: `everything`, or what it has `followed` with `follow`, so that it pays for what it
   * serves. Reading a topic that is not followed throws `NOT_FOLLOWED`; what this node tracks itself it has always. Nodes
   * of one tracker may differ in it: one that holds everything lists what all have, and one that follows lists in what it
   * follows what those have that hold everything, too. Default `everything`: below some fifty nodes it is simpler and costs
   * as little.
   */
  readonly holds?: "everything" | "followed" | undefined;
  /**
   * How long a topic is held after its last handle was closed, and known to others after this node's last entry has left
   * it, so that a page that is reloaded costs nothing. Default `auto`: until as much has changed in it as it would cost to
   * fetch it anew, which is never more than twice the best choice; 30 s at least, 10 minutes at most, and for the latter
   * one minute. Only with `holds: "followed"`.
   */
  readonly followLingerMs?: number | "auto" | undefined;
  /**
   * How long a count (`followCount`) takes, about, to tell a number that has changed: a node says it to the one that counts
   * after half of this time, and that one tells the sum after three quarters of its own; the first number after a quiet time at
   * once. Default 2,000 ms: who looks on is sent two frames in three seconds, however many come and go. Only with
   * `holds: "followed"`; elsewhere each change is told with its diff.
   */
  readonly countPeriodMs?: number | undefined;
  /**
   * Into how many shards the topics are divided: the unit of replication, 1 to 1,024. Default 4: a node that
   * catches up gets its share in pieces, and a heartbeat stays small. Nodes may differ in it. With `holds: "followed"` it
   * is 1, as the topic is the unit.
   */
  readonly poolSize?: number | undefined;
  /**
   * For how long changes are collected at the most. The first one after a quiet time goes out at once; further ones go
   * out as one, the sooner the less the cluster has said lately: while it says less than 64 KiB a second, in some
   * milliseconds, and above that after this period. Default 1,500 ms, as Phoenix collects. 0 sends every macrotask's
   * changes. With `holds: "followed"` changes are collected for each other node by itself, and the 64 KiB are what this node
   * sends to others and hears of them.
   */
  readonly broadcastPeriodMs?: number | undefined;
  /** How often a node says that it is there, whatever else it sends. Default 2,000 ms: about 170 bytes each. */
  readonly heartbeatPeriodMs?: number | undefined;
  /**
   * After how much silence a node's entries leave the list. Default 8,000 ms: four heartbeats, so that one or
   * two may be lost. Less than three heartbeats is refused: it would flap.
   */
  readonly downPeriodMs?: number | undefined;
  /**
   * After how much silence a node's entries are forgotten, so that it would have to send all of them again.
   * Default 1,200,000 ms (20 minutes). Longer than `downPeriodMs`.
   */
  readonly permdownPeriodMs?: number | undefined;
  /**
   * The largest meta, in bytes of JSON text in UTF-8. Default 4,096: presence says who, not everything. Refused if
   * one entry of that size, with the longest names, would not fit a payload of the pubsub.
   */
  readonly maxMetaBytes?: number | undefined;
  /**
   * How many entries of other nodes are held, shown or hidden, over all of them. Default 1,000,000: about 400 MB beside
   * their metas, which is what a node can carry that has the usual heap. What is beyond it is not held: the node is not
   * complete, says so in `health` and once a minute by an error, and fetches it when there is room. Room is made by
   * forgetting nodes that are down. This node's own entries are never refused.
   */
  readonly maxEntries?: number | undefined;
  /** How long `Tracker.start` waits for the pubsub. Default 5,000 ms. */
  readonly startTimeoutMs?: number | undefined;
  /**
   * The names of the other nodes, as far as they are known: at most 4,096. A node is complete without a round of
   * heartbeats as soon as it has heard and caught up with all of them; one that does not come delays it by no more
   * than that round. With none (`[]`) a node is complete at once. Default: not known, so the round is waited for.
   */
  readonly expect?: readonly string[] | undefined;
  /**
   * Whether to keep an index of the topics of each key, for `topicsOf`. Default false: it costs 35 to 95 bytes for each
   * topic of a key, and a step for each join and leave.
   */
  readonly indexKeys?: boolean | undefined;
  /**
   * The number of pairs of topic and key whose newest leave is kept for `lastSeen`; beyond it the oldest is forgotten.
   * Default 0: none. Each costs about 100 bytes beside its meta and its names.
   */
  readonly lastSeenKept?: number | undefined;
  /**
   * What metas have to be: a Standard Schema, such as one of Zod, Valibot or ArkType, that answers without a promise and
   * accepts what it returns. `track`, `set` and `update` store what it returns, and throw `INVALID_META` for what does
   * not pass. A meta of another node that does not pass, such as one of another version, is reported, counted and treated
   * as `invalidMetas` says. The type of the metas follows from it. Default: none.
   */
  readonly schema?: MetaSchema<M> | undefined;
  /**
   * What becomes of entries of other nodes whose metas do not pass the `schema`: `show` them as they are, or `hide` them
   * on this node, until an update passes. Default `show`: their users are there, whatever is known of them.
   */
  readonly invalidMetas?: "show" | "hide" | undefined;
  /**
   * Whether this node only looks on: it hears all and tracks nothing (`track`, `set`, `update` and `evict` throw `OBSERVER`), and
   * is nobody's replica: no other node lists it, waits for it or makes it responsible for anything. For tools. Default
   * false.
   */
  readonly observer?: boolean | undefined;
  /**
   * Takes what happens inside: flushes, merges, rebuilds, deaths, deafness and refusals. `diagnosticsChannels()` of
   * `rollcall/metrics` publishes it on channels of `node:diagnostics_channel`. Default: none.
   */
  readonly diagnostics?: Diagnostics | undefined;
  /** Time, random and timers. Default: the machine's. */
  readonly runtime?: Runtime | undefined;
}

export interface StopOptions {
  /**
   * For how long this node's entries stay in the others' lists, waiting for their keys to come back on another
   * node. Each is hidden when one entry of that topic and key has come since, and shown again if that one goes
   * within this time: a user's other connections take nobody's place. Default `downPeriodMs`: a rolling deploy flickers for nobody. 0: they leave at once. The others
   * wait for their `permdownPeriodMs` at the most.
   */
  readonly handoffMs?: number | undefined;
}

export const stopOptionNames: Readonly<Record<keyof StopOptions, true>> = { handoffMs: true };

export type CheckedOptions = {
  readonly [Option in Exclude<keyof TrackerOptions, "expect" | "schema" | "diagnostics">]-?: Exclude<
    TrackerOptions[Option],
    undefined
  >;
} & {
  readonly expect: readonly string[] | undefined;
  readonly schema: MetaSchema | undefined;
  readonly diagnostics: Diagnostics | undefined;
  readonly maxFrameBytes: number;
  readonly [protocolOption]: SimulatedProtocol;
};

/**
 * Under this symbol a simulation gives a tracker other rules and limits than those of this release, and a replicator of
 * its own. It is exported by no entry of the package: nodes that run by different rules do not agree.
 */
export const protocolOption: unique symbol = Symbol("rollcall protocol");

/** What a simulation gives a tracker: rules and limits, and a replicator that runs by them and may be watched. */
export interface SimulatedProtocol extends Protocol {
  readonly replicator?: typeof Replicator | undefined;
}

interface SimulatedOptions {
  readonly [protocolOption]?: SimulatedProtocol | undefined;
}

/** The protocol that a tracker with these options runs by. */
export function protocolOf(options: object): SimulatedProtocol {
  return (options as SimulatedOptions)[protocolOption] ?? PROTOCOL;
}

/** All options that there are. */
export const trackerOptionNames: Readonly<Record<keyof TrackerOptions, true>> = {
  name: true,
  pubsub: true,
  holds: true,
  followLingerMs: true,
  countPeriodMs: true,
  poolSize: true,
  broadcastPeriodMs: true,
  heartbeatPeriodMs: true,
  downPeriodMs: true,
  permdownPeriodMs: true,
  maxMetaBytes: true,
  maxEntries: true,
  startTimeoutMs: true,
  expect: true,
  indexKeys: true,
  lastSeenKept: true,
  schema: true,
  invalidMetas: true,
  observer: true,
  diagnostics: true,
  runtime: true,
};

/** @throws TrackerError `INVALID_OPTION`, with the `option` and its `value`. */
export function checkOptions(options: TrackerOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw wrongOption("options", options, "an object with at least `name` and `pubsub`");
  }
  return checkRead(readOptions(options, trackerOptionNames), protocolOf(options));
}

function checkRead(options: TrackerOptions, protocol: SimulatedProtocol): CheckedOptions {
  const { name, pubsub, runtime = nodeRuntime } = options;
  runtimeOption(runtime);
  checkName("name", name);
  pubsubOption("pubsub", pubsub);
  checkName("pubsub.nodeName", pubsub.nodeName);
  const holds = oneOf("holds", options.holds ?? "everything", ["everything", "followed"]);
  const follows = holds === "followed";
  const poolSize = wholeOption(
    "poolSize",
    options.poolSize ?? (follows ? 1 : 4),
    1,
    follows ? 1 : MAX_POOL_SIZE,
  );
  const windowMs = options.broadcastPeriodMs ?? 1_500;
  const broadcastPeriodMs = durationOption("broadcastPeriodMs", windowMs, 0);
  for (const option of ["followLingerMs", "countPeriodMs"] as const)
    if (!follows && options[option] !== undefined)
      throw wrongOption(option, options[option], 'left out where holds is not "followed"');
  const observer = booleanOption("observer", options.observer ?? false);
  if (follows && observer)
    throw wrongOption("observer", true, 'false with holds: "followed": it is told nothing');
  const heartbeatPeriodMs = durationOption("heartbeatPeriodMs", options.heartbeatPeriodMs ?? 2_000, 1);
  const downPeriodMs = durationOption("downPeriodMs", options.downPeriodMs ?? 8_000, 1);
  const permdownPeriodMs = durationOption("permdownPeriodMs", options.permdownPeriodMs ?? 1_200_000, 1);
  const startTimeoutMs = durationOption("startTimeoutMs", options.startTimeoutMs ?? 5_000, 1);
  if (downPeriodMs < 3 * heartbeatPeriodMs) {
    throw wrongOption(
      "downPeriodMs",
      downPeriodMs,
      `at least three times heartbeatPeriodMs (${heartbeatPeriodMs}), or nodes would flap`,
    );
  }
  if (permdownPeriodMs <= downPeriodMs) {
    throw wrongOption("permdownPeriodMs", permdownPeriodMs, `longer than downPeriodMs (${downPeriodMs})`);
  }
  if (options.schema !== undefined) requireSchema(options.schema);
  const maxMetaBytes = wholeOption("maxMetaBytes", options.maxMetaBytes ?? 4_096, 2, MAX_FRAME_BYTES);
  const { maxPayloadBytes = Infinity } = pubsub;
  if (typeof maxPayloadBytes !== "number" || !(maxPayloadBytes > 0)) {
    throw wrongOption("pubsub.maxPayloadBytes", maxPayloadBytes, "absent, or a number of bytes");
  }
  const maxFrameBytes = Math.min(MAX_FRAME_BYTES, maxPayloadBytes);
  // One that holds everything speaks with those as well that follow.
  const shareBytes = largestShareFrameBytes(maxMetaBytes);
  const neededBytes = follows ? shareBytes : Math.max(shareBytes, largestEntryFrameBytes(maxMetaBytes));
  if (neededBytes > maxFrameBytes) {
    throw wrongOption(
      "maxMetaBytes",
      maxMetaBytes,
      `so small that one entry fits a frame: ${neededBytes} bytes are needed, ${maxFrameBytes} are allowed`,
    );
  }
  return {
    name,
    pubsub,
    holds,
    followLingerMs: lingeringOption(options.followLingerMs ?? "auto"),
    countPeriodMs: durationOption("countPeriodMs", options.countPeriodMs ?? 2_000, 0),
    poolSize,
    broadcastPeriodMs,
    heartbeatPeriodMs,
    downPeriodMs,
    permdownPeriodMs,
    maxMetaBytes,
    maxEntries: wholeOption("maxEntries", options.maxEntries ?? 1_000_000, 1, Infinity),
    startTimeoutMs,
    expect: namesOf("expect", options.expect),
    indexKeys: booleanOption("indexKeys", options.indexKeys ?? false),
    lastSeenKept: wholeOption("lastSeenKept", options.lastSeenKept ?? 0, 0, Infinity),
    schema: options.schema,
    invalidMetas: oneOf("invalidMetas", options.invalidMetas ?? "show", ["show", "hide"]),
    observer,
    diagnostics: diagnosticsOption(options.diagnostics),
    runtime,
    maxFrameBytes,
    [protocolOption]: protocol,
  };
}

function lingeringOption(value: number | "auto"): number | "auto" {
  if (value === "auto" || typeof value === "number") {
    return value === "auto" ? value : durationOption("followLingerMs", value, 0);
  }
  throw wrongOption("followLingerMs", value, 'a number of milliseconds, or "auto"');
}

function oneOf<Text extends string>(option: string, value: Text, texts: readonly [Text, Text]): Text {
  if (texts.includes(value)) return value;
  throw wrongOption(option, value, `"${texts[0]}" or "${texts[1]}"`);
}

function namesOf(option: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!isArray(value) || value.length > LIMITS.knownLives) {
    throw wrongOption(option, value, `an array of at most ${LIMITS.knownLives} node names`);
  }
  const names = looked("INVALID_OPTION", option, () => [...value]);
  for (const [i, name] of names.entries()) checkName(`${option}[${i}]`, name);
  return names as readonly string[];
}

function checkName(option: string, value: unknown): void {
  if (isNodeName(value)) return;
  throw wrongOption(option, value, `a text of 1 to ${MAX_NODE_NAME_BYTES} bytes without control characters`);
}
