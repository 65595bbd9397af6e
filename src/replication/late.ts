/**
 * What an overtaken frame still tells (R1). A message that names its clocks holds at any time, and any heartbeat that was
 * sent after a life appeared or came back tells what that life had then. None of it is a sign of life. Changes nothing.
 */
import { isAwaited } from "./catch-up.js";
import type { Life } from "./life.js";
import type { Frame, Heartbeat } from "./message.js";
import type { Replica } from "./replica.js";
import type { Rules } from "./rules.js";

/** Returns `whole` for a frame that is to be taken as if it were not late, or the summary that it tells. */
export function useOfLate(
  { to, message, counter }: Frame,
  replica: Replica,
  self: Life,
  rules: Rules,
): "whole" | Heartbeat | "none" {
  const isDirect = to !== undefined;
  if (isDirect && to !== self.incarnation) return "none";
  const { status, held, metCounter } = replica;
  if (message.type === "heartbeat") {
    const tells = isAwaited(replica) && rules.sumsUpLate(counter, metCounter, held.hasSummedUpAll);
    return tells ? message : "none";
  }
  if (!rules.holdsLate(message, isDirect)) return "none";
  // One that all hear is sent once: what tells nothing new is a repetition.
  if (!isDirect && message.type === "delta") {
    if (message.upTo <= clockOf(replica, message.shard)) return "none";
  }
  // It was said to one that stood further back, and has been brought on since.
  if (message.type === "far" && message.clock <= clockOf(replica, message.shard)) return "none";
  const holds = status === "departing" ? rules.holdsAfterGoodbye(message) : isAwaited(replica);
  return holds ? "whole" : "none";
}

function clockOf({ held }: Replica, shard: number): number {
  return held.heldSlice(shard)?.clock ?? 0;
}
