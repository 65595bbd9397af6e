/**
 * One node of the test of clusters that are half and half: a process that starts a tracker when it is told to, over the
 * cluster adapter, and notes whatever is missing from a list that should have it. All users of the test are there all the
 * time, so whoever leaves a list and is not in it by another entry was lost.
 */
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { Session, Tracker, type Follow, type FollowCount } from "../../src/index.js";

/** Short enough for a test, long enough for a busy machine. */
const periods = { broadcastPeriodMs: 150, heartbeatPeriodMs: 300, downPeriodMs: 4_000 };
const countPeriodMs = 300;

export type Holds = "everything" | "followed";

/** What the test asks for. `expected` are the users of each room. */
export type Request =
  | {
      readonly ask: "start";
      readonly holds: Holds;
      readonly follows: readonly string[];
      readonly expected: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly ask: "track"; readonly users: readonly (readonly [room: string, user: string])[] }
  | { readonly ask: "report" | "stop" };

export interface Report {
  readonly isComplete: boolean;
  /** The users of each room that is read here. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly counts: Readonly<Record<string, { readonly entries: number; readonly settled: boolean }>>;
  /** Who was missing where, at any time since this node was complete. */
  readonly lost: readonly string[];
  readonly errors: readonly string[];
}

async function start(
  nodeName: string,
  { holds, follows, expected }: Request & { ask: "start" },
): Promise<Node> {
  const lost: string[] = [];
  const tracker = await Tracker.start(
    {
      handleDiff(diff, tracker) {
        for (const [room, { leaves }] of diff)
          for (const { key, reason, node } of leaves)
            if (!tracker.has(room, key)) lost.push(`${key} left ${room} on ${node}: ${reason}`);
      },
    },
    {
      ...{ name: "mixed", pubsub: clusterPubSub({ nodeName }), holds, ...periods },
      ...(holds === "followed" && { countPeriodMs }),
    },
  );
  const rooms = holds === "everything" ? Object.keys(expected) : follows;
  const node = new Node(
    tracker,
    rooms.map((room) => tracker.follow(room)),
    Object.keys(expected).map((room) => tracker.followCount(room)),
    lost,
  );
  await tracker.whenComplete();
  for (const follow of node.follows) {
    await follow.whenComplete();
    for (const user of expected[follow.topic] ?? [])
      if (!follow.has(user)) lost.push(`${user} is not in ${follow.topic}, which is complete`);
  }
  return node;
}

class Node {
  readonly errors: string[] = [];

  constructor(
    readonly tracker: Tracker,
    readonly follows: readonly Follow[],
    readonly counts: readonly FollowCount[],
    readonly lost: readonly string[],
  ) {
    tracker.on("error", ({ code, message }) => void this.errors.push(`${code} ${message}`));
  }

  report(): Report {
    const { follows, counts, tracker, lost, errors } = this;
    const keysOf = (follow: Follow): string[] => follow.list().map(({ key }) => key);
    return {
      isComplete: tracker.health().complete && follows.every(({ complete }) => complete),
      lists: Object.fromEntries(follows.map((follow) => [follow.topic, keysOf(follow).sort()])),
      counts: Object.fromEntries(counts.map(({ topic, entries, settled }) => [topic, { entries, settled }])),
      ...{ lost, errors },
    };
  }
}

function serve(nodeName: string): void {
  let node: Node | undefined;
  const sessions: Session[] = [];
  const take = async (request: Request): Promise<void> => {
    if (request.ask === "start") node = await start(nodeName, request);
    if (node === undefined) throw new Error("It was not started");
    if (request.ask === "track") {
      for (const [room, user] of request.users) {
        const session = new Session();
        sessions.push(session);
        node.tracker.track(session, room, user, { nodeName });
      }
    }
    const report = node.report();
    if (request.ask === "stop") await node.tracker.stop();
    process.send?.(report);
  };
  // Never outlives the test.
  process.on("disconnect", () => process.exit());
  process.on("message", (message: Request) => {
    // The cluster adapter's messages share the channel.
    if (!("rollcall" in message)) void take(message);
  });
}

const [nodeName] = process.argv.slice(2);
if (process.send !== undefined && nodeName !== undefined) serve(nodeName);
