/**
 * The one frame that nodes say where they are not heard otherwise: those that hold everything and those that follow have
 * channels of their own, and a notice on the other's channel tells that its sender runs the same tracker. It reads the
 * same in every version and on either channel.
 */
import type { Life } from "../life.js";
import { LIMITS } from "../limits.js";

/** Its number among the kinds: the last one below those of observers. */
export const NOTICE = 15;

export function encodeNotice({ name, incarnation }: Life): string {
  return JSON.stringify([LIMITS.newestVersion, NOTICE, name, incarnation, 0, 1]);
}
