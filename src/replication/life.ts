/**
 * A life: one start-to-end of a node. Its incarnation orders it among the lives of the same name and is what
 * refs are made of. Pure; knows no clock and no random.
 */

import { hashText } from "./hash.js";

export interface Life {
  readonly name: string;
  readonly incarnation: string;
}

/** Digits of base 36 for milliseconds since 1970: enough until the year 5188. */
const TIME_LENGTH = 9;
/** Two lives that start in one millisecond are told apart by one of 36^5 random texts. */
export const INCARNATION_RANDOM_LENGTH = 5;
const INCARNATION = new RegExp(`^[0-9a-z]{${TIME_LENGTH + INCARNATION_RANDOM_LENGTH}}$`);

/**
 * The incarnation of a life that starts now. Of fixed length, so that comparing two as texts compares their
 * start times, then their random parts.
 */
export function makeIncarnation(wallClockMs: number, random: string): string {
  const time = Math.max(0, Math.floor(wallClockMs)).toString(36).padStart(TIME_LENGTH, "0");
  return time.slice(-TIME_LENGTH) + random;
}

/** When a life started, by its own wall clock. */
export function startOf(incarnation: string): number {
  return Number.parseInt(incarnation.slice(0, TIME_LENGTH), 36);
}

export function isIncarnation(value: unknown): value is string {
  return typeof value === "string" && INCARNATION.test(value);
}

/** Whether a frame that names an incarnation, or the end of it as those do that follow, is for this one. */
export function isAddressedTo(incarnation: string, to: string): boolean {
  return incarnation.endsWith(to);
}

/** The replica name under which a life's dots are known. */
export function replicaOf(life: Life): string {
  return `${life.name}@${life.incarnation}`;
}

/** The incarnation of the life whose entry has this ref. */
export function incarnationOfRef(ref: string): string {
  return ref.slice(0, TIME_LENGTH + INCARNATION_RANDOM_LENGTH);
}

/**
 * What the refs of a slice begin with; the clock follows. No two slices share it, so a ref needs no bytes on
 * the wire: the dot is enough to make the ref. The name takes part by its hash: nodes that start within one
 * millisecond may draw the same incarnation.
 */
export function refPrefixOf({ name, incarnation }: Life, shard: number): string {
  return `${incarnation}${hashText(name).toString(36)}.${shard.toString(36)}.`;
}
