/** A worker of node:cluster or a child of fork(): opens cluster nodes and does what the test calls for. */
import { spawn } from "node:child_process";
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { servePubSubs } from "../support/remote-node.js";

// Never outlives the test.
process.on("disconnect", () => process.exit());
servePubSubs(
  {
    post: (message) => process.send?.(message),
    listen: (listener) => process.on("message", listener),
  },
  (nodeName, [relayTimeoutMs, heir]) => {
    // Has the IPC channel, which Node opens as the fourth descriptor, and lives on for longer than this process.
    if (heir === "heir") spawn("sleep", ["5"], { stdio: ["ignore", "ignore", "ignore", 3] });
    return clusterPubSub({ nodeName, ...(relayTimeoutMs && { relayTimeoutMs: Number(relayTimeoutMs) }) });
  },
);
