/**
 * Oracles for the rules between the nodes, looking inside: slices never go back and are not dropped while their
 * life is known; who was down is shown again only when it has caught up; what departs is hidden exactly while
 * what came after its goodbye has its place; and nobody asks without end.
 */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { EntryOwner } from "../../src/replication/entry.js";
import type { Life } from "../../src/replication/life.js";
import type { View } from "../../src/replication/showing/view.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Replicator } from "../../src/replication/replicator.js";
import type { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import type { DoneStep, StepWatcher, WatchedStep } from "./watched-steps.js";

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

export class ProtocolOracles implements StepWatcher {
  readonly #remembered = new WeakMap<Replica, Remembered>();
  /** Per view, topic and key, and departing life: who takes no place. */
  readonly #companions = new WeakMap<View, Map<string, Map<EntryOwner, Set<string>>>>();
  /** Who was shown under the key of an entry before a step in which its life may depart. */
  readonly #there = new Map<ReplicatedEntry, readonly string[]>();
  /** The lives that were seen to depart, until it is told that they are gone: an end may take several steps. */
  readonly #leaving = new WeakMap<Replicator, Set<Replica>>();
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
    }
    wrong.push(...this.#lookAtHandoff(replicator));
    wrong.push(...this.#lookAtRequests(replicator, nowMs));
    return wrong;
  }

  /** Those who are about to depart may find others there. */
  begins({ replicator, frame, before }: WatchedStep): void {
    this.#there.clear();
    const mayDepart =
      frame?.message.type === "goodbye" ||
      before.some(({ replica }) => replica.life.incarnation !== frame?.from.incarnation);
    if (!mayDepart) return;
    for (const { replica } of before) {
      if (replica.departure !== undefined) continue;
      for (const entry of replica.held.entries()) this.#there.set(entry, thereBeside(replicator.view, entry));
    }
  }

  /** What comes of a life that has said goodbye was late. */
  merged({ replicator }: WatchedStep, life: Life, added: readonly ReplicatedEntry[]): void {
    for (const replica of replicator.membership.replicas()) {
      if (replica.life !== life || !replica.isShown) continue;
      for (const entry of added) this.#comes(replicator.view, entry);
    }
  }

  done({ replicator, before, effects }: DoneStep): void {
    const leaving = this.#leaving.get(replicator) ?? new Set<Replica>();
    for (const effect of effects) {
      if (effect.type !== "replicaGone") continue;
      for (const replica of leaving) if (replica.life === effect.life) leaving.delete(replica);
    }
    for (const { replica, status } of before) {
      if (status === "departing" || replica.status !== "departing") continue;
      for (const entry of replica.held.entries()) {
        this.#companionsOf(replicator.view, entry, this.#there.get(entry));
      }
    }
  }

  /**
   * Who takes no place of an entry's life, under its topic and key: noted at the goodbye, or when the first of its
   * entries was found there later.
   */
  #companionsOf(view: View, entry: ReplicatedEntry, there = thereBeside(view, entry)): Set<string> {
    const owner = ReplicatedEntry.ownerOf(entry);
    const ofView = this.#companions.get(view) ?? new Map<string, Map<EntryOwner, Set<string>>>();
    this.#companions.set(view, ofView);
    const where = whereOf(entry);
    const byLife = ofView.get(where) ?? new Map<EntryOwner, Set<string>>();
    ofView.set(where, byLife);
    let companions = byLife.get(owner);
    if (companions === undefined) {
      companions = new Set([...byLife.values()].flatMap((before) => [...before]));
      for (const identity of there) companions.add(identity);
      byLife.set(owner, companions);
    }
    return companions;
  }

  /** What comes of a life that has said goodbye was late, and takes no place. */
  #comes(view: View, entry: ReplicatedEntry): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.departure === undefined) return;
    this.#companionsOf(view, entry);
    const byLife = this.#companions.get(view)?.get(whereOf(entry)) ?? new Map<EntryOwner, Set<string>>();
    // Its own life's too: those who depart later ask who took no place before.
    for (const companions of byLife.values()) companions.add(identityIn(entry));
  }

  /**
   * Of what departs under a key as much is hidden as came after the goodbyes, one for one. While a life leaves in parts,
   * what of it is still there under a key may have the place that is to be another's next.
   */
  #lookAtHandoff(replicator: Replicator): string[] {
    const { view, membership } = replicator;
    const wrong: string[] = [];
    const leaving = this.#leaving.get(replicator) ?? new Set<Replica>();
    this.#leaving.set(replicator, leaving);
    const departing = new Map<string, ReplicatedEntry[]>();
    const present = new Set(membership.replicas());
    const left = new Set<string>();
    for (const replica of leaving) {
      if (present.has(replica)) {
        // It was to depart, and stays.
        if (replica.status !== "departing") leaving.delete(replica);
      } else for (const entry of replica.held.entries()) left.add(whereOf(entry));
    }
    for (const replica of present) {
      if (replica.status !== "departing") continue;
      leaving.add(replica);
      for (const entry of replica.held.entries()) {
        const where = whereOf(entry);
        const others = departing.get(where);
        if (others === undefined) departing.set(where, [entry]);
        else others.push(entry);
      }
    }
    for (const [where, byLife] of this.#companions.get(view) ?? []) {
      const owners = new Set(departing.get(where)?.map((entry) => ReplicatedEntry.ownerOf(entry)));
      for (const life of byLife.keys()) if (!owners.has(life)) byLife.delete(life);
      if (byLife.size === 0) this.#companions.get(view)?.delete(where);
    }
    for (const [where, waiting] of departing) {
      const first = waiting[0]!;
      const shown = view.getByKey(ReplicatedEntry.topicOf(first), first.key);
      const came = new Set([...shown, ...waiting]);
      const places = new Map<ReplicatedEntry, ReplicatedEntry>();
      const findsPlace = (wanted: ReplicatedEntry, tried: Set<ReplicatedEntry>): boolean => {
        const companions = this.#companionsOf(view, wanted);
        for (const other of came) {
          const isOwn = ReplicatedEntry.ownerOf(other) === ReplicatedEntry.ownerOf(wanted);
          if (isOwn || companions.has(identityIn(other)) || tried.has(other)) continue;
          tried.add(other);
          const displaced = places.get(other);
          if (displaced !== undefined && !findsPlace(displaced, tried)) continue;
          places.set(other, wanted);
          return true;
        }
        return false;
      };
      const taken = waiting.filter((entry) => findsPlace(entry, new Set())).length;
      const hidden = waiting.filter((entry) => !shown.includes(entry)).length;
      if (hidden === taken || (hidden < taken && left.has(where))) continue;
      const how = hidden < taken ? "still shown beside what came" : "hidden though nobody has its place";
      const lives = waiting.map((entry) => entry.node).join(", ");
      wrong.push(`${where} of ${lives}, which departs, is ${how}: ${hidden} are hidden instead of ${taken}`);
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

function thereBeside(view: View, entry: ReplicatedEntry): readonly string[] {
  return view.getByKey(ReplicatedEntry.topicOf(entry), entry.key).map((other) => identityIn(other));
}

function whereOf(entry: ReplicatedEntry): string {
  return JSON.stringify([ReplicatedEntry.topicOf(entry), entry.key]);
}

/** A session of a life: the same for all revisions. */
function identityIn({ ref, session }: ReplicatedEntry): string {
  return JSON.stringify([ref.slice(0, ref.lastIndexOf(".")), session]);
}

function targetsOf(replica: Replica): Map<number, number> {
  return new Map([...replica.held.slices].map(([shard, slice]) => [shard, slice.target]));
}

function clocksOf(replica: Replica): Map<number, number> {
  return new Map([...replica.held.slices].map(([shard, slice]) => [shard, slice.clock]));
}
