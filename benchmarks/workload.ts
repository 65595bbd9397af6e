/**
 * The workload that every benchmark uses, the one that Phoenix.Tracker was measured with: presence `i` stands
 * under topic `topic:(i mod 100)` and key `user:i`, with a meta of three fields and a session of its own.
 */

/** The meta of a presence. An interface on purpose: that is what applications write. */
export interface Viewer {
  readonly online_at: number;
  readonly user_id: string;
  readonly page: string;
}

export const topicCount = 100;

/** The topic of presence `i`. */
export function topicOf(i: number): string {
  return `topic:${i % topicCount}`;
}

/** The key of presence `i`. */
export function keyOf(i: number): string {
  return `user:${i}`;
}

/** The meta of presence `i`; a `revision` above 0 returns the meta after so many updates, of the same size. */
export function metaOf(i: number, revision = 0): Viewer {
  return {
    online_at: 1_700_000_000 + i,
    user_id: `user:${i}`,
    page: `/page/${(i + revision) % 50}`,
  };
}
