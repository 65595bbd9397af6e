/** Large presence states on their way to clients: in pieces, at the client's speed, and whole in the end. */
import fc from "fast-check";
import * as phoenix18 from "phoenix";
import { describe, expect, it, onTestFinished } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { ChannelServer, PresenceSource } from "../../src/channels/index.js";
import { FeedEncodings, PresenceFeeds, type FeedClient } from "../../src/channels/presence-feed.js";
import { StatePieces } from "../../src/channels/state-pieces.js";
import { Presence, Session } from "../../src/index.js";
import { answer, CLIENTS, connectClient, nextEvent, RawClient, startServer } from "./harness.js";
import { canonical } from "./presence-room.js";

type Metas = { metas: { phx_ref: string; text: string }[] };
type List = Record<string, Metas>;

/** The fold of the official client. */
const official = phoenix18.Presence as unknown as {
  syncState(list: List, state: List): List;
  syncDiff(list: List, diff: { joins: List; leaves: List }): List;
};

function listOf(entries: readonly (readonly [key: string, metas: readonly string[]])[]): List {
  const list = Object.create(null) as List;
  for (const [key, metas] of entries) {
    list[key] = { metas: metas.map((text, index) => ({ phx_ref: `${key}.${index}`, text })) };
  }
  return Object.freeze(list);
}

const lists = fc
  .uniqueArray(
    fc.tuple(
      fc.oneof(fc.constantFrom("__proto__", "constructor", '"', "é☃"), fc.string({ maxLength: 8 })),
      fc.array(fc.string({ maxLength: 40, unit: "grapheme" }), { minLength: 1, maxLength: 12 }),
    ),
    { selector: ([key]) => key, maxLength: 30 },
  )
  .map(listOf);

describe("the pieces of a state", () => {
  it("come to the state, and are small unless one meta is not", () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 60, max: 600 }), (state, maxBytes) => {
        const pieces = new StatePieces(state, maxBytes);
        let list: List = Object.create(null) as List;
        for (let index = 0; ; index++) {
          const piece = pieces.at(index);
          if (piece === undefined) break;
          expect(pieces.isLast(index)).toBe(pieces.at(index + 1) === undefined);
          const joins = JSON.parse(piece.text) as List;
          const metas = Object.values(joins).flatMap((presence) => presence.metas);
          if (metas.length > 1) expect(Buffer.byteLength(piece.text)).toBeLessThanOrEqual(maxBytes);
          list =
            index === 0 ? official.syncState(list, joins) : official.syncDiff(list, { joins, leaves: {} });
        }
        expect(canonical(list)).toBe(canonical(state));
      }),
    );
  });

  it("are encoded once for all who are sent them, and count for each with a share", () => {
    let encodings = 0;
    const state = Object.freeze({
      ann: { metas: [{ toJSON: () => ({ phx_ref: "1", text: "x".repeat(98), encoding: ++encodings }) }] },
      bob: { metas: [{ toJSON: () => ({ phx_ref: "2", text: "x".repeat(98), encoding: ++encodings }) }] },
    });
    const encodings50 = new FeedEncodings({ maxPieceBytes: 50, maxBufferedBytes: 1 });
    const pieces = encodings50.piecesOf(state);
    expect(encodings50.piecesOf(state)).toBe(pieces);
    for (let receiver = 0; receiver < 5; receiver++) {
      pieces.countReceiver(1);
      for (let index = 0; index < 2; index++) expect(pieces.at(index)).toBeDefined();
    }
    // Each meta is looked at whole, and found too large to be spread.
    expect(encodings).toBeLessThanOrEqual(4);
    const shared = pieces.bytesEach;
    for (let receiver = 0; receiver < 4; receiver++) pieces.countReceiver(-1);
    expect(pieces.bytesEach).toBeCloseTo(5 * shared);
    // A state of 50 bytes each is not shared where it may still change.
    expect(encodings50.piecesOf({})).not.toBe(encodings50.piecesOf({}));
  });

  it("and the diffs that come between them are whole in the end, however the client takes them", () => {
    const steps = fc.array(fc.oneof(fc.constant("taken" as const), fc.nat({ max: 29 })), { maxLength: 60 });
    fc.assert(
      fc.property(lists, steps, fc.boolean(), (state, choices, isSecond) => {
        let emit: (event: string, payload: object) => void = () => undefined;
        const source: PresenceSource = { forward: (_topic, receive) => void (emit = receive) };
        const taken: (() => void)[] = [];
        let client: List = Object.create(null) as List;
        const events: string[] = [];
        const receive = (event: string, payload: string | Buffer): void => {
          events.push(event);
          if (event === "presence_state")
            client = official.syncState(client, JSON.parse(String(payload)) as List);
          else
            client = official.syncDiff(client, JSON.parse(String(payload)) as { joins: List; leaves: List });
        };
        const pending = new Set<object>();
        const feedClient: FeedClient = {
          joinCharges: { charge: () => undefined, whenPaid: (start) => start() },
          pushPiece: (event, payload, next) => {
            receive(event, payload);
            if (next) taken.push(next);
          },
          pushEncoded: receive,
          later: (callback) => callback(),
          readsTooSlowly: () => expect.unreachable(),
          addPending: (feed) => pending.add(feed),
          removePending: (feed) => pending.delete(feed),
        };
        const feeds = new PresenceFeeds(
          feedClient,
          new FeedEncodings({ maxPieceBytes: 100, maxBufferedBytes: 1e6 }),
        );
        if (isSecond) {
          feeds.follow(source, "first", {});
          emit("presence_state", Object.freeze({}));
        }
        feeds.follow(source, "topic", {});
        emit("presence_state", state);
        const model = new Map(Object.entries(state));
        for (const [number, choice] of choices.entries()) {
          if (choice === "taken") {
            taken.shift()?.();
            continue;
          }
          const key = [...model.keys()][choice] ?? `new ${choice}`;
          const there = model.get(key);
          const fresh = { metas: [{ phx_ref: `fresh ${number}`, text: "" }] };
          // A user who is there leaves, and one who is not comes.
          if (there) model.delete(key);
          else model.set(key, fresh);
          const one = Object.freeze(Object.fromEntries([[key, there ?? fresh]]));
          emit(
            "presence_diff",
            Object.freeze(there ? { joins: {}, leaves: one } : { joins: one, leaves: {} }),
          );
        }
        while (taken.length > 0) taken.shift()?.();
        expect(canonical(client)).toBe(canonical(Object.fromEntries(model)));
        expect(events.filter((event) => event === "presence_state")).toHaveLength(1);
        expect(events[0]).toBe("presence_state");
        expect(pending.size).toBe(0);
      }),
    );
  });

  it("are held no longer than the diffs behind them are small: then the client reads too slowly", () => {
    let slow = 0;
    let emit: (event: string, payload: object) => void = () => undefined;
    const feeds = new PresenceFeeds(
      {
        joinCharges: { charge: () => undefined, whenPaid: (start) => start() },
        pushPiece: () => undefined,
        pushEncoded: () => expect.unreachable(),
        later: () => expect.unreachable(),
        readsTooSlowly: () => slow++,
        addPending: () => undefined,
        removePending: () => undefined,
      },
      new FeedEncodings({ maxPieceBytes: 100, maxBufferedBytes: 1_000 }),
    );
    feeds.follow({ forward: (_topic, receive) => void (emit = receive) }, "topic", {});
    const text = "x".repeat(100);
    emit("presence_state", listOf([1, 2, 3].map((number) => [`user:${number}`, [text]] as const)));
    const diff = { joins: listOf([["new", [text]]]), leaves: {} };
    for (let count = 0; count < 5; count++) emit("presence_diff", diff);
    expect(slow).toBe(0);
    for (let count = 0; count < 5; count++) emit("presence_diff", diff);
    expect(slow).toBeGreaterThan(0);
  });
});

describe("a room of 5,000 with metas of 2 kB", () => {
  it("reaches a client that reads slowly, with what changes meanwhile, and nobody is dropped", async () => {
    const pubsub = memoryPubSub();
    const presence = await Presence.start<{ text: string }>({ name: "rooms", pubsub, broadcastPeriodMs: 1 });
    onTestFinished(() => presence.stop({ handoffMs: 0 }));
    const server = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          joined: (channel) => channel.follow(presence),
        }),
      { pubsub },
    );
    const text = "x".repeat(2_000);
    for (let count = 0; count < 5_000; count++) {
      presence.track(new Session(), "room:1", `user:${count}`, { text });
    }
    const client = await RawClient.connect(server.url);
    client.send("1", "1", "room:1", "phx_join");
    expect((await client.next())[3]).toBe("phx_reply");
    const first = await client.next();
    expect(first[3]).toBe("presence_state");
    client.socket.pause();
    const guest = new Session();
    for (let count = 0; count < 50; count++) {
      presence.track(guest, "room:1", `guest:${count}`, { text });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.channels.health().counters.slowReaders).toBe(0);
    client.socket.resume();
    const list = new Set(Object.keys(first[4]));
    let sizes = 0;
    while (!list.has("guest:49")) {
      const data = String(await client.nextData());
      const frame = JSON.parse(data) as [string, null, string, string, { joins: object }];
      expect(frame[3]).toBe("presence_diff");
      sizes = Math.max(sizes, data.length);
      for (const key of Object.keys(frame[4].joins)) list.add(key);
    }
    expect(list.size).toBe(5_050);
    expect(sizes).toBeLessThan(65_536 + 200);
    expect(server.channels.health().counters).toMatchObject({ slowReaders: 0, crowdedOut: 0 });
    expect(server.errors).toEqual([]);
  });
});

describe.each(CLIENTS)("what a channel follows, with phoenix $line", ({ phoenix }) => {
  async function room(joined: (...args: Parameters<typeof follow>) => void) {
    const pubsub = memoryPubSub();
    const presence = await Presence.start({ name: "rooms", pubsub, broadcastPeriodMs: 1 });
    onTestFinished(() => presence.stop({ handoffMs: 0 }));
    presence.track(new Session(), "room:1", "ann", {});
    presence.track(new Session(), "admins", "root", {});
    const server = await startServer(
      (channels: ChannelServer) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          joined: (channel) => joined(channel, presence),
          handleIn: { ping: () => ({ ok: {} }) },
        }),
      { pubsub },
    );
    const socket = connectClient(phoenix, `${server.url}/socket`);
    return { presence, channel: socket.channel("room:1") };
  }
  const follow = (
    channel: { follow(source: PresenceSource, topic?: string): void },
    source: PresenceSource,
  ) => channel.follow(source);

  it("is one list, also of two topics", async () => {
    const { presence, channel } = await room((followed, source) => {
      followed.follow(source);
      followed.follow(source, "admins");
    });
    const list = new phoenix.Presence(channel);
    const events: string[] = [];
    for (const event of ["presence_state", "presence_diff"]) channel.on(event, () => void events.push(event));
    const diff = nextEvent(channel, "presence_diff");
    await answer(channel.join());
    await diff;
    expect(list.list((key) => key)).toEqual(["ann", "root"]);
    expect(events).toEqual(["presence_state", "presence_diff"]);
    for (const [topic, key] of [
      ["room:1", "bob"],
      ["admins", "su"],
    ] as const) {
      const change = nextEvent(channel, "presence_diff");
      presence.track(new Session(), topic, key, {});
      await change;
    }
    expect(list.list((key) => key)).toEqual(["ann", "root", "bob", "su"]);
  });

  it("is followed once, however often the channel asks for it", async () => {
    const { presence, channel } = await room((followed, source) => {
      followed.follow(source);
      followed.follow(source);
    });
    let diffs = 0;
    channel.on("presence_diff", () => void diffs++);
    const state = nextEvent(channel, "presence_state");
    await answer(channel.join());
    await state;
    const change = nextEvent(channel, "presence_diff");
    presence.track(new Session(), "room:1", "bob", {});
    await change;
    await answer(channel.push("ping", {}));
    expect(diffs).toBe(1);
  });

  it("may have events of its own, and so be a list of its own", async () => {
    const events = { state: "admins_state", diff: "admins_diff" };
    const { presence, channel } = await room((followed, source) => {
      followed.follow(source);
      (followed as { follow(source: PresenceSource, topic: string, options: object): void }).follow(
        source,
        "admins",
        { events },
      );
    });
    const people = new phoenix.Presence(channel);
    const admins = new phoenix.Presence(channel, { events });
    const states = [nextEvent(channel, "presence_state"), nextEvent(channel, "admins_state")];
    await answer(channel.join());
    await Promise.all(states);
    const change = nextEvent(channel, "admins_diff");
    presence.track(new Session(), "admins", "su", {});
    await change;
    expect(people.list((key) => key)).toEqual(["ann"]);
    expect(admins.list((key) => key)).toEqual(["root", "su"]);
  });
});
