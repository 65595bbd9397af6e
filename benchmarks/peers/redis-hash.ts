/**
 * Presence in Redis as teams write it by hand: a hash of users, a sorted set of when each was seen last, a
 * heartbeat that refreshes every user before a TTL ends. Beside a tracker with the same users.
 */
import { createClient } from "redis";
import { openRedis } from "../../test/brokers/servers.js";
import type { Benchmark } from "../harness/command.js";
import { Lab } from "../harness/lab.js";
import { collectGarbage, timeAsyncMs, timePerCallNs } from "../harness/stopwatch.js";
import { Session } from "../../src/session.js";
import { onlineUser, room } from "./online-user.js";
import { redisSentBytes } from "./socket-io.js";

/** Users whose sign of life is older are offline: found out by whoever asks. */
const ttlMs = 30_000;
/** Each server refreshes its users so often, that one refresh may fail. */
const refreshMs = 10_000;
const pipelined = 500;
/** Members per ZADD of a refresh: one command per user would be slower still. */
const membersPerCommand = 1_000;

type Client = Awaited<ReturnType<typeof connect>>;

function connect(url: string) {
  return createClient({ url }).connect();
}

const usersKey = `presence:${room}:users`;
const seenKey = `presence:${room}:seen`;

/** The presence list of a room, kept in Redis. */
class RedisPresence {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async join(from: number, to: number): Promise<void> {
    for (let first = from; first <= to; first += pipelined) {
      const commands: Promise<unknown>[] = [];
      for (let i = first; i <= Math.min(to, first + pipelined - 1); i++) {
        const user = onlineUser(i);
        // The client pipelines what is sent in one go.
        commands.push(this.#client.hSet(usersKey, user.user_id, JSON.stringify(user)));
        commands.push(this.#client.zAdd(seenKey, { score: Date.now(), value: user.user_id }));
      }
      await Promise.all(commands);
    }
  }

  async refresh(from: number, to: number): Promise<void> {
    for (let first = from; first <= to; first += membersPerCommand) {
      const members: { score: number; value: string }[] = [];
      for (let i = first; i <= Math.min(to, first + membersPerCommand - 1); i++) {
        members.push({ score: Date.now(), value: `user:${i}` });
      }
      await this.#client.zAdd(seenKey, members);
    }
  }

  async list(): Promise<unknown[]> {
    const ids = await this.#client.zRangeByScore(seenKey, Date.now() - ttlMs, "+inf");
    if (ids.length === 0) return [];
    const texts = await this.#client.hmGet(usersKey, ids);
    return texts.map((text) => (text === null ? undefined : (JSON.parse(text) as unknown)));
  }

  count(): Promise<number> {
    return this.#client.zCount(seenKey, Date.now() - ttlMs, "+inf");
  }

  async get(userId: string): Promise<unknown> {
    const [seen, text] = await Promise.all([
      this.#client.zScore(seenKey, userId),
      this.#client.hGet(usersKey, userId),
    ]);
    if (seen === null || seen < Date.now() - ttlMs || text === null) return undefined;
    return JSON.parse(text);
  }
}

export const redisHash: Benchmark = {
  name: "redis-hash",
  async run({ runs, sizes, report, progress }) {
    if (openRedis === undefined) throw new Error("redis-server is missing");
    for (const users of sizes) {
      progress(`${users}`);
      const many = users.toLocaleString("en-US");
      const redis = await openRedis();
      const client = await connect(redis.url.href);
      const theirs = new RedisPresence(client);
      try {
        const lab = new Lab();
        const join = { ours: [] as number[], theirs: [] as number[] };
        let tracker = await lab.start("alone");
        for (let run = -2; run < runs; run++) {
          await tracker.stop({ handoffMs: 0 });
          tracker = await lab.start(`alone-${run}`);
          await client.flushAll();
          collectGarbage();
          const ourNs = timePerCallNs(users, (index) => {
            const user = onlineUser(index + 1);
            return tracker.track(new Session(), room, user.user_id, user);
          });
          const theirMs = await timeAsyncMs(() => theirs.join(1, users));
          if (run < 0) continue;
          join.ours.push(ourNs / 1_000);
          join.theirs.push((theirMs * 1_000) / users);
        }
        report({
          name: `join, per user, ${many} users`,
          unit: "µs",
          values: join.ours,
          beside: [{ what: `Redis, two commands, pipelined by ${pipelined}`, values: join.theirs }],
        });
        const compare = async (
          name: string,
          calls: number,
          ask: () => unknown,
          askRedis: () => Promise<unknown>,
        ): Promise<void> => {
          const ours: number[] = [];
          const redisUs: number[] = [];
          for (let run = -1; run < runs; run++) {
            await theirs.refresh(1, users);
            collectGarbage();
            const ourUs = timePerCallNs(calls, ask) / 1_000;
            const theirMs = await timeAsyncMs(async () => {
              for (let call = 0; call < calls; call++) await askRedis();
            });
            if (run < 0) continue;
            ours.push(ourUs);
            redisUs.push((theirMs * 1_000) / calls);
          }
          report({ name, unit: "µs", values: ours, beside: [{ what: "Redis", values: redisUs }] });
        };
        if ((await theirs.list()).length !== users || tracker.list(room).length !== users) {
          throw new Error("not all users are online");
        }
        await compare(
          `list of ${many}`,
          5,
          () => tracker.list(room),
          () => theirs.list(),
        );
        await compare(
          `count of ${many}`,
          50,
          () => tracker.count(room),
          () => theirs.count(),
        );
        await compare(
          `one user of ${many}`,
          50,
          () => tracker.getByKey(room, "user:7"),
          () => theirs.get("user:7"),
        );
        const sentBefore = await redisSentBytes(redis.url.href);
        await theirs.list();
        const listBytes = (await redisSentBytes(redis.url.href)) - sentBefore;
        report({
          name: `bytes over the network per list of ${many}`,
          unit: "B",
          values: [0],
          beside: [{ what: "Redis", values: [listBytes] }],
        });
        const before = await receivedBytes(client);
        const refreshTookMs = await timeAsyncMs(() => theirs.refresh(1, users));
        const refreshBytes = (await receivedBytes(client)) - before;
        report({
          name: `signs of life of ${many} users, a second`,
          unit: "B/s",
          values: [await heartbeatBytesPerSecond()],
          beside: [
            {
              what: `Redis, refreshed every ${refreshMs / 1_000} s`,
              values: [(refreshBytes * 1_000) / refreshMs],
            },
          ],
          note: `one refresh of all takes ${refreshTookMs.toFixed(0)} ms; a node that ends is noticed after up to ${ttlMs / 1_000} s`,
        });
        await tracker.stop({ handoffMs: 0 });
      } finally {
        client.destroy();
        await redis.stop();
      }
    }
  },
};

async function receivedBytes(client: Client): Promise<number> {
  return Number(/total_net_input_bytes:(\d+)/.exec(await client.info("stats"))?.[1]);
}

/** What a tracker sends while nothing changes, on virtual time: the same for any number of entries. */
export async function heartbeatBytesPerSecond(): Promise<number> {
  const lab = new Lab();
  const trackers = await Promise.all([lab.start("one"), lab.start("two")]);
  await lab.advance(10_000);
  const before = lab.wire.traffic("one").sentBytes;
  await lab.advance(60_000);
  const bytes = lab.wire.traffic("one").sentBytes - before;
  await Promise.all(trackers.map((tracker) => tracker.stop({ handoffMs: 0 })));
  return bytes / 60;
}
