/**
 * Replication by interest as a machine: one entry, `step(event, nowMs)`, which returns what comes of an event as effects.
 * This node holds its own entries and those of the topics that it follows; everything else is between others.
 *
 * Here is decided when frames leave, and what is shown. What is said is the business of the pairs; to whom and why, of
 * the interests; who is alive, of the membership.
 */
import { Agenda } from "./following/agenda.js";
import { Interests } from "./following/interests.js";
import type { FollowingMessage, Letters } from "./following/message.js";
import type { Pair, PairsOf } from "./following/pair.js";
import type { FollowerEvent, FollowerOptions, FollowerSizes } from "./following/port.js";
import { FOLLOWING_PROTOCOL } from "./following/rules.js";
import type { Merged } from "./following/share-follower.js";
import { ReplicatedEntry } from "./entry.js";
import type { EntryOwner } from "./entry.js";
import type { Life } from "./life.js";
import { Connection } from "./lives/connection.js";
import { Greetings } from "./lives/greetings.js";
import { Membership } from "./lives/membership.js";
import { Partner } from "./partner.js";
import { PROTOCOL } from "./rules.js";
import type { Rules } from "./rules.js";
import { View } from "./showing/view.js";
import { Effects } from "./step.js";
import type { News, Step } from "./step.js";

export class Follower {
  readonly view: View;
  readonly membership: Membership<Partner>;
  readonly interests: Interests;
  readonly #options: FollowerOptions;
  readonly #rules: Rules;
  readonly #effects = new Effects();
  readonly #step: { -readonly [Name in keyof Step]: Step[Name] } = { made: undefined, effects: [] };
  readonly #connection: Connection;
  readonly #greetings: Greetings;
  readonly #agenda = new Agenda<Partner>();
  /** Who is up, and may be a registrar, by name. */
  readonly #up = new Map<string, Partner>();
  readonly #partners = new Map<Pair, Partner>();
  /** The wake-up that was asked for last, until it comes. */
  #wakeMs = Infinity;
  #streams = 0;
  #counter = 0;
  #nextPursuitMs: number;

  constructor(options: FollowerOptions, nowMs: number) {
    const { life, protocol = PROTOCOL, following = FOLLOWING_PROTOCOL } = options;
    this.#options = options;
    const { rules } = protocol;
    this.#rules = rules;
    this.view = new View(rules);
    this.#connection = new Connection({ ...options, echoes: false }, rules, this.#effects, nowMs);
    this.#greetings = new Greetings(options.random, rules);
    this.#nextPursuitMs = nowMs + options.heartbeatPeriodMs;
    const self: EntryOwner = { name: life.name, departure: undefined };
    const port = {
      pairOf: (name: string) => this.#presentPair(name),
      isUp: (pair: Pair) => this.#up.get(pair.life.name)?.pair === pair,
      pairs: () => this.#pairs(),
      hasNews: (pair: Pair) => this.#hasNews(pair),
    };
    this.interests = new Interests(self, options, port, following, nowMs);
    const of: PairsOf = {
      own: this.interests.own,
      generationOf: this.interests.follows.generationOf,
      listOf: (topic, timeMs) => this.interests.listOf(topic, timeMs),
      hasNews: port.hasNews,
      protocol,
      following,
    };
    this.membership = new Membership(
      {
        self: life,
        ...options,
        healthy: this.#connection.healthy,
        makePeer: (other) => new Partner(other, (this.#streams += 1), of),
      },
      {
        appeared: (partner, timeMs) => this.#appeared(partner, timeMs),
        wentDown: (partner, timeMs) => this.#wentDown(partner, timeMs),
        cameBack: (partner, timeMs) => this.#cameBack(partner, timeMs),
        departs: (partner, timeMs) => this.#departs(partner, timeMs),
        ended: (partner) => this.#ended(partner),
        missed: (partner, timeMs) => this.#greet(partner, timeMs),
        stays: (partner, timeMs) => this.#stays(partner, timeMs),
        insisted: (partner) => partner.pair.followed.doubt(),
        conflict: (name, incarnations) => this.#tell({ type: "nameConflict", name, incarnations }),
        clockAhead: (ahead) => this.#tell({ type: "trouble", trouble: { kind: "clockAhead", life: ahead } }),
        crowded: (table) => this.#tell({ type: "trouble", trouble: { kind: "crowded", table } }),
      },
      protocol,
    );
  }

  /** Takes an event. What comes of it is told, and done by the caller; a frame that is none never throws. */
  step(event: FollowerEvent, nowMs: number): Step {
    this.#step.made = this.#take(event, nowMs);
    this.#schedule(nowMs);
    this.#step.effects = this.#effects.take();
    return this.#step;
  }

  isFollowed(topic: string): boolean {
    return this.interests.follows.generationOf(topic) !== undefined;
  }

  /** Whether all is listed that anybody who is up has in a followed topic. */
  isComplete(topic: string, nowMs: number): boolean {
    return this.interests.isComplete(topic, nowMs);
  }

  /** Who is up, beside this node. */
  upNames(): IterableIterator<string> {
    return this.#up.keys();
  }

  get sizes(): FollowerSizes {
    const { follows, meetings, registrar, own } = this.interests;
    let pairTopics = 0;
    for (const { size } of this.#partners.keys()) pairTopics += size;
    return {
      follows: follows.size,
      stakes: meetings.size,
      registrarRows: registrar.size,
      peers: this.#partners.size,
      hints: meetings.hintCount,
      pairTopics,
      watches: own.watchCount,
    };
  }

  #take(event: FollowerEvent, nowMs: number): ReplicatedEntry | undefined {
    const { interests, view } = this;
    switch (event.type) {
      case "add": {
        const entry = interests.add(event.topic, event.key, event.session, event.meta);
        if (this.isFollowed(event.topic)) view.join(entry);
        return entry;
      }
      case "update": {
        const entry = interests.own.update(event.previous, event.meta);
        if (this.isFollowed(ReplicatedEntry.topicOf(entry))) view.update(entry, event.previous);
        return entry;
      }
      case "remove":
        interests.remove(event.entry, event.reason === "closed", nowMs);
        view.leave(event.entry, event.reason);
        break;
      case "follow":
        // What this node has itself is there at once.
        if (interests.follow(event.topic))
          for (const entry of interests.own.of(event.topic)) view.join(entry);
        break;
      case "unfollow":
        interests.follows.close(event.topic, nowMs);
        break;
      case "frame":
        this.#receive(event.payload, nowMs);
        break;
      case "turn":
        this.#turn(nowMs);
        break;
      case "nodeGone":
        this.membership.gone(event.name, nowMs);
        break;
      case "goodbye":
        for (const partner of this.#partners.values()) this.#flush(partner, nowMs);
        this.#send({ type: "goodbye", windowMs: event.windowMs });
        break;
      default:
        event satisfies never;
    }
    return undefined;
  }

  /** Does what is due. */
  #turn(nowMs: number): void {
    this.#wakeMs = Infinity;
    if (nowMs >= this.#connection.nextTickMs) this.#tick(nowMs);
    if (this.#connection.takeHeartbeat(nowMs)) this.#send({ type: "beat" });
    if (nowMs >= this.#nextPursuitMs) {
      this.#nextPursuitMs = nowMs + this.#options.heartbeatPeriodMs;
      this.interests.pursue(nowMs);
    }
    this.#greetings.advance(nowMs, (peer) => {
      const partner = this.membership.presentOf(peer.name);
      if (partner !== peer) return;
      partner.pair.greet();
      this.#flush(partner, nowMs);
    });
    for (let partner = this.#agenda.take(nowMs); partner !== undefined; partner = this.#agenda.take(nowMs))
      this.#flush(partner, nowMs);
  }

  #tick(nowMs: number): void {
    const { hides, graceMs } = this.#connection.tick(nowMs);
    this.membership.pass(nowMs, hides, graceMs);
    for (const topic of this.interests.follows.takeEnded(nowMs)) this.#unfollow(topic);
    this.interests.endStakes(nowMs);
    this.interests.renew(this.#options.tickPeriodMs);
  }

  /** Asks to be woken for what is due next. */
  #schedule(nowMs: number): void {
    const greetingMs = this.#greetings.advance(-Infinity, () => undefined);
    const { dueMs } = this.#connection;
    const nextMs = Math.max(nowMs, Math.min(dueMs, greetingMs, this.#nextPursuitMs, this.#agenda.nextMs));
    if (nextMs >= this.#wakeMs) return;
    this.#wakeMs = nextMs;
    this.#effects.wakeAt(nextMs);
  }

  // What is said.

  #hasNews(pair: Pair): void {
    const partner = this.#partners.get(pair);
    if (partner !== undefined) this.#agenda.at(partner, pair.quietUntilMs);
  }

  /** Sends a peer all that there is to say to it, and asks to be called when there is more. */
  #flush(partner: Partner, nowMs: number): void {
    if (!this.#partners.has(partner.pair) || partner.status === "departing") return;
    const { pair, isAlive } = partner;
    const letters = pair.take(nowMs, isAlive);
    if (letters !== undefined) {
      this.#send({ type: "pair", letters }, partner.life);
      pair.quietUntilMs = nowMs + this.#options.windowMs;
    }
    this.#agenda.drop(partner);
    this.#agenda.at(partner, Math.max(pair.dueMs(isAlive), pair.quietUntilMs));
  }

  #send(message: FollowingMessage, to?: Life): void {
    const { life, wire } = this.#options;
    this.#counter += 1;
    const payload = wire.encode({ from: life, to: to?.incarnation, counter: this.#counter, message });
    this.#effects.add(
      to === undefined ? { type: "broadcast", payload } : { type: "send", to: to.name, payload },
    );
  }

  // What is heard.

  #receive(payload: string, nowMs: number): void {
    const frame = this.#options.wire.decode(payload);
    if (frame === undefined) return this.#tell({ type: "refused", reason: "no frame" });
    const { from, to, counter, message } = frame;
    const hearing = this.membership.hear(from, counter, to !== undefined, nowMs);
    if (hearing.type !== "heard") return;
    const { replica: partner } = hearing;
    const isForThis = to === undefined || to === this.#options.life.incarnation;
    if (isForThis && message.type === "goodbye") this.membership.goodbye(partner, message.windowMs, nowMs);
    if (isForThis && message.type === "pair" && partner.status !== "departing") {
      this.#read(partner, message.letters);
      // What is missing is asked for and answered at once; all else waits for the window.
      const { pair } = partner;
      this.#agenda.at(partner, pair.urgentMs(nowMs));
      this.#agenda.at(partner, Math.max(pair.dueMs(partner.isAlive), pair.quietUntilMs));
    }
    this.#showIfCaughtUp(partner);
  }

  #read(partner: Partner, letters: Letters): void {
    const { pair } = partner;
    const { interests } = this;
    const { greeting, stakes, members, wishes, wishesHeard, share, summary, question } = letters;
    if (greeting !== undefined) {
      pair.stakes.heardAtMost(greeting.stakes);
      pair.wishes.heardAtMost(greeting.wishes);
      pair.introduce();
    }
    if (stakes !== undefined) interests.heardStakes(pair, stakes);
    if (members !== undefined) interests.heardMembers(pair, members);
    if (wishes !== undefined) interests.heardWishes(pair, wishes);
    if (share !== undefined) {
      const merged = pair.followed.merge(share);
      if (typeof merged !== "string") this.#merged(partner, merged);
      if (!pair.followed.isBehind) pair.isChecked = true;
    }
    if (summary !== undefined) {
      const verdict = pair.followed.compare(summary);
      if (verdict === "diverged") this.#tell({ type: "divergence", life: partner.life, shard: 0 });
      if (verdict === "equal") pair.isChecked = true;
    }
    if (wishesHeard !== undefined) pair.confirmed(wishesHeard);
    if (question !== undefined) pair.asked(question);
  }

  #merged(partner: Partner, { change, closed, ignored }: Merged): void {
    partner.pair.broughtOn();
    for (const topic of closed) this.interests.closed(partner.pair, topic);
    for (const [topic, generation] of ignored) this.interests.ignored(partner.pair, topic, generation);
    if (!partner.isShown) return;
    for (const gone of change.removed) this.view.leave(gone.entry, gone.closed ? "closed" : "untracked");
    for (const { entry, previous } of change.updated) this.view.update(entry, previous);
    for (const entry of change.added) this.view.join(entry);
  }

  /** A follow has ended: what others have in its topic is let go, and nothing of it is shown. */
  #unfollow(topic: string): void {
    for (const entry of this.interests.own.of(topic)) this.view.leave(entry, "untracked");
    for (const partner of this.#partners.values()) {
      for (const entry of partner.pair.followed.letGo(topic)) this.view.leave(entry, "untracked");
    }
    this.interests.unfollowed(topic);
  }

  // Who is alive.

  #presentPair(name: string): Pair | undefined {
    const partner = this.membership.presentOf(name);
    return partner === undefined || partner.status === "departing" ? undefined : partner.pair;
  }

  *#pairs(): Generator<Pair> {
    for (const partner of this.#partners.values()) if (partner.status !== "departing") yield partner.pair;
  }

  #appeared(partner: Partner, nowMs: number): void {
    this.#partners.set(partner.pair, partner);
    this.#up.set(partner.name, partner);
    this.#greet(partner, nowMs);
    this.interests.appeared(partner.pair);
    this.interests.came(partner.name);
    this.#tell({ type: "replicaUp", life: partner.life });
  }

  #greet(partner: Partner, nowMs: number): void {
    this.#greetings.want(partner, nowMs);
  }

  #wentDown(partner: Partner, nowMs: number): void {
    for (const entry of partner.pair.followed.entries.values()) this.view.leave(entry, "down");
    this.#went(partner, nowMs);
    this.#tell({ type: "replicaDown", life: partner.life });
  }

  #cameBack(partner: Partner, nowMs: number): void {
    partner.pair.checkAnew();
    this.#greet(partner, nowMs);
    this.#agenda.at(partner, nowMs);
  }

  #departs(partner: Partner, nowMs: number): void {
    this.view.departingLives += 1;
    this.view.depart(partner);
    this.interests.forget(partner.pair, true);
    this.#agenda.drop(partner);
    this.#went(partner, nowMs);
  }

  /** It has not ended: it is as one that comes back, and what it has is shown already. */
  #stays(partner: Partner, nowMs: number): void {
    this.view.departingLives -= 1;
    this.view.stays(partner);
    for (const entry of partner.pair.followed.entries.values()) this.view.stay(entry);
    this.#up.set(partner.name, partner);
    this.interests.appeared(partner.pair);
    this.interests.came(partner.name);
    this.#cameBack(partner, nowMs);
  }

  #ended(partner: Partner): void {
    const { pair, departure } = partner;
    if (partner.status === "departing") this.view.departingLives -= 1;
    this.view.ends(partner, departure ?? "down");
    for (const entry of pair.followed.entries.values()) this.view.end(entry);
    this.view.hasEnded(partner);
    this.#greetings.drop(partner);
    this.#agenda.drop(partner);
    this.interests.forget(pair, departure !== undefined);
    this.#partners.delete(pair);
    // Membership does not say when: as of the last tick, which is at most one tick too early.
    this.#went(partner, this.#connection.healthy.lastPassMs);
    this.#tell({ type: "replicaGone", life: partner.life });
  }

  #went(partner: Partner, nowMs: number): void {
    if (this.#up.get(partner.name) !== partner) return;
    this.#up.delete(partner.name);
    this.interests.went(partner.name, nowMs);
  }

  /** One that was down shows all it has, in one diff, once that is what its author says. */
  #showIfCaughtUp(partner: Partner): void {
    if (partner.status !== "returning") return;
    const { followed, isChecked } = partner.pair;
    const hasCaughtUp = !followed.isBehind && (isChecked || followed.openedCount === 0);
    if (!this.#rules.isShownAgain({ hasCaughtUp, isComplete: hasCaughtUp })) return;
    this.membership.caughtUp(partner);
    for (const entry of followed.entries.values()) this.view.joinAgain(entry);
    this.#up.set(partner.name, partner);
    this.interests.came(partner.name);
    this.#tell({ type: "replicaUp", life: partner.life });
  }

  #tell(news: News): void {
    this.#effects.add(news);
  }
}
