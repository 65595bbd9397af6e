/**
 * Replicators that do something else in a step than those of the release: what they are given, or what comes of it, is
 * changed, or what they hold is damaged.
 */
import type { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { Frame, ShardSummary } from "../../src/replication/message.js";
import type { Protocol } from "../../src/replication/rules.js";
import type { ReplicatorOptions } from "../../src/replication/options.js";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import type { SessionOwner } from "../../src/session.js";
import { lies } from "./lies.js";
import { Replicator } from "../../src/replication/replicator.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Effect, ReplicationEvent, Step } from "../../src/replication/step.js";

type Class = typeof Replicator;

/** A step that has done nothing. */
export const NO_STEP: Step = { made: undefined, effects: [] };

/** What is done in the place of each step; `step` is that of the release. */
type Instead = (replicator: Replicator, step: () => Step, event: ReplicationEvent, nowMs: number) => Step;

export function stepping(instead: Instead): Class {
  return class extends Replicator {
    override step(event: ReplicationEvent, nowMs: number): Step {
      return instead(this, () => super.step(event, nowMs), event, nowMs);
    }
  };
}

/** Changes what comes of each step; what nothing is returned of does not come. */
export function editEffects(
  edit: (effect: Effect, replicator: Replicator) => Effect | readonly Effect[] | undefined,
): Class {
  return stepping((replicator, step) => {
    const { made, effects } = step();
    return { made, effects: effects.flatMap((effect) => edit(effect, replicator) ?? []) };
  });
}

/** Does something to each other life that is known, after each step or, if so said, only after some. */
export function afterSteps(damage: (replica: Replica, event: ReplicationEvent) => void): Class {
  return stepping((replicator, step, event) => {
    const done = step();
    for (const replica of replicator.membership.replicas()) damage(replica, event);
    return done;
  });
}

/** Changes what heartbeats say of each shard. */
export function editHeartbeats(edit: (summary: ShardSummary, author: AuthoredShard) => ShardSummary): Class {
  return editFrames((frame, { shards }) => {
    const { message } = frame;
    if (message.type !== "heartbeat") return frame;
    const summaries = message.shards.map((summary, i) => edit(summary, shards[message.firstShard + i]!));
    return { ...frame, message: { ...message, shards: summaries } };
  });
}

/** Changes frames that are to be sent; one of which nothing is returned is not. */
export function editFrames(edit: (frame: Frame, replicator: Replicator) => Frame | undefined): Class {
  return editEffects((effect, replicator) => {
    if (effect.type !== "broadcast" && effect.type !== "send") return effect;
    const { frame } = decodeFrame(effect.payload);
    if (frame === undefined) return effect;
    const other = edit(frame, replicator);
    return other && { ...effect, payload: encodeFrame(other) };
  });
}

/** Says that it is there to all only when it has nothing new to say. */
const told = new WeakMap<Replicator, number>();
export const saysWhatIsNewOnce: Class = editFrames((frame, replicator) => {
  const { to, message } = frame;
  if (message.type !== "heartbeat" || message.shards.length === 0 || to !== undefined) return frame;
  const clocks = replicator.shards.reduce((sum, { flushed }) => sum + flushed.clock, 0);
  const isNews = clocks !== told.get(replicator);
  told.set(replicator, clocks);
  return isNews ? undefined : frame;
});

/** Where its removals do not reach back it answers with a delta nevertheless: of what it has, and without them. */
const askedAt = new WeakMap<Replicator, Map<string, number>>();
const answersFar = editFrames((frame, replicator) => {
  const { to = "", message } = frame;
  const since = askedAt.get(replicator)?.get(`${to} ${message.type === "far" ? message.shard : ""}`);
  const author = message.type === "far" ? replicator.shards[message.shard] : undefined;
  if (author === undefined || since === undefined) return frame;
  const { shard, flushed } = author;
  const births = [...author.entries].flatMap(([clock, entry]) => {
    const { key, session, meta } = entry;
    return clock > since ? [{ clock, topic: ReplicatedEntry.topicOf(entry), key, session, meta }] : [];
  });
  return {
    ...frame,
    message: { type: "delta", shard, since, upTo: flushed.clock, part: 1, parts: 1, births, removed: [] },
  };
});
export const answersBeyondItsReach: Class = class extends answersFar {
  override step(event: ReplicationEvent, nowMs: number): Step {
    const message = event.type === "frame" ? decodeFrame(event.payload).frame : undefined;
    if (message?.message.type === "deltaRequest") {
      const asked = askedAt.get(this) ?? new Map<string, number>();
      askedAt.set(
        this,
        asked.set(`${message.from.incarnation} ${message.message.shard}`, message.message.clock),
      );
    }
    return super.step(event, nowMs);
  }
};

/** By replicator, shard and clock: the revisions that were updated, and their removals. */
const updates = new WeakMap<Replicator, { readonly births: Set<string>; readonly removals: Set<string> }>();

/** Changes frames by what was updated. */
function editByUpdates(
  edit: (frame: Frame, births: ReadonlySet<string>, removals: ReadonlySet<string>) => Frame,
): Class {
  const editing = editFrames((frame, replicator) => {
    const noted = updates.get(replicator);
    return noted === undefined ? frame : edit(frame, noted.births, noted.removals);
  });
  return class extends editing {
    override step(event: ReplicationEvent, nowMs: number): Step {
      if (event.type !== "update") return super.step(event, nowMs);
      const { previous } = event;
      const shard = ReplicatedEntry.shardOf(previous);
      const noted = updates.get(this) ?? { births: new Set<string>(), removals: new Set<string>() };
      updates.set(this, noted);
      noted.births.add(`${shard} ${ReplicatedEntry.clockOf(previous)}`);
      // The removal spends the next dot.
      noted.removals.add(`${shard} ${clockOf(this.shards[shard]) + 1}`);
      return super.step(event, nowMs);
    }
  };
}

/** The last dot that an author has spent. */
function clockOf(author: AuthoredShard | undefined): number {
  return author === undefined ? 0 : author.flushed.clock + author.pendingDots;
}

/** Whose session has closed after an update is taken for untracked where an earlier revision is held. */
export const saysNothingOfEarlierRevisions: Class = editByUpdates((frame, births) => {
  const { message } = frame;
  if (message.type !== "page" && message.type !== "delta") return frame;
  const isUpdated = (birth: number): boolean => births.has(`${message.shard} ${birth}`);
  const closed = message.closed?.filter((birth) => !isUpdated(birth)) ?? [];
  if (message.type === "page") return { ...frame, message: { ...message, closed } };
  const removed = message.removed.map((removal) => ({
    ...removal,
    closed: removal.closed && !isUpdated(removal.removed),
  }));
  return { ...frame, message: { ...message, closed, removed } };
});

/** The dot of an update is its birth's: a node that does not hear of that does not hear what it removed either. */
export const updatesWithOneDot: Class = editByUpdates((frame, _, removals) => {
  const { message } = frame;
  if (message.type !== "delta") return frame;
  const births = new Set(message.births.map(({ clock }) => clock));
  const removed = message.removed.filter(
    ({ clock }) => !removals.has(`${message.shard} ${clock}`) || births.has(clock + 1),
  );
  return { ...frame, message: { ...message, removed } };
});

/** What was heard with a forged counter is believed again once the life has insisted. */
export const believesForgedClocks: Class = stepping(({ membership }, step) => {
  const targets = [...membership.replicas()].map((replica) => ({
    replica,
    slices: [...replica.held.slices.values()].map((slice) => ({ slice, target: slice.target })),
  }));
  const done = step();
  for (const effect of done.effects) {
    if (effect.type !== "trouble" || effect.trouble.kind !== "counterAhead") continue;
    const { life } = effect.trouble;
    for (const { slice, target } of targets.find(({ replica }) => replica.life === life)?.slices ?? []) {
      slice.compare({ clock: target, count: 0, digest: 0 }, Number.MAX_SAFE_INTEGER);
    }
  }
  return done;
});

/** Who was heard out before this node could not hear is still heard out after that. */
export const staysHeardOut: Class = stepping(({ membership }, step, event) => {
  if (event.type !== "connection" && event.type !== "frame") return step();
  const before = [...membership.replicas()]
    .filter(({ held }) => held.hasBeenHeardOut)
    .map(({ held }) => ({ held, goals: new Map(held.summedUp.goals) }));
  const done = step();
  for (const { held, goals } of before) {
    if (held.hasBeenHeardOut) continue;
    for (let shard = 0; shard < (held.poolSize ?? 0); shard += 1)
      held.sumUp(shard, goals.get(shard) ?? 0, true);
  }
  return done;
});

/** Somebody is on the list of those who are to be asked with every turn. */
export const keepsRequests: Class = class extends Replicator {
  readonly #protocol: Protocol;

  constructor(options: ReplicatorOptions, nowMs: number) {
    super(options, nowMs);
    this.#protocol = options.protocol;
  }

  override step(event: ReplicationEvent, nowMs: number): Step {
    if (event.type === "turn") this.#protocol.rules.requestPlaces(0, true, this.#protocol.limits);
    return super.step(event, nowMs);
  }
};

/** The replicator of each node that was made last. */
const replicators = new Map<string, Replicator>();
export class NotedReplicator extends Replicator {
  constructor(options: ReplicatorOptions, nowMs: number) {
    super(options, nowMs);
    replicators.set(options.life.name, this);
  }
}

/** A tracker that goes on telling which of its sessions close, after it has stopped. */
export const goesOnAfterStop = lies((tracker, { name, pubsub, runtime }) => ({
  track(session, topic, key, meta) {
    const owner: SessionOwner = {
      ended: false,
      sessionClosed() {
        const replicator = replicators.get(pubsub.nodeName);
        if (!tracker.stopped || replicator === undefined) return;
        const nowMs = runtime?.monotonicMs() ?? 0;
        for (const { entries } of replicator.shards) {
          for (const entry of entries.values()) {
            if (entry.session === session.id)
              replicator.step({ type: "remove", entry, reason: "closed" }, nowMs);
          }
        }
        for (const effect of replicator.step({ type: "goodbye", windowMs: 0 }, nowMs).effects) {
          if (effect.type === "broadcast") void pubsub.broadcast(`rollcall:${name}`, effect.payload);
        }
      },
    };
    session.hold(owner, undefined);
    return tracker.track(session, topic, key, meta);
  },
}));
