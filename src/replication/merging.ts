/**
 * What comes of the slices of others: compared, merged, and asked for where something is missing. Tells what changed
 * and whose slices were brought on, and shows nothing itself. Knows no time but what it is told, and decides nothing
 * about who is alive.
 */
import { Allowance } from "./allowance.js";
import type { ReplicatedEntry } from "./entry.js";
import { Claims } from "./holding/claims.js";
import type { SliceChange } from "./holding/identity.js";
import type { RemoteSlice } from "./holding/remote-slice.js";
import { Requests } from "./holding/requests.js";
import { Room } from "./holding/room.js";
import type { Contact } from "./lives/contact.js";
import type { DeltaMessage, Heartbeat, Page, SliceRequest } from "./message.js";
import type { Counters } from "./counters.js";
import type { ReplicatorOptions, Tracing } from "./options.js";
import type { Replica } from "./replica.js";
import type { Protocol } from "./rules.js";
import type { Effects } from "./step.js";

/** How a summary came; `late`: to all, and overtaken. */
export type SummaryWay = "broadcast" | "direct" | "late";

export interface MergingListener {
  /** Something that is held has changed. */
  changed(replica: Replica, change: SliceChange): void;
  /** All that was held of a slice is let go, as more of it finds no room. */
  letGo(replica: Replica, entries: Iterable<ReplicatedEntry>): void;
  /** Who is down, and hidden. */
  silent(): Iterable<Replica>;
  /** One that is down is to be forgotten, as room is wanted. */
  forgetSilent(replica: Replica): void;
  /** A slice was brought on, or summed up: a goal may have been reached. */
  broughtOn(replica: Replica): void;
}

/** A slice that was built anew, and has not told all that this changed. */
interface Replacing {
  readonly replica: Replica;
  /** Since when something of it is missing. */
  readonly sinceMs: number;
}

export class Merging {
  readonly #effects: Effects;
  readonly #allowance: Allowance;
  readonly #protocol: Protocol;
  readonly #counters: Counters;
  readonly #contact: Contact;
  readonly #listener: MergingListener;
  readonly #requests: Requests<Replica>;
  readonly #claims: Claims<Replica>;
  readonly #maxEntries: number;
  readonly room: Room;
  readonly #replacing = new Map<RemoteSlice, Replacing>();
  readonly #tracing: Tracing | undefined;

  constructor(
    { random, heartbeatPeriodMs, maxEntries, tracing, protocol }: ReplicatorOptions,
    effects: Effects,
    allowance: Allowance,
    counters: Counters,
    contact: Contact,
    listener: MergingListener,
    nowMs: number,
  ) {
    this.#effects = effects;
    this.#allowance = allowance;
    this.#protocol = protocol;
    this.#counters = counters;
    this.#contact = contact;
    this.#listener = listener;
    this.#requests = new Requests(random, nowMs, heartbeatPeriodMs, protocol);
    this.#claims = new Claims(protocol);
    this.#maxEntries = maxEntries;
    this.#tracing = tracing;
    this.room = new Room(maxEntries, protocol.rules);
  }

  /** A life is heard for the first time, or again. */
  met(replica: Replica, nowMs: number): void {
    this.#requests.met(replica, nowMs);
  }

  /** A life speaks to this node alone. */
  greetedBy(replica: Replica, nowMs: number): void {
    this.#requests.greetedBy(replica, nowMs);
    this.#wakeWaiting(nowMs);
  }

  /** Nothing could be heard until now. */
  resume(nowMs: number): void {
    this.#requests.resume(nowMs);
    this.#wakeWaiting(nowMs);
  }

  /** It answers no more, and who was there at its goodbye is to be known. */
  departs(replica: Replica, nowMs: number): void {
    this.#finishReplacing(replica, nowMs);
    this.dropRequests(replica);
  }

  /** It answers no more: nothing is asked of it. */
  dropRequests(replica: Replica): void {
    for (const slice of replica.held.slices.values()) slice.isCrowded = false;
    this.#requests.dropAllOf(replica);
  }

  /** It is forgotten, with all that it claimed. */
  forget(replica: Replica): void {
    this.#claims.forget(replica);
    for (const slice of replica.held.slices.values()) {
      this.room.forget(slice);
      this.#replacing.delete(slice);
    }
    replica.held.counted = 0;
    this.#requests.dropAllOf(replica);
  }

  /** Whether anything that was known to be missing at that time is missing still. */
  isOverdue(sinceMs: number): boolean {
    for (const replacing of this.#replacing.values()) if (replacing.sinceMs < sinceMs) return true;
    return this.#requests.isOverdue(sinceMs);
  }

  /** Whether slices that were built anew have still to tell what this changed. */
  get isReplacing(): boolean {
    return this.#replacing.size > 0;
  }

  /** Goes on with that, as far as this step may. */
  goOn(nowMs: number): void {
    for (const [slice, { replica }] of this.#replacing) {
      while (slice.isReplacing) {
        if (this.#allowance.isSpent) return;
        this.#tellMore(replica, slice, this.#allowance);
      }
      this.#replacing.delete(slice);
      this.#afterAnswer(replica, slice, false, slice.nextRequest(), nowMs);
    }
  }

  /** What the slices of a life have still to tell is told at once. */
  #finishReplacing(replica: Replica, nowMs: number): void {
    const everything = new Allowance(Infinity);
    for (const slice of replica.held.slices.values()) {
      if (!this.#replacing.has(slice)) continue;
      while (slice.isReplacing) this.#tellMore(replica, slice, everything);
    }
    this.goOn(nowMs);
  }

  #tellMore(replica: Replica, slice: RemoteSlice, allowance: Allowance): void {
    const change = slice.tellMore(allowance);
    this.#count(replica, slice);
    this.#listener.changed(replica, change);
  }

  /** Asks for what is due; returns when to call again, if ever. */
  advance(nowMs: number): number | undefined {
    return this.#requests.advance(nowMs, (replica, slice) => {
      const request = slice.nextRequest();
      if (request === undefined || !replica.isAlive) this.#requests.drop(slice);
      else this.#contact.ask(replica, request, nowMs);
    });
  }

  heartbeat(
    replica: Replica,
    heartbeat: Heartbeat,
    counter: number,
    way: SummaryWay,
    nowMs: number,
    isSlow = false,
  ): void {
    const { held } = replica;
    // One that was overtaken may be one that was heard before.
    if ((way !== "late" || held.poolSize === undefined) && held.sayPoolSize(heartbeat.poolSize))
      this.#dropBeyond(replica);
    // Found once: a heartbeat may claim too much for each of a thousand shards.
    let spare: number | undefined;
    for (const [i, summary] of heartbeat.shards.entries()) {
      const shard = heartbeat.firstShard + i;
      if (held.isBeyond(shard)) {
        this.#refuse();
        break;
      }
      const isUsed = summary.clock > 0;
      const slice = held.heldSlice(shard) ?? (isUsed ? this.#claim(replica, shard, nowMs) : undefined);
      // What is not kept is not summed up either, so nothing counts as complete without it.
      if (slice === undefined && isUsed) continue;
      const clock = slice?.clockToldBy(summary.clock, counter) ?? 0;
      if (way === "late") held.sumUpLate(shard, clock);
      else held.sumUp(shard, clock, way === "direct", heartbeat.answers, isSlow);
      if (slice === undefined) continue;
      const verdict = slice.compare(summary, counter);
      const growth = summary.count - slice.weight;
      slice.isCrowded = verdict === "behind" && !this.room.admits(growth);
      if (slice.isCrowded) slice.isCrowded = !this.room.admits(growth - (spare ??= this.#spare()));
      if (slice.isCrowded) this.#full(replica, slice, nowMs);
      else if (verdict === "diverged") this.#diverged(replica, slice, nowMs);
      else if (verdict === "behind" && slice.nextRequest() !== undefined)
        this.#want(replica, slice, nowMs, way === "direct");
    }
    this.#listener.broughtOn(replica);
  }

  delta(replica: Replica, delta: DeltaMessage, counter: number, direct: boolean, nowMs: number): void {
    const { held } = replica;
    if (held.isBeyond(delta.shard)) return this.#refuse();
    // One that begins with nothing needs no room: it brings all that it claims.
    const isSettled = delta.since === 0 && this.room.admits(delta.births.length);
    const slice = held.heldSlice(delta.shard) ?? this.#claim(replica, delta.shard, nowMs, isSettled);
    if (slice === undefined) return;
    const isClaim = slice.steps === 0;
    const outcome = slice.receiveDelta(delta, counter, direct, this.#hasRoom);
    this.#count(replica, slice);
    switch (outcome.type) {
      case "crowded":
        return this.#crowded(replica, slice, delta.births.length, nowMs);
      case "broken":
        // What was lost of an answer once may be lost of each: pages come one at a time.
        if (this.#protocol.rules.isFetchedAsPages(direct)) return this.#rebuild(replica, slice, nowMs);
        this.#counters.deltasMerged += 1;
        return this.#afterAnswer(replica, slice, false, slice.nextRequest(), nowMs);
      case "taken":
        if (isClaim && outcome.isNews) this.#claims.settle(replica);
        this.#listener.changed(replica, outcome.change);
        this.#counters.deltasMerged += 1;
        // One that tells nothing new is the second answer to what was asked twice.
        if (delta.part === delta.parts)
          this.#afterAnswer(replica, slice, direct && outcome.isNews, outcome.request, nowMs);
    }
  }

  page(replica: Replica, page: Page, counter: number, nowMs: number): void {
    if (replica.held.isBeyond(page.shard)) return this.#refuse();
    const slice = replica.held.slices.get(page.shard);
    if (slice === undefined) return;
    const isClaim = slice.steps === 0;
    const outcome = slice.receivePage(page, counter, this.#hasRoom);
    // What is there of it may be what takes the room, and nothing can be told of it any more.
    if (outcome.type === "crowded") {
      this.#listener.letGo(replica, slice.letGo());
      this.#replacing.delete(slice);
    }
    if (outcome.type !== "foreign") this.#count(replica, slice);
    switch (outcome.type) {
      case "foreign":
        return;
      case "crowded":
        return this.#crowded(replica, slice, page.births.length, nowMs);
      case "unusable":
        return this.#diverged(replica, slice, nowMs);
      case "taken":
        if (isClaim && outcome.isNews) this.#claims.settle(replica);
        this.#counters.pagesMerged += 1;
        this.#listener.changed(replica, outcome.change);
        this.#afterAnswer(replica, slice, true, outcome.request, nowMs);
    }
  }

  /** Nobody sends it who has no such shard. */
  #refuse(): void {
    this.#counters.framesRefused += 1;
    this.#effects.add({ type: "refused", reason: "a shard that its sender does not have" });
  }

  /** What a life was said to have beyond its shards goes, with all that is wanted of it. */
  #dropBeyond(replica: Replica): void {
    const { slices } = replica.held;
    for (const [shard, slice] of slices) {
      if (!replica.held.isBeyond(shard)) continue;
      this.#requests.drop(slice);
      if (slice.steps === 0) this.#claims.settle(replica);
      this.#listener.letGo(replica, slice.letGo());
      this.#replacing.delete(slice);
      // A wait may have it for a goal: what nobody has is reached.
      slice.forgetCounters();
      slice.isCrowded = false;
      this.#count(replica, slice);
      slices.delete(shard);
    }
  }

  /** A delta would not reach, or be too long. */
  far(replica: Replica, shard: number, nowMs: number): void {
    const slice = replica.held.slices.get(shard);
    if (slice !== undefined) this.#rebuild(replica, slice, nowMs);
  }

  /** The counters of a life were not its own, so neither may be what they came with: all of it is fetched anew. */
  doubtAll(replica: Replica, nowMs: number): void {
    for (const slice of replica.held.slices.values()) {
      slice.forgetCounters();
      this.#doubt(replica, slice, nowMs);
    }
  }

  #diverged(replica: Replica, slice: RemoteSlice, nowMs: number): void {
    this.#counters.divergences += 1;
    this.#effects.add({ type: "divergence", life: replica.life, shard: slice.shard });
    this.#doubt(replica, slice, nowMs);
  }

  /** Asks for pages where a delta was asked for. */
  #rebuild(replica: Replica, slice: RemoteSlice, nowMs: number): void {
    if (slice.nextRequest()?.type !== "deltaRequest") return;
    this.#startRebuild(replica, slice, false);
    this.#requests.answered(slice, false, nowMs);
    this.#want(replica, slice, nowMs);
    this.#listener.broughtOn(replica);
  }

  #startRebuild(replica: Replica, slice: RemoteSlice, isDoubted: boolean): void {
    this.#counters.rebuilds += 1;
    slice.startRebuild(this.#counters.rebuilds, isDoubted);
    this.#count(replica, slice);
    this.#tracing?.rebuilding(replica.life, slice.shard);
  }

  #doubt(replica: Replica, slice: RemoteSlice, nowMs: number): void {
    this.#startRebuild(replica, slice, true);
    this.#want(replica, slice, nowMs);
  }

  /** The slice of a shard that a life speaks of for the first time; none if there is no room for it. */
  #claim(replica: Replica, shard: number, nowMs: number, isSettled = false): RemoteSlice | undefined {
    if (!isSettled && !this.#claims.admits(replica)) {
      this.#counters.claimsCrowded += 1;
      this.#contact.reportRefusal({ kind: "crowded", table: "claims" }, nowMs);
      return undefined;
    }
    this.#claims.add(replica);
    return replica.held.slice(shard);
  }

  /** Whether there is room for what has come; if not, some is made, by forgetting who has been silent the longest. */
  readonly #hasRoom = (most: number, growthOf: () => number): boolean => {
    if (this.room.admits(most)) return true;
    const growth = growthOf();
    while (!this.room.admits(growth)) {
      let longest: Replica | undefined;
      for (const replica of this.#listener.silent()) {
        if (replica.isEmpty || replica.heardHealthyMs >= (longest?.heardHealthyMs ?? Infinity)) continue;
        longest = replica;
      }
      if (longest === undefined) return false;
      this.#listener.forgetSilent(longest);
    }
    return true;
  };

  /** How much room could be made for what is only told of: nobody is forgotten for a number. */
  #spare(): number {
    let spare = 0;
    for (const { held } of this.#listener.silent()) spare += held.counted;
    return spare;
  }

  /** What a slice keeps may have changed. */
  #count({ held }: Replica, slice: RemoteSlice): void {
    held.counted -= slice.counted;
    this.room.count(slice);
    held.counted += slice.counted;
  }

  /** Entries came for which there is no room. */
  #crowded(replica: Replica, slice: RemoteSlice, entries: number, nowMs: number): void {
    this.#counters.entriesCrowded += entries;
    slice.isCrowded = true;
    this.#full(replica, slice, nowMs);
  }

  /** A slice is not asked for, until its author says that it has no more than there is room for. */
  #full(replica: Replica, slice: RemoteSlice, nowMs: number): void {
    this.#requests.drop(slice);
    this.#contact.reportRefusal({ kind: "full", life: replica.life, maxEntries: this.#maxEntries }, nowMs);
  }

  /** After anything that may have brought a slice on; `answered` if it was an answer, and did. */
  #afterAnswer(
    replica: Replica,
    slice: RemoteSlice,
    answered: boolean,
    request: SliceRequest | undefined,
    nowMs: number,
  ): void {
    const isReplaced = slice.isReplacing && !this.#replacing.has(slice);
    if (isReplaced)
      this.#replacing.set(slice, { replica, sinceMs: this.#requests.missingSinceMs(slice) ?? nowMs });
    if (answered) this.#requests.answered(slice, request === undefined, nowMs);
    if (request === undefined) {
      this.#requests.drop(slice);
      this.#wakeWaiting(nowMs);
    } else this.#want(replica, slice, nowMs);
    if (isReplaced) this.goOn(nowMs);
    this.#listener.broughtOn(replica);
  }

  #want(replica: Replica, slice: RemoteSlice, nowMs: number, isToldAlone = false): void {
    if (replica.status === "departing" || slice.isCrowded) return;
    this.#effects.wakeAt(this.#requests.want(replica, slice, nowMs, isToldAlone));
  }

  /** What waited for an answer is due now; nobody else would call for it before the next tick. */
  #wakeWaiting(nowMs: number): void {
    if (this.#requests.size > 0) this.#effects.wakeAt(nowMs);
  }
}
