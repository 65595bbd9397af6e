/**
 * The contract's cases about the connection. An adapter without `onStatus` is always connected and has nothing
 * to show; for any other the connection is broken for real.
 */
import type { PubSub, PubSubStatus, Unsubscribe } from "../pubsub/pubsub.js";
import { Inbox, nodeAt, refused, within } from "./pubsub-contract-inbox.js";
import type { ContractCluster, ContractNode, ContractPromise } from "./pubsub-contract-case.js";

const threeNodes = ["first", "second", "third"];

/** Resolves when the node says so for the first time from now on. */
export function saying(node: PubSub, status: PubSubStatus, patienceMs: number): Promise<void> {
  const said = new Promise<void>((resolve) => {
    let stop: Unsubscribe = () => {};
    stop =
      node.onStatus?.((changed) => {
        if (changed !== status) return;
        resolve();
        void stop();
      }) ?? stop;
  });
  return within(patienceMs, `${node.nodeName} saying ${status}`, said);
}

export async function cut(
  cluster: ContractCluster,
  node: ContractNode,
  patienceMs: number,
): Promise<() => void | Promise<void>> {
  if (cluster.cut === undefined)
    throw new Error("openNodes must offer cut() for an adapter that has onStatus");
  return within(patienceMs, "the connection to break", cluster.cut(node));
}

export const reconnectCases: readonly ContractPromise[] = [
  {
    name: "a status listener is not called before onStatus has returned",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined) return;
      let returned = false;
      const early: PubSubStatus[] = [];
      const listen = (status: PubSubStatus): void => void (returned || early.push(status));
      const stopFirst = second.onStatus(listen);
      returned = true;
      const restore = await cut(cluster, second, patienceMs);
      returned = false;
      const stopSecond = second.onStatus(listen);
      returned = true;
      await stopFirst();
      await stopSecond();
      await restore();
      if (early.length > 0) throw new Error(`onStatus called its listener at once, with ${early.join()}`);
    },
  },
  {
    name: "a broken connection and its return are told to every listener",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined) return;
      const twice = (status: PubSubStatus): Promise<unknown> =>
        Promise.all([saying(second, status, patienceMs), saying(second, status, patienceMs)]);
      const disconnected = twice("disconnected");
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const connected = twice("connected");
      await Promise.all([restore(), connected]);
    },
  },
  {
    name: "who listens while the connection is broken is told so",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined) return;
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      await saying(second, "disconnected", patienceMs);
      await restore();
    },
  },
  {
    name: "what is sent while the connection is broken ends, well or badly",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined) return;
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      await refused(patienceMs, "a broadcast without a connection", () => second.broadcast("room", "lost"));
      await refused(patienceMs, "a send without a connection", () => second.send("first", "room", "lost"));
      await restore();
    },
  },
  {
    name: "a subscription lasts over a broken connection",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (second.onStatus === undefined) return;
      const inbox = await Inbox.open(second, "room", patienceMs);
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const connected = saying(second, "connected", patienceMs);
      await Promise.all([restore(), connected]);
      await first.broadcast("room", "to all");
      await first.send(second.nodeName, "room", "to one");
      await inbox.hears("to all", "to one");
    },
  },
  {
    name: "a node can send again after its connection was broken",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (second.onStatus === undefined) return;
      const inbox = await Inbox.open(first, "room", patienceMs);
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      const connected = saying(second, "connected", patienceMs);
      await Promise.all([restore(), connected]);
      await second.broadcast("room", "to all");
      await second.send(first.nodeName, "room", "to one");
      await inbox.hears("to all", "to one");
    },
  },
  {
    name: "a node without a connection can be closed, also while it subscribes",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.onStatus === undefined || second.close === undefined) return;
      await Inbox.open(second, "room", patienceMs);
      const disconnected = saying(second, "disconnected", patienceMs);
      const [restore] = await Promise.all([cut(cluster, second, patienceMs), disconnected]);
      // Whether this ends before the connection returns is open; it is not waited for.
      const subscribing = (async () => second.subscribe("hall", () => {}))().catch(() => undefined);
      await within(patienceMs, "closing without a connection", second.close());
      await restore();
      void subscribing;
    },
  },
];
