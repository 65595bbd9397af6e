/** The users of the comparison: the same for all, about 75 bytes of JSON each. */

export interface OnlineUser {
  readonly user_id: string;
  readonly name: string;
  readonly page: string;
  readonly online_at: number;
}

export const room = "room:lobby";

/** User `i`, from 1. */
export function onlineUser(i: number): OnlineUser {
  return { user_id: `user:${i}`, name: `User ${i}`, page: `/page/${i % 50}`, online_at: 1_700_000_000 + i };
}
