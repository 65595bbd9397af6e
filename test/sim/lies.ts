/**
 * What stands between a tracker and those around it, and changes what passes: what its application is told and asks, what
 * its sessions say, and what it sends and hears. So an oracle is handed a tracker that lies. The trackers themselves are
 * those of the release.
 */
import type { Frame, WireBirth } from "../../src/replication/message.js";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import { Session, type SessionOwner } from "../../src/session.js";
import type { StartTracker } from "../../src/testing/cluster.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { Tracker, type TrackerOptions } from "../../src/tracker/tracker.js";
import type { Diff, Entry, LeaveReason, TopicDiff } from "../../src/words.js";

/** A start of trackers, of any metas. */
type Start = StartTracker;

const start: Start = (behaviour, options) => Tracker.start(behaviour, options);

/** Stands before another start, or before another that does. */
export type Lie = (inner: Start) => Start;

/** Starts each tracker through several, the last one next to it. */
export function all(...lies: readonly Lie[]): Start {
  return through(lies, start);
}

function through(lies: readonly Lie[], last: Start): Start {
  return lies.reduceRight((inner, lie) => lie(inner), last);
}

/** What takes the place of single members of a tracker, whose others stay. */
export type Instead = Partial<Pick<Tracker, Extract<keyof Tracker, string>>>;

/** An object that passes on all but what is told instead. */
function delegating<T extends object>(target: T, instead: object): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(instead, name)) return (instead as Record<PropertyKey, unknown>)[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Trackers of which single members do something else. */
function lying(make: (tracker: Tracker, options: TrackerOptions) => Instead): Lie {
  return (inner) => async (behaviour, options) => {
    const handed: { tracker?: Tracker } = {};
    const tracker = await inner(
      {
        ...behaviour,
        handleDiff: (diff, itself) => behaviour.handleDiff?.(diff, handed.tracker ?? itself),
      },
      options,
    );
    return (handed.tracker = delegating(tracker, make(tracker, options)));
  };
}

export const lies = (make: (tracker: Tracker, options: TrackerOptions) => Instead): Start => all(lying(make));

/** Changes a diff on its way to the application of a tracker; where nothing is returned, nothing is told. */
export type EditDiff = (diff: Diff, tracker: Tracker) => Diff | undefined;

/** Trackers whose diffs say something else. `make` is called for each. */
export function telling(make: (options: TrackerOptions) => EditDiff): Lie {
  return (inner) => (behaviour, options) => {
    const edit = make(options);
    return inner(
      {
        ...behaviour,
        handleDiff(diff, tracker) {
          const told = edit(diff, tracker);
          if (told !== undefined) behaviour.handleDiff?.(told, tracker);
        },
      },
      options,
    );
  };
}

/** Trackers whose diffs say something else, and whose lists are what their diffs add up to. */
export function believed(make: (options: TrackerOptions) => EditDiff): Start {
  return all((inner) => (behaviour, options) => {
    const [truth, told] = [new DiffFold(), new DiffFold()];
    const edit = make(options);
    const list = (topic: string, entries: readonly Entry[]): readonly Entry[] => {
      const present = new Set(entries.map(({ key, session }) => JSON.stringify([key, session])));
      const ghosts = told
        .list(topic)
        .filter(({ key, session }) => !present.has(JSON.stringify([key, session])))
        .filter(({ key, session }) => truth.find(topic, key, session) === undefined);
      const shown = entries.flatMap((entry) => {
        // What no diff has told of yet is listed at once.
        if (truth.find(topic, entry.key, entry.session)?.ref !== entry.ref) return [entry];
        return told.find(topic, entry.key, entry.session) ?? [];
      });
      return [...shown, ...ghosts];
    };
    const tells = telling(() => (diff, tracker) => {
      truth.apply(diff);
      const other = edit(diff, tracker);
      if (other !== undefined) told.apply(other);
      return other;
    });
    const lists = listing(() => ({ list, topics: () => told.topics() }));
    return through([lists, tells], inner)(behaviour, options);
  });
}

/** Changes what diffs say of a topic, on their way to the application. */
export function editDiffs(edit: (diff: TopicDiff, topic: string) => TopicDiff): Start {
  return all(telling(() => (diff) => editTopics(diff, edit)));
}

/** A diff of which each topic says something else, or nothing. */
export function editTopics(
  diff: Diff,
  edit: (diff: TopicDiff, topic: string) => TopicDiff | undefined,
): Diff | undefined {
  const told = new Map<string, TopicDiff>();
  for (const [topic, topicDiff] of diff) {
    const other = edit(topicDiff, topic);
    if (other !== undefined) told.set(topic, other);
  }
  return told.size === 0 ? undefined : told;
}

/** What is left of the diff of a topic; undefined if nothing is. */
export function unlessEmpty(diff: TopicDiff): TopicDiff | undefined {
  return diff.joins.length + diff.updates.length + diff.leaves.length > 0 ? diff : undefined;
}

/** Delivers every diff that brings such changes a second time. */
export function repeatDiffs(part: "joins" | "leaves"): Start {
  return all(
    (inner) => (behaviour, options) =>
      inner(
        {
          ...behaviour,
          handleDiff(diff, tracker) {
            behaviour.handleDiff?.(diff, tracker);
            const again = editTopics(diff, (topicDiff) =>
              unlessEmpty({ joins: [], updates: [], leaves: [], [part]: topicDiff[part] }),
            );
            if (again !== undefined) behaviour.handleDiff?.(again, tracker);
          },
        },
        options,
      ),
  );
}

/** Trackers that list something else, and read accordingly. `list` is told what is there. */
function listing(
  make: (options: TrackerOptions) => {
    list: (topic: string, entries: readonly Entry[]) => readonly Entry[];
    topics?: () => readonly string[];
  },
): Lie {
  return lying((tracker, options) => {
    const { list: edit, topics: others = () => [] } = make(options);
    const list = (topic: string): readonly Entry[] => edit(topic, tracker.list(topic));
    const getByKey = (topic: string, key: string): readonly Entry[] =>
      list(topic).filter((entry) => entry.key === key);
    return {
      list,
      getByKey,
      topics: () =>
        [...new Set([...tracker.topics(), ...others()])].filter((topic) => list(topic).length > 0),
      count: (topic) => list(topic).length,
      countKeys: (topic) => new Set(list(topic).map(({ key }) => key)).size,
      has: (topic, key) => getByKey(topic, key).length > 0,
    };
  });
}

/** Changes frames on their way out of each tracker, or into it; one of which nothing is returned gets lost. */
export interface FrameEdits {
  readonly sent?: (frame: Frame) => Frame | undefined;
  readonly received?: (frame: Frame) => Frame | undefined;
}

/** A payload by another frame, if that is another one. */
function edited(payload: string, edit: FrameEdits["sent"]): string | undefined {
  const { frame } = decodeFrame(payload);
  if (frame === undefined || edit === undefined) return payload;
  const other = edit(frame);
  if (other === frame) return payload;
  return other && encodeFrame(other);
}

/** Trackers on a network that changes what they send and hear. `make` is called for each. */
export function editFrames(make: (options: TrackerOptions) => FrameEdits): Lie {
  return (inner) => (behaviour, options) => {
    const { sent, received } = make(options);
    const { pubsub } = options;
    return inner(behaviour, {
      ...options,
      pubsub: {
        ...pubsub,
        broadcast: (channel, payload) => {
          const told = edited(payload, sent);
          return told === undefined ? undefined : pubsub.broadcast(channel, told);
        },
        send: (to, channel, payload) => {
          const told = edited(payload, sent);
          return told === undefined ? undefined : pubsub.send(to, channel, told);
        },
        subscribe: (channel, receive) =>
          pubsub.subscribe(channel, (payload) => {
            const told = edited(payload, received);
            if (told !== undefined) receive(told);
          }),
      },
    });
  };
}

/** Changes frames that leave trackers. */
export const editSent = (edit: (frame: Frame) => Frame | undefined): Start =>
  all(editFrames(() => ({ sent: edit })));

/** Changes frames that come to trackers. */
export const editReceived = (edit: (frame: Frame) => Frame | undefined): Start =>
  all(editFrames(() => ({ received: edit })));

/** A session in the place of another one, that closes when that one does, or as is said. */
class StandIn extends Session {
  override readonly id: string;

  constructor(session: Session, closes: (graceMs: number) => number | undefined) {
    super();
    this.id = session.id;
    const owner: SessionOwner = {
      ended: false,
      sessionClosed: (_, graceMs) => {
        const itsMs = closes(graceMs);
        if (itsMs !== undefined) this.close({ graceMs: itsMs });
      },
    };
    session.hold(owner, undefined);
  }
}

/** Trackers that hear something else of the end of their sessions: another grace, or nothing. */
export function hearingEnds(closes: (graceMs: number, options: TrackerOptions) => number | undefined): Lie {
  return lying((tracker, options) => {
    const standIns = new WeakMap<Session, Session>();
    const of = (session: Session): Session => {
      let standIn = standIns.get(session);
      if (standIn === undefined) {
        standIn = new StandIn(session, (graceMs) => closes(graceMs, options));
        standIns.set(session, standIn);
      }
      return standIn;
    };
    return {
      track: (session, topic, key, meta) => tracker.track(of(session), topic, key, meta),
      set: (session, topic, key, meta) => tracker.set(of(session), topic, key, meta),
      update: (session, topic, key, meta) => tracker.update(of(session), topic, key, meta),
      untrack: (session, topic, key) => tracker.untrack(of(session), topic, key),
    };
  });
}

/** Changes the births of deltas on their way into a tracker. */
export function editBirths(edit: (birth: WireBirth) => WireBirth): Start {
  return editReceived((frame) => {
    const { message } = frame;
    return message.type === "delta"
      ? { ...frame, message: { ...message, births: message.births.map(edit) } }
      : frame;
  });
}

/** Tells another reason for what leaves because it is silent. */
export function sayInsteadOfDown(told: LeaveReason): Start {
  return editDiffs((diff) => ({
    ...diff,
    leaves: diff.leaves.map((leave) => (leave.reason === "down" ? { ...leave, reason: told } : leave)),
  }));
}

/** Lets an entry of a replaced life, whose window has ended, come back once its next life has shown something. */
export function reviveTheReplaced(): Start {
  return believed(() => {
    const departed: { topic: string; entry: Entry }[] = [];
    let revived: { topic: string; entry: Entry } | undefined;
    let isDone = false;
    return (diff) => {
      const now = isDone ? undefined : revived;
      isDone ||= now !== undefined;
      for (const [topic, { joins, leaves }] of diff) {
        for (const entry of joins) {
          revived ??= departed.find(
            (earlier) => earlier.entry.node === entry.node && earlier.entry.key !== entry.key,
          );
        }
        for (const { reason, ...entry } of leaves) if (reason === "replaced") departed.push({ topic, entry });
      }
      if (now === undefined) return diff;
      const told = diff.get(now.topic) ?? { joins: [], updates: [], leaves: [] };
      return new Map([...diff, [now.topic, { ...told, joins: [...told.joins, now.entry] }]]);
    };
  });
}

/** Nothing is told of updates of others: their entries stay as they came. */
export function stale(nodeName: string): EditDiff {
  const shown = new Map<string, Entry>();
  const idOf = (topic: string, { key, session }: Entry): string => JSON.stringify([topic, key, session]);
  return (diff) =>
    editTopics(diff, ({ joins, updates, leaves }, topic) => {
      for (const entry of joins) shown.set(idOf(topic, entry), entry);
      for (const entry of updates) if (entry.node === nodeName) shown.set(idOf(topic, entry), entry);
      return unlessEmpty({
        joins,
        updates: updates.filter(({ node }) => node === nodeName),
        leaves: leaves.map((leave) => ({ ...leave, ...shown.get(idOf(topic, leave)) })),
      });
    });
}
