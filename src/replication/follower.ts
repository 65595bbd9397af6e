/**
 * Replication by interest as a machine: one entry, `step(event, nowMs)`, which returns what comes of an event as effects.
 * This node holds its own entries and those of the topics that it follows; everything else is between others. Of a node that
 * holds everything it is the side that those hear which follow (`holder.ts`).
 *
 * This file takes each event to the parts that it concerns. The pairs know what is said, the interests to whom and why, the
 * speaking when, and the membership who is alive.
 */
import { SeenTimes } from "./authoring/seen-times.js";
import { Beats } from "./beats.js";
import { countSent, noCounts } from "./counters.js";
import type { Counters } from "./counters.js";
import { LocalActions } from "./local-actions.js";
import type { EntryOwner, ReplicatedEntry } from "./entry.js";
import { Allowance } from "./allowance.js";
import { Agenda } from "./following/agenda.js";
import { Interests } from "./following/interests.js";
import { FOLLOWING_VERSION, GENERATION_OF_EVERYTHING } from "./following/limits.js";
import type { Begun, FollowingFrame } from "./following/message.js";
import { FollowingOutbox } from "./following/outbox.js";
import { Pacing } from "./following/pacing.js";
import type { Pair, PairsOf } from "./following/pair.js";
import type { FollowerEvent, FollowerOptions, FollowerSizes } from "./following/port.js";
import { sizesOf } from "./following/sizes.js";
import { Rolls } from "./following/rolls.js";
import { FOLLOWING_PROTOCOL } from "./following/rules.js";
import { Views } from "./following/views.js";
import { FollowingBorder } from "./following-border.js";
import { Connection } from "./lives/connection.js";
import { Greetings } from "./lives/greetings.js";
import { Listening } from "./listening.js";
import { Membership } from "./lives/membership.js";
import { isAddressedTo } from "./life.js";
import type { Life } from "./life.js";
import type { Machine, Waits } from "./machine.js";
import { Refusals } from "./lives/refusals.js";
import { PartnerLives } from "./partner-lives.js";
import { Partner } from "./partner.js";
import { Reading } from "./reading.js";
import { Speaking } from "./speaking.js";
import { Rolling } from "./rolling.js";
import { PROTOCOL } from "./rules.js";
import type { Rules } from "./rules.js";
import { ShownLives } from "./shown-lives.js";
import { View } from "./showing/view.js";
import type { Room } from "./holding/room.js";
import { Effects } from "./step.js";
import type { Count, Step } from "./step.js";
import { encodeNotice } from "./wire/notice.js";

const SPOKEN = {
  spoken: FOLLOWING_VERSION,
  own: { oldest: FOLLOWING_VERSION, newest: FOLLOWING_VERSION },
};

/** What a node that holds everything has in common, whatever its peers hold. */
interface Common {
  readonly view: View;
  readonly counters: Counters;
  readonly room: Room;
}

export class Follower implements Machine {
  readonly view: View;
  readonly membership: Membership<Partner>;
  readonly interests: Interests;
  readonly counters: Counters;
  readonly connection: Connection;
  /** What is told goes to one peer and never comes back: nothing is timed. */
  readonly seenTimes = new SeenTimes();
  readonly versions = SPOKEN;
  readonly border: FollowingBorder;
  /** A wait is for topics, and not for lives: it does not matter who is heard, or when. */
  readonly heardOut: Waits = {
    since: 0,
    catchUp: () => this.interests.follows.goal((topic) => this.isComplete(topic, this.#steppedMs)),
  };
  readonly #options: FollowerOptions;
  readonly #rules: Rules;
  readonly #effects = new Effects();
  readonly #step: { -readonly [Name in keyof Step]: Step[Name] } = { made: undefined, effects: [] };
  readonly #outbox: FollowingOutbox;
  readonly #pacing: Pacing;
  readonly #speaking: Speaking;
  readonly #beats: Beats;
  readonly #refusals: Refusals;
  readonly #localActions: LocalActions;
  readonly #allowance: Allowance;
  readonly #shown: ShownLives;
  readonly #reading: Reading;
  readonly #listening: Listening;
  readonly #greetings: Greetings;
  readonly #rolling: Rolling;
  readonly #partnerLives: PartnerLives;
  /** The wake-up that was asked for last, until it comes. */
  #wakeMs = Infinity;
  /** The life whose frame is being heard, if it holds everything. */
  #holderHeard: Life | undefined;
  #steppedMs: number;
  #streams: number;
  #nextPursuitMs: number;

  /** @param common is that of the node whose side this is, where it holds everything. */
  constructor(options: FollowerOptions, nowMs: number, common?: Common) {
    const { life, holdsEverything, begun, protocol = PROTOCOL, following = FOLLOWING_PROTOCOL } = options;
    this.#streams = begun?.streams ?? 0;
    this.#options = options;
    const { rules } = protocol;
    this.#rules = rules;
    this.view = common?.view ?? new View(rules);
    this.counters = common?.counters ?? noCounts();
    const effects = this.#effects;
    this.connection = new Connection(options, rules, effects, nowMs);
    this.#refusals = new Refusals(effects, this.counters);
    this.border = new FollowingBorder(options, this.counters, this.#refusals, effects);
    const carry = (payload: string, to?: string): void => {
      if (!this.connection.isAttached) return;
      countSent(this.counters, payload);
      if (to !== undefined && to !== life.name) this.#pacing.said(payload.length, this.#steppedMs);
      effects.add(to === undefined ? { type: "broadcast", payload } : { type: "send", to, payload });
    };
    this.#pacing = new Pacing(options.windowMs, rules, following.limits);
    this.#outbox = new FollowingOutbox(life, options.maxFrameBytes, carry, rules, options);
    this.#beats = new Beats(options, this.#outbox, this.connection);
    this.#greetings = new Greetings(options.random, rules);
    this.#steppedMs = nowMs;
    this.#nextPursuitMs = nowMs + options.heartbeatPeriodMs;
    const self: EntryOwner = { name: life.name, departure: undefined };
    const port = {
      pairOf: (name: string) => {
        const partner = this.membership.presentOf(name);
        return partner === undefined || partner.status === "departing" ? undefined : partner.pair;
      },
      isUp: (pair: Pair) => this.#partnerLives.isUp(pair),
      isSuperseded: (other: Life) => this.membership.others?.supersedes(other) === true,
      pairs: () => this.#partnerLives.pairs(),
      hasNews: (pair: Pair) => this.#speaking.hasNews(pair, this.#steppedMs),
      countChanged: (topic: string) => effects.add({ type: "count", topic }),
    };
    this.interests = new Interests(self, options, port, following, nowMs);
    // Of one that holds everything the other side shows what is its own.
    this.#localActions = new LocalActions(this.interests, holdsEverything ? new View(rules) : this.view);
    this.#allowance = new Allowance(protocol.limits.entriesPerStep);
    this.#shown = new ShownLives(this.view, effects, this.#allowance);
    this.#reading = new Reading(
      { maxEntries: options.maxEntries, rules, limits: following.limits },
      this.interests,
      this.view,
      this.#shown,
      this.counters,
      this.#refusals,
      effects,
      common?.room,
    );
    const views = new Views();
    if (!holdsEverything) views.came(life);
    const of: PairsOf = {
      own: this.interests.own,
      generationOf: holdsEverything ? () => GENERATION_OF_EVERYTHING : this.interests.follows.generationOf,
      listOf: (topic, timeMs) => this.interests.completeness.listOf(topic, timeMs),
      hasNews: port.hasNews,
      patienceMs: options.heartbeatPeriodMs,
      views,
      holdsEverything,
      protocol,
      following,
    };
    const agenda = new Agenda<Partner>();
    const rolls = new Rolls<Partner>({ self: life, ...options, ...following });
    this.#partnerLives = new PartnerLives({
      ...{ border: this.border, rolls, views },
      ...{
        shown: this.#shown,
        interests: this.interests,
        reading: this.#reading,
        greetings: this.#greetings,
      },
      ...{ agenda, refusals: this.#refusals, effects, healthy: this.connection.healthy },
    });
    this.membership = new Membership(
      {
        self: life,
        ...options,
        healthy: this.connection.healthy,
        makePeer: (other) => new Partner(other, (this.#streams += 1), of, other === this.#holderHeard),
      },
      this.#partnerLives,
      protocol,
    );
    this.#listening = new Listening(
      {
        membership: this.membership,
        reading: this.#reading,
        healthy: this.connection.healthy,
        counters: this.counters,
        effects,
        heartbeatPeriodMs: options.heartbeatPeriodMs,
      },
      rules,
    );
    this.#speaking = new Speaking({
      ...{ agenda, pacing: this.#pacing, outbox: this.#outbox, partnerLives: this.#partnerLives },
      ...{ listening: this.#listening, connection: this.connection },
    });
    this.#rolling = new Rolling({
      ...{ ...options, ...following, self: life, rolls, beats: this.#beats },
      ...{ outbox: this.#outbox, connection: this.connection, membership: this.membership },
      ...{ listening: this.#listening, refusals: this.#refusals },
      named: (counter, timeMs) => this.#hearOwn({ from: life, to: undefined, counter }, timeMs),
    });
  }

  /** Takes an event. What comes of it is told, and done by the caller; a frame that is none never throws. */
  step(event: FollowerEvent, nowMs: number): Step {
    this.#steppedMs = nowMs;
    this.#allowance.renew();
    this.#step.made = this.#take(event, nowMs);
    this.interests.counts.advance(nowMs);
    this.interests.limited.advance();
    this.#schedule(nowMs);
    this.#step.effects = this.#effects.take();
    return this.#step;
  }

  isFollowed(topic: string): boolean {
    return this.interests.follows.generationOf(topic) !== undefined;
  }

  /** Whether all is listed that anybody who is up has in a followed topic. */
  isComplete(topic: string, nowMs: number): boolean {
    return this.interests.completeness.isComplete(topic, nowMs);
  }

  /** Whether anybody who is up is known to have more in a followed topic than is listed. */
  isPartial(topic: string): boolean {
    return this.interests.limited.isPartial(topic);
  }

  countOf(topic: string): Count {
    return this.interests.counts.watches.shownOf(topic);
  }

  ownOf(topic: string): Iterable<ReplicatedEntry> {
    return this.interests.own.of(topic);
  }

  /** Whether all followed topics are complete, those apart that have not waited for long. */
  hasCaughtUp(nowMs: number): boolean {
    for (const { pair, isAlive, isShownInPart } of this.#partnerLives.partners())
      if (isAlive && (isShownInPart || !pair.hasCaughtUp)) return false;
    return this.interests.completeness.areComplete(nowMs);
  }

  /** Nobody tells of what waits elsewhere. */
  earlierWindowMs(): number {
    return 0;
  }

  /** Whether lives are hidden or shown in parts, of which some are still to come. */
  get isShowing(): boolean {
    return !this.#shown.isDone;
  }

  /** A life has appeared that holds everything, as this node does: what was told of earlier ones of its name is over. */
  appearedElsewhere(other: Life): void {
    this.interests.meetings.appeared(other);
  }

  /** Who is up, beside this node. */
  upNames(): IterableIterator<string> {
    return this.#partnerLives.upNames();
  }

  /** The numbers that it has come to. */
  get begun(): Begun {
    return { counter: this.#outbox.counter, streams: this.#streams, clock: this.interests.own.clock };
  }

  get following(): FollowerSizes {
    return sizesOf(this.interests, this.#partnerLives.pairs(), this.#partnerLives.size);
  }

  #take(event: FollowerEvent, nowMs: number): ReplicatedEntry | undefined {
    switch (event.type) {
      case "add":
      case "update":
      case "remove":
      case "follow":
      case "unfollow":
      case "followCount":
      case "unfollowCount":
        return this.#localActions.take(event, nowMs);
      case "frame":
        this.#receive(event.payload, nowMs);
        break;
      case "turn":
        this.#turn(nowMs);
        break;
      case "nodeGone":
        this.membership.gone(event.name, nowMs);
        break;
      case "connection":
        this.#attach(event.isAttached, nowMs);
        break;
      case "begin":
        this.interests.completeness.begin(nowMs);
        break;
      case "sound":
        this.connection.waits(nowMs);
        this.#beats.sound(event.ways);
        break;
      case "evict":
        this.#outbox.sendEviction(event.eviction);
        break;
      case "goodbye":
        for (const partner of this.#partnerLives.partners()) this.#speaking.flush(partner, nowMs);
        this.#outbox.send({ type: "goodbye", windowMs: event.windowMs });
        break;
      case "followers":
        break; // It is one of them.
      default:
        event satisfies never;
    }
    return undefined;
  }

  /** Does what is due. */
  #turn(nowMs: number): void {
    this.#wakeMs = Infinity;
    if (nowMs >= this.connection.nextTickMs) this.#tick(nowMs);
    const { life, holdsEverything } = this.#options;
    // A node that holds everything does not hear this one otherwise, until it knows that somebody follows.
    if (this.#rolling.advance(nowMs) && this.connection.isAttached && !holdsEverything)
      this.#effects.add({ type: "notice", payload: encodeNotice(life) });
    if (nowMs >= this.#nextPursuitMs) {
      this.#nextPursuitMs = nowMs + this.#options.heartbeatPeriodMs;
      this.interests.completeness.pursue(nowMs);
    }
    this.#shown.advance();
    this.#reading.work();
    this.#greetings.advance(nowMs, (peer) => {
      const partner = this.membership.presentOf(peer.name);
      if (partner !== peer) return;
      partner.pair.greet();
      this.#speaking.flush(partner, nowMs);
    });
    this.#speaking.advance(nowMs);
  }

  #tick(nowMs: number): void {
    const { hides, graceMs, soundings } = this.connection.tick(nowMs);
    this.#rolling.tick(nowMs);
    this.membership.pass(nowMs, hides, graceMs);
    for (const [topic, generation] of this.interests.follows.takeEnded(nowMs)) {
      this.#reading.letGo(topic, generation, this.#partnerLives.partners());
      this.#localActions.unfollowed(topic);
      this.view.endTopic(topic);
      this.interests.unfollowed(topic, nowMs);
    }
    this.interests.lowerLimits(nowMs);
    this.interests.endStakes(nowMs);
    this.border.foreign.pass(nowMs);
    this.interests.renew(this.#options.tickPeriodMs);
    this.interests.pass(nowMs);
    this.#reading.lookForRoom(({ pair }) => this.#speaking.hasNews(pair, nowMs));
    if (soundings.length > 0) this.#beats.sound(soundings);
  }

  /** The pubsub has connected, or lost its connection. */
  #attach(isAttached: boolean, nowMs: number): void {
    if (isAttached === this.connection.isAttached) return;
    // What was healthy until now counts; nothing does while it is disconnected.
    this.#tick(nowMs);
    this.connection.attach(isAttached);
    if (isAttached) this.#resume(nowMs);
    else this.interests.completeness.paused(nowMs);
  }

  /** Nothing could be heard until now: all that was known is said, asked for and summed up anew, paced as greetings are. */
  #resume(nowMs: number): void {
    this.membership.forgiveSilence(nowMs);
    this.interests.resumed(nowMs);
    for (const partner of this.#partnerLives.partners()) {
      partner.pair.resume();
      if (partner.isAlive) this.#greetings.want(partner, nowMs);
    }
    this.connection.resume(nowMs);
  }

  /** Asks to be woken for what is due next. */
  #schedule(nowMs: number): void {
    const greetingMs = this.#greetings.advance(-Infinity, () => undefined);
    const workMs = this.#reading.hasWork || !this.#shown.isDone ? nowMs : this.interests.counts.dueMs;
    const saidMs = Math.min(this.#speaking.nextMs, workMs);
    const nextMs = Math.max(nowMs, Math.min(this.connection.dueMs, greetingMs, this.#nextPursuitMs, saidMs));
    if (nextMs >= this.#wakeMs) return;
    this.#wakeMs = nextMs;
    this.#effects.wakeAt(nextMs);
  }

  // What is heard.

  #receive(payload: string, nowMs: number): void {
    const frame = this.border.take(payload, nowMs);
    if (frame === undefined) return;
    const { from, to, counter, message } = frame;
    const { life } = this.#options;
    const periodMs = message.type === "beat" ? message.periodMs + message.lateMs : undefined;
    this.#holderHeard = frame.holdsEverything === true ? from : undefined;
    const hearing = this.membership.hear(from, counter, to !== undefined, nowMs, periodMs);
    if (hearing.type === "own") return this.#hearOwn(frame, nowMs);
    this.counters.framesReceived += 1;
    if (message.type === "pair") this.#pacing.said(payload.length, nowMs);
    if (hearing.type !== "heard") return this.#refusals.refused(hearing.type, from, nowMs);
    const { replica: partner } = hearing;
    // For an earlier life of this node: it tells only that its sender is alive.
    if (to !== undefined && !isAddressedTo(life.incarnation, to)) this.counters.framesMisaddressed += 1;
    else {
      if (this.#listening.hear(partner, frame, nowMs)) this.#speaking.answer(partner, nowMs);
      this.#rolling.hear(partner, frame, nowMs);
    }
    // It may have said goodbye before it was shown again: then it has ended.
    const isReturning =
      partner.status === "returning" && this.#partnerLives.partnerOf(partner.pair) === partner;
    if (isReturning && this.#rules.isShownAgain(partner.caughtUp)) {
      this.membership.caughtUp(partner);
      this.#partnerLives.isShownAgain(partner);
    }
  }

  /** A frame of this node's own name came: of this life, it shows that this node is heard. */
  #hearOwn(frame: Pick<FollowingFrame, "from" | "to" | "counter">, nowMs: number): void {
    // Of the time until now nothing counts in which it could not hear.
    if (this.connection.voice.isDeaf) this.#tick(nowMs);
    if (this.connection.hear(frame, nowMs)) this.#resume(nowMs);
  }
}
