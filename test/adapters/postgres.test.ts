/** What the postgres adapter does with its clients; over real servers it is tested in test/brokers. */
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { postgresPubSub, type PostgresClient } from "../../src/adapters/postgres.js";
import type { PubSubStatus } from "../../src/pubsub/pubsub.js";

/** As pg's: takes one query at a time, and throws an error that nobody listens to. */
class FakeClient extends EventEmitter implements PostgresClient {
  readonly queries: string[] = [];
  ended = false;
  busy = false;
  overlaps = 0;
  refusal: Error | undefined;
  answer: unknown = {};
  hangs = false;
  readonly connection = {
    stream: { destroyed: false, destroy: () => void (this.connection.stream.destroyed = true) },
  };

  async query(text: string, values: string[] = []): Promise<unknown> {
    if (this.busy) this.overlaps++;
    this.busy = true;
    await Promise.resolve();
    this.busy = false;
    this.queries.push([text, ...values].join(" "));
    if (this.refusal !== undefined) throw this.refusal;
    return this.answer;
  }
  async end(): Promise<void> {
    this.ended = true;
    if (this.hangs) await new Promise(() => {});
  }
  notify(channel: string, payload: string | undefined): void {
    this.emit("notification", { channel, payload });
  }
  breakDown(): void {
    this.emit("error", new Error("Connection terminated unexpectedly"));
    this.emit("end");
  }
  listening(): number {
    return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets promises and what is due now run. */
const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** That an inbox is listened to is said by an advisory lock. */
const locks = expect.stringMatching(/^SELECT pg_try_advisory_lock_shared\(\$1\) -?\d+$/);
const unlocks = expect.stringMatching(/^SELECT pg_advisory_unlock_shared\(\$1\) -?\d+$/);

function withConnect(connect: (attempt: number, client: FakeClient) => Promise<FakeClient>) {
  const clients: FakeClient[] = [];
  const attemptsAtMs: number[] = [];
  const pubsub = postgresPubSub({
    connect: () => {
      attemptsAtMs.push(Date.now());
      const client = new FakeClient();
      clients.push(client);
      return connect(clients.length, client);
    },
    nodeName: "me",
    prefix: "p",
  });
  const statuses: PubSubStatus[] = [];
  const errors: unknown[] = [];
  pubsub.onStatus?.((status) => statuses.push(status));
  pubsub.onError?.((error) => errors.push(error));
  const clientOf = (attempt: number): FakeClient => {
    const client = clients[attempt - 1];
    if (client === undefined) throw new Error(`There was no attempt ${attempt}`);
    return client;
  };
  return { pubsub, clientOf, attemptsAtMs, statuses, errors };
}

describe("postgresPubSub with connect", () => {
  it("waits for the connection with a subscription, and quotes and shortens names", async () => {
    const { pubsub, clientOf, statuses } = withConnect(async (_, client) => client);
    await pubsub.subscribe('a "b"', () => {});
    await pubsub.subscribe("x".repeat(100), () => {});
    const queries = clientOf(1).queries;
    expect(queries.slice(0, 3)).toEqual(['LISTEN "p:all:a ""b"""', 'LISTEN "p:to:me:a ""b"""', locks]);
    for (const listen of queries.slice(3, 5)) expect(listen).toMatch(/^LISTEN "p:#[\w-]{27}"$/);
    expect(queries.slice(5)).toEqual([locks]);
    expect(new Set(queries).size).toBe(6);
    expect(statuses).toEqual(["disconnected", "connected"]);
  });

  it("listens again with a new client, and is connected only then", async () => {
    const { pubsub, clientOf, statuses, errors } = withConnect(async (_, client) => client);
    const heard: string[] = [];
    await pubsub.subscribe("room", (payload) => heard.push(payload));
    clientOf(1).breakDown();
    expect(statuses.at(-1)).toBe("disconnected");
    await expect(pubsub.broadcast("room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await settled();
    expect(statuses.at(-1)).toBe("connected");
    expect(clientOf(2).queries).toEqual(['LISTEN "p:all:room"', 'LISTEN "p:to:me:room"', locks]);
    clientOf(1).notify("p:all:room", "from the dead");
    clientOf(2).notify("p:all:room", "alive");
    clientOf(2).notify("p:to:me:room", undefined);
    expect(heard).toEqual(["alive", ""]);
    expect(errors).toHaveLength(1);
    expect(clientOf(1).ended).toBe(true);
    // Its late errors would be thrown if nobody listened.
    clientOf(1).emit("error", new Error("once more"));
  });

  it("tries again at once, then after pauses that double up to a second, and reports it once", async () => {
    const { attemptsAtMs, errors } = withConnect(async () => {
      throw new Error("ECONNREFUSED");
    });
    await vi.advanceTimersByTimeAsync(4_000);
    const pauses = attemptsAtMs.slice(1).map((at, index) => at - (attemptsAtMs[index] ?? 0));
    expect(pauses.slice(0, 7)).toEqual([0, 100, 200, 400, 800, 1_000, 1_000]);
    expect(errors).toHaveLength(1);
  });

  it("ends a client that comes after the pubsub was closed, and asks for no other", async () => {
    let arrive: (client: FakeClient) => void = () => {};
    const { pubsub, attemptsAtMs } = withConnect(() => new Promise((resolve) => (arrive = resolve)));
    const subscribing = (async () => pubsub.subscribe("room", () => {}))();
    const refused = expect(subscribing).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await settled();
    await pubsub.close();
    const late = new FakeClient();
    arrive(late);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(late.ended).toBe(true);
    await refused;
    expect(attemptsAtMs).toHaveLength(1);
  });

  it("ends its client when it is closed, and takes its listeners off", async () => {
    const { pubsub, clientOf } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    await pubsub.close();
    await pubsub.close();
    expect(clientOf(1).queries.slice(3)).toEqual([
      unlocks,
      'UNLISTEN "p:all:room"',
      'UNLISTEN "p:to:me:room"',
    ]);
    expect(clientOf(1).ended).toBe(true);
    expect(clientOf(1).eventNames()).toEqual(["error"]);
  });

  it("sends one query after the other, and refuses more than 10,000 waiting ones", async () => {
    const { pubsub, clientOf } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10_005 }, (_, index) => pubsub.broadcast("room", `${index}`)),
    );
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ reason: { code: "PUBLISH_FAILED" } });
    expect(clientOf(1).overlaps).toBe(0);
    expect(clientOf(1).queries.slice(3, 5)).toEqual([
      "SELECT pg_notify($1, $2) p:all:room 0",
      "SELECT pg_notify($1, $2) p:all:room 1",
    ]);
  });

  it("refuses payloads above 7,999 bytes", async () => {
    const { pubsub, clientOf } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    await pubsub.broadcast("room", "€".repeat(2_666));
    await expect(pubsub.broadcast("room", "€".repeat(2_667))).rejects.toMatchObject({
      code: "PUBLISH_FAILED",
    });
    expect(clientOf(1).queries).toHaveLength(4);
  });
});

describe("postgresPubSub, asked to reconnect", () => {
  it("gives up its client for a new one, which listens to the same, and destroys a socket that does not end", async () => {
    const { pubsub, clientOf, statuses } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    clientOf(1).hangs = true;
    await pubsub.reconnect?.();
    expect(statuses.at(-1)).toBe("disconnected");
    await settled();
    expect(statuses.at(-1)).toBe("connected");
    expect(clientOf(2).queries).toEqual(clientOf(1).queries);
    expect(clientOf(1)).toMatchObject({ ended: true, connection: { stream: { destroyed: false } } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(clientOf(1).connection.stream.destroyed).toBe(true);
  });

  it("does nothing in a pause, and begins another attempt only after five seconds", async () => {
    let arrive: (client: FakeClient) => void = () => {};
    const { pubsub, clientOf, attemptsAtMs, statuses } = withConnect((attempt, client) => {
      if (attempt === 1) return new Promise((resolve) => (arrive = resolve));
      return attempt === 2 ? Promise.resolve(client) : Promise.reject(new Error("ECONNREFUSED"));
    });
    await vi.advanceTimersByTimeAsync(5_000);
    await pubsub.reconnect?.();
    expect(attemptsAtMs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await pubsub.reconnect?.();
    await settled();
    expect(statuses.at(-1)).toBe("connected");
    const late = new FakeClient();
    arrive(late);
    await settled();
    expect(late.ended).toBe(true);
    clientOf(2).breakDown();
    await vi.advanceTimersByTimeAsync(1);
    const attempts = attemptsAtMs.length;
    await pubsub.reconnect?.();
    expect(attemptsAtMs).toHaveLength(attempts);
    await pubsub.close();
  });

  it("closes in time over a connection that stands still", async () => {
    const { pubsub, clientOf } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    const client = clientOf(1);
    client.hangs = true;
    client.query = () => new Promise(() => {});
    let closed = false;
    void pubsub.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(closed).toBe(true);
    expect(client.connection.stream.destroyed).toBe(true);
  });
});

describe("postgresPubSub, asked who is listening", () => {
  it("reads the advisory locks that listening nodes hold", async () => {
    const { pubsub, clientOf } = withConnect(async (_, client) => client);
    await pubsub.subscribe("room", () => {});
    const [lock = ""] = /-?\d+$/.exec(clientOf(1).queries[2] ?? "") ?? [];
    const bits = BigInt.asUintN(64, BigInt(lock));
    clientOf(1).answer = { rows: [{ lock: `${bits >> 32n}.${bits & 0xffffffffn}` }] };
    expect(await pubsub.listening?.("room", ["me", "you"])).toEqual(new Set(["me"]));
    clientOf(1).answer = {};
    await expect(pubsub.listening?.("room", ["me"])).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
  });
});

describe("postgresPubSub with client", () => {
  it("has no way to reconnect", () => {
    expect(postgresPubSub({ client: new FakeClient() }).reconnect).toBe(undefined);
  });

  it("leaves the client open and without a listener when it is closed", async () => {
    const client = new FakeClient();
    const pubsub = postgresPubSub({ client });
    await pubsub.subscribe("room", () => {});
    await pubsub.close();
    expect({ ended: client.ended, listening: client.listening() }).toEqual({ ended: false, listening: 0 });
  });

  it("stays disconnected when the client has ended, and survives its further errors", async () => {
    const client = new FakeClient();
    const pubsub = postgresPubSub({ client });
    const statuses: PubSubStatus[] = [];
    pubsub.onStatus?.((status) => statuses.push(status));
    await pubsub.subscribe("room", () => {});
    client.breakDown();
    client.breakDown();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(statuses).toEqual(["disconnected"]);
    await expect(pubsub.subscribe("hall", () => {})).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    expect(client.ended).toBe(false);
  });

  it("rejects with what the server said", async () => {
    const client = new FakeClient();
    const pubsub = postgresPubSub({ client });
    await settled();
    client.refusal = new Error("permission denied");
    await expect(pubsub.broadcast("room", "1")).rejects.toBe(client.refusal);
    await expect(pubsub.subscribe("room", () => {})).rejects.toBe(client.refusal);
  });
});

it("postgresPubSub refuses what is neither", () => {
  expect(() => postgresPubSub({} as { client: PostgresClient })).toThrow(
    expect.objectContaining({ code: "INVALID_OPTION" }),
  );
});
