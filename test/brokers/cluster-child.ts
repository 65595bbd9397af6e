/** A worker of node:cluster or a child of fork(): opens cluster nodes and does what the test calls for. */
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { servePubSubs } from "../support/remote-node.js";

// Never outlives the test.
process.on("disconnect", () => process.exit());
servePubSubs(
  {
    post: (message) => process.send?.(message),
    listen: (listener) => process.on("message", listener),
  },
  (nodeName, [relayTimeoutMs]) =>
    clusterPubSub({
      nodeName,
      ...(relayTimeoutMs !== undefined && { relayTimeoutMs: Number(relayTimeoutMs) }),
    }),
);
