/** A table of lives by itself, with what it has told, as short texts. */
import type { EntryOwner } from "../../../src/replication/entry.js";
import type { SlicesOf } from "../../../src/replication/holding/remote-slice.js";
import { RULES } from "../../../src/replication/rules.js";
import type { Life } from "../../../src/replication/life.js";
import { HealthyTime } from "../../../src/replication/lives/healthy-time.js";
import { Membership } from "../../../src/replication/lives/membership.js";
import { Replica } from "../../../src/replication/replica.js";

export const DOWN_MS = 8_000;
export const PERMDOWN_MS = 100_000;

export function life(name: string, number: number): Life {
  return { name, incarnation: String(number).padStart(14, "0") };
}

export class Table {
  readonly news: string[] = [];
  /** Who was to be asked whether it is there. */
  readonly asked: string[] = [];
  readonly membership: Membership<Replica>;
  nowMs = 0;
  readonly #healthy = new HealthyTime(RULES, Infinity, 0);

  /** @param delayMs how long frames take at the most, as far as is known. */
  constructor(delayMs = Infinity) {
    const note = (what: string) => (replica: Replica) => {
      this.news.push(`${what} ${replica.name}${Number(replica.life.incarnation)}`);
    };
    this.membership = new Membership(
      {
        self: life("self", 1),
        downPeriodMs: DOWN_MS,
        permdownPeriodMs: PERMDOWN_MS,
        healthy: this.#healthy,
        delayMs: () => delayMs,
        makePeer: (heard) => new Replica(heard, "self@1"),
      },
      {
        appeared: note("appeared"),
        wentDown: (replica, _, wasShown) => note(wasShown ? "down" : "down again")(replica),
        cameBack: note("back"),
        departs: note("departs"),
        ended: note("ended"),
        missed: ({ life: { name, incarnation } }) => this.asked.push(`${name}${Number(incarnation)}`),
        stays: note("stays"),
        insisted: note("insisted"),
        conflict: (name, incarnations) =>
          this.news.push(`conflict ${name} ${incarnations.map(Number).join(" ")}`),
        clockAhead: ({ name, incarnation }) => this.news.push(`ahead of ${name}${Number(incarnation)}`),
        crowded: (table) => this.news.push(`crowded ${table}`),
      },
    );
  }

  hear(of: Life, counter: number, direct = false, periodMs?: number): string {
    const heard = this.membership.hear(of, counter, direct, this.nowMs, periodMs);
    if (heard.type !== "heard") return heard.type;
    if (periodMs !== undefined) heard.replica.heartbeatPeriodMs = periodMs;
    return heard.replica.status;
  }

  /** Healthy time passes, by the clock as well. */
  pass(elapsedMs: number): void {
    this.nowMs += elapsedMs;
    this.#healthy.pass(this.nowMs);
    this.membership.pass(this.nowMs);
  }

  /** The present life of a name says goodbye. */
  goodbye(name: string, windowMs: number): void {
    this.membership.goodbye(this.replica(name)!, windowMs, this.nowMs);
  }

  forgiveSilence(): void {
    this.membership.forgiveSilence(this.nowMs);
  }

  /** What it knows of a name: its present life, if there is one. */
  replica(name: string): Replica | undefined {
    const present = this.membership.presentOf(name);
    return present ?? [...this.membership.replicas()].findLast((replica) => replica.name === name);
  }

  /** Has it receive an entry of a life that it has heard. */
  give(name: string): void {
    const births = [{ clock: 1, topic: "room", key: name, session: "s-1", meta: {} }];
    const delta = {
      type: "delta",
      shard: 0,
      since: 0,
      upTo: 1,
      part: 1,
      parts: 1,
      births,
      removed: [],
    } as const;
    this.replica(name)?.held.slice(0).receiveDelta(delta, 1, false);
  }

  take(): string[] {
    return this.news.splice(0);
  }
}

/** What the slices of a life have in common that is held by another. */
export function slicesOf(owner: EntryOwner): SlicesOf {
  return { owner, author: `${owner.name}@1`, holder: "b@1", rules: RULES, refPrefixOf: () => "r.0." };
}
