/**
 * A tracker of users that talks: run it in two terminals, track somebody in one, see it in the other, stop one
 * and start it again. See README.md.
 *
 *   npx tsx examples/console/console.ts 1
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Session, Tracker, type Diff, type PubSub, type TrackerBehaviour } from "rollcall";

const topic = "tracked";
const firstPort = Number(process.env["CONSOLE_PORT"] ?? 4900);
const mostNodes = 5;

interface User {
  name: string;
  since: string;
}

/** A tracker with words of its own around it: what an application usually has. */
class UserTracker implements TrackerBehaviour<User> {
  readonly #sessions = new Map<string, Session>();
  #tracker: Tracker<User> | undefined;

  async start(pubsub: PubSub): Promise<void> {
    this.#tracker = await Tracker.start<User>(this, { name: "users", pubsub });
    const report = ({ name }: { name: string }, what: string): void => console.log(`* ${name} ${what}`);
    this.#tracker.on("replicaUp", (replica) => report(replica, "is up"));
    this.#tracker.on("replicaDown", (replica) => report(replica, "is down"));
  }

  handleDiff(diff: Diff<User>): void {
    const { joins = [], leaves = [] } = diff.get(topic) ?? {};
    for (const { key, node, reason } of leaves) console.log(`- ${key} on ${node}: ${reason}`);
    for (const { key, meta, node } of joins) console.log(`+ ${key} (${meta.name}) on ${node}`);
  }

  /** Tracks a user until it is released. A real application has a session already: the user's connection. */
  track(id: string): void {
    const session = this.#sessions.get(id) ?? new Session();
    this.#sessions.set(id, session);
    this.#tracker?.set(session, topic, id, { name: `User ${id}`, since: new Date().toISOString() });
  }

  release(id: string): void {
    this.#sessions.get(id)?.close();
    this.#sessions.delete(id);
  }

  list(): void {
    const entries = this.#tracker?.list(topic) ?? [];
    for (const { key, meta, node } of entries) console.log(`  ${key} on ${node} since ${meta.since}`);
    console.log(`  ${entries.length} tracked`);
  }

  async stop(): Promise<void> {
    await this.#tracker?.stop({ handoffMs: 0 });
  }
}

/**
 * A pubsub over UDP on this machine: node 1 has the first port, node 2 the next. It may lose what it is given,
 * which is all right: the tracker asks again.
 */
async function udpPubSub(number: number): Promise<PubSub & { close(): void }> {
  const nodeName = `node-${number}`;
  const receivers = new Map<string, Set<(payload: string) => void>>();
  const socket = createSocket("udp4");
  socket.on("message", (data) => {
    const [target, channel = "", ...lines] = data.toString().split("\n");
    if (target !== "" && target !== nodeName) return;
    for (const receive of receivers.get(channel) ?? []) receive(lines.join("\n"));
  });
  socket.bind(firstPort + number, "127.0.0.1");
  await once(socket, "listening");
  const post = async (target: string, channel: string, payload: string): Promise<void> => {
    const data = `${target}\n${channel}\n${payload}`;
    for (let other = 1; other <= mostNodes; other++) {
      if (other !== number) await send(socket, data, firstPort + other);
    }
  };
  return {
    nodeName,
    maxPayloadBytes: 8_000,
    broadcast: (channel, payload) => post("", channel, payload),
    send: (node, channel, payload) => post(node, channel, payload),
    subscribe(channel, receive) {
      const known = receivers.get(channel) ?? new Set();
      receivers.set(channel, known.add(receive));
      return () => void known.delete(receive);
    },
    close: () => socket.close(),
  };
}

function send(socket: Socket, data: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(data, port, "127.0.0.1", (error) => (error === null ? resolve() : reject(error)));
  });
}

const number = Number(process.argv[2]);
if (!(number >= 1 && number <= mostNodes)) {
  console.error(`Which node is this? Give a number from 1 to ${mostNodes}.`);
  process.exit(1);
}
const pubsub = await udpPubSub(number);
const users = new UserTracker();
await users.start(pubsub);
console.log(
  `node-${number}, process ${process.pid}. Say: track ID, release ID, list, quit. Ctrl-C is a crash.`,
);

for await (const line of createInterface({ input: process.stdin })) {
  const [command, id = ""] = line.trim().split(/\s+/);
  if (command === "quit") break;
  else if (command === "track" && id !== "") users.track(id);
  else if (command === "release") users.release(id);
  else if (command === "list") users.list();
}
await users.stop();
pubsub.close();
process.stdin.destroy();
