/** Schedules of their own, for rules that a random one reaches too seldom. A seed varies what may vary. */
import { SeededRandom } from "../../src/testing/random.js";
import type { Schedule, Step } from "../../src/testing/steps.js";

const options = { maxMetaBytes: 128, poolSize: 1, broadcastPeriodMs: 100 };

/**
 * A node comes back again and again to another that has changed more than a delta tells, and goes on changing
 * while pages travel. Sometimes what is held is damaged before.
 */
export function rebuilding(seed: number): Schedule {
  const random = new SeededRandom(`rebuilding ${seed}`);
  const what = { node: "a", topic: "room:1" };
  const steps: Step[] = [];
  const change = (): Step => {
    const key = `crowd:${random.integer(1, 30)}`;
    if (random.chance(0.4)) return { do: "untrack", ...what, session: 1, key };
    return { do: "set", ...what, session: 1, key };
  };
  for (let round = 0; round < 4; round += 1) {
    steps.push({ do: "crowd", ...what, session: 1, keys: 30 }, { do: "advance", ms: 4_000 });
    if (random.chance(0.5)) {
      steps.push({ do: "corrupt", node: "b", of: "a" }, change(), change(), { do: "advance", ms: 150 });
    }
    steps.push({ do: "partition", groups: [["a"], ["b"]] });
    steps.push({ do: "churn", ...what, session: 2, key: "restless", times: 30 }, change(), change());
    steps.push({ do: "advance", ms: 200 }, { do: "heal" });
    steps.push({ do: "faults", faults: { delayMs: [0, 40], reorder: random.chance(0.5) } });
    for (let turn = 0; turn < 40; turn += 1)
      steps.push(change(), { do: "advance", ms: random.integer(5, 120) });
  }
  return { seed, nodes: ["a", "b"], network: {}, options, announceCrashes: false, steps };
}

/**
 * With these an author's removals do not reach far, and a rebuild takes many pages. Nothing waits beyond the removals
 * kept, as no limits allow: such a flush would have no delta, and whoever has lost nothing would have to ask.
 */
export const smallLimits = { removalsKept: 6, pendingDots: 6, deltaDots: 100, pageItems: 2 };

/** Nodes are stopped and started one after another, while some of their users come back elsewhere. */
export function deploying(seed: number): Schedule {
  const random = new SeededRandom(`deploying ${seed}`);
  const nodes = ["a", "b", "c"];
  const steps: Step[] = [];
  const use = (node: string, session: number): Step => {
    const key = `user:${random.integer(1, 12)}`;
    return { do: "set", node, session, topic: `room:${random.integer(1, 2)}`, key };
  };
  for (const node of nodes) steps.push(use(node, 1), use(node, 1), use(node, 2));
  for (const node of [...nodes, ...nodes]) {
    const other = random.pick(nodes.filter((name) => name !== node));
    steps.push({ do: "advance", ms: random.integer(3_000, 9_000) });
    steps.push({ do: "stop", node, handoffMs: undefined }, { do: "advance", ms: random.integer(100, 2_000) });
    steps.push({ do: "start", node, clockOffsetMs: 0 }, { do: "awaitComplete", node });
    steps.push(use(other, 3), { do: "advance", ms: random.integer(100, 3_000) }, use(node, 1));
  }
  return { seed, nodes, network: {}, options, announceCrashes: false, steps };
}

/** So many shards that no heartbeat fits one frame. */
export function manyShards(seed: number): Schedule {
  return {
    seed,
    nodes: ["a", "b"],
    network: { maxPayloadBytes: 2_000 },
    options: { ...options, poolSize: 800 },
    announceCrashes: false,
    steps: [
      { do: "set", node: "a", session: 1, topic: "room:1", key: "user:1" },
      { do: "advance", ms: 5_000 },
    ],
  };
}

/** A node comes back to another that has changed something in each of many shards. */
export function manySlices(seed: number): Schedule {
  const steps: Step[] = [
    { do: "advance", ms: 3_000 },
    { do: "partition", groups: [["a"], ["b"]] },
  ];
  for (let topic = 1; topic <= 100; topic += 1) {
    steps.push({ do: "set", node: "a", session: 1, topic: `room:${topic}`, key: "user:1" });
  }
  steps.push({ do: "advance", ms: 2_000 }, { do: "heal" }, { do: "advance", ms: 3_000 });
  return {
    seed,
    nodes: ["a", "b"],
    network: {},
    options: { ...options, poolSize: 64 },
    announceCrashes: false,
    steps,
  };
}

/** Texts whose bytes are twice their letters. */
export function wideLetters(seed: number): Schedule {
  const steps: Step[] = [{ do: "advance", ms: 500 }];
  for (let user = 1; user <= 100; user += 1) {
    steps.push({ do: "set", node: "a", session: 1, topic: "room:1", key: `пользователь:${user}` });
  }
  steps.push({ do: "advance", ms: 5_000 });
  return {
    seed,
    nodes: ["a", "b"],
    network: { maxPayloadBytes: 2_000 },
    options,
    announceCrashes: false,
    steps,
  };
}

/** Nodes crash, others are told so at once, and they come back. */
export function hinting(seed: number): Schedule {
  const random = new SeededRandom(`hinting ${seed}`);
  const steps: Step[] = [];
  for (let round = 0; round < 4; round += 1) {
    const node = random.pick(["a", "b", "c"]);
    steps.push({ do: "set", node, session: 1, topic: "room:1", key: "user:1" }, { do: "advance", ms: 1_000 });
    steps.push({ do: "crash", node }, { do: "advance", ms: random.integer(100, 3_000) });
    steps.push({ do: "start", node, clockOffsetMs: 0 }, { do: "advance", ms: 500 });
  }
  return { seed, nodes: ["a", "b", "c"], network: {}, options, announceCrashes: true, steps };
}

/** Lives end and begin again, some with their clock turned back, while frames come late and again. */
export function turningBack(seed: number): Schedule {
  const random = new SeededRandom(`turning back ${seed}`);
  const names = ["a", "b"];
  const steps: Step[] = [];
  for (let round = 0; round < 6; round += 1) {
    const node = random.pick(names);
    steps.push({ do: "set", node, session: 1, topic: "room:1", key: "user:1" });
    steps.push({ do: "advance", ms: random.integer(10, 3_000) });
    if (random.chance(0.5)) steps.push({ do: "stop", node, handoffMs: random.pick([undefined, 0, 300]) });
    else steps.push({ do: "crash", node });
    steps.push({ do: "advance", ms: random.integer(0, 500) });
    steps.push({ do: "start", node, clockOffsetMs: random.pick([0, 0, -500, -3_600_000]) });
  }
  steps.push({ do: "advance", ms: 6_000 });
  const network = { repeatRate: 0.5, repeatDelayMs: [0, 5_000] as const };
  return { seed, nodes: names, network, options, announceCrashes: false, steps };
}

/** A node starts again when all have found it down, and its clock went back meanwhile. */
export function turnedBackWhileDown(seed: number): Schedule {
  const steps: Step[] = [
    { do: "set", node: "a", session: 1, topic: "room:1", key: "user:1" },
    { do: "advance", ms: 3_000 },
    { do: "crash", node: "a" },
    { do: "advance", ms: 15_000 },
    { do: "start", node: "a", clockOffsetMs: -3_600_000 },
    { do: "set", node: "a", session: 1, topic: "room:1", key: "user:1" },
    { do: "advance", ms: 15_000 },
  ];
  return { seed, nodes: ["a", "b", "c"], network: {}, options, announceCrashes: false, steps };
}

/** The links are cut for a while, then the broker goes away and comes back. */
export function losingTheBroker(seed: number): Schedule {
  const random = new SeededRandom(`losing the broker ${seed}`);
  const names = ["a", "b", "c"];
  const steps: Step[] = names.map((node) => ({
    do: "set",
    node,
    session: 1,
    topic: "room:1",
    key: "user:1",
  }));
  for (let round = 0; round < 3; round += 1) {
    const [group = "", ...rest] = random.chance(0.5) ? names : names.toReversed();
    steps.push({ do: "advance", ms: 3_000 }, { do: "partition", groups: [[group], rest] });
    steps.push({ do: "advance", ms: random.integer(0, 7_500) });
    steps.push({ do: "outage", nodes: names, announced: true, refuses: random.chance(0.5) });
    steps.push({ do: "advance", ms: random.integer(500, 15_000) }, { do: "heal" });
    steps.push({ do: "partition", groups: [[group], rest] }, { do: "advance", ms: 5_000 }, { do: "heal" });
  }
  return { seed, nodes: names, network: {}, options, announceCrashes: false, steps };
}

/** A node with many users crashes and is back, and so are some of its users. */
export function restarting(seed: number): Schedule {
  const what = { node: "a", session: 1, topic: "room:1" };
  const steps: Step[] = [
    { do: "crowd", ...what, keys: 5 },
    { do: "advance", ms: 1_000 },
  ];
  for (let round = 1; round <= 3; round += 1) {
    steps.push({ do: "crash", node: "a" }, { do: "advance", ms: 500 });
    steps.push({ do: "start", node: "a", clockOffsetMs: 0 }, { do: "advance", ms: 200 });
    steps.push({ do: "set", ...what, key: "crowd:1" }, { do: "set", ...what, key: "user:1" });
    steps.push({ do: "advance", ms: 3_000 });
  }
  return { seed, nodes: ["a", "b"], network: {}, options, announceCrashes: false, steps };
}

/** The frames of a life arrive when its next life has begun and ended; what it said at its start was lost. */
export function lateFirstFrames(seed: number): Schedule {
  const delayMs = [3_000, 3_100] as const;
  const steps: Step[] = [
    { do: "faults", faults: {} },
    { do: "oneWay", from: "a", to: "b" },
    { do: "start", node: "a", clockOffsetMs: 0 },
    { do: "heal" },
    { do: "faults", faults: { delayMs, reorder: true } },
    { do: "set", node: "a", session: 1, topic: "room:1", key: "user:1" },
    { do: "advance", ms: 100 },
    { do: "crash", node: "a" },
    { do: "faults", faults: {} },
    { do: "start", node: "a", clockOffsetMs: 0 },
    { do: "advance", ms: 500 },
    { do: "stop", node: "a", handoffMs: 0 },
    { do: "advance", ms: 4_000 },
  ];
  return {
    seed,
    nodes: ["b"],
    network: { delayMs, reorder: true },
    options,
    announceCrashes: false,
    steps,
  };
}

/**
 * A node has lost its connection for a while, and frames that were sent before are still under way to it: a heartbeat
 * of which it does not know that, but no two, as none takes longer than a period.
 */
export function reconnectingAmongLateFrames(seed: number): Schedule {
  const random = new SeededRandom(`reconnecting among late frames ${seed}`);
  const steps: Step[] = [
    { do: "advance", ms: 4_000 },
    { do: "outage", nodes: ["c"], announced: true, refuses: random.chance(0.5) },
    { do: "advance", ms: random.integer(500, 2_500) },
    { do: "set", node: "b", session: 1, topic: "room:1", key: "user:1" },
    { do: "advance", ms: random.integer(700, 1_600) },
    { do: "reconnect", nodes: ["c"] },
    { do: "advance", ms: 3_000 },
  ];
  const network = { lossRate: 0.5, delayMs: [0, 1_900] } as const;
  return { seed, nodes: ["a", "b", "c"], network, options, announceCrashes: false, steps };
}

/**
 * Frames take so long, all at once, that nodes are deaf; they hear themselves again by frames that were under way, and
 * so are heartbeats of others.
 */
export function deafBySlowness(seed: number): Schedule {
  const random = new SeededRandom(`deaf by slowness ${seed}`);
  const what = { session: 1, topic: "room:1", key: "user:1" };
  const steps: Step[] = [
    { do: "advance", ms: 6_000 },
    { do: "faults", faults: { delayMs: [0, 6_000] } },
  ];
  for (let turn = 0; turn < 10; turn += 1) {
    steps.push({ do: "set", node: random.pick(["a", "b"]), ...what });
    steps.push({ do: "advance", ms: random.integer(500, 1_500) });
  }
  steps.push({ do: "faults", faults: {} }, { do: "advance", ms: 9_000 });
  return { seed, nodes: ["a", "b"], network: {}, options, announceCrashes: false, steps };
}
