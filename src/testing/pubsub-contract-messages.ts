/**
 * The contract's cases about messages: who hears them, under which names, and what they may hold. Each shows
 * one promise, and is written so that breaking another does not fail it.
 */
import type { PubSub } from "../pubsub/pubsub.js";
import { Inbox, nodeAt, refused, within } from "./pubsub-contract-inbox.js";
import type { ContractCluster, ContractPromise } from "./pubsub-contract-case.js";

const threeNodes = ["first", "second", "third"];

/** What is tried where an adapter has no limit of its own. */
const bytesWithoutLimit = 1024 * 1024;

/** One broadcast from one node to another of two. */
async function passes(cluster: ContractCluster, from: number, to: number, patienceMs: number): Promise<void> {
  const inbox = await Inbox.open(nodeAt(cluster, to), "room", patienceMs);
  await nodeAt(cluster, from).broadcast("room", "to the other");
  await inbox.hears("to the other");
}

export const deliveryCases: readonly ContractPromise[] = [
  {
    name: "two nodes: what the first broadcasts the second hears",
    nodeNames: ["first", "second"],
    check: (cluster, patienceMs) => passes(cluster, 0, 1, patienceMs),
  },
  {
    name: "two nodes: what the second broadcasts the first hears",
    nodeNames: ["first", "second"],
    check: (cluster, patienceMs) => passes(cluster, 1, 0, patienceMs),
  },
  {
    name: "three nodes: each hears what both others broadcast",
    nodeNames: threeNodes,
    async check({ nodes }, patienceMs) {
      const inboxes = await Promise.all(nodes.map((node) => Inbox.open(node, "room", patienceMs)));
      await Promise.all(nodes.map((node) => node.broadcast("room", `from ${node.nodeName}`)));
      for (const [index, inbox] of inboxes.entries()) {
        await inbox.hears(
          ...nodes.filter((_, other) => other !== index).map((node) => `from ${node.nodeName}`),
        );
      }
    },
  },
  {
    name: "a direct send reaches its node, whoever sends",
    nodeNames: threeNodes,
    async check({ nodes }, patienceMs) {
      const inboxes = await Promise.all(nodes.map((node) => Inbox.open(node, "room", patienceMs)));
      for (const sender of nodes) {
        for (const target of nodes) {
          if (target !== sender) await sender.send(target.nodeName, "room", `from ${sender.nodeName}`);
        }
      }
      for (const [index, inbox] of inboxes.entries()) {
        await inbox.hears(
          ...nodes.filter((_, other) => other !== index).map((node) => `from ${node.nodeName}`),
        );
      }
    },
  },
  {
    name: "a direct send reaches nobody else",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second, third] = [nodeAt(cluster, 0), nodeAt(cluster, 1), nodeAt(cluster, 2)];
      const [bySecond, byThird] = await inboxesOf([second, third], "room", patienceMs);
      await first.send(second.nodeName, "room", "for the second");
      await bySecond?.hears("for the second");
      await first.send(third.nodeName, "room", "for the third");
      await byThird?.hears("for the third");
      byThird?.heardOnly("for the third");
    },
  },
  {
    name: "a send to a node that is not there does nothing",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const inbox = await Inbox.open(second, "room", patienceMs);
      await within(patienceMs, "a send to nobody", first.send("nobody", "room", "for nobody"));
      await first.broadcast("room", "the last");
      await inbox.hears("the last");
      inbox.heardOnly("the last");
    },
  },
  {
    name: "a burst of 500 payloads arrives whole",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const inbox = await Inbox.open(nodeAt(cluster, 1), "room", patienceMs);
      const payloads = Array.from({ length: 500 }, (_, index) => `payload ${index}`);
      await Promise.all(payloads.map((payload) => nodeAt(cluster, 0).broadcast("room", payload)));
      await inbox.hears(...payloads);
    },
  },
  {
    name: "an echo is what was sent",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const [echo, inbox] = await inboxesOf([first, second], "room", patienceMs);
      await first.broadcast("room", "may come back");
      await inbox?.hears("may come back");
      await second.broadcast("room", "the last");
      await second.send(first.nodeName, "room", "the very last");
      await echo?.hears("the last", "the very last");
      echo?.heardOnly("may come back", "the last", "the very last");
    },
  },
];

/** Channels that a careless adapter takes for one, or for a pattern. */
const similarChannels = [
  "room",
  "room:1",
  "room:10",
  "room:",
  "Room",
  "roo",
  "room*",
  "room.>",
  "room.1",
  "*",
  ">",
  "second",
];

const oddNames = [
  "with space",
  " leading and trailing ",
  "new\nline\ttab",
  "quote\"s and 'quotes' and `these`",
  "back\\slash/slash",
  "dots.and.more.",
  "star*and>sign",
  "percent%2Eescaped%",
  "{braces}[brackets]?^$",
  "__proto__",
  "constructor",
  "; DROP TABLE rooms; --",
  "čau ナイト 🎟️",
  `${"a long name ".repeat(25)}one`,
  `${"a long name ".repeat(25)}two`,
];

const oddNodeNames = [
  "a node.of*names>and:colons",
  "ノード 🎟️",
  "__proto__",
  'it\'s "quoted" %41',
  "n".repeat(128),
];

export const nameCases: readonly ContractPromise[] = [
  {
    name: "many channels at once: each hears its own",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const channels = Array.from({ length: 200 }, (_, index) => `channel-${1000 + index}`);
      const second = nodeAt(cluster, 1);
      const inboxes = await Promise.all(channels.map((channel) => Inbox.open(second, channel, patienceMs)));
      await Promise.all(channels.map((channel) => nodeAt(cluster, 0).broadcast(channel, `on ${channel}`)));
      for (const [index, inbox] of inboxes.entries()) await inbox.hears(`on ${channels[index]}`);
    },
  },
  {
    name: "channels are apart, however similar their names",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const inboxes = await Promise.all(
        similarChannels.map((channel) => Inbox.open(second, channel, patienceMs)),
      );
      for (const channel of similarChannels) {
        await first.broadcast(channel, `to all on ${channel}`);
        await first.send(second.nodeName, channel, `to one on ${channel}`);
      }
      for (const channel of similarChannels) await first.broadcast(channel, `the last on ${channel}`);
      for (const [index, inbox] of inboxes.entries()) {
        const channel = similarChannels[index];
        await inbox.hears(`the last on ${channel}`);
        inbox.heardOnly(`to all on ${channel}`, `to one on ${channel}`, `the last on ${channel}`);
      }
    },
  },
  {
    name: "odd characters in names of channels",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      for (const [index, channel] of oddNames.entries()) {
        const inbox = await Inbox.open(second, channel, patienceMs);
        await first.broadcast(channel, `to all, ${index}`);
        await first.send(second.nodeName, channel, `to one, ${index}`);
        await inbox.hears(`to all, ${index}`, `to one, ${index}`);
      }
    },
  },
  {
    name: "odd characters in names of nodes",
    nodeNames: ["first", ...oddNodeNames],
    async check({ nodes }, patienceMs) {
      const [first, ...others] = nodes;
      const inboxes = await inboxesOf(others, "room", patienceMs);
      for (const { nodeName } of others) await first?.send(nodeName, "room", `for ${nodeName}`);
      for (const [index, inbox] of inboxes.entries()) {
        await inbox.hears(`for ${others[index]?.nodeName}`);
        inbox.heardOnly(`for ${others[index]?.nodeName}`);
      }
    },
  },
];

const oddPayloads = [
  "",
  " \t leading and trailing \r\n",
  "quotes \" ' ` and \\ and \\u0000 and \\n",
  '{"__proto__":{"a":1},"text":"\\u0000"}',
  "line\u2028and paragraph\u2029separators",
  "\ufeffbyte order mark",
  "\u0001\u001b[31m\u007f control characters",
  "čau ナイト 🎟️ e\u0301 \u{10ffff}",
  "%s $1 :1 ?",
];

/** Text of exactly that many bytes in UTF-8; the wide one has three bytes per character where it can. */
function textOf(bytes: number, filling: "narrow" | "wide"): string {
  if (filling === "narrow") return "n".repeat(bytes);
  return "€".repeat(Math.floor(bytes / 3)) + "n".repeat(bytes % 3);
}

function limitOf(node: PubSub): number {
  return node.maxPayloadBytes ?? bytesWithoutLimit;
}

export const payloadCases: readonly ContractPromise[] = [
  {
    name: "odd characters in payloads",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const inbox = await Inbox.open(second, "room", patienceMs);
      for (const payload of oddPayloads) await first.broadcast("room", payload);
      await inbox.hears(...oddPayloads);
      inbox.heardOnly(...oddPayloads);
      const direct = await Inbox.open(second, "direct", patienceMs);
      for (const payload of oddPayloads) await first.send(second.nodeName, "direct", payload);
      await direct.hears(...oddPayloads);
      direct.heardOnly(...oddPayloads);
    },
  },
  {
    name: "a payload of exactly the limit in bytes of UTF-8, or of 1 MiB, arrives",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      const inbox = await Inbox.open(second, "room", patienceMs);
      const [narrow, wide] = [textOf(limitOf(first), "narrow"), textOf(limitOf(first), "wide")];
      await first.broadcast("room", narrow);
      await first.broadcast("room", wide);
      await first.send(second.nodeName, "room", `!${narrow.slice(1)}`);
      await inbox.hears(narrow, wide, `!${narrow.slice(1)}`);
    },
  },
  {
    name: "a payload of one byte more than the limit is refused, and costs nothing else",
    nodeNames: threeNodes,
    async check(cluster, patienceMs) {
      const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
      if (first.maxPayloadBytes === undefined) return;
      const inbox = await Inbox.open(second, "room", patienceMs);
      for (const filling of ["narrow", "wide"] as const) {
        const payload = textOf(first.maxPayloadBytes + 1, filling);
        for (const [what, call] of [
          ["broadcast", () => first.broadcast("room", payload)],
          ["send", () => first.send(second.nodeName, "room", payload)],
        ] as const) {
          if (await refused(patienceMs, `a ${what} above the limit`, call)) continue;
          throw new Error(`A ${what} of ${first.maxPayloadBytes + 1} bytes (${filling}) was not refused`);
        }
      }
      await first.broadcast("room", "the last");
      await inbox.hears("the last");
      inbox.heardOnly("the last");
    },
  },
];

function inboxesOf(nodes: readonly PubSub[], channel: string, patienceMs: number): Promise<Inbox[]> {
  return Promise.all(nodes.map((node) => Inbox.open(node, channel, patienceMs)));
}
