/**
 * The options of a channel server: defaults, their reasons, and the checks at the border.
 */
import { pubsubOption, wholeOption, wrongOption } from "../checks.js";
import { requireKnownOptions } from "../known-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { nodeRuntime, type Runtime } from "../runtime.js";
import type { OriginCheck } from "./handlers.js";
import { validateOriginCheck } from "./origin.js";

/** Every limit has a stated behaviour when it is reached; none of them ends the process or touches other sockets. */
export interface ChannelLimits {
  /**
   * The largest frame a client may send, in bytes. A larger one closes the socket with 1009.
   * @default 262_144 (256 KiB, the largest frame of a tracker)
   */
  readonly maxFrameBytes: number;
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
   * Messages of one socket per second, once {@link messageBurst} is used up. Above it the server reads from that
   * socket no faster: nothing is lost, the sender is slowed down.
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
   * What may wait for a running handler of one channel. One more ends the channel with `phx_error`.
   * @default 1_000
   */
  readonly maxQueuedMessages: number;
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
   * Which origins may connect.
   * @default true (the request's own host)
   */
  readonly checkOrigin?: OriginCheck | undefined;
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
  readonly checkOrigin: OriginCheck;
  readonly runtime: Runtime;
  readonly limits: ChannelLimits;
}

const DEFAULT_LIMITS: ChannelLimits = {
  maxFrameBytes: 262_144,
  maxChannelsPerSocket: 100,
  joinsPerSecond: 10,
  joinBurst: 100,
  messagesPerSecond: 100,
  messageBurst: 1_000,
  maxBufferedBytes: 4_194_304,
  maxQueuedMessages: 1_000,
  idleTimeoutMs: 60_000,
  connectTimeoutMs: 10_000,
  terminateTimeoutMs: 5_000,
};

const knownOptions: Readonly<Record<keyof ChannelServerOptions, unknown>> = {
  ...DEFAULT_LIMITS,
  pubsub: true,
  name: true,
  checkOrigin: true,
  runtime: true,
};

/** Limits that count things, and so need a whole number. */
const COUNTS: ReadonlySet<keyof ChannelLimits> = new Set([
  "maxFrameBytes",
  "maxChannelsPerSocket",
  "joinBurst",
  "messageBurst",
  "maxBufferedBytes",
  "maxQueuedMessages",
]);

/** @throws TrackerError `INVALID_OPTION`, with the name of the option and its value. */
export function validateOptions(options: ChannelServerOptions): Settings {
  requireKnownOptions(options, knownOptions);
  const { pubsub, name = "channels", checkOrigin = true, runtime = nodeRuntime } = options;
  pubsubOption("pubsub", pubsub);
  if (typeof name !== "string" || name === "") throw wrongOption("name", name, "a text that is not empty");
  return {
    pubsub,
    name,
    checkOrigin: validateOriginCheck(checkOrigin),
    runtime,
    limits: validateLimits(options),
  };
}

function validateLimits(options: OptionalLimits): ChannelLimits {
  const limits: { -readonly [Name in keyof ChannelLimits]: number } = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof ChannelLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (COUNTS.has(name)) wholeOption(name, value, 1, Infinity);
    else if (typeof value !== "number" || !(value > 0 && value < Infinity)) {
      throw wrongOption(name, value, "a finite number above 0");
    }
    limits[name] = value;
  }
  return limits;
}
