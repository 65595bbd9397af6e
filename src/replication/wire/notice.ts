/**
 * The one frame that a node that follows says where those speak that hold everything: it is there, on channels of its
 * own. It reads the same in every version.
 */
import type { Life } from "../life.js";
import { LIMITS } from "../limits.js";

/** Its number among the kinds: the last one below those of observers. */
export const NOTICE = 15;

export function encodeNotice({ name, incarnation }: Life): string {
  return JSON.stringify([LIMITS.newestVersion, NOTICE, name, incarnation, 0, 1]);
}
