/**
 * The options of a channel server: defaults, their reasons, and the checks at the border.
 */
import type { IncomingMessage } from "node:http";
import {
  durationOption,
  functionOption,
  looked,
  pubsubOption,
  runtimeOption,
  wholeOption,
  wrongOption,
} from "../checks.js";
import { requireKnownOptions } from "../known-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { nodeRuntime, type Runtime } from "../runtime.js";
import type { OriginCheck } from "./handlers.js";
import { validateOriginCheck } from "./origin.js";
import { routeOption, type RouteSource } from "./route-source.js";

/** Every limit has a stated behaviour when it is reached; none of them ends the process or touches other sockets. */
export interface ChannelLimits {
  /**
   * The largest frame a client may send, in bytes. A larger one closes the socket with 1009.
   * @default 65_536 (64 KiB: a message of a person is a thousandth of it)
   */
  readonly maxFrameBytes: number;
  /**
   * The size of the pieces in which a large presence state is sent, in bytes; a single meta may be larger. Clients
   * that have no use for half a list want it as large as their largest one.
   * @default 65_536 (64 KiB: a slow line takes a second for it)
   */
  readonly maxPieceBytes: number;
  /**
   * Channels of one socket, joining ones included. A further join is answered `too many channels joined`.
   * @default 100 (as Phoenix)
   */
  readonly maxChannelsPerSocket: number;
  /**
   * Joins of one socket per second, once {@link joinBurst} is used up. A further one is answered
   * `too many joins`, and the official client tries again later.
   * @default 10
   */
  readonly joinsPerSecond: number;
  /**
   * Joins of one socket at once.
   * @default 100 (a client with all its channels that reconnects)
   */
  readonly joinBurst: number;
  /**
   * What the joins of one socket may cause to be sent to it per second, in bytes, once {@link joinByteBurst} is used
   * up: answers, what `joined` pushes, presence states. A join before it is paid for is answered `too many joins`.
   * @default 1_048_576 (a presence state of 10,000 users)
   */
  readonly joinBytesPerSecond: number;
  /**
   * What the joins of one socket may cause to be sent to it at once, in bytes. One join may go beyond it.
   * @default 1_048_576
   */
  readonly joinByteBurst: number;
  /**
   * Messages of one socket per second, once {@link messageBurst} is used up; pings and pongs count, and every 4 KiB
   * of a frame counts as one. Above it the server reads from that socket no faster: nothing is lost, the sender is
   * slowed down.
   * @default 100
   */
  readonly messagesPerSecond: number;
  /**
   * Messages of one socket at once.
   * @default 1_000
   */
  readonly messageBurst: number;
  /**
   * What may wait for a slow reader, in bytes. A socket with more than this waiting when the next frame is due is
   * dropped; its client reconnects.
   * @default 4_194_304 (4 MiB: several presence states of 5,000 users)
   */
  readonly maxBufferedBytes: number;
  /**
   * What may wait for slow readers and for slow handlers on all sockets of this server, in bytes. Above it the
   * sockets with the most are dropped; their clients reconnect.
   * @default 268_435_456 (256 MiB, which leaves room in a process with a heap of one or two GiB)
   */
  readonly maxBufferedBytesTotal: number;
  /**
   * What may wait for a running handler of one channel. One more ends the channel with `phx_error`.
   * @default 1_000
   */
  readonly maxQueuedMessages: number;
  /**
   * What may wait for the handlers of one socket, over all its channels, in bytes; what running handlers were given
   * counts with what it takes in memory. Above it the socket is read no faster, until handlers are through. Of
   * broadcasts for `handleOut` three times as much may wait; one more ends its channel with `phx_error`.
   * @default 1_048_576 (16 of the largest frames)
   */
  readonly maxQueuedBytes: number;
  /**
   * Sockets of this server, those whose connect hook is running included. One more is refused with 503.
   * @default 100_000 (more than one process serves well)
   */
  readonly maxSockets: number;
  /**
   * Sockets of one `id`. One more is refused with 429.
   * @default Infinity (off)
   */
  readonly maxSocketsPerId: number;
  /**
   * Sockets of one {@link ChannelServerOptions.key}, those whose connect hook is running included. One more is
   * refused with 429.
   * @default 100 (an office behind one address)
   */
  readonly maxSocketsPerKey: number;
  /**
   * The sockets of one {@link ChannelServerOptions.key} together may send and join as much as so many sockets, also
   * when they come and go.
   * @default 10
   */
  readonly socketRatesPerKey: number;
  /**
   * The largest broadcast to other nodes and from them, in bytes. A larger one reaches the clients of its own node
   * and is reported; one that comes all the same is refused unread.
   * @default 1_048_576
   */
  readonly maxBroadcastBytes: number;
  /**
   * A socket that has sent nothing for so long, in milliseconds, is closed with 1001. The official client sends a
   * heartbeat every 30 seconds.
   * @default 60_000 (as Phoenix)
   */
  readonly idleTimeoutMs: number;
  /**
   * How long a connect hook may take, in milliseconds, before the connection is refused with 503.
   * @default 10_000 (when the official client gives up)
   */
  readonly connectTimeoutMs: number;
  /**
   * How long a join waits for the end of the channel that it replaces, in milliseconds.
   * @default 5_000 (as Phoenix)
   */
  readonly terminateTimeoutMs: number;
  /**
   * How long a request of long polling waits for something to send, in milliseconds, before it is answered with
   * nothing and the client asks again. A client that has not asked for one and a half times as long is gone.
   * @default 10_000 (as Phoenix; half of what the official client waits)
   */
  readonly longPollWindowMs: number;
  /**
   * How long an upgrade of a path that is not this server's may stay without an answer of anybody, in milliseconds,
   * before it is ended with 404. Only where others listen for upgrades; else it is ended at once.
   * @default 10_000
   */
  readonly foreignUpgradeTimeoutMs: number;
}

type OptionalLimits = { readonly [Name in keyof ChannelLimits]?: ChannelLimits[Name] | undefined };

/** How a channel server runs. */
export interface ChannelServerOptions extends OptionalLimits {
  /** Carries broadcasts and disconnects to the other nodes. One server per pubsub and name. */
  readonly pubsub: PubSub;
  /**
   * Servers of one name hear each other.
   * @default "channels"
   */
  readonly name?: string | undefined;
  /**
   * Sends a broadcast only to the nodes that have subscribers of its topic: a tracker of its own for that, with
   * `holds: "followed"`, in which channel servers tell each other what they hear. While a server is there without it, all
   * broadcasts go to all nodes.
   * @default none (every broadcast goes to all nodes)
   */
  readonly route?: RouteSource | undefined;
  /**
   * Which origins may connect.
   * @default true (the request's own host)
   */
  readonly checkOrigin?: OriginCheck | undefined;
  /**
   * Names whom a connection counts for, such as an address behind a trusted proxy or its /64; `undefined` for nobody.
   * Connections of one key share `maxSocketsPerKey` and `socketRatesPerKey`.
   * @default none (behind a proxy all visitors have one address)
   */
  readonly key?: ((request: IncomingMessage) => string | undefined) | undefined;
  /**
   * Time and timers.
   * @default nodeRuntime
   */
  readonly runtime?: Runtime | undefined;
}

/** The options with defaults, checked. */
export interface Settings {
  readonly pubsub: PubSub;
  readonly name: string;
  readonly route: RouteSource | undefined;
  readonly checkOrigin: OriginCheck;
  readonly key: ((request: IncomingMessage) => string | undefined) | undefined;
  readonly runtime: Runtime;
  readonly limits: ChannelLimits;
}

const DEFAULT_LIMITS: ChannelLimits = {
  maxFrameBytes: 65_536,
  maxPieceBytes: 65_536,
  maxChannelsPerSocket: 100,
  joinsPerSecond: 10,
  joinBurst: 100,
  joinBytesPerSecond: 1_048_576,
  joinByteBurst: 1_048_576,
  messagesPerSecond: 100,
  messageBurst: 1_000,
  maxBufferedBytes: 4_194_304,
  maxBufferedBytesTotal: 268_435_456,
  maxQueuedMessages: 1_000,
  maxQueuedBytes: 1_048_576,
  maxSockets: 100_000,
  maxSocketsPerId: Infinity,
  maxSocketsPerKey: 100,
  socketRatesPerKey: 10,
  maxBroadcastBytes: 1_048_576,
  idleTimeoutMs: 60_000,
  connectTimeoutMs: 10_000,
  terminateTimeoutMs: 5_000,
  longPollWindowMs: 10_000,
  foreignUpgradeTimeoutMs: 10_000,
};

const knownOptions: Readonly<Record<keyof ChannelServerOptions, unknown>> = {
  ...DEFAULT_LIMITS,
  pubsub: true,
  name: true,
  route: true,
  checkOrigin: true,
  key: true,
  runtime: true,
};

/** Limits that are no count, and so may be a part of one. */
const RATES: ReadonlySet<keyof ChannelLimits> = new Set([
  "joinsPerSecond",
  "joinBytesPerSecond",
  "messagesPerSecond",
  "socketRatesPerKey",
]);

/** Limits that may be switched off. */
const OPTIONAL: ReadonlySet<keyof ChannelLimits> = new Set([
  "maxSockets",
  "maxSocketsPerId",
  "maxSocketsPerKey",
]);

/** @throws TrackerError `INVALID_OPTION`, with the name of the option and its value. */
export function validateOptions(options: ChannelServerOptions): Settings {
  return looked("INVALID_OPTION", "options", () => settingsOf(options));
}

function settingsOf(options: ChannelServerOptions): Settings {
  requireKnownOptions(options, knownOptions);
  const { pubsub, name = "channels", route, checkOrigin = true, key, runtime = nodeRuntime } = options;
  looked("INVALID_OPTION", "pubsub", () => validatePubSub(pubsub));
  if (typeof name !== "string" || name === "") throw wrongOption("name", name, "a text that is not empty");
  routeOption(route, pubsub.nodeName);
  functionOption("key", key);
  runtimeOption(runtime);
  return {
    pubsub,
    name,
    route,
    checkOrigin: validateOriginCheck(checkOrigin),
    key,
    runtime,
    limits: validateLimits(options),
  };
}

function validatePubSub(pubsub: PubSub): void {
  pubsubOption("pubsub", pubsub);
  const { nodeName, maxPayloadBytes = Infinity } = pubsub;
  if (typeof nodeName !== "string") throw wrongOption("pubsub.nodeName", nodeName, "a text");
  if (typeof maxPayloadBytes !== "number" || !(maxPayloadBytes > 0))
    throw wrongOption("pubsub.maxPayloadBytes", maxPayloadBytes, "absent, or a number of bytes");
}

function validateLimits(options: OptionalLimits): ChannelLimits {
  const limits: { -readonly [Name in keyof ChannelLimits]: number } = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof ChannelLimits)[]) {
    const value: unknown = options[name];
    if (value !== undefined) limits[name] = validateLimit(name, value);
  }
  return limits;
}

function validateLimit(name: keyof ChannelLimits, value: unknown): number {
  if (name.endsWith("Ms")) return durationOption(name, value, 1);
  if (value === Infinity && OPTIONAL.has(name)) return value;
  if (!RATES.has(name)) return wholeOption(name, value, 1, Infinity);
  if (typeof value === "number" && value > 0 && value < Infinity) return value;
  throw wrongOption(name, value, "a finite number above 0");
}

/** How sockets are closed before a shutdown. */
export interface DrainOptions {
  /** Sockets closed at once. @default 500 */
  readonly batchSize?: number | undefined;
  /** Between two batches, in milliseconds, so that the other nodes are not overrun. @default 100 */
  readonly batchPeriodMs?: number | undefined;
  /** How long clients may take to close, in milliseconds, before they are cut off. @default 5_000 */
  readonly graceMs?: number | undefined;
}

const drainOptionNames: Readonly<Record<keyof DrainOptions, true>> = {
  batchSize: true,
  batchPeriodMs: true,
  graceMs: true,
};

export type CheckedDrain = { readonly [Option in keyof DrainOptions]-?: number };

/** @throws TrackerError `INVALID_OPTION` */
export function validateDrainOptions(options: DrainOptions): CheckedDrain {
  return looked("INVALID_OPTION", "options", () => drainOf(options));
}

function drainOf(options: DrainOptions): CheckedDrain {
  requireKnownOptions(options, drainOptionNames);
  const { batchSize = 500, batchPeriodMs = 100, graceMs = 5_000 } = options;
  return {
    batchSize: wholeOption("batchSize", batchSize, 1, Infinity),
    batchPeriodMs: durationOption("batchPeriodMs", batchPeriodMs, 0),
    graceMs: durationOption("graceMs", graceMs, 0),
  };
}
