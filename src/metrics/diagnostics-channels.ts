/**
 * What happens inside a tracker, on channels of `node:diagnostics_channel`. Where nobody has subscribed to a channel, it
 * costs one look.
 */
import { channel } from "node:diagnostics_channel";
import type { Diagnostics, TrackerHappenings } from "../tracker/diagnostics.js";

/** The channels, by event. What is published is that of `TrackerHappenings`, with `tracker` and `node`. */
export const DIAGNOSTICS_CHANNELS: Readonly<Record<keyof TrackerHappenings, string>> = {
  flush: "rollcall:flush",
  merge: "rollcall:merge",
  rebuild: "rollcall:rebuild",
  down: "rollcall:down",
  deaf: "rollcall:deaf",
  refused: "rollcall:refused",
};

/**
 * For the option `diagnostics` of a tracker or presence; any number of them may have the same. Subscribe with
 * `diagnostics_channel.subscribe("rollcall:flush", ({ tracker, node, shard, births }) => …)`.
 */
export function diagnosticsChannels(): Diagnostics {
  const channels = {
    flush: channel(DIAGNOSTICS_CHANNELS.flush),
    merge: channel(DIAGNOSTICS_CHANNELS.merge),
    rebuild: channel(DIAGNOSTICS_CHANNELS.rebuild),
    down: channel(DIAGNOSTICS_CHANNELS.down),
    deaf: channel(DIAGNOSTICS_CHANNELS.deaf),
    refused: channel(DIAGNOSTICS_CHANNELS.refused),
  };
  return {
    isWanted: (event) => channels[event].hasSubscribers,
    happened: (event, what) => channels[event].publish(what),
  };
}
