/**
 * Oracles for the rules between the nodes, looking inside: slices never go back and are not dropped while their
 * life is known; who was down is shown again only when it has caught up; what departs is shown exactly
 * while its key is nowhere else; and nobody asks without end.
 */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Replicator } from "../../src/replication/replicator.js";
import type { RemoteSlice } from "../../src/replication/holding/remote-slice.js";

/** What was last seen of another life. */
interface Remembered {
  readonly clocks: Map<number, number>;
  status: Replica["status"];
  /** Where its slices were known to stand when it was heard again. */
  readonly goals: ReadonlyMap<number, number>;
}

/**
 * Requests that one life may send within one second, whatever it lacks, beside one for each page that came: several
 * times what a sync needs.
 */
const requestsPerSecondMax = 120;

export class ProtocolOracles {
  readonly #remembered = new WeakMap<Replica, Remembered>();
  readonly #requests = new WeakMap<Replicator, { fromMs: number; unanswered: number }>();

  /** Looks at what a node holds after one of its tasks. */
  look(replicator: Replicator, nowMs: number, isDamaged: (slice: RemoteSlice) => boolean): string[] {
    const wrong: string[] = [];
    for (const replica of replicator.membership.replicas()) {
      const before = this.#remembered.get(replica);
      if (before === undefined) {
        this.#remembered.set(replica, {
          clocks: clocksOf(replica),
          status: replica.status,
          goals: new Map(),
        });
        continue;
      }
      for (const [shard, clock] of before.clocks) {
        const slice = replica.held.slices.get(shard);
        if (slice === undefined) wrong.push(`the slice ${shard} of ${replica.id} was dropped`);
        else if (slice.clock < clock && !isDamaged(slice)) {
          wrong.push(`the slice ${shard} of ${replica.id} went back from clock ${clock} to ${slice.clock}`);
        }
      }
      if (before.status === "returning" && replica.status === "up") {
        for (const slice of replica.held.slices.values()) {
          const goal = Math.min(before.goals.get(slice.shard) ?? 0, slice.target);
          if (slice.clock < goal) wrong.push(`${replica.id} is shown again before it has caught up`);
        }
      }
      const isBack = before.status !== "returning" && replica.status === "returning";
      const goals = isBack ? targetsOf(replica) : before.goals;
      this.#remembered.set(replica, { clocks: clocksOf(replica), status: replica.status, goals });
      if (replica.departure !== undefined) wrong.push(...this.#lookAtHandoff(replicator, replica));
    }
    wrong.push(...this.#lookAtRequests(replicator, nowMs));
    return wrong;
  }

  /** An entry of a life that departs is shown while no life that stays shows the same key, and not beside one. */
  #lookAtHandoff({ view }: Replicator, replica: Replica): string[] {
    const wrong: string[] = [];
    for (const entry of replica.held.entries()) {
      const shown = view.getByKey(ReplicatedEntry.topicOf(entry), entry.key);
      const isElsewhere = shown.some((other) => ReplicatedEntry.ownerOf(other).departure === undefined);
      if (shown.includes(entry) !== isElsewhere) continue;
      const how = isElsewhere ? "still shown beside another" : "hidden though nobody else shows it";
      wrong.push(`${entry.key} of ${replica.id}, which departs, is ${how}`);
    }
    return wrong;
  }

  #lookAtRequests(replicator: Replicator, nowMs: number): string[] {
    const { requestsSent, pagesMerged } = replicator.counters;
    const unanswered = requestsSent - pagesMerged;
    const window = this.#requests.get(replicator);
    if (window === undefined || nowMs - window.fromMs >= 1_000) {
      this.#requests.set(replicator, { fromMs: nowMs, unanswered });
      return [];
    }
    const sent = unanswered - window.unanswered;
    return sent > requestsPerSecondMax ? [`${sent} requests within a second that no page answered`] : [];
  }
}

function targetsOf(replica: Replica): Map<number, number> {
  return new Map([...replica.held.slices].map(([shard, slice]) => [shard, slice.target]));
}

function clocksOf(replica: Replica): Map<number, number> {
  return new Map([...replica.held.slices].map(([shard, slice]) => [shard, slice.clock]));
}
