// A channel server with small limits. Any request is answered with how many messages were handled, and its health.
import { createServer } from "node:http";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { memoryPubSub } from "rollcall/adapters/memory";
import { ChannelServer } from "rollcall/channels";

let handled = 0;
const channels = new ChannelServer({
  pubsub: memoryPubSub(),
  maxBufferedBytes: 200_000,
  messagesPerSecond: 50,
  messageBurst: 50,
});
channels.on("error", ({ code, details }) => console.log(`error ${code} ${JSON.stringify(details)}`));
channels.socket("/chat").channel("room:*", {
  join: () => ({ ok: {} }),
  handleIn: { say: () => void handled++ },
});
const server = createServer((_request, response) => {
  response.end(JSON.stringify({ handled, ...channels.health().counters }));
});
channels.attach(server);
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));

const blob = { text: "x".repeat(100_000) };
const chatter = setInterval(() => channels.broadcast("room:loud", "blob", blob), 20);
process.once("SIGTERM", async () => {
  clearInterval(chatter);
  await channels.stop();
  server.close();
});
