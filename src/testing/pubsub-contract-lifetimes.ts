/**
 * The contract's cases about beginnings and ends: of subscriptions, and of a node. Each shows one promise, and
 * is written so that breaking another does not fail it.
 */
import { Inbox, nodeAt, within } from "./pubsub-contract-inbox.js";
import type { ContractPromise } from "./pubsub-contract-case.js";

const threeNodes = ["first", "second", "third"];

export const subscriptionCases: readonly ContractPromise[] = [
  {
    name: "two subscriptions to one channel both hear",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const one = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      const two = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      await nodeAt(cluster, 0).broadcast("room", "for both");
      await one.hears("for both");
      await two.hears("for both");
    },
  },
  {
    name: "one function subscribed twice can be unsubscribed once",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      let hear: (payload: string) => void = () => {};
      const receive = (payload: string): void => hear(payload);
      const unsubscribe = await second.subscribe("room", receive);
      await second.subscribe("room", receive);
      await unsubscribe();
      const heard = new Promise<string>((resolve) => (hear = resolve));
      await first.broadcast("room", "for the other");
      await within(patienceMs, "what the second subscription hears", heard);
    },
  },
  {
    name: "ending one subscription leaves the other",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const one = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      const two = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      await two.unsubscribe();
      await nodeAt(cluster, 0).broadcast("room", "for the one");
      await one.hears("for the one");
    },
  },
  {
    name: "an ended subscription hears nothing",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const ended = await Inbox.open(second, "room", patienceMs);
      const other = await Inbox.open(second, "hall", patienceMs);
      await ended.unsubscribe();
      await first.broadcast("room", "too late");
      await first.send(second.nodeName, "room", "too late");
      await first.broadcast("hall", "the last");
      await other.hears("the last");
      ended.heardOnly();
    },
  },
  {
    name: "ending a subscription twice is harmless",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const inbox = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      await inbox.unsubscribe();
      await inbox.unsubscribe();
    },
  },
  {
    name: "a channel can be subscribed to again",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      await (await Inbox.open(second, "room", patienceMs)).unsubscribe();
      const again = await Inbox.open(second, "room", patienceMs);
      await first.broadcast("room", "to all");
      await first.send(second.nodeName, "room", "to one");
      await again.hears("to all", "to one");
    },
  },
  {
    name: "a subscription that begins while the channel's last one ends is in force",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const before = await Inbox.open(second, "room", patienceMs);
      const [after] = await Promise.all([
        // Both orders are begun before either is done.
        Promise.resolve().then(() => Inbox.open(second, "room", patienceMs)),
        before.unsubscribe(),
      ]);
      await first.broadcast("room", "to all");
      await after.hears("to all");
    },
  },
];

export const closingCases: readonly ContractPromise[] = [
  {
    name: "a closed node hears nothing, and the others go on",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second, third] = [nodeAt(cluster, 0), nodeAt(cluster, 1), nodeAt(cluster, 2)];
      if (second.close === undefined) return;
      const closed = await Inbox.open(second, "room", patienceMs);
      const open = await Inbox.open(third, "room", patienceMs);
      await within(patienceMs, "closing", second.close());
      await first.broadcast("room", "the last");
      await open.hears("the last");
      closed.heardOnly();
    },
  },
  {
    name: "closing twice is harmless, and so is ending a subscription afterwards",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const second = nodeAt(cluster, 1);
      if (second.close === undefined) return;
      const inbox = await Inbox.open(second, "room", patienceMs);
      await within(patienceMs, "closing", second.close());
      await within(patienceMs, "closing again", second.close());
      await inbox.unsubscribe();
    },
  },
];
