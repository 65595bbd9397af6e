/**
 * The contract's cases about what a node knows: that it is heard, by hearing itself; who else is listening; and what
 * it can do about a connection over which nothing passes. Each shows one promise, and is written so that breaking
 * another does not fail it. `listening` and `reconnect` are for an adapter to have or not.
 */
import type { PubSub } from "../pubsub/pubsub.js";
import { nodeRuntime } from "../runtime.js";
import { Inbox, nodeAt, refused, within } from "./pubsub-contract-inbox.js";
import { cut, saying } from "./pubsub-contract-reconnect.js";
import type { ContractCluster, ContractNode, ContractPromise } from "./pubsub-contract-case.js";

const threeNodes = ["first", "second", "third"];

/** Lets the connection stand still, for an adapter that promises to mend it. */
async function hang(cluster: ContractCluster, node: ContractNode, patienceMs: number): Promise<void> {
  if (cluster.hang === undefined)
    throw new Error("openNodes must offer hang() for an adapter that has reconnect");
  await within(patienceMs, "the connection to stand still", cluster.hang(node));
}

/** Tries until it is so, but not for ever. */
async function eventually(patienceMs: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
  let over = false;
  const trying = (async () => {
    while (!over && !(await isSo())) {
      await new Promise<void>((resolve) => nodeRuntime.schedule(20, resolve));
    }
  })();
  try {
    await within(patienceMs, what, trying);
  } finally {
    over = true;
  }
}

/** Sends again and again, refused or not, until the payload has come. */
async function getsThrough(
  inbox: Inbox,
  payload: string,
  patienceMs: number,
  send: () => unknown,
): Promise<void> {
  await eventually(patienceMs, `${JSON.stringify(payload)} to get through`, async () => {
    void (async () => send())().catch(() => undefined);
    await Promise.resolve();
    return inbox.payloads.includes(payload);
  });
}

/** Whether exactly these of the asked are said to be listening, at the latest in a while. */
async function saysListening(
  { nodeName, listening }: BoundListening,
  asked: readonly string[],
  expected: readonly string[],
  patienceMs: number,
): Promise<void> {
  let last = "nothing";
  try {
    await eventually(patienceMs, "the truth about who is listening", async () => {
      const named = await listening("room", asked).catch((error: unknown) => {
        last = String(error);
      });
      if (named === undefined) return false;
      last = JSON.stringify([...named]);
      return named.size === expected.length && expected.every((name) => named.has(name));
    });
  } catch (cause) {
    throw new Error(`${nodeName} said ${last} where ${JSON.stringify(expected)} are listening`, { cause });
  }
}

interface BoundListening {
  readonly nodeName: string;
  readonly listening: NonNullable<PubSub["listening"]>;
}

function listeningOf(node: PubSub): BoundListening | undefined {
  const listening = node.listening?.bind(node);
  return listening === undefined ? undefined : { nodeName: node.nodeName, listening };
}

export const echoCases: readonly ContractPromise[] = [
  {
    name: "a node hears its own broadcast",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const first = nodeAt(cluster, 0);
      const inbox = await Inbox.open(first, "room", patienceMs);
      await first.broadcast("room", "from myself to all");
      await inbox.hears("from myself to all");
    },
  },
  {
    name: "a node hears what it sends to itself",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const first = nodeAt(cluster, 0);
      const inbox = await Inbox.open(first, "room", patienceMs);
      await first.send(first.nodeName, "room", "from myself to me");
      await inbox.hears("from myself to me");
    },
  },
  {
    name: "a node hears itself again after its connection was broken",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined) return;
      const inbox = await Inbox.open(second, "room", patienceMs);
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const connected = saying(second, "connected", patienceMs);
      await Promise.all([restore(), connected]);
      await second.broadcast("room", "to myself");
      await inbox.hears("to myself");
    },
  },
];

export const listeningCases: readonly ContractPromise[] = [
  {
    name: "listening names every node that is subscribed, whatever its name, and the one that asks",
    nodeNames: ["first", "a node.of*names>and:colons", "ノード 🎟️", "__proto__", "n".repeat(128)],
    async check(cluster, patienceMs) {
      const asking = listeningOf(nodeAt(cluster, 0));
      if (asking === undefined) return;
      const names = cluster.nodes.map(({ nodeName }) => nodeName);
      await Promise.all(cluster.nodes.map((node) => Inbox.open(node, "room", patienceMs)));
      await saysListening(asking, names, names, patienceMs);
    },
  },
  {
    name: "listening names no node that is not subscribed to the channel, or not any more",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const asking = listeningOf(nodeAt(cluster, 0));
      if (asking === undefined) return;
      await Inbox.open(nodeAt(cluster, 1), "hall", patienceMs);
      const ended = await Inbox.open(nodeAt(cluster, 2), "room", patienceMs);
      await ended.unsubscribe();
      await saysListening(asking, ["second", "third", "nobody"], [], patienceMs);
    },
  },
  {
    name: "listening names no node that was closed",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [asking, second] = [listeningOf(nodeAt(cluster, 0)), nodeAt(cluster, 1)];
      if (asking === undefined || second.close === undefined) return;
      await Inbox.open(second, "room", patienceMs);
      await Inbox.open(nodeAt(cluster, 2), "room", patienceMs);
      await saysListening(asking, ["second", "third"], ["second", "third"], patienceMs);
      await within(patienceMs, "closing", second.close());
      await saysListening(asking, ["second", "third"], ["third"], patienceMs);
    },
  },
  {
    name: "listening tells the truth again after the connection was broken",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const [byFirst, bySecond] = [listeningOf(first), listeningOf(second)];
      if (second.onStatus === undefined || byFirst === undefined || bySecond === undefined) return;
      await Inbox.open(second, "room", patienceMs);
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const connected = saying(second, "connected", patienceMs);
      await Promise.all([restore(), connected]);
      await saysListening(byFirst, threeNodes, ["second"], patienceMs);
      await saysListening(bySecond, threeNodes, ["second"], patienceMs);
    },
  },
  {
    name: "who asks without a connection who is listening is refused, in time",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      const asking = listeningOf(second);
      if (second.onStatus === undefined || asking === undefined) return;
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const isRefused = await refused(patienceMs, "an answer without a connection", async () => {
        await asking.listening("room", threeNodes);
      });
      await restore();
      if (!isRefused) throw new Error("Without a connection it was answered who is listening");
    },
  },
  {
    name: "who asks over a connection that stands still who is listening is refused, in time",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      const asking = listeningOf(second);
      if (second.reconnect === undefined || asking === undefined) return;
      await hang(cluster, second, patienceMs);
      const isRefused = await refused(
        patienceMs,
        "an answer over a connection that stands still",
        async () => {
          await asking.listening("room", threeNodes);
        },
      );
      if (!isRefused) throw new Error("Over a connection that stands still it was answered who is listening");
    },
  },
];

export const mendingCases: readonly ContractPromise[] = [
  {
    name: "a reconnect while connected loses no subscription",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (second.reconnect === undefined) return;
      const byFirst = await Inbox.open(first, "room", patienceMs);
      const bySecond = await Inbox.open(second, "room", patienceMs);
      await within(patienceMs, "reconnecting", second.reconnect());
      await getsThrough(bySecond, "to all", patienceMs, () => first.broadcast("room", "to all"));
      await getsThrough(bySecond, "to one", patienceMs, () => first.send("second", "room", "to one"));
      await getsThrough(byFirst, "back", patienceMs, () => second.send("first", "room", "back"));
    },
  },
  {
    name: "a node is connected again after a reconnect, and says so",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (second.reconnect === undefined || second.onStatus === undefined) return;
      const inbox = await Inbox.open(first, "room", patienceMs);
      let isConnected = true;
      const stop = second.onStatus((status) => (isConnected = status === "connected"));
      await within(patienceMs, "reconnecting", second.reconnect());
      await getsThrough(inbox, "back", patienceMs, () => second.broadcast("room", "back"));
      await eventually(patienceMs, "second saying connected", async () => isConnected);
      await stop();
    },
  },
  {
    name: "a reconnect mends a connection that stands still",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (second.reconnect === undefined) return;
      const byFirst = await Inbox.open(first, "room", patienceMs);
      const bySecond = await Inbox.open(second, "room", patienceMs);
      await hang(cluster, second, patienceMs);
      await within(patienceMs, "reconnecting", second.reconnect());
      await getsThrough(bySecond, "to all", patienceMs, () => first.broadcast("room", "to all"));
      await getsThrough(byFirst, "back", patienceMs, () => second.broadcast("room", "back"));
    },
  },
  {
    name: "a subscription ends in time while the connection stands still",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.reconnect === undefined) return;
      const inbox = await Inbox.open(second, "room", patienceMs);
      await hang(cluster, second, patienceMs);
      await inbox.unsubscribe();
    },
  },
  {
    name: "a node can be closed while its connection stands still",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.reconnect === undefined || second.close === undefined) return;
      await Inbox.open(second, "room", patienceMs);
      await hang(cluster, second, patienceMs);
      await within(patienceMs, "closing", second.close());
    },
  },
];
