/** The contract over the adapters that need no server and no second process. */
import { describe, it } from "vitest";
import { broadcastChannelPubSub } from "../../src/adapters/broadcast-channel.js";
import { MemoryHub } from "../../src/adapters/memory.js";
import { setupPrimary } from "../../src/adapters/cluster.js";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";

const memory: OpenNodes = (names) => {
  const hub = new MemoryHub();
  return {
    nodes: names.map((name) => hub.node(name)),
    cut: async ({ nodeName }) => {
      hub.disconnect(nodeName);
      return () => hub.reconnect(nodeName);
    },
    end: () => {},
  };
};

describe("memory", () => {
  for (const { name, run } of pubsubContract(memory)) it(name, run);
});

/** The relay without processes; the same over real ones is in test/brokers. A node in the primary cannot be cut. */
const relayed: OpenNodes = (names) => {
  const relay = setupPrimary();
  const nodes = names.map((name) => {
    const { onStatus: _alwaysConnected, ...functions } = bound(relay.pubSub({ nodeName: name }));
    return functions;
  });
  return { nodes, end: () => relay.close() };
};

function bound(node: ReturnType<ReturnType<typeof setupPrimary>["pubSub"]>) {
  return {
    nodeName: node.nodeName,
    broadcast: node.broadcast.bind(node),
    send: node.send.bind(node),
    subscribe: node.subscribe.bind(node),
    close: node.close.bind(node),
    onStatus: node.onStatus,
  };
}

let channels = 0;
const broadcastChannels: OpenNodes = (names) => {
  const channelName = `contract-${process.pid}-${++channels}`;
  const nodes = names.map((nodeName) => broadcastChannelPubSub({ nodeName, channelName }));
  return { nodes, end: () => nodes.forEach((node) => node.close()) };
};

describe("broadcast-channel, within one thread", () => {
  for (const { name, run } of pubsubContract(broadcastChannels)) it(name, run);
});

describe("cluster, within the primary", () => {
  for (const { name, run } of pubsubContract(relayed)) it(name, run);
});
