/**
 * The machine of a tracker, by what it holds: everything, or what it follows. Behind this place nobody asks which of the
 * two it is.
 */
import type { ChannelKind } from "../pubsub/channel-names.js";
import { Follower } from "../replication/follower.js";
import { Holder } from "../replication/holder.js";
import { decodeFollowing } from "../replication/following/codec.js";
import { FOLLOWING_RULES } from "../replication/following/rules.js";
import type { Life } from "../replication/life.js";
import type { Machine } from "../replication/machine.js";
import type { Tracing } from "../replication/options.js";
import { Replicator } from "../replication/replicator.js";
import { isFrameOf } from "../replication/wire/own-frame.js";
import { VERSION } from "../version.js";
import { protocolOf, type CheckedOptions } from "./options.js";

/** A tick looks for silence; so many fit a heartbeat period. */
const TICKS_PER_HEARTBEAT = 4;

export function tickPeriodOf({ heartbeatPeriodMs }: CheckedOptions): number {
  return heartbeatPeriodMs / TICKS_PER_HEARTBEAT;
}

/** The channels of broadcasts and of inboxes; and those of nodes that hold otherwise. */
export function channelsOf({
  holds,
}: CheckedOptions): readonly [ChannelKind, ChannelKind, ChannelKind, ChannelKind] {
  return holds === "followed" ? ["follow", "followTo", "all", "to"] : ["all", "to", "follow", "followTo"];
}

export function makeMachine(
  options: CheckedOptions,
  life: Life,
  tracing: Tracing | undefined,
  nowMs: number,
): Machine {
  const { pubsub, runtime } = options;
  const protocol = protocolOf(options);
  const common = {
    ...options,
    life,
    echoes: pubsub.echoes === true,
    tickPeriodMs: tickPeriodOf(options),
    random: () => runtime.random(),
    version: VERSION,
    protocol,
  };
  const { broadcastPeriodMs: windowMs, followLingerMs: lingering, downPeriodMs, permdownPeriodMs } = options;
  const holdsEverything = options.holds === "everything";
  const followerOptions = { ...common, windowMs, lingering, holdsEverything };
  if (!holdsEverything) return new Follower(followerOptions, nowMs);
  const replicator = new (protocol.replicator ?? Replicator)({ ...common, tracing }, nowMs);
  return new Holder(
    replicator,
    ({ view, counters, merging: { room } }, timeMs, begun) =>
      new Follower({ ...followerOptions, begun }, timeMs, { view, counters, room }),
    {
      downPeriodMs,
      permdownPeriodMs,
      entriesPerStep: protocol.limits.entriesPerStep,
      rules: FOLLOWING_RULES,
    },
  );
}

/** Whether a payload is a frame of this life. Never throws. */
export function isOwnFrame({ holds }: CheckedOptions, life: Life, payload: unknown): payload is string {
  if (holds === "everything") return isFrameOf(life, payload);
  if (typeof payload !== "string" || !payload.includes(life.incarnation)) return false;
  const { frame } = decodeFollowing(payload);
  return frame?.from.incarnation === life.incarnation && frame.from.name === life.name;
}
