/** Whether those whom a node served are on other nodes, by what the nodes say that are left. */
import type { NodeReport } from "./control.ts";

export type Reports = ReadonlyMap<string, NodeReport>;

/**
 * How many are listed for a life that has ended, and so on no other one yet, as far as any node knows. The node's
 * own next life does not count: it came too late to hear of them. `undefined` where nobody else says anything, as on
 * a machine that is too busy: that nobody is missed cannot be concluded from silence.
 */
export function awaitedOf(home: string, node: string, reports: Reports): number | undefined {
  let awaited: number | undefined;
  for (const [name, { homes }] of reports) {
    if (name !== node) awaited = Math.max(awaited ?? 0, listedFor(home, homes));
  }
  return awaited;
}

/** How many a node serves: what it said last may be older than what others have heard of it. */
export function servedBy(home: string, said: number, reports: Reports): number {
  return Math.max(said, ...[...reports.values()].map(({ homes }) => listedFor(home, homes)));
}

function listedFor(home: string, homes: NodeReport["homes"]): number {
  return homes.find(([each]) => each === home)?.[1] ?? 0;
}
