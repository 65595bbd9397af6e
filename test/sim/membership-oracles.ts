/**
 * Oracles for who is listened to and for how long somebody is known: late frames and earlier lives are not heard,
 * later ones are; what departs stays for its window and no longer; who is gone is forgotten; a hint hides at
 * once. They measure by the frames that were heard.
 */
import { LIMITS } from "../../src/replication/limits.js";
import { replicaOf, type Life } from "../../src/replication/life.js";
import type { Membership } from "../../src/replication/lives/membership.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Replicator } from "../../src/replication/replicator.js";
import { unwellStretches } from "../../src/testing/own-hearing.js";
import type { Situation, Watched } from "./situation.js";
import { isDirect, replicaOfFrame, type DoneStep, type Hearing, type StepWatcher } from "./watched-steps.js";

/** What was heard of a life, by the frames themselves. */
interface Heard {
  heardMs: number;
  broadcast: number;
  direct: number;
  departs: boolean;
  goodbye: { readonly atMs: number; readonly windowMs: number } | undefined;
  /** Since when it is down. */
  downMs: number | undefined;
}

/** Of its own, which a silence may last at the least. */
const heartbeatsToDown = 3;
/** A life that went down with one tick is forgotten with a later one. */
const ticksToForget = 2;
/** What healthy time may be too short by: a tick that comes late, and one that is cut short, each time. */
const ticksOfBlur = 4;

export class MembershipOracles implements StepWatcher {
  readonly #situation: Situation;
  readonly #heard = new WeakMap<Replica, Heard>();
  /** Per table of lives: when one was replaced, or when its window ends. */
  readonly #overMs = new WeakMap<Membership, Map<string, number>>();
  /** Per table of lives: those after whose end an earlier life of their name was heard: their clock was ahead. */
  readonly #ahead = new WeakMap<Membership, Set<string>>();
  /** Per table of lives: those of which a frame was not listened to. */
  readonly #refused = new WeakMap<Membership, Set<string>>();

  /** Those in whose place another life of their name has come. */
  readonly #replaced = new WeakSet<Replica>();

  constructor(situation: Situation) {
    this.#situation = situation;
  }

  done(step: DoneStep): void {
    const { replicator, event, frame, hearing } = step;
    if (event.type === "nodeGone") {
      for (const { id, name, status } of replicator.membership.replicas()) {
        const isShown = status === "up" || status === "returning";
        if (name === event.name && isShown)
          this.#situation.blame(`${id} is shown though it is known to be gone`);
      }
    }
    if (frame === undefined || hearing === undefined || hearing === "own") return;
    // Who was replaced departs, but it is its successor that decides who may follow.
    const present = step.before.filter(({ replica }) => !this.#replaced.has(replica));
    const stay = present.filter(({ status }) => status !== "down").map(({ replica }) => replica);
    const hasLater = present.some(({ replica }) => replica.life.incarnation > frame.from.incarnation);
    const replica =
      replicaOfFrame(replicator, frame) ??
      step.before.find((each) => each.replica.id === replicaOf(frame.from))?.replica;
    this.#lookAtHearing(frame.from, isDirect(step), frame.counter, stay, replica, hearing);
    if (hearing === "superseded" && !hasLater)
      this.#situation.blame(`does not listen to ${replicaOf(frame.from)}, the latest life of its name`);
    const { membership } = replicator;
    if (hearing !== "heard") this.#refuses(membership, frame.from);
    else if (replica !== undefined && !step.before.some((each) => each.replica === replica)) {
      if (hasLater && this.#refused.get(membership)?.has(replica.id) !== true)
        this.#situation.blame(`listens at once to ${replica.id}, beside a later life of its name`);
      this.#appears(membership, replica, present.length === 0);
      for (const earlier of step.before) {
        this.#replaced.add(earlier.replica);
        this.#isOver(membership, earlier.replica, this.#situation.nowMs);
      }
      this.#overtakes(membership, replica);
    }
    const { message } = frame;
    if (hearing !== "heard" || message.type !== "goodbye") return;
    if (replica === undefined) {
      // It was heard with its goodbye alone, and is over: that tells of later lives all the same.
      const { name } = frame.from;
      this.#isOver(membership, { id: replicaOf(frame.from) }, this.#situation.nowMs);
      return this.#overtakes(membership, { id: replicaOf(frame.from), name });
    }
    this.#heardOf(replica).goodbye ??= { atMs: this.#situation.nowMs, windowMs: message.windowMs };
    this.#isOver(membership, replica, this.#situation.nowMs + message.windowMs);
  }

  #isOver(membership: Membership, { id }: Pick<Replica, "id">, atMs: number): void {
    const overMs = this.#overMs.get(membership) ?? new Map<string, number>();
    this.#overMs.set(membership, overMs);
    overMs.set(id, Math.min(atMs, overMs.get(id) ?? Infinity));
  }

  #appears(membership: Membership, replica: Replica, isAlone: boolean): void {
    const { nowMs, downPeriodMs } = this.#situation;
    const overMs = this.#overMs.get(membership) ?? new Map<string, number>();
    // One that insists for longer may have been taken for over by mistake.
    if (nowMs - (overMs.get(replica.id) ?? -Infinity) <= downPeriodMs) {
      this.#situation.blame(`listens to ${replica.id}, which is over`);
    }
    if (!isAlone || this.#refused.get(membership)?.has(replica.id) === true) return;
    for (const [id, atMs] of overMs) {
      const isLater = id.startsWith(`${replica.name}@`) && id > replica.id;
      if (!isLater || atMs > nowMs || this.#ahead.get(membership)?.has(id) === true) continue;
      this.#situation.blame(`listens at once to ${replica.id}, which came before one that is over`);
    }
  }

  #overtakes(membership: Membership, { id, name }: Pick<Replica, "id" | "name">): void {
    const ahead = this.#ahead.get(membership) ?? new Set<string>();
    this.#ahead.set(membership, ahead);
    for (const other of this.#overMs.get(membership)?.keys() ?? []) {
      if (other.startsWith(`${name}@`) && other > id) ahead.add(other);
    }
  }

  #refuses(membership: Membership, life: Life): void {
    const refused = this.#refused.get(membership) ?? new Set<string>();
    this.#refused.set(membership, refused.add(replicaOf(life)));
  }

  /** Looks at whom a node knows after one of its tasks. */
  look(node: Watched, replicator: Replicator): string[] {
    const wrong: string[] = [];
    // A node that says goodbye looks at nobody any more.
    if (!node.running) return wrong;
    const { membership } = replicator;
    for (const replica of membership.replicas()) {
      const heard = this.#heardOf(replica);
      if (replica.status === "departing") {
        heard.departs = true;
        const overdueMs = this.#overstayMs(node, replica, heard);
        if (overdueMs > 0) wrong.push(`${replica.id} is kept ${overdueMs.toFixed(0)} ms beyond its window`);
      } else if (heard.departs) wrong.push(`${replica.id}, which departs, is taken for ${replica.status}`);
      heard.downMs = replica.status === "down" ? (heard.downMs ?? this.#situation.nowMs) : undefined;
      if (replica.status === "down") {
        const overdueMs = this.#oblivionOverdueMs(node, heard);
        if (overdueMs > 0)
          wrong.push(`${replica.id} is remembered ${overdueMs.toFixed(0)} ms longer than it should`);
      }
    }
    if (membership.remembered > 2 * LIMITS.livesOver) wrong.push("remembers too many lives that are over");
    return wrong;
  }

  #heardOf(replica: Replica): Heard {
    let heard = this.#heard.get(replica);
    if (heard === undefined) {
      heard = {
        heardMs: this.#situation.nowMs,
        broadcast: 0,
        direct: 0,
        departs: false,
        goodbye: undefined,
        downMs: undefined,
      };
      this.#heard.set(replica, heard);
    }
    return heard;
  }

  #lookAtHearing(
    life: Life,
    direct: boolean,
    counter: number,
    before: readonly Replica[],
    replica: Replica | undefined,
    hearing: Hearing,
  ): void {
    const { nowMs } = this.#situation;
    const who = replicaOf(life);
    const kind = direct ? "direct" : "broadcast";
    const known = before.find(({ id }) => id === who);
    if (hearing === "heard") {
      if (replica === undefined) return; // it has said goodbye with its first frame
      const heard = this.#heardOf(replica);
      if (counter <= heard[kind] && !this.#situation.mayInsist)
        this.#situation.blame(`hears a late frame of ${who}`);
      heard[kind] = counter;
      heard.heardMs = nowMs;
      // One that has not been heard for a down period yields.
      const isSuperseded = before.some(
        (other) =>
          other.life.incarnation > life.incarnation &&
          nowMs - this.#heardOf(other).heardMs <= this.#situation.downPeriodMs,
      );
      if (isSuperseded && known === undefined) {
        this.#situation.blame(`listens to ${who} while a later life of its name is there`);
      }
    } else if (hearing === "late" && known !== undefined && counter > this.#heardOf(known)[kind]) {
      this.#situation.blame(`drops a frame of ${who} that is not late`);
    }
  }

  /** For how long a life that departs has been kept for too long. */
  #overstayMs(node: Watched, replica: Replica, { goodbye, heardMs }: Heard): number {
    const { downPeriodMs, permdownPeriodMs, tickPeriodMs } = this.#situation;
    const blurMs = ticksOfBlur * tickPeriodMs;
    if (replica.departure === "departed" && goodbye !== undefined) {
      const windowMs = Math.min(goodbye.windowMs, permdownPeriodMs);
      return this.#situation.healthyMsSince(node, goodbye.atMs) - windowMs - blurMs;
    }
    // R36 and R60: one whose heartbeats come rarely, or late, has longer, also when a later life takes its name.
    const itsPatienceMs = Math.min(heartbeatsToDown * (replica.heartbeatPeriodMs ?? 0), permdownPeriodMs);
    const patienceMs = Math.max(downPeriodMs, itsPatienceMs);
    return this.#situation.healthyMsSince(node, silentSinceMs(node, heardMs)) - patienceMs - blurMs;
  }

  /** For how long a life that is down should have been forgotten. */
  #oblivionOverdueMs(node: Watched, { heardMs, downMs }: Heard): number {
    const { permdownPeriodMs, tickPeriodMs, nowMs } = this.#situation;
    const silentMs = this.#situation.healthyMsSince(node, silentSinceMs(node, heardMs));
    // A node that doubts its connection hides others late, and forgets nobody with the tick that hides.
    const hiddenMs = this.#situation.healthyMsSince(node, downMs ?? nowMs);
    return Math.min(
      silentMs - permdownPeriodMs - ticksOfBlur * tickPeriodMs,
      hiddenMs - ticksToForget * tickPeriodMs,
    );
  }
}

/** Reconnecting may have begun a silence anew. */
function silentSinceMs(node: Watched, heardMs: number): number {
  const reconnectMs = unwellStretches(node.endpoint).findLast(({ untilMs }) => untilMs !== Infinity)?.untilMs;
  return Math.max(heardMs, reconnectMs ?? heardMs, node.endpoint.ownHearing.mayHaveResumedMs);
}
