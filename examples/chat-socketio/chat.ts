/**
 * A chat on Socket.IO that shows who is online, over any number of servers. See README.md.
 *
 *   PORT=3001 npx tsx examples/chat-socketio/chat.ts
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Presence, Session } from "rollcall";
import { socketIoPubSub } from "rollcall/adapters/socket-io";
import { Server, type Socket } from "socket.io";

interface Member {
  typing: boolean;
}

const publisher = createClient({ url: process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379" });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) {
  client.on("error", (error: Error) => console.error(`redis: ${error.message}`));
  await client.connect();
}

const clientScript = readFileSync(new URL(import.meta.resolve("rollcall/client")));
const http = createServer((request, response) => {
  const isScript = request.url === "/presence-client.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
  response.end(isScript ? clientScript : page());
});
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });

// Whatever carries Socket.IO from server to server carries this as well.
const presence = await Presence.start<Member>({ name: "chat", pubsub: socketIoPubSub(io) });

io.use((socket, next) => {
  const { name, room } = socket.handshake.auth;
  if (!isText(name, 40) || !isText(room, 40)) return next(new Error("a name and a room, please"));
  socket.data = { name, room };
  next();
});

io.on("connection", (socket: Socket) => {
  if (presence.stopped) return void socket.disconnect(true); // the client comes back, to another server
  const { name, room } = socket.data as { name: string; room: string };
  const topic = `room:${room}`;
  void socket.join(topic);

  // The session ends with the socket (which says `disconnect`, never `close`), and with it the entry.
  const session = Session.from(socket, "disconnect");
  presence.track(session, topic, name, { typing: false });

  // The client gets the state once and every change after it, until the socket is gone.
  const ended = new AbortController();
  socket.once("disconnect", () => ended.abort());
  presence.forward(topic, (event, payload) => socket.emit(event, payload), { signal: ended.signal });

  socket.on("typing", (typing: unknown) => {
    if (!presence.stopped) presence.set(session, topic, name, { typing: typing === true });
  });
  socket.on("say", (text: unknown) => {
    if (isText(text, 500)) io.to(topic).emit("said", { name, text });
  });
});

await once(http.listen(Number(process.env["PORT"] ?? 3001), "127.0.0.1"), "listening");
const { port } = http.address() as AddressInfo;
console.log(`chat on http://127.0.0.1:${port}, node ${presence.nodeName}`);

async function stop(): Promise<void> {
  await presence.stop(); // says goodbye; the others keep our users listed until they are back elsewhere
  await io.close();
  await Promise.all([publisher.quit(), subscriber.quit()]);
}
process.once("SIGINT", () => void stop()).once("SIGTERM", () => void stop());

function isText(value: unknown, longest: number): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= longest;
}

function page(): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chat</title>
<style>body { font: 16px/1.5 system-ui; max-width: 40em; margin: 2em auto; padding: 0 1em; color-scheme: light dark }</style>
<h1>Chat, port ${port}</h1>
<p>Online: <b id="online" aria-live="polite"></b></p>
<ol id="said" aria-live="polite"></ol>
<form id="form"><label>Say <input id="text" maxlength="500" autocomplete="off" autofocus></label></form>
<script src="/socket.io/socket.io.js"></script>
<script type="module">
  import { PresenceClient } from "/presence-client.js";
  const query = new URLSearchParams(location.search);
  const name = query.get("name") ?? prompt("Your name?") ?? "";
  const socket = io({ auth: { name, room: query.get("room") ?? "lobby" } });
  const presence = new PresenceClient();
  socket.on("connect", () => presence.reset());
  for (const event of ["presence_state", "presence_diff"]) {
    socket.on(event, (payload) => presence.receive(event, payload));
  }
  presence.onSync(() => {
    const members = Object.entries(presence.list()).map(([name, { metas }]) =>
      metas.some((meta) => meta.typing) ? name + " …" : name);
    document.querySelector("#online").textContent = members.sort().join(", ");
  });
  socket.on("said", ({ name, text }) => {
    const line = document.createElement("li");
    line.textContent = name + ": " + text;
    document.querySelector("#said").append(line);
  });
  const input = document.querySelector("#text");
  input.oninput = () => socket.emit("typing", input.value !== "");
  document.querySelector("#form").onsubmit = (event) => {
    event.preventDefault();
    socket.emit("say", input.value);
    input.value = "";
    input.oninput();
  };
</script>
</html>`;
}
