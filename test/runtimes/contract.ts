/**
 * The contract of an adapter as a program, `contract CLIENT URL`, for runtimes that are not Node: says what each case that
 * failed saw, and `kept` with how many did not.
 */
import process from "node:process";
import { pubsubContract } from "../../src/testing/pubsub-contract.js";
import * as clients from "../brokers/clients.js";
import { nodesBehindProxies, type OpenNode } from "../brokers/contract-nodes.js";
import { openSocketIoOverNodeRedis } from "../brokers/socket-io-clients.js";

const openers: Readonly<Record<string, OpenNode>> = {
  redis: clients.openNodeRedis6,
  ioredis: clients.openIoredis6,
  nats: clients.openNatsNode,
  postgres: clients.openPostgresNode,
  "socket-io": openSocketIoOverNodeRedis,
};

const [client = "", url = ""] = process.argv.slice(2);
const open = openers[client];
if (open === undefined) throw new Error(`There is no client “${client}”`);
const cases = [
  ...pubsubContract(
    nodesBehindProxies(() => ({ url: new URL(url) }), open),
    { patienceMs: 20_000 },
  ),
];

let kept = 0;
async function runOneByOne(): Promise<void> {
  for (let each = cases.pop(); each !== undefined; each = cases.pop()) {
    try {
      await each.run();
      kept++;
    } catch (error) {
      console.log(`${each.name}: ${String(error)}`);
    }
  }
}

// They mostly wait, each for connections of its own; a server takes a hundred.
await Promise.all(Array.from({ length: 8 }, runOneByOne));
console.log(`kept ${kept}`);
// Socket.IO leaves timers of its own behind.
process.exit();
