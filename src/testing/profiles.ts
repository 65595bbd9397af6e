/**
 * Profiles of random schedules beside the base one: each makes another kind of trouble often, on a cluster that is
 * made for it. A seed names its profile by the stretch of 1e9 that it lies in, so that one number replays a run. It
 * only makes data.
 */
import { adapterManners } from "./adapter-manners.js";
import { Draft, fast, keys, topics } from "./draft.js";
import { metaShapes } from "./metas.js";
import type { Latency } from "./latencies.js";
import type { Lane, NetworkFaults } from "./network.js";
import type { SeededRandom } from "./random.js";
import type { Habit, Schedule, Step } from "./steps.js";

/**
 * - `base`: what `random-schedule.ts` makes.
 * - `trackers`: several trackers per node, with names that are made from each other, and sessions that they share.
 * - `metas`: metas of many shapes up to the limit, on networks with small payloads.
 * - `lanes`: broadcasts or direct frames of a link fail by themselves, for long; links that lose much one way.
 * - `far`: nodes that are slow for good, links of different length, many shards, starts that wait to be complete.
 * - `flapping`: connections that come and go, with deaths meanwhile.
 * - `clocks`: starts with clocks ahead as well as behind.
 * - `moving`: users who move between nodes that are deployed and crash, each with a connection or two.
 * - `users`: adapters, handlers and listeners that misbehave.
 * - `periods`: nodes of different periods.
 * - `busy`: many changes and many shards while payloads overtake each other, and waits to be complete meanwhile.
 * - `leaving`: a schedule of any other profile, in which sessions close with a grace and users are evicted as well.
 */
export const profiles = [
  "base",
  "trackers",
  "metas",
  "lanes",
  "far",
  "flapping",
  "clocks",
  "moving",
  "users",
  "periods",
  "busy",
  "leaving",
] as const;
export type Profile = (typeof profiles)[number];

/** So many seeds belong to each profile. */
export const seedsPerProfile = 1e9;

/** The profile of a seed. @throws RangeError beyond the last one. */
export function profileOf(seed: number): Profile {
  const profile = profiles[Math.floor(seed / seedsPerProfile)];
  if (profile === undefined) throw new RangeError(`no profile has the seed ${seed}`);
  return profile;
}

/** The `number`th seed of a profile. */
export function seedOf(profile: Profile, number: number): number {
  return profiles.indexOf(profile) * seedsPerProfile + (number % seedsPerProfile);
}

/** The schedule of a seed of a profile that makes its own. */
export function profileSchedule(profile: Exclude<Profile, "base" | "leaving">, seed: number): Schedule {
  switch (profile) {
    case "trackers":
      return severalTrackers(seed);
    case "metas":
      return manyMetas(seed);
    case "lanes":
      return brokenLanes(seed);
    case "far":
      return farApart(seed);
    case "flapping":
      return flapping(seed);
    case "clocks":
      return wrongClocks(seed);
    case "moving":
      return movingUsers(seed);
    case "users":
      return badManners(seed);
    case "periods":
      return differentPeriods(seed);
    case "busy":
      return busyReturns(seed);
  }
}

function severalTrackers(seed: number): Schedule {
  const draft = new Draft("trackers", seed, 2, 3);
  const { random, steps } = draft;
  const trackers = random.pick([
    ["rooms", "typing"],
    ["rooms", "rooms:inbox"],
    ["rooms", "typing", "rooms:inbox"],
    ["all", "all:inbox"],
    ["a.b", "a b"],
  ]);
  if (random.chance(0.3)) draft.network = { lossRate: 0.1 };
  for (let phase = random.integer(5, 12); phase > 0; phase -= 1) {
    draft.use(8, { trackers: trackers.length, sessions: 2 });
    if (random.chance(0.1)) draft.crash(draft.node(), 3_000);
    if (random.chance(0.1)) {
      const node = draft.node();
      steps.push({ do: "stop", node, handoffMs: undefined }, { do: "start", node, clockOffsetMs: 0 });
    }
    if (random.chance(0.1)) steps.push({ do: "stall", node: draft.node(), ms: 3_000, first: "timers" });
    draft.wait(0, random.pick([30, 2_000]));
  }
  return draft.end(seed, { trackers });
}

function manyMetas(seed: number): Schedule {
  const draft = new Draft("metas", seed, 2, 3);
  const { random, steps } = draft;
  // Each payload with the largest meta that starts with it for certain.
  const [maxPayloadBytes, maxMetaBytes] = random.pick([
    [undefined, 4_096],
    [2_000, 128],
    [6_000, 4_096],
    [7_999, 6_000],
    [3_500, 1_600],
  ] as const);
  draft.network = {
    ...(random.chance(0.3) ? { lossRate: 0.1 } : {}),
    ...(random.chance(0.3) ? { reorder: true, delayMs: [0, 40] } : {}),
    ...(maxPayloadBytes === undefined ? {} : { maxPayloadBytes }),
  };
  for (let phase = random.integer(3, 7); phase > 0; phase -= 1) {
    for (let count = random.integer(0, 3); count > 0; count -= 1) {
      steps.push({
        do: random.pick(["set", "set", "track", "update"]),
        node: draft.node(),
        session: random.integer(1, 2),
        topic: random.pick(topics),
        key: random.pick(keys),
        shape: random.pick(metaShapes),
        bytes: random.pick([40, 40, 100, 100, 400, maxMetaBytes - 8, maxMetaBytes]),
      });
    }
    draft.use(2, { sessions: 2 });
    if (random.chance(0.15)) draft.crash(draft.node(), 2_000);
    draft.wait(0, random.pick([30, 2_000]));
  }
  return draft.end(seed, { options: { maxMetaBytes, poolSize: random.pick([1, 2]) } });
}

function brokenLanes(seed: number): Schedule {
  const draft = new Draft("lanes", seed, 2, 4);
  const { random, steps } = draft;
  if (random.chance(0.5)) draft.network = { lossRate: random.pick([0.01, 0.1]) };
  for (let phase = random.integer(5, 12); phase > 0; phase -= 1) {
    draft.use(5);
    if (random.chance(0.35)) {
      const from = draft.node();
      const to = draft.other(from);
      const lane: Lane = random.pick(["broadcast", "send"]);
      const cut = random.pick<Step>([
        { do: "lane", from, to, lane },
        { do: "oneWay", from, to },
      ]);
      steps.push(cut);
      // One lane of a whole node, as a permission that is missing at the broker.
      if (random.chance(0.3)) {
        for (const name of draft.nodes) if (name !== from) steps.push({ do: "lane", from, to: name, lane });
      }
    }
    if (random.chance(0.12)) draft.crash(draft.node(), 5_000);
    if (random.chance(0.15)) draft.heal();
    draft.wait(0, random.pick([300, 2_500, 2_500, 25_000]));
  }
  return draft.end(seed, {
    options: random.chance(0.5) ? { ...fast, permdownPeriodMs: random.pick([10_000, 1_200_000]) } : {},
  });
}

function latencyBetween(random: SeededRandom, slowestMs: number): Latency["delayMs"] {
  const shortestMs = random.integer(0, slowestMs);
  return [shortestMs, shortestMs + random.pick([0, 5, 50])];
}

function farApart(seed: number): Schedule {
  const draft = new Draft("far", seed, 2, 4);
  const { random, steps } = draft;
  if (random.chance(0.3)) draft.network = { lossRate: random.pick([0.02, 0.1]) };
  const latencies: Latency[] = [];
  const slow = draft.node();
  if (random.chance(0.6)) latencies.push({ from: slow, delayMs: latencyBetween(random, 600) });
  for (const from of draft.nodes) {
    for (const to of draft.nodes) {
      if (from !== to && random.chance(0.3)) {
        latencies.push({ from, to, delayMs: latencyBetween(random, 250) });
      }
    }
  }
  for (let phase = random.integer(5, 10); phase > 0; phase -= 1) {
    draft.use(5);
    if (random.chance(0.3)) {
      const node = draft.node();
      draft.crash(node, 6_000);
      if (random.chance(0.6)) steps.push({ do: "awaitComplete", node });
      if (random.chance(0.3)) {
        steps.push({ do: "stall", node: draft.other(node), ms: random.integer(50, 400), first: "timers" });
      }
    }
    if (random.chance(0.1))
      steps.push({ do: "crowd", node: draft.node(), session: 2, topic: "lobby", keys: 40 });
    draft.wait(0, random.pick([300, 4_000]));
  }
  return draft.end(seed, { latencies, options: { poolSize: random.pick([1, 4, 16, 64]) } });
}

function flapping(seed: number): Schedule {
  const draft = new Draft("flapping", seed, 2, 4);
  const { random, steps } = draft;
  for (let round = random.integer(1, 2); round > 0; round -= 1) {
    draft.use(5);
    steps.push({ do: "set", node: draft.node(), session: 1, topic: "lobby", key: "user:1" });
    draft.wait(0, 3_000);
    const flappers = random.chance(0.5) ? draft.nodes : [draft.node()];
    const upMs = random.pick([300, 900, 2_500, 4_900, 7_000]);
    const awayMs = random.pick([50, 500, 3_000]);
    const times = Math.ceil(random.pick([15_000, 60_000, 60_000]) / (upMs + awayMs));
    const dies = random.integer(0, Math.floor(times / 3));
    const victim = random.chance(0.7) ? draft.node() : undefined;
    for (let time = 0; time < times; time += 1) {
      steps.push({ do: "outage", nodes: flappers, announced: true, refuses: random.chance(0.5) });
      if (time === dies && victim !== undefined) {
        if (random.chance(0.7)) steps.push({ do: "crash", node: victim });
        else steps.push({ do: "stop", node: victim, handoffMs: random.pick([undefined, 12_000]) });
      }
      steps.push({ do: "advance", ms: awayMs }, { do: "reconnect", nodes: flappers });
      steps.push({ do: "advance", ms: upMs });
      if (random.chance(0.1)) draft.use(2);
    }
    if (victim !== undefined) steps.push({ do: "start", node: victim, clockOffsetMs: 0 });
  }
  return draft.end(seed, {
    options: random.chance(0.5) ? { ...fast, permdownPeriodMs: random.pick([10_000, 1_200_000]) } : {},
  });
}

function wrongClocks(seed: number): Schedule {
  const draft = new Draft("clocks", seed, 2, 3);
  const { random, steps } = draft;
  const node = draft.node();
  for (let round = random.integer(2, 6); round > 0; round -= 1) {
    const clockOffsetMs = random.pick([0, 0, 0, 500, 60_000, 31_536_000_000, -500, -3_600_000]);
    if (random.chance(0.5)) {
      steps.push({ do: "stop", node, handoffMs: random.pick([undefined, 0, 300]) });
      draft.wait(0, 3_000);
      steps.push({ do: "start", node, clockOffsetMs });
    } else draft.crash(node, random.pick([50, 3_000, 15_000]), clockOffsetMs);
    steps.push({ do: "set", node, session: 1, topic: "lobby", key: "user:1" });
    draft.use(3);
    draft.wait(0, 3_000);
    if (random.chance(0.7)) draft.wait(8_000, 20_000);
    if (random.chance(0.1)) draft.crash(draft.other(node), 3_000);
  }
  return draft.end(seed, { options: random.chance(0.3) ? fast : {} });
}

function movingUsers(seed: number): Schedule {
  const draft = new Draft("moving", seed, 3, 4);
  const { random, steps } = draft;
  if (random.chance(0.2)) draft.network = { lossRate: 0.02 };
  const users = ["user:1", "user:2", "user:3"];
  const where = (): { readonly node: string; readonly session: number } => ({
    node: draft.node(),
    session: random.integer(1, 3),
  });
  for (let round = random.integer(4, 9); round > 0; round -= 1) {
    for (const key of users) {
      if (random.chance(0.5)) steps.push({ do: "set", ...where(), topic: "lobby", key });
      if (random.chance(0.2)) steps.push({ do: "close", ...where() });
    }
    draft.wait(0, 2_000);
    const node = draft.node();
    if (random.chance(0.4)) {
      steps.push({ do: "stop", node, handoffMs: random.pick([undefined, undefined, 12_000]) });
      // Users come back elsewhere, some of them, and some go again.
      for (const key of users) {
        draft.wait(0, 1_500);
        if (random.chance(0.6)) {
          steps.push({ do: "set", node: draft.other(node), session: 1, topic: "lobby", key });
        }
        if (random.chance(0.2)) steps.push({ do: "close", node: draft.other(node), session: 1 });
      }
      steps.push({ do: "start", node, clockOffsetMs: 0 });
    } else if (random.chance(0.5)) draft.crash(node, random.pick([500, 7_000, 12_000]));
    draft.wait(0, 3_000);
  }
  return draft.end(seed, { options: random.chance(0.3) ? fast : {} });
}

function badManners(seed: number): Schedule {
  const draft = new Draft("users", seed, 2, 3);
  const { random, steps } = draft;
  const habits = random.subset<Habit>(["act", "throw", "stop"], 0.4);
  if (random.chance(0.3)) draft.network = { lossRate: 0.1, echoRate: 0.5 };
  if (random.chance(0.2)) draft.network = { sendErrorRate: 0.1 };
  for (let phase = random.integer(5, 12); phase > 0; phase -= 1) {
    draft.use(4);
    if (random.chance(0.3)) {
      steps.push({ do: "adapter", node: draft.node(), manner: random.pick(["fine", ...adapterManners]) });
    }
    if (random.chance(0.2)) {
      const node = draft.node();
      steps.push({ do: "stop", node, handoffMs: random.pick([undefined, 0]) });
      draft.wait(0, 12_000);
      steps.push({ do: "start", node, clockOffsetMs: 0 });
    }
    if (random.chance(0.1)) draft.crash(draft.node(), 3_000);
    if (random.chance(0.1)) draft.heal();
    draft.wait(0, random.pick([30, 2_000]));
  }
  return draft.end(seed, { habits });
}

function differentPeriods(seed: number): Schedule {
  const draft = new Draft("periods", seed, 2, 4);
  const { random } = draft;
  const nodeOptions: Record<string, Schedule["options"]> = {};
  const periods = [
    fast,
    {},
    { heartbeatPeriodMs: 5_000, downPeriodMs: 20_000 },
    { heartbeatPeriodMs: 500, downPeriodMs: 1_500 },
  ];
  for (const node of draft.nodes) nodeOptions[node] = random.pick(periods);
  for (let phase = random.integer(4, 8); phase > 0; phase -= 1) {
    draft.use(4);
    if (random.chance(0.2)) draft.crash(draft.node(), 6_000);
    draft.wait(0, random.pick([300, 4_000]));
    if (random.chance(0.2)) draft.wait(20_000, 60_000);
  }
  return draft.end(seed, { nodeOptions });
}

function busyReturns(seed: number): Schedule {
  const draft = new Draft("busy", seed, 2, 3);
  const { random, steps } = draft;
  const faults: Partial<NetworkFaults> = {
    reorder: true,
    delayMs: [0, random.pick([40, 1_000, 2_000])],
    ...(random.chance(0.2) ? { lossRate: 0.05 } : {}),
  };
  draft.network = faults;
  const poolSize = random.pick([1, 4, 16, 64]);
  const rooms = Array.from({ length: 16 }, (_, number) => `room:${number}`);
  const changes = (seconds: number): void => {
    for (let left = seconds * 2; left > 0; left -= 1) {
      for (const node of draft.nodes) {
        const what = { node, session: 1, topic: random.pick(rooms), key: random.pick(keys) };
        steps.push({ do: random.chance(0.8) ? "set" : "untrack", ...what });
      }
      steps.push({ do: "advance", ms: 500 });
    }
  };
  changes(4);
  const node = draft.node();
  steps.push({ do: "partition", groups: [[node], draft.nodes.filter((name) => name !== node)] });
  changes(random.integer(9, 12));
  draft.heal();
  for (const name of draft.nodes) if (random.chance(0.5)) steps.push({ do: "awaitComplete", node: name });
  changes(random.pick([10, 40]));
  return draft.end(seed, { options: { poolSize, broadcastPeriodMs: random.pick([100, 1_500]) } });
}
