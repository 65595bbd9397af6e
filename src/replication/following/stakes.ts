/** Stakes against each other. Pure. */
import { FOLLOWS } from "./message.js";
import type { Stake } from "./message.js";

/** Whether a stake is more than what was told before: only then somebody waits for what comes of it. */
export function isMore(told: Stake | undefined, { roles, generation }: Stake): boolean {
  if (told === undefined || (roles & ~told.roles) !== 0) return true;
  return (roles & FOLLOWS) !== 0 && generation !== told.generation;
}

export function isSame(one: Stake, other: Stake): boolean {
  return one.roles === other.roles && one.generation === other.generation && one.limit === other.limit;
}
