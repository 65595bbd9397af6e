/**
 * Schedules at random: the seed decides everything, first of all which kinds of faults a run has at all. Runs
 * that mix all faults find less than runs that have a few of them often. It only makes data.
 */
import { withLeaving } from "./leaving-schedule.js";
import { profileOf, profiles, profileSchedule, seedOf } from "./profiles.js";
import { SeededRandom } from "./random.js";
import type { NetworkFaults } from "./network.js";
import type { Schedule, Step } from "./steps.js";

const allNames = ["a", "b", "c", "d", "e"];
const topics = ["room:1", "room:2", "room:3", "lobby"];
const keys = ["user:1", "user:2", "user:3", "user:4", "__proto__", "ключ"];
const sessionsPerLife = 3;

/** The kinds of faults; each seed has some of them. */
const kinds = [
  "partition",
  "oneWay",
  "announcedOutage",
  "silentOutage",
  "stall",
  "longStall",
  "crash",
  "clockBackwards",
  "stop",
  "lostGoodbye",
  "newNode",
  "twin",
  "corrupt",
  "churn",
  "crowd",
  "poolSize",
] as const;
type Kind = (typeof kinds)[number];

/** How often a kind that a seed has comes up, relative to the others. */
const weights: Record<Kind, number> = {
  partition: 3,
  oneWay: 3,
  announcedOutage: 2,
  silentOutage: 2,
  stall: 3,
  longStall: 1,
  crash: 3,
  clockBackwards: 2,
  stop: 3,
  lostGoodbye: 1,
  newNode: 2,
  twin: 1,
  corrupt: 2,
  churn: 1,
  crowd: 2,
  poolSize: 1,
};

/**
 * The schedule of a seed. Seeds below 1e9 mean what they always meant; above, each stretch of 1e9 seeds is a profile of
 * its own, with other faults, nodes and metas: see `profiles.ts`.
 */
export function randomSchedule(seed: number): Schedule {
  const profile = profileOf(seed);
  if (profile === "leaving") {
    const others = profiles.filter((other) => other !== profile);
    return withLeaving(randomSchedule(seedOf(others[seed % others.length] ?? "base", seed)), seed);
  }
  return profile === "base" ? baseSchedule(seed) : profileSchedule(profile, seed);
}

function baseSchedule(seed: number): Schedule {
  const random = new SeededRandom(`schedule ${seed}`);
  const nodes = allNames.slice(0, random.integer(2, allNames.length - 1));
  const enabled = random.subset(kinds, random.pick([0.1, 0.25, 0.5]));
  const network = randomNetwork(random);
  const options = randomOptions(random);
  const steps: Step[] = [];
  const phases = random.integer(6, 18);
  // At most this much time between two steps: short ones race with each other, long ones let things expire.
  const paceMs = random.pick([30, 300, 2_500]);
  for (let phase = 0; phase < phases; phase += 1) {
    for (let count = random.integer(0, 5); count > 0; count -= 1) steps.push(randomUse(random, nodes));
    if (enabled.length > 0 && random.chance(0.5)) {
      steps.push(...randomFault(random, pickKind(random, enabled), nodes, network));
    }
    if (random.chance(0.1)) steps.push({ do: "heal" }, { do: "faults", faults: network });
    if (random.chance(0.9)) steps.push({ do: "advance", ms: random.integer(0, paceMs) });
    if (random.chance(0.06)) steps.push({ do: "advance", ms: random.integer(5_000, 20_000) });
    if (random.chance(0.04)) steps.push({ do: "settle" });
  }
  return { seed, nodes, network, options, announceCrashes: random.chance(0.15), steps };
}

function randomNetwork(random: SeededRandom): Schedule["network"] {
  const faults: { -readonly [K in keyof NetworkFaults]?: NetworkFaults[K] } = {};
  if (random.chance(0.5)) faults.lossRate = random.pick([0.01, 0.1, 0.3, 0.6]);
  if (random.chance(0.4)) {
    faults.repeatRate = random.pick([0.05, 0.3]);
    faults.repeatDelayMs = random.pick([
      [0, 50],
      [0, 5_000],
      [0, 25_000],
    ] as const);
  }
  if (random.chance(0.5)) {
    faults.delayMs = random.pick([
      [0, 1],
      [0, 40],
      [20, 400],
      [0, 4_000],
    ] as const);
  }
  if (random.chance(0.5)) faults.reorder = true;
  if (random.chance(0.15)) faults.sendErrorRate = 0.1;
  if (random.chance(0.15)) faults.echoRate = 0.5;
  return random.chance(0.25) ? { ...faults, maxPayloadBytes: smallPayloadBytes } : faults;
}

/** As small as the limits of topic, key and a small meta allow. */
const smallPayloadBytes = 2_000;
const smallMetaBytes = 128;

function randomOptions(random: SeededRandom): Schedule["options"] {
  const options: { -readonly [K in keyof Schedule["options"]]: Schedule["options"][K] } = {
    maxMetaBytes: smallMetaBytes,
    poolSize: random.pick([1, 1, 2, 4]),
  };
  if (random.chance(0.4)) options.broadcastPeriodMs = random.pick([100, 400]);
  if (random.chance(0.4)) {
    options.heartbeatPeriodMs = 1_000;
    options.downPeriodMs = 3_500;
    options.permdownPeriodMs = random.pick([5_000, 15_000, 1_200_000]);
  }
  return options;
}

function randomUse(random: SeededRandom, nodes: readonly string[]): Step {
  const where = { node: random.pick(nodes), session: random.integer(1, sessionsPerLife) };
  const what = { ...where, topic: random.pick(topics), key: random.pick(keys) };
  const chosen = random.integer(1, 20);
  if (chosen <= 8) {
    return { do: "set", ...what, ...(random.chance(0.3) ? { letters: random.integer(1, 60) } : {}) };
  }
  if (chosen <= 11) return { do: "track", ...what };
  if (chosen <= 14) return { do: "update", ...what };
  if (chosen <= 17) return { do: "untrack", ...what };
  if (chosen === 18) return { do: "untrackTopic", ...where, topic: what.topic };
  return { do: chosen === 19 ? "untrackAll" : "close", ...where };
}

function pickKind(random: SeededRandom, enabled: readonly Kind[]): Kind {
  return random.pick(enabled.flatMap((kind) => new Array<Kind>(weights[kind]).fill(kind)));
}

function randomFault(
  random: SeededRandom,
  kind: Kind,
  nodes: readonly string[],
  network: Schedule["network"],
): Step[] {
  const node = random.pick(nodes);
  const other = random.pick(nodes.filter((name) => name !== node));
  const pause = (longMs: number): Step => ({ do: "advance", ms: random.integer(0, longMs) });
  switch (kind) {
    case "partition": {
      const group = random.subset(nodes, 0.5);
      const rest = nodes.filter((name) => !group.includes(name));
      const began: Step = { do: "partition", groups: [group, rest] };
      if (random.chance(0.4)) return [began];
      return [began, pause(12_000), { do: "heal" }, { do: "faults", faults: network }];
    }
    case "oneWay":
      return [{ do: "oneWay", from: node, to: other }];
    case "announcedOutage":
    case "silentOutage": {
      const hit = random.chance(0.5) ? nodes : [node];
      return [
        { do: "outage", nodes: hit, announced: kind === "announcedOutage", refuses: random.chance(0.5) },
        pause(12_000),
        { do: "heal" },
        { do: "faults", faults: network },
      ];
    }
    case "stall":
    case "longStall": {
      const ms = kind === "stall" ? random.integer(50, 6_000) : random.integer(6_000, 30_000);
      return [{ do: "stall", node, ms, first: random.chance(0.7) ? "timers" : "arrivals" }];
    }
    case "crash":
      return [
        { do: "crash", node },
        pause(random.pick([50, 3_000, 15_000])),
        { do: "start", node, clockOffsetMs: 0 },
      ];
    case "clockBackwards": {
      const clockOffsetMs = -random.pick([500, 60_000, 3_600_000]);
      return [
        { do: "crash", node },
        pause(random.pick([50, 3_000, 15_000])),
        { do: "start", node, clockOffsetMs },
      ];
    }
    case "stop": {
      const handoffMs = random.pick([undefined, undefined, 0, 300, 12_000]);
      return [
        { do: "stop", node, handoffMs },
        pause(random.pick([50, 4_000])),
        { do: "start", node, clockOffsetMs: 0 },
      ];
    }
    case "lostGoodbye":
      return [
        ...nodes
          .filter((name) => name !== node)
          .map((name): Step => ({ do: "oneWay", from: node, to: name })),
        { do: "stop", node, handoffMs: undefined },
        pause(1_000),
        { do: "heal" },
        { do: "faults", faults: network },
      ];
    case "newNode":
      return [{ do: "start", node: random.pick(allNames), clockOffsetMs: 0 }];
    case "twin":
      return [
        { do: "twin", node },
        pause(4_000),
        { do: "endTwin", node, which: random.chance(0.5) ? "first" : "second" },
      ];
    case "corrupt":
      return [{ do: "corrupt", node, of: other }];
    case "churn":
      return [
        {
          do: "churn",
          node,
          session: 1,
          topic: random.pick(topics),
          key: random.pick(keys),
          times: random.pick([20, 200, 200, 2_000]),
        },
      ];
    case "crowd":
      return [{ do: "crowd", node, session: 2, topic: random.pick(topics), keys: random.integer(5, 60) }];
    case "poolSize":
      return [
        { do: "crash", node },
        { do: "start", node, clockOffsetMs: 0, poolSize: random.integer(1, 5) },
      ];
  }
}
