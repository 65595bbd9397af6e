/**
 * The measured process of followers that join a topic of many: a presence with that many keys, and a channel that
 * follows it. Says on which port it listens, and when it is asked, the longest turn of its event loop since the last time.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer } from "../../src/channels/index.js";
import { Presence, Session } from "../../src/index.js";

/** What the parent asks for: the stall so far, or one more change of the topic. */
export type FollowersRequest = "stall" | "change";

const TOPIC = "room:all";
const SAMPLE_MS = 5;

const pubsub = memoryPubSub();
const presence = await Presence.start({ name: "followed", pubsub });
const session = new Session();
const count = Number(process.argv[2]);
for (let number = 0; number < count; number++) {
  presence.track(session, TOPIC, `user:${number}`, { device: "web", page: `/page/${number % 100}` });
}
const channels = new ChannelServer({ pubsub, maxChannelsPerSocket: 1 });
channels.socket("/socket").channel(TOPIC, {
  join: () => ({ ok: {} }),
  joined: (channel) => channel.follow(presence),
});
const http = createServer();
channels.attach(http);

let longestMs = 0;
let seenMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - seenMs - SAMPLE_MS);
  seenMs = nowMs;
}, SAMPLE_MS);

let changes = 0;
process.on("message", (request: FollowersRequest) => {
  if (request === "change")
    presence.track(session, TOPIC, `late:${changes++}`, { device: "web", page: "/late" });
  else process.send?.(longestMs);
  if (request === "stall") longestMs = 0;
});
process.on("disconnect", () => process.exit());
http.listen(0, "127.0.0.1", () => process.send?.((http.address() as AddressInfo).port));
