/** No two channels can meet, whatever trackers, channel servers, nodes and prefixes are called. */
import { EventEmitter } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { natsPubSub, type NatsConnection } from "../../src/adapters/nats.js";
import { postgresPubSub, type PostgresClient } from "../../src/adapters/postgres.js";
import { redisPubSub } from "../../src/adapters/redis.js";
import { channelName, type ChannelKind } from "../../src/pubsub/channel-names.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";

/** Where something is published: to all, or to one node. */
interface Address {
  readonly prefix: string;
  readonly kind: ChannelKind;
  readonly name: string;
  readonly node: string | undefined;
}

const special = [
  "",
  "a",
  "A",
  ":",
  ".",
  "*",
  ">",
  "?",
  "[",
  " ",
  "%",
  "%3A",
  "%u",
  "D800",
  "all",
  "to",
  "inbox",
];
const parts = fc.oneof(
  fc.constantFrom(...special, "channels", "rollcall:", "\ud800", "\udc00", "\u0000", "é", "😀"),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const names = fc.array(parts, { maxLength: 5 }).map((each) => each.join(""));
const nodes = names
  .map((name) => name.replace(/[\ud800-\udfff]/gu, "x"))
  .filter((name) => name !== "" && Buffer.byteLength(name) <= 128);
const addresses: fc.Arbitrary<Address> = fc.record({
  prefix: fc.constantFrom("a", "a-b", "A", "rollcall", "to", "all"),
  kind: fc.constantFrom("all", "to", "channels"),
  name: names,
  node: fc.option(nodes, { nil: undefined }),
});

/** What an adapter says to its broker when it publishes there. */
const adapters: Readonly<Record<string, (address: Address) => Promise<string>>> = {
  async redis(address) {
    const said: string[] = [];
    const client = Object.assign(new EventEmitter(), {
      isReady: true,
      publish: async (channel: string) => said.push(channel),
      subscribe: async () => undefined,
      unsubscribe: async () => undefined,
    });
    await publish(redisPubSub({ publisher: client, subscriber: client, prefix: address.prefix }), address);
    return said.join("\n");
  },
  async nats(address) {
    const said: string[] = [];
    const connection: NatsConnection = {
      publish: (subject) => void said.push(subject),
      subscribe: () => ({ unsubscribe: () => undefined }),
      flush: async () => undefined,
      isClosed: () => false,
      // eslint-disable-next-line require-yield
      status: async function* () {
        await new Promise(() => undefined);
      },
    };
    await publish(natsPubSub({ connection, prefix: address.prefix }), address);
    const subject = said.join("\n");
    expect(subject).toMatch(/^[\w%-]+(\.[\w%-]+){2,3}$/);
    return subject;
  },
  async postgres(address) {
    const said: string[] = [];
    const client = Object.assign(new EventEmitter(), {
      query: async (_text: string, values?: string[]) => said.push(values?.[0] ?? ""),
      end: async () => undefined,
    }) as unknown as PostgresClient;
    await publish(postgresPubSub({ client, prefix: address.prefix }), address);
    const name = said.filter((each) => each !== "").join("\n");
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(name).not.toContain("\0");
    return name;
  },
};

async function publish(pubsub: PubSub, { kind, name, node }: Address): Promise<void> {
  const channel = channelName(kind, name);
  await (node === undefined ? pubsub.broadcast(channel, "x") : pubsub.send(node, channel, "x"));
}

function isSame(one: Address, other: Address): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

describe("channels", () => {
  it("have names of their own, in characters that mean nothing to any broker", () => {
    fc.assert(
      fc.property(addresses, addresses, (one, other) => {
        const [first, second] = [channelName(one.kind, one.name), channelName(other.kind, other.name)];
        expect(first).toMatch(/^rollcall:([\w%-]*|[\w%-]*:inbox|channels:[\w%-]*)$/);
        expect(first === second).toBe(one.kind === other.kind && one.name === other.name);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ["app", "rollcall:app"],
    ["app:inbox", "rollcall:app%3Ainbox"],
    ["a.b*c>d e?[f]", "rollcall:a%2Eb%2Ac%3Ed%20e%3F%5Bf%5D"],
    ["é😀", "rollcall:%C3%A9%F0%9F%98%80"],
    ["\ud800", "rollcall:%uD800"],
  ])("stay readable: %j", (name, channel) => {
    expect(channelName("all", name)).toBe(channel);
  });

  it.each(Object.entries(adapters))("do not meet on %s", async (_, nameAt) => {
    await fc.assert(
      fc.asyncProperty(addresses, addresses, async (one, other) => {
        expect((await nameAt(one)) === (await nameAt(other))).toBe(isSame(one, other));
      }),
      { numRuns: 500 },
    );
  });

  it.each(Object.entries(adapters))("do not meet on %s: those that once did", async (_, nameAt) => {
    const of = (kind: ChannelKind, name: string, node?: string): Address => ({
      prefix: "a",
      kind,
      name,
      node,
    });
    const all = [
      of("all", "chat"),
      of("to", "chat"),
      of("all", "chat:inbox"),
      of("to", "chat:inbox"),
      of("all", "channels:channels"),
      of("channels", "channels"),
      of("channels", "inbox"),
      of("channels", "%69nbox"),
      of("to", "channels"),
      of("all", "chat", "b"),
      of("to", "chat", "b"),
      of("all", "b:chat"),
      of("all", "%3A"),
      of("all", ":"),
    ];
    const told = await Promise.all(all.map(nameAt));
    expect(new Set(told).size).toBe(all.length);
  });
});
