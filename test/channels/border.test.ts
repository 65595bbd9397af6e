/**
 * The border of `rollcall/channels`: whatever is handed over is taken, or refused by an error with a code that names it,
 * and costs nothing else.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { memoryPubSub } from "../../src/adapters/memory.js";
import {
  ChannelServer,
  refuse,
  type Channel,
  type LateReply,
  type SocketOptions,
} from "../../src/channels/index.js";
import { validateOptions } from "../../src/channels/options.js";
import { isTrackerError } from "../../src/errors.js";
import { Presence } from "../../src/presence/index.js";
import { oddValues } from "../support/odd-values.js";
import { allowNoUnhandledRejections } from "../support/rejections.js";
import { RawClient, startServer } from "./harness.js";

allowNoUnhandledRejections();

const pubsub = memoryPubSub();
const server = (): ChannelServer => new ChannelServer({ pubsub });
const handlers = { join: () => ({ ok: {} }) };

type Take = (value: never) => unknown;

/** The names of the values that are taken. All others must be refused by an error that names `argument`. */
async function takenBy(argument: string, take: Take): Promise<string[]> {
  const taken: string[] = [];
  for (const [name, value] of oddValues()) {
    try {
      await take(value as never);
      taken.push(name);
    } catch (error) {
      if (!isTrackerError(error)) throw new Error(`${name} ended in ${String(error)}`, { cause: error });
      expect(error.code, name).toMatch(/^INVALID_(OPTION|ARGUMENT)$/);
      expect(error.message, name).toContain(argument);
      expect(error.message.length).toBeLessThan(600);
    }
  }
  return taken;
}

const NOTHING: readonly string[] = [];
const EVERYTHING = oddValues().map(([name]) => name);
const TEXTS = ["an empty text", "a text of 2 MB"];
/** What has the properties of an object and none that is no option. */
const EMPTY = ["an empty object", "a Map", "a Date"];
const PAYLOADS = ["an empty object", "a Map", "a class instance"];
const COUNTS = ["7"];
const RATES = ["0.5", "7", "2 ** 53"];
const FUNCTION = ["a function"];
const ABSENT = "undefined";

type Row = readonly [call: string, argument: string, take: Take, taken: readonly string[]];

const limits = Object.keys(validateOptions({ pubsub }).limits);
const limitTaken = (name: string): readonly string[] => {
  if (/^(joins|joinBytes|messages)PerSecond$|^socketRatesPerKey$/.test(name)) return RATES;
  return /^maxSockets(PerId|PerKey)?$/.test(name) ? [...COUNTS, "Infinity"] : COUNTS;
};

const serverOption = (option: string, taken: readonly string[]): Row => [
  `new ChannelServer({ ${option} })`,
  option,
  (value) => new ChannelServer({ pubsub, [option]: value }),
  taken,
];
const socketOption = (option: string, taken: readonly string[]): Row => [
  `socket(path, { ${option} })`,
  option,
  (value) => server().socket("/socket", { [option]: value }),
  taken,
];
const handler = (name: string, taken: readonly string[]): Row => [
  `channel(pattern, { ${name} })`,
  name === "join" ? "handlers" : name,
  (value) =>
    server()
      .socket("/socket")
      .channel("room", { ...handlers, [name]: value } as never),
  taken,
];
const eventHandler = (name: string): Row => [
  `channel(pattern, { ${name}: { event } })`,
  `${name}.event`,
  (value) =>
    server()
      .socket("/socket")
      .channel("room", { ...handlers, [name]: { event: value } } as never),
  [ABSENT, ...FUNCTION],
];
const drainOption = (option: string, taken: readonly string[]): Row => [
  `drain({ ${option} })`,
  option,
  (value) => server().drain({ [option]: value }),
  [ABSENT, ...taken],
];

const ofServer: readonly Row[] = [
  ["new ChannelServer(options)", "", (value) => new ChannelServer(value), NOTHING],
  serverOption("pubsub", NOTHING),
  serverOption("name", [ABSENT, "a text of 2 MB"]),
  serverOption("checkOrigin", [ABSENT, "true", ...FUNCTION]),
  serverOption("key", [ABSENT, ...FUNCTION]),
  ...limits.map((limit) => serverOption(limit, [ABSENT, ...limitTaken(limit)])),
  ["socket(path, options)", "option", (value) => server().socket("/socket", value), [ABSENT, ...EMPTY]],
  socketOption("connect", [ABSENT, ...FUNCTION]),
  socketOption("id", [ABSENT, ...FUNCTION]),
  socketOption("checkOrigin", [ABSENT, "true", ...FUNCTION]),
  socketOption("longPoll", [ABSENT, "true"]),
  [
    "channel(pattern)",
    "pattern",
    (value) => server().socket("/socket").channel(value, handlers),
    ["a text of 2 MB"],
  ],
  [
    "channel(pattern, handlers)",
    "handlers",
    (value) => server().socket("/socket").channel("room", value),
    NOTHING,
  ],
  handler("join", FUNCTION),
  handler("graceMs", [ABSENT, "0.5", "7"]),
  ...["joined", "handleInfo", "terminate"].map((name) => handler(name, [ABSENT, ...FUNCTION])),
  ...["handleIn", "handleBinary", "handleOut"].flatMap((name) => [
    handler(name, [ABSENT, "an empty object"]),
    eventHandler(name),
  ]),
  ["broadcast(topic)", "topic", (value) => server().broadcast(value, "event", {}), TEXTS],
  ["broadcast(topic, event)", "event", (value) => server().broadcast("room", value, {}), TEXTS],
  ["broadcast(…, payload)", "payload", (value) => server().broadcast("room", "event", value), PAYLOADS],
  ["disconnect(socketId)", "socketId", (value) => server().disconnect(value), TEXTS],
  ["on(event)", "event", (value) => server().on(value, () => undefined), NOTHING],
  ["on(event, listener)", "listener", (value) => server().on("error", value), FUNCTION],
  ["drain(options)", "option", (value) => server().drain(value), [ABSENT, ...EMPTY]],
  ["stop(options)", "option", (value) => server().stop(value), [ABSENT, ...EMPTY]],
  drainOption("batchSize", COUNTS),
  drainOption("batchPeriodMs", ["0.5", "7"]),
  drainOption("graceMs", ["0.5", "7"]),
  ["refuse(status)", "status", (value) => refuse(value), NOTHING],
];

describe("whatever a channel server is called with", () => {
  it.each(ofServer)("%s takes or refuses", async (_, argument, take, taken) => {
    expect(new Set(await takenBy(argument, take))).toEqual(new Set(taken));
  });
});

/** Sockets that nothing ends. */
const ROOMY = { maxBufferedBytes: 2 ** 40, maxBufferedBytesTotal: 2 ** 40, messageBurst: 10_000 };

interface Joined {
  readonly channel: Channel;
  readonly presence: Presence;
  /** An answer that nobody has given yet. */
  reply(): LateReply;
}

async function join(): Promise<Joined> {
  let channel: Channel | undefined;
  const replies: LateReply[] = [];
  const started = await startServer((channels) => {
    channels.socket("/socket").channel("room", {
      join: () => ({ ok: {} }),
      joined: (joined) => void (channel = joined as Channel),
      handleIn: { later: (_channel, _payload, reply) => void replies.push(reply) },
    });
  }, ROOMY);
  const presence = await Presence.start({ name: "border", pubsub: memoryPubSub() });
  onTestFinished(() => presence.stop({ handoffMs: 0 }));
  const client = await RawClient.connect(started.url);
  await client.join("room");
  for (let index = 0; index < 200; index++) client.send("1", `${index}`, "room", "later");
  await client.untilHeartbeat();
  return {
    channel: channel ?? expect.fail("no channel"),
    presence,
    reply: () => replies.pop() ?? expect.fail("no reply"),
  };
}

const ofChannel = ({ channel, presence, reply }: Joined): readonly Row[] => [
  ["push(event)", "event", (value) => channel.push(value, {}), TEXTS],
  ["push(event, payload)", "payload", (value) => channel.push("event", value), PAYLOADS],
  ["broadcast(event)", "event", (value) => channel.broadcast(value, {}), TEXTS],
  ["broadcast(event, payload)", "payload", (value) => channel.broadcast("event", value), PAYLOADS],
  ["broadcastFrom(event)", "event", (value) => channel.broadcastFrom(value, {}), TEXTS],
  ["broadcastFrom(event, payload)", "payload", (value) => channel.broadcastFrom("event", value), PAYLOADS],
  ["follow(presence)", "presence", (value) => channel.follow(value), NOTHING],
  ["follow(presence, topic)", "topic", (value) => channel.follow(presence, value), [ABSENT, ...TEXTS]],
  ["follow(…, options)", "option", (value) => channel.follow(presence, "room", value), [ABSENT, ...EMPTY]],
  ...["limit", "events"].map((option): Row => [
    `follow(…, { ${option} })`,
    option,
    (value) => channel.follow(presence, "room", { [option]: value }),
    option === "limit" ? [ABSENT, ...COUNTS] : [ABSENT],
  ]),
  ...["state", "diff", "rest"].map((name): Row => [
    `follow(…, { events: { ${name} } })`,
    name,
    (value) => channel.follow(presence, "room", { events: { state: "s", diff: "d", [name]: value } }),
    name === "rest" ? [ABSENT, ...TEXTS] : TEXTS,
  ]),
  ["followCount(presence)", "presence", (value) => channel.followCount(value), NOTHING],
  [
    "followCount(presence, topic)",
    "topic",
    (value) => channel.followCount(presence, value),
    [ABSENT, ...TEXTS],
  ],
  [
    "followCount(…, options)",
    "option",
    (value) => channel.followCount(presence, "room", value),
    [ABSENT, ...EMPTY],
  ],
  [
    "followCount(…, { event })",
    "event",
    (event) => channel.followCount(presence, "room", { event }),
    [ABSENT, ...TEXTS],
  ],
  [
    "followCount(…, { periodMs })",
    "periodMs",
    (periodMs) => channel.followCount(presence, "room", { periodMs }),
    [ABSENT, "0.5", "7"],
  ],
  ["send(message)", "", (value) => channel.send(value), EVERYTHING],
  ["socket.renew(assigns)", "", (value) => channel.socket.renew(value), EVERYTHING],
  [
    "socket.renew(…, expiresAtMs)",
    "expiresAtMs",
    (value) => channel.socket.renew({}, value),
    [ABSENT, "-1", "2 ** 53"],
  ],
  ["reply(answer)", "reply", (value) => reply()(value), NOTHING],
  ["reply({ ok })", "payload", (ok) => reply()({ ok }), PAYLOADS],
  ["reply({ error })", "payload", (error) => reply()({ error }), PAYLOADS],
  ["reply({ status })", "reply", (status) => reply()({ status, response: {} }), TEXTS],
  ["reply({ …, response })", "payload", (response) => reply()({ status: "mine", response }), PAYLOADS],
];

describe("whatever a channel is called with", () => {
  it("is taken or refused, and the channel goes on", async () => {
    const joined = await join();
    for (const [call, argument, take, taken] of ofChannel(joined)) {
      expect([call, new Set(await takenBy(argument, take))]).toEqual([call, new Set(taken)]);
    }
    expect(joined.channel.ended).toBe(false);
  });
});

/** What an application returns has no caller to throw to: it is reported, and the client is answered. */
describe("whatever is returned", () => {
  const hooks: readonly (readonly [string, (value: unknown) => SocketOptions<unknown>])[] = [
    ["by connect", (value) => ({ connect: () => value })],
    ["by connect, later", (value) => ({ connect: () => Promise.resolve(value) })],
    ["as expiresAtMs", (expiresAtMs) => ({ connect: () => ({ expiresAtMs }) })],
    ["by id", (value) => ({ id: () => value as string })],
    ["by checkOrigin", (value) => ({ checkOrigin: () => value as boolean })],
  ];

  it.each(hooks)("%s lets the visitor in or not", async (_, hook) => {
    const values = oddValues();
    const { url, errors } = await startServer(
      (channels) => {
        for (const [index, [, value]] of values.entries()) channels.socket(`/${index}`, hook(value));
      },
      { ...ROOMY, connectTimeoutMs: 1_000 },
    );
    const statuses = await Promise.all(
      values.map((_value, index) => statusOf(`${url}/${index}/websocket?vsn=2.0.0`)),
    );
    expect(statuses.filter((status) => ![101, 403, 500].includes(status))).toEqual([]);
    expect(new Set(statuses).size).toBeGreaterThan(1);
    expect(errors.filter((error) => !isTrackerError(error))).toEqual([]);
  });

  const answers: readonly (readonly [string, (value: unknown) => unknown])[] = [
    ["is returned", (value) => value],
    ["is promised", (value) => Promise.resolve(value)],
    ["is the ok", (ok) => ({ ok })],
    ["is the error", (error) => ({ error })],
  ];

  it.each(answers)("by a join or a handler is answered where it %s", async (_, answered) => {
    const values = oddValues();
    const { url, errors } = await startServer(
      (channels) => {
        const mount = channels.socket("/socket");
        for (const [index, [, value]] of values.entries()) {
          mount.channel(`join:${index}`, { join: () => answered(value) as never });
          const answer = (): never => answered(value) as never;
          mount.channel(`push:${index}`, { ...handlers, handleIn: { answer } });
        }
      },
      { ...ROOMY, joinBytesPerSecond: 2 ** 40, joinByteBurst: 2 ** 40 },
    );
    const client = await RawClient.connect(url);
    const pusher = await RawClient.connect(url);
    for (const index of values.keys()) {
      const [, ref, topic, event] = await client.join(`join:${index}`, `${index}`);
      expect([ref, topic, event]).toEqual([`${index}`, `join:${index}`, "phx_reply"]);
      await pusher.join(`push:${index}`, `${index}`);
      pusher.send(`${index}`, "push", `push:${index}`, "answer");
      const answered = await pusher.untilHeartbeat();
      expect(answered.length).toBeLessThanOrEqual(1);
    }
    expect(errors.length).toBeGreaterThan(5);
    expect(errors.filter((error) => !isTrackerError(error))).toEqual([]);
  });
});

function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers: { origin: new URL(url).origin.replace("ws", "http") } });
    const end = (status: number): void => {
      socket.terminate();
      resolve(status);
    };
    socket.on("open", () => end(101));
    socket.on("unexpected-response", (_request, response) => end(response.statusCode ?? 0));
    socket.on("error", () => undefined);
  });
}
