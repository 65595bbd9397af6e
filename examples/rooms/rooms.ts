/**
 * Ten thousand rooms on a few processes, each of which holds only the rooms in which somebody sits who is connected to
 * it. A page shows what each process holds beside what there is in all, and reads any room. See README.md.
 *
 *   npx tsx examples/rooms/rooms.ts
 */
import cluster, { type Worker } from "node:cluster";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { clusterPubSub, setupPrimary } from "rollcall/adapters/cluster";
import { Session, Tracker, type Follow } from "rollcall";
import { page } from "./page.js";

const rooms = 10_000;
const workers = Number(process.env["ROOMS_WORKERS"] ?? 4);
const usersPerWorker = Number(process.env["ROOMS_USERS"] ?? 20_000) / workers;
/** How many users of each worker move to another room per second. */
const movesPerSecond = Number(process.env["ROOMS_MOVES"] ?? 20);

/** What a worker tells the primary of itself. */
interface Holds {
  readonly name: string;
  readonly users: number;
  readonly heldOfOthers: number;
  readonly roomsFollowed: number;
  readonly complete: boolean;
}

/** Who is in a room, as a worker sees it. */
interface Room {
  readonly room: string;
  readonly seenBy: string;
  readonly members: readonly string[];
}

type FromWorker = { readonly holds: Holds } | { readonly asked: number; readonly read: Room };
type ToWorker = { readonly asked: number; readonly room: string };

if (cluster.isPrimary) runPrimary();
else await runWorker(Number(process.env["WORKER_NUMBER"]));

/** Relays between the workers, collects what they hold, and serves the page. */
function runPrimary(): void {
  setupPrimary();
  const holds = new Map<Worker, Holds>();
  const waiting = new Map<number, (room: Room) => void>();
  let asked = 0;
  for (let number = 0; number < workers; number++) {
    const worker = cluster.fork({ WORKER_NUMBER: String(number) });
    worker.on("exit", () => holds.delete(worker));
    worker.on("message", (message: Partial<FromWorker>) => {
      if ("holds" in message && message.holds !== undefined) holds.set(worker, message.holds);
      if (!("read" in message) || message.read === undefined || message.asked === undefined) return;
      waiting.get(message.asked)?.(message.read);
      waiting.delete(message.asked);
    });
  }

  /** Asks a worker who is in a room, the named one or any. */
  const read = (room: string, by: string | null): Promise<Room> | undefined => {
    const [worker] = [...holds].find(([, { name }]) => by === null || name === by) ?? [];
    if (worker === undefined) return undefined;
    asked += 1;
    const message: ToWorker = { asked, room };
    worker.send(message);
    return new Promise((resolve) => waiting.set(message.asked, resolve));
  };

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const json = (value: unknown): void => {
      response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    };
    const [, room] = /^\/rooms\/(\d+)$/.exec(pathname) ?? [];
    if (pathname === "/") response.setHeader("content-type", "text/html; charset=utf-8").end(page);
    else if (pathname === "/nodes") json([...holds.values()]);
    else if (room === undefined) response.writeHead(404).end();
    else void Promise.resolve(read(`room:${room}`, searchParams.get("by"))).then(json);
  });
  server.listen(Number(process.env["ROOMS_PORT"] ?? 4300), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ shows what each worker holds`);
  });

  const stop = (): void => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill();
    process.exit(0);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

/** Somebody who sits in a room, connected to this worker. */
interface User {
  readonly session: Session;
  readonly room: Follow;
}

async function runWorker(number: number): Promise<void> {
  const name = `worker-${number + 1}`;
  // All that makes it hold what it serves is one option.
  const tracker = await Tracker.start(
    {},
    { name: "rooms", pubsub: clusterPubSub({ nodeName: name }), holds: "followed" },
  );

  const users: User[] = [];
  let lastUser = 0;
  /** Somebody opens a room: is in it from now on, and sees who else is. */
  const come = (): void => {
    const topic = `room:${roomFor(number)}`;
    const session = new Session();
    tracker.track(session, topic, `${name}:user-${++lastUser}`, { since: Date.now() });
    users.push({ session, room: tracker.follow(topic) });
  };
  const go = ({ session, room }: User): void => {
    session.close();
    room.close();
  };

  while (users.length < usersPerWorker) {
    for (let each = 0; each < 500 && users.length < usersPerWorker; each++) come();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (movesPerSecond > 0) {
    setInterval(() => {
      const first = users.shift();
      if (first !== undefined) go(first);
      come();
    }, 1_000 / movesPerSecond);
  }

  setInterval(() => {
    const { complete, own, following, replicas } = tracker.health();
    const holds: Holds = {
      ...{ name, complete, users: own.entries },
      heldOfOthers: replicas.reduce((sum, { entries }) => sum + entries, 0),
      roomsFollowed: following?.follows ?? 0,
    };
    process.send?.({ holds } satisfies FromWorker);
  }, 500);

  process.on("message", ({ asked, room }: Partial<ToWorker>) => {
    if (asked === undefined || room === undefined) return;
    void readRoom(room).then((members) => {
      process.send?.({ asked, read: { room, seenBy: name, members } } satisfies FromWorker);
    });
  });
  /** Who is in a room, whether or not anybody of it is connected here. */
  const readRoom = async (topic: string): Promise<string[]> => {
    using room = tracker.follow(topic);
    await room.whenComplete({ timeoutMs: 2_000 }).catch(() => undefined);
    return room
      .list()
      .map(({ key }) => key)
      .sort();
  };

  process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the primary ends the workers
  process.once("SIGTERM", () => void tracker.stop({ handoffMs: 0 }).then(() => process.exit(0)));
}

/**
 * The room of the next user of a worker. A load balancer that can should send the users of a room to the same few
 * workers: here each room has two homes, where nine of ten of its users are.
 */
function roomFor(number: number): number {
  const room = Math.floor(Math.random() * rooms);
  if (Math.random() < 0.1) return room;
  const home = Math.random() < 0.5 ? number : (number + workers - 1) % workers;
  return Math.min(rooms - 1, room - (room % workers) + home);
}
