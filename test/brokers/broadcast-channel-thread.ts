/** A worker thread: opens broadcast-channel nodes and does what the test calls for. */
import { parentPort } from "node:worker_threads";
import { broadcastChannelPubSub } from "../../src/adapters/broadcast-channel.js";
import { servePubSubs } from "../support/remote-node.js";

servePubSubs(
  {
    post: (message) => parentPort?.postMessage(message),
    listen: (listener) => parentPort?.on("message", listener),
  },
  (nodeName, [channelName]) =>
    broadcastChannelPubSub({ nodeName, ...(channelName !== undefined && { channelName }) }),
);
