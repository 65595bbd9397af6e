/**
 * The client's side of presence, beside the `Presence` of the official client, which has the same payloads in the same
 * run: a first state, a busy room, and diffs in which everybody is updated at once.
 */
import * as phoenix from "phoenix";
import { PresenceClient, type Presences } from "../../src/client/index.js";
import type { Benchmark } from "../harness/command.js";
import { alternate, timeMs } from "../harness/stopwatch.js";
import { metaOf, type Viewer } from "../workload.js";

type List = Presences<Viewer>;
interface Diff {
  readonly joins: List;
  readonly leaves: List;
}

/** The folds of the official client. */
const official = phoenix.Presence as unknown as {
  syncState(list: List, state: List): List;
  syncDiff(list: List, diff: Diff): List;
  list<Chosen>(list: List, chooser: (key: string, presence: List[string]) => Chosen): Chosen[];
};

/** Whoever is told of presences. */
interface Fold {
  state(state: List): void;
  diff(diff: Diff): void;
  keys(): number;
  /** Who is here, as a page asks after each change. */
  list(): object;
}

function ourFold(): Fold {
  const client = new PresenceClient<Viewer>();
  return {
    state: (state) => client.receive("presence_state", state),
    diff: (diff) => client.receive("presence_diff", diff),
    keys: () => client.count,
    list: () => client.list(),
  };
}

function officialFold(): Fold {
  let list: List = {};
  return {
    state: (state) => void (list = official.syncState(list, state)),
    diff: (diff) => void (list = official.syncDiff(list, diff)),
    keys: () => Object.keys(list).length,
    list: () => official.list(list, (_, presence) => presence),
  };
}

/** As many users, each once, of a revision that is not the one before. */
function usersOf(count: number, revision = 0): List {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const replaced = revision > 0 && { phx_ref_prev: `F${i}.${revision - 1}` };
      return [
        `user:${i}`,
        { metas: [{ ...metaOf(i, revision), phx_ref: `F${i}.${revision}`, ...replaced }] },
      ];
    }),
  );
}

/** One user with as many metas. */
function devicesOf(count: number, revision = 0): List {
  const metas = Object.values(usersOf(count, revision)).flatMap((presence) => presence.metas);
  return { "user:0": { metas } };
}

/** Users who come, and others who are updated, in turn. */
function busyDiffs(count: number, users: number): Diff[] {
  const [before, after] = [Object.entries(usersOf(users)), Object.entries(usersOf(users, 1))];
  return Array.from({ length: count }, (_, i) => {
    const [gone, come] = [before[i], after[i]];
    if (gone === undefined || come === undefined || i % 2 === 0) {
      return { joins: { [`guest:${i}`]: { metas: [{ ...metaOf(i), phx_ref: `G${i}` }] } }, leaves: {} };
    }
    return { joins: Object.fromEntries([come]), leaves: Object.fromEntries([gone]) };
  });
}

/** As it comes from the network: nothing of it is shared. */
function received<Payload>(payload: Payload): Payload {
  return JSON.parse(JSON.stringify(payload)) as Payload;
}

const USERS = 10_000;
const DIFFS = 2_000;
const ALL = 20_000;
const LISTS = 100;

interface Task {
  readonly name: string;
  readonly state: List;
  /** Where there are none, the state itself is timed. */
  readonly diffs: readonly Diff[];
  readonly limitMs?: number;
  /** The official client takes a second and more. */
  readonly isOursAlone?: boolean;
}

const updateOf = (make: (count: number, revision?: number) => List): Diff[] => [
  { joins: make(ALL, 1), leaves: make(ALL) },
];

const tasks = (): Task[] => [
  { name: "a first state of 10,000 users", state: usersOf(USERS), diffs: [] },
  {
    name: "2,000 diffs in a room of 10,000 users",
    state: usersOf(USERS),
    diffs: busyDiffs(DIFFS, USERS),
  },
  {
    name: "a diff that updates all 20,000 users",
    state: usersOf(ALL),
    diffs: updateOf(usersOf),
    limitMs: 100,
  },
  {
    name: "a diff that updates all 20,000 metas of one user",
    state: devicesOf(ALL),
    diffs: updateOf(devicesOf),
    limitMs: 100,
    isOursAlone: true,
  },
];

/** What one list takes, of a room of which one user has changed since the last. */
function timeListMs(makeFold: () => Fold): number {
  const fold = makeFold();
  fold.state(received(usersOf(ALL)));
  const diffs = received(busyDiffs(LISTS, ALL));
  let listedMs = 0;
  for (const diff of diffs) {
    fold.diff(diff);
    listedMs += timeMs(() => void fold.list());
  }
  return listedMs / LISTS;
}

function timeTask(makeFold: () => Fold, { state, diffs }: Task): number {
  const fold = makeFold();
  const ownState = received(state);
  const ownDiffs = received(diffs);
  if (diffs.length === 0) return timeMs(() => fold.state(ownState));
  fold.state(ownState);
  const tookMs = timeMs(() => {
    for (const diff of ownDiffs) fold.diff(diff);
  });
  if (fold.keys() < Object.keys(state).length) throw new Error("somebody is missing");
  return tookMs;
}

export const client: Benchmark = {
  name: "client",
  async run({ runs, report, progress }) {
    for (const task of tasks()) {
      progress(task.name);
      const floorFold = task.isOursAlone === true ? ourFold : officialFold;
      const { subject, floor } = await alternate(
        runs,
        () => timeTask(ourFold, task),
        () => timeTask(floorFold, task),
      );
      const { limitMs } = task;
      report({
        name: `client: ${task.name}`,
        unit: "ms",
        values: subject,
        ...(task.isOursAlone !== true && { floor: { what: "the official client", values: floor } }),
        target:
          limitMs === undefined
            ? { text: "no slower than the official client", met: (_median, ratio) => ratio <= 1 }
            : { text: `under ${limitMs} ms`, met: (median) => median < limitMs },
      });
    }
    progress("lists");
    const lists = await alternate(
      runs,
      () => timeListMs(ourFold),
      () => timeListMs(officialFold),
    );
    report({
      name: "client: the list of 20,000 users, after one of them has changed",
      unit: "ms",
      values: lists.subject,
      floor: { what: "the official client", values: lists.floor },
      target: { text: "no slower than the official client", met: (_median, ratio) => ratio <= 1 },
      note: "an object of all keys, as the one before stays what it was; `get(key)` and `count` make none",
    });
  },
};
