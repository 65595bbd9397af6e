/**
 * Random clusters of channel servers, routed and not, whose subscribers come and go while they broadcast, and whose
 * nodes crash, restart, stop, stall and lose sight of each other: who must have got which broadcast has got it, nobody
 * twice, and in the order in which each server made them.
 */
import { expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/random.js";
import { RoutedCluster, type Made, type ServerKind, type TestSubscriber } from "./routed-nodes.js";

const topics = ["t", "u", "v"];
/** After the last fault a tracker lists who is missing within 12 s; as much again to be told. */
const foundMs = 20_000;
const stepMs = 600;
const steps = 150;

interface Stretch {
  readonly fromMs: number;
  untilMs: number;
}

interface Run {
  readonly cluster: RoutedCluster;
  /** When which nodes could not hear each other. */
  readonly cuts: (Stretch & { readonly left: ReadonlySet<string> })[];
  readonly faults: Faults;
}

interface Faults {
  readonly partitions: boolean;
  readonly ends: boolean;
  readonly stalls: boolean;
  readonly kinds: readonly ServerKind[];
}

async function run(seed: string, faults: Faults): Promise<Run> {
  const random = new SeededRandom(seed);
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, 3 + Math.floor(random.between(0, 4)));
  const kinds = Object.fromEntries(names.map((name) => [name, random.pick(faults.kinds)] as const));
  const cluster = await RoutedCluster.start(kinds, {
    seed,
    network: { delayMs: [1, random.pick([2, 40, 250])] },
    options: { broadcastPeriodMs: random.pick([200, 1_500]) },
  });
  const cuts: Run["cuts"] = [];
  const heal = (): void => {
    cluster.simulated.network.mendAll();
    for (const cut of cuts) cut.untilMs = Math.min(cut.untilMs, cluster.nowMs);
  };
  await cluster.advance(12_000);
  for (let step = 0; step < steps; step++) {
    await cluster.advance(random.between(0, random.chance(0.5) ? 5 : stepMs));
    const name = random.pick(names);
    const server = cluster.server(name);
    const topic = random.pick(topics);
    const what = random.next();
    // It can do nothing.
    if (server.node.machine.stalled) continue;
    if (what < 0.25) server.subscribe(topic, `${name} ${step}`);
    else if (what < 0.35) {
      const mine = cluster.subscribers.filter(
        ({ node, untilMs }) => node === server.node && untilMs === Infinity,
      );
      if (mine.length > 0) server.unsubscribe(random.pick(mine));
    } else if (what < 0.85) server.broadcast(topic);
    else if (what < 0.9 && faults.ends) {
      cluster.ended(name);
      if (random.chance(0.5)) {
        await server.link.close();
        await cluster.simulated.stop(name, { handoffMs: 0 });
      }
      await cluster.simulated.restart(name);
      cluster.serve(name, random.chance(0.3) ? random.pick(faults.kinds) : server.kind);
    } else if (what < 0.94 && faults.stalls) cluster.simulated.stall(name, random.pick([200, 3_000, 12_000]));
    else if (what < 0.97 && faults.partitions) {
      heal();
      const left = names.filter(() => random.chance(0.4));
      cluster.simulated.partition(
        left,
        names.filter((each) => !left.includes(each)),
      );
      cuts.push({ fromMs: cluster.nowMs, untilMs: Infinity, left: new Set(left) });
    } else if (what < 0.98) heal();
    else await cluster.advance(random.between(0, 40_000));
  }
  heal();
  await cluster.advance(2 * foundMs);
  return { cluster, cuts, faults };
}

/** Whether it had to arrive: both were there, and could hear each other, until somebody missing is found. */
function mustGet({ cluster, cuts }: Run, subscriber: TestSubscriber, made: Made): boolean {
  const untilMs = made.atMs + foundMs + longestStallMs(cluster, made.atMs);
  if (subscriber.topic !== made.topic || subscriber.fromMs > made.atMs || subscriber.untilMs < untilMs)
    return false;
  const from = made.from;
  if (subscriber.node === from) return true;
  if (!livesUntil(cluster, from.life, untilMs)) return false;
  for (const { fromMs, untilMs: endMs, left } of cuts) {
    const apart = left.has(from.name) !== left.has(subscriber.node.name);
    if (apart && fromMs <= untilMs && endMs >= made.atMs) return false;
  }
  return true;
}

function livesUntil(cluster: RoutedCluster, life: number, untilMs: number): boolean {
  const [node] = cluster.simulated.lives.filter((each) => each.life === life);
  const next = cluster.simulated.lives.find((each) => each.life > life && each.name === node?.name);
  return next === undefined || next.startedMs > untilMs;
}

/** What waits in a node that stalls comes when it goes on. */
function longestStallMs(cluster: RoutedCluster, atMs: number): number {
  let longestMs = 0;
  for (const { machine } of cluster.simulated.lives) {
    for (const { fromMs, untilMs } of machine.stalls) {
      if (fromMs <= atMs + foundMs && untilMs >= atMs) longestMs = Math.max(longestMs, untilMs - fromMs);
    }
  }
  return longestMs;
}

function findings(one: Run): string[] {
  const { cluster } = one;
  const wrong: string[] = [];
  for (const subscriber of cluster.subscribers) {
    const got = new Set<number>();
    const lastOf = new Map<unknown, number>();
    const who = `${subscriber.name} (${subscriber.kind}, ${subscriber.topic}, from ${subscriber.fromMs.toFixed()})`;
    for (const { id, atMs } of subscriber.got) {
      const made = cluster.made[id] as Made;
      const what = `${id} of ${made.from.name}, made ${made.atMs.toFixed()}, got ${atMs.toFixed()}`;
      if (got.has(id)) wrong.push(`${who} got twice: ${what}`);
      got.add(id);
      const last = lastOf.get(made.from) ?? -1;
      if (last > id) wrong.push(`${who} got after ${last}: ${what}`);
      lastOf.set(made.from, Math.max(last, id));
      // Older ones than were under way, or than an old version is sent again.
      const tooOldMs = made.atMs + 1_600 + longestStallMs(cluster, made.atMs);
      if (subscriber.fromMs > tooOldMs) wrong.push(`${who} got what was made before it came: ${what}`);
    }
    for (const made of cluster.made) {
      if (!got.has(made.id) && mustGet(one, subscriber, made)) {
        wrong.push(`${who} has not got ${made.id} of ${made.from.name}, made ${made.atMs.toFixed()}`);
      }
    }
  }
  return wrong;
}

const quiet = { partitions: false, ends: false, stalls: false } as const;
const routed: readonly ServerKind[] = ["routed"];
const severed: readonly ServerKind[] = ["routed", "routed", "routed", "severed"];
const mixed: readonly ServerKind[] = ["routed", "routed", "routed", "routed", "plain", "old"];

it.each([
  ["without faults", { ...quiet, kinds: routed }],
  ["as nodes crash, stop and start", { ...quiet, ends: true, kinds: routed }],
  ["as nodes stall", { ...quiet, stalls: true, kinds: routed }],
  ["through partitions", { ...quiet, partitions: true, kinds: routed }],
  ["of all kinds of servers, as nodes crash, stop and start", { ...quiet, ends: true, kinds: mixed }],
  ["beside trackers on other pubsubs, as nodes stall", { ...quiet, stalls: true, kinds: severed }],
  ["through everything at once", { partitions: true, ends: true, stalls: true, kinds: mixed }],
] as const)(
  "every broadcast arrives where it has to, once and in order: %s",
  async (name, faults) => {
    const first = Number(process.env["ROUTES_SEED"] ?? 0);
    const count = Number(process.env["ROUTES_COUNT"] ?? 12);
    const sums = { routed: 0, all: 0 };
    for (let number = first; number < first + count; number++) {
      const seed = `${name} ${number}`;
      const one = await run(seed, faults);
      expect(findings(one), `seed ${JSON.stringify(seed)}`).toEqual([]);
      for (const { counters } of one.cluster.servers.values()) {
        sums.routed += counters.routedBroadcasts;
        sums.all +=
          counters.unsettledBroadcasts + counters.crowdedBroadcasts + counters.unannouncedBroadcasts;
      }
    }
    // It is about broadcasts of both kinds.
    expect(Math.min(sums.routed, sums.all)).toBeGreaterThan(0);
  },
  120_000,
);
