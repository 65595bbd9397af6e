/**
 * Servers that do the same by different means: channels, Socket.IO, and bare `ws` as the least that could work. Each
 * has a room that is broadcast to, and one that tells who is there and who comes.
 */
import type { Server as HttpServer } from "node:http";
import { Server } from "socket.io";
import { WebSocketServer, type WebSocket } from "ws";
import { memoryPubSub } from "rollcall/adapters/memory";
import { ChannelServer } from "rollcall/channels";
import { Presence, Session } from "rollcall";

export type Kind = "rollcall" | "socket.io" | "ws";
/** Broadcasts to the room. */
export type Broadcast = (number: number) => void;

export const ROOM = "room:all";
/** Where all are told who is there. */
export const CROWD = "crowd:all";
const text = "x".repeat(100);

/** What is told of a user. */
interface Member {
  readonly device: string;
  readonly page: string;
}

function memberOf(number: number): Member {
  return { device: "web", page: `/page/${number % 100}` };
}

/** So many are there already, none of whom listens. */
function* residents(count: number): Iterable<[user: string, member: Member]> {
  for (let number = 0; number < count; number++) yield [`user:${number}`, memberOf(number)];
}

/** On each server, from the same address there may come any number. */
export const kinds: Record<Kind, (http: HttpServer, there: number) => Broadcast> = {
  rollcall: startChannels,
  "socket.io": startSocketIo,
  ws: startWs,
};

function startChannels(http: HttpServer, there: number): Broadcast {
  const pubsub = memoryPubSub();
  const channels = new ChannelServer({ pubsub });
  let arrivals = 0;
  const presence =
    there > 0 ? Presence.start<{ device: string; page: string }>({ name: "crowd", pubsub }) : undefined;
  void presence?.then((started) => {
    const session = new Session();
    for (const [user, member] of residents(there)) started.track(session, CROWD, user, { ...member });
    channels.socket("/crowd").channel(CROWD, {
      join: () => ({ ok: {} }),
      joined(channel) {
        const number = arrivals++;
        started.track(channel.session, CROWD, `guest:${number}`, { ...memberOf(number) });
        channel.follow(started);
      },
    });
  });
  channels.socket("/socket").channel("room:*", { join: () => ({ ok: {} }) });
  channels.attach(http);
  return (number) => channels.broadcast(ROOM, "news", { number, text });
}

function startSocketIo(http: HttpServer, there: number): Broadcast {
  const io = new Server(http, { transports: ["websocket"], serveClient: false });
  const members = new Map(residents(there));
  let arrivals = 0;
  io.on("connection", (socket) => {
    socket.on("join", async (room: string, done: (answer: object) => void) => {
      await socket.join(room);
      if (room !== CROWD) return done({});
      // As one does it by hand, on one node: the list to who comes, the news to the others.
      const user = `guest:${arrivals}`;
      const member = memberOf(arrivals++);
      members.set(user, member);
      socket.on("disconnect", () => members.delete(user));
      done(Object.fromEntries(members));
      socket.to(room).emit("joined", user, member);
    });
  });
  return (number) => void io.to(ROOM).emit("news", { number, text });
}

/** The bytes of the channels, but no refs, limits, topics or queues. */
function startWs(http: HttpServer, there: number): Broadcast {
  const server = new WebSocketServer({ server: http, clientTracking: false, perMessageDeflate: false });
  const rooms = new Map<string, Set<WebSocket>>([ROOM, CROWD].map((topic) => [topic, new Set()]));
  const members = [...residents(there)].map(encodeMember);
  let arrivals = 0;
  const broadcast = (topic: string, event: string, payload: string, except?: WebSocket): void => {
    const frame = Buffer.from(`[null,null,"${topic}","${event}",${payload}]`);
    for (const socket of rooms.get(topic) ?? []) if (socket !== except) socket.send(frame, { binary: false });
  };
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      const [joinRef, ref, topic] = JSON.parse(data.toString()) as [string, string, string];
      rooms.get(topic)?.add(socket);
      socket.on("close", () => rooms.get(topic)?.delete(socket));
      socket.send(`["${joinRef}","${ref}","${topic}","phx_reply",{"status":"ok","response":{}}]`);
      if (topic !== CROWD) return;
      const member = encodeMember([`guest:${arrivals}`, memberOf(arrivals++)]);
      members.push(member);
      socket.send(`["${joinRef}",null,"${topic}","presence_state",{${members.join(",")}}]`);
      broadcast(CROWD, "presence_diff", `{"joins":{${member}},"leaves":{}}`, socket);
    });
  });
  return (number) => broadcast(ROOM, "news", JSON.stringify({ number, text }));
}

function encodeMember([user, member]: [user: string, member: Member], index: number = 0): string {
  return `${JSON.stringify(user)}:{"metas":[${JSON.stringify({ ...member, phx_ref: `F${index}.0` })}]}`;
}
