/** A worker of node:cluster with a server of Socket.IO on the cluster adapter: opens nodes as the test calls for. */
import { createAdapter } from "@socket.io/cluster-adapter";
import { Server } from "socket.io";
import { socketIoPubSub } from "../../src/adapters/socket-io.js";
import { servePubSubs } from "../support/remote-node.js";

// Never outlives the test.
process.on("disconnect", () => process.exit());
const io = new Server({ adapter: createAdapter() });
servePubSubs(
  {
    post: (message) => process.send?.(message),
    listen: (listener) => process.on("message", listener),
  },
  (nodeName, [namespace = "/"]) => socketIoPubSub(io.of(namespace), { nodeName }),
);
