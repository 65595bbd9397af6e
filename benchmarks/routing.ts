/**
 * What broadcasts of channel servers cost where they go to the nodes that hear their topic, and where they go to all:
 * `npm run bench:routing`. Rooms at home nodes, each broadcast in from one of those at random, on virtual time and a
 * metered wire that loses nothing; the frames of the trackers in which servers say what they hear are counted with the
 * rest. The same numbers come out of every run. The exit code is 0 only if every broadcast arrived once.
 */
import { Command } from "commander";
import { ClusterLink } from "../src/channels/cluster-link.js";
import { zeroCounters } from "../src/channels/counters.js";
import { ErrorReports } from "../src/channels/error-reports.js";
import { Broadcast, Subscribers } from "../src/channels/subscribers.js";
import { SeededRandom } from "../src/testing/random.js";
import { Tracker } from "../src/tracker/tracker.js";
import { virtualRuntime } from "../test/support/virtual-runtime.js";
import { Lab } from "./harness/lab.js";

const SETTLE_MS = 30_000;
const SECONDS = 20;

const { nodes, rooms, homes, perSecond } = new Command("bench:routing")
  .description("Frames of channel broadcasts, routed and to all, simulated.")
  .option("--nodes <count>", "nodes", Number, 50)
  .option("--rooms <count>", "rooms, all nodes together", Number, 1_000)
  .option("--homes <count>", "nodes of each room", Number, 3)
  .option("--per-second <count>", "broadcasts per second, all nodes together", Number, 500)
  .parse()
  .opts<{ nodes: number; rooms: number; homes: number; perSecond: number }>();

interface Figures {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
}

interface Measured {
  /** Per node and second: with nothing broadcast, and with broadcasts. */
  readonly idle: Figures;
  readonly busy: Figures;
  readonly wrong: number;
  readonly toAll: number;
}

/** Broadcasts of the measurement, and not those of the beginning. */
const MEASURED = "said";

async function measure(isRouted: boolean): Promise<Measured> {
  const lab = new Lab();
  const random = new SeededRandom("routing");
  const counters = zeroCounters();
  const links: { readonly link: ClusterLink; readonly subscribers: Subscribers }[] = [];
  for (let node = 0; node < nodes; node++) {
    const pubsub = lab.wire.node(nameOf(node));
    const { runtime } = virtualRuntime({ time: lab.time, random: random.fork(nameOf(node)) });
    const route = isRouted
      ? await Tracker.start({}, { name: "routes", pubsub, runtime, holds: "followed" })
      : undefined;
    const settings = { pubsub, name: "channels", runtime, route, limits: { maxBroadcastBytes: 1_048_576 } };
    const subscribers = new Subscribers({
      nowMs: () => runtime.monotonicMs(),
      opened: (topic) => link.opened(topic),
      emptied: (topic) => link.emptied(topic),
    });
    const receiver = {
      broadcastReceived: (broadcast: Broadcast, untilMs?: number) =>
        subscribers.deliver(broadcast, undefined, untilMs),
      disconnectReceived: () => undefined,
      keyReceived: () => undefined,
      askReceived: () => undefined,
      answerReceived: () => undefined,
    };
    const link = new ClusterLink(settings, new ErrorReports(runtime), receiver, counters);
    await link.open();
    links.push({ link, subscribers });
    await lab.advance(7);
  }
  let delivered = 0;
  const homesOf: number[][] = [];
  for (let room = 0; room < rooms; room++) {
    const its = new Set<number>();
    while (its.size < homes) its.add(random.integer(0, nodes - 1));
    homesOf.push([...its]);
    for (const node of its) {
      const deliver = ({ event }: Broadcast): void => void (delivered += event === MEASURED ? 1 : 0);
      links[node]?.subscribers.add({ topic: topicOf(room), deliver });
    }
  }
  await lab.advance(SETTLE_MS);
  const during = async (count: number): Promise<Figures> => {
    const before = traffic(lab);
    for (let second = 0; second < SECONDS; second++) {
      for (let number = 0; number < count; number++) {
        const room = random.integer(0, rooms - 1);
        const node = random.pick(homesOf[room] ?? []);
        links[node]?.link.broadcast(
          new Broadcast(topicOf(room), MEASURED, { user: "ann", text: "x".repeat(100) }),
        );
        await lab.advance(1_000 / count);
      }
      if (count === 0) await lab.advance(1_000);
    }
    await lab.advance(100);
    const after = traffic(lab);
    const each = (name: keyof Figures): number => (after[name] - before[name]) / nodes / SECONDS;
    return {
      receivedFrames: each("receivedFrames"),
      receivedBytes: each("receivedBytes"),
      sentFrames: each("sentFrames"),
    };
  };
  const idle = await during(0);
  const busy = await during(perSecond);
  const { unsettledBroadcasts, crowdedBroadcasts, unannouncedBroadcasts } = counters;
  return {
    idle,
    busy,
    wrong: perSecond * SECONDS * (homes - 1) - delivered,
    toAll: unsettledBroadcasts + crowdedBroadcasts + unannouncedBroadcasts,
  };
}

function traffic(lab: Lab): Figures {
  const sum = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0 };
  for (let node = 0; node < nodes; node++) {
    const of = lab.wire.traffic(nameOf(node));
    sum.receivedFrames += of.receivedFrames;
    sum.receivedBytes += of.receivedBytes;
    sum.sentFrames += of.sentFrames;
  }
  return sum;
}

function nameOf(node: number): string {
  return `node-${node}`;
}

function topicOf(room: number): string {
  return `room:${room}`;
}

console.log(`${nodes} nodes, ${rooms} rooms on ${homes} nodes each, ${perSecond} broadcasts per second`);
let wrong = 0;
for (const isRouted of [false, true]) {
  const { idle, busy, wrong: missing, toAll } = await measure(isRouted);
  wrong += Math.abs(missing);
  const told = [
    `received ${busy.receivedFrames.toFixed(1)} frames/s and ${(busy.receivedBytes / 1_000).toFixed(1)} kB/s`,
    `sent ${busy.sentFrames.toFixed(1)} frames/s`,
    `idle received ${idle.receivedFrames.toFixed(1)} frames/s and ${(idle.receivedBytes / 1_000).toFixed(1)} kB/s`,
    ...(isRouted ? [`${toAll} broadcasts to all`] : []),
    `${missing} missing`,
  ];
  console.log(`${isRouted ? "routed" : "to all"}, per node: ${told.join("; ")}`);
}
process.exitCode = wrong === 0 ? 0 : 1;
