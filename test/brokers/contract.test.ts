/** The contract over every broker and every supported client of it, against real servers. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { pubsubContract } from "../../src/testing/pubsub-contract.js";
import * as clients from "./clients.js";
import { nodesBehindProxies, type OpenNode } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";

function runContract(openBroker: OpenBroker, adapters: Readonly<Record<string, OpenNode>>): void {
  let broker: Broker;
  beforeAll(async () => {
    if (openBroker !== undefined) broker = await openBroker();
  });
  afterAll(() => broker?.stop());
  for (const [name, open] of Object.entries(adapters)) {
    describe.skipIf(openBroker === undefined)(name, () => {
      for (const each of pubsubContract(nodesBehindProxies(() => broker, open))) it(each.name, each.run);
    });
  }
}

describe("redis", () => {
  runContract(openRedis, {
    "node-redis 6": clients.openNodeRedis6,
    "node-redis 5": clients.openNodeRedis5,
    "ioredis 6": clients.openIoredis6,
    "ioredis 5": clients.openIoredis5,
  });
});

describe("nats", () => {
  runContract(openNats, { "transport-node 3": clients.openNatsNode });
});

describe("postgres", () => {
  runContract(openPostgres, { "pg 8": clients.openPostgresNode });
});
