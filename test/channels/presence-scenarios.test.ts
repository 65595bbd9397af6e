/**
 * The scenarios that the official client's own tests tell of its presence, here fed by the server and seen by
 * both: the official client's presence and the library's.
 */
import type { Presence as OfficialPresence } from "phoenix";
import { describe, expect, it } from "vitest";
import { answer, CLIENTS, connectClient, nextEvent, startServer } from "./harness.js";
import { startNodes, Visitor, type RoomMeta, type RoomNode } from "./presence-room.js";
import type { PhoenixClient } from "./harness.js";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { PresenceClient } from "../../src/client/index.js";
import { Presence } from "../../src/presence/index.js";

const TOPIC = "room:1";

interface Shown {
  readonly metas: readonly { readonly n: number }[];
}

/** What a presence called back with: numbers stand for metas, `none` for no presence. */
type Calls = string[];

function numbers(presence: Shown | undefined): string {
  return presence === undefined ? "none" : `[${presence.metas.map(({ n }) => n).join()}]`;
}

function record(presence: OfficialPresence | PresenceClient<RoomMeta>): Calls {
  const calls: Calls = [];
  const on =
    (what: string) =>
    (key?: string, current?: Shown, changed?: Shown): void =>
      void calls.push(`${what} ${key} ${numbers(current)} ${numbers(changed)}`);
  presence.onJoin(on("join"));
  presence.onLeave(on("leave"));
  return calls;
}

/** A watcher with both presences recorded, and guests that it can see. */
class Scene {
  readonly #phoenix: PhoenixClient;
  readonly #node: RoomNode;
  readonly watcher: Visitor;
  readonly #official: Calls;
  readonly #own: Calls;

  private constructor(phoenix: PhoenixClient, node: RoomNode) {
    this.#phoenix = phoenix;
    this.#node = node;
    this.watcher = new Visitor(phoenix, node.url, TOPIC);
    this.#official = record(this.watcher.official);
    this.#own = record(this.watcher.own);
  }

  static async open(phoenix: PhoenixClient): Promise<Scene> {
    const [node] = await startNodes(1);
    return new Scene(phoenix, node!);
  }

  /** Somebody who is there with these metas, from one connection each. */
  async guests(key: string, ...metas: number[]): Promise<Visitor[]> {
    const guests: Visitor[] = [];
    for (const n of metas) {
      const guest = new Visitor(this.#phoenix, this.#node.url, TOPIC);
      await guest.join();
      await answer(guest.room.push("track", { key, n }));
      guests.push(guest);
    }
    return guests;
  }

  async leave(guest: Visitor, key: string): Promise<void> {
    await answer(guest.room.push("untrack", { key }));
  }

  /** Lets the watcher miss what happens meanwhile. */
  async away(action: () => Promise<unknown>): Promise<void> {
    await new Promise<void>((resolve) => this.watcher.socket.disconnect(() => resolve()));
    await action();
    const state = nextEvent(this.watcher.room, "presence_state");
    this.watcher.socket.connect();
    await state;
  }

  /** What both were called with since the last look, once they list `keys`, each with so many metas. */
  async calls(keys: Record<string, number>): Promise<Calls> {
    const expected = Object.entries(keys).sort().join("|");
    await this.watcher.until(
      () =>
        Object.entries(this.watcher.own.list())
          .map(([key, { metas }]) => [key, metas.length] as const)
          .sort()
          .join("|") === expected,
    );
    const { official, own } = this.watcher.lists();
    expect(official).toBe(own);
    const calls = this.#official.splice(0);
    expect(this.#own.splice(0)).toEqual(calls);
    return calls;
  }
}

describe.each(CLIENTS)("with phoenix $line", ({ phoenix, oddKeys }) => {
  it("a first state joins everybody", async () => {
    const scene = await Scene.open(phoenix);
    await scene.guests("ann", 1, 2);
    await scene.guests("bob", 3);
    await scene.watcher.join();
    expect((await scene.calls({ ann: 2, bob: 1 })).sort()).toEqual([
      "join ann none [1,2]",
      "join bob none [3]",
    ]);
  });

  it("a later state joins who is new and leaves who is gone", async () => {
    const scene = await Scene.open(phoenix);
    const [ann] = await scene.guests("ann", 1);
    await scene.watcher.join();
    await scene.calls({ ann: 1 });
    await scene.away(async () => {
      await scene.leave(ann!, "ann");
      await scene.guests("bob", 2);
    });
    expect((await scene.calls({ bob: 1 })).sort()).toEqual(["join bob none [2]", "leave ann [] [1]"]);
  });

  it("a later state joins only the metas that are new", async () => {
    const scene = await Scene.open(phoenix);
    await scene.guests("ann", 1);
    await scene.watcher.join();
    await scene.calls({ ann: 1 });
    await scene.away(() => scene.guests("ann", 2));
    expect(await scene.calls({ ann: 2 })).toEqual(["join ann [1] [2]"]);
  });

  it("diffs join, add a meta at the end, take one away, and remove a key without metas", async () => {
    const scene = await Scene.open(phoenix);
    await scene.watcher.join();
    const [one] = await scene.guests("ann", 1);
    expect(await scene.calls({ ann: 1 })).toEqual(["join ann none [1]"]);
    const [two] = await scene.guests("ann", 2);
    expect(await scene.calls({ ann: 2 })).toEqual(["join ann [1] [2]"]);
    expect(scene.watcher.own.list()["ann"]?.metas.map(({ n }) => n)).toEqual([1, 2]);
    await scene.leave(one!, "ann");
    expect(await scene.calls({ ann: 1 })).toEqual(["leave ann [2] [1]"]);
    await scene.leave(two!, "ann");
    expect(await scene.calls({})).toEqual(["leave ann [] [2]"]);
  });

  if (oddKeys.length > 0) {
    it("keys named like parts of objects join and leave like any other", async () => {
      const scene = await Scene.open(phoenix);
      const keys = ["ann", ...oddKeys];
      const all = Object.fromEntries(keys.map((key) => [key, 1]));
      const guests: Visitor[] = [];
      for (const key of keys) guests.push(...(await scene.guests(key, 1)));
      await scene.watcher.join();
      expect(await scene.calls(all)).toHaveLength(keys.length);
      await scene.away(async () => {
        for (const [index, key] of keys.entries()) await scene.leave(guests[index]!, key);
      });
      expect(await scene.calls({})).toHaveLength(keys.length);
      for (const key of keys) guests.push(...(await scene.guests(key, 2)));
      expect(await scene.calls(all)).toEqual(keys.map((key) => `join ${key} none [2]`));
      for (const [index, key] of keys.entries()) await scene.leave(guests[index + keys.length]!, key);
      expect(await scene.calls({})).toEqual(keys.map((key) => `leave ${key} [] [2]`));
      expect("metas" in {}).toBe(false);
    });
  }

  it("lists whole presences, or what a chooser makes of them", async () => {
    const scene = await Scene.open(phoenix);
    await scene.guests("ann", 1, 2);
    await scene.watcher.join();
    await scene.calls({ ann: 2 });
    expect(scene.watcher.official.list()).toEqual([scene.watcher.own.list()["ann"]]);
    expect(scene.watcher.official.list((key: string, { metas }: Shown) => [key, metas[0]?.n])).toEqual([
      ["ann", 1],
    ]);
  });

  it("an update is a join with the old meta as current, then a leave of the old meta", async () => {
    const scene = await Scene.open(phoenix);
    const [ann] = await scene.guests("ann", 1);
    await scene.watcher.join();
    await scene.calls({ ann: 1 });
    const before = scene.watcher.own.list()["ann"]?.metas[0]?.phx_ref;
    const diff = nextEvent(scene.watcher.room, "presence_diff");
    await answer(ann!.room.push("track", { key: "ann", n: 2 }));
    await diff;
    expect(await scene.calls({ ann: 1 })).toEqual(["join ann [1] [2]", "leave ann [2] [1]"]);
    expect(scene.watcher.own.list()["ann"]?.metas).toEqual([
      { n: 2, phx_ref: expect.any(String) as string, phx_ref_prev: before },
    ]);
  });

  it("after a reconnect it waits for the state before anything is called", async () => {
    const scene = await Scene.open(phoenix);
    await scene.watcher.join();
    await scene.calls({});
    const official = scene.watcher.official as unknown as { inPendingSyncState(): boolean };
    expect(official.inPendingSyncState()).toBe(false);
    const pending: boolean[] = [];
    scene.watcher.joinPush?.receive("ok", () => pending.push(official.inPendingSyncState()));
    expect(pending.splice(0)).toEqual([false]);
    await scene.away(() => scene.guests("ann", 1));
    expect(pending).toEqual([true]);
    expect(await scene.calls({ ann: 1 })).toEqual(["join ann none [1]"]);
    expect(official.inPendingSyncState()).toBe(false);
  });

  it("other event names serve as well", async () => {
    const pubsub = memoryPubSub();
    const presence = await Presence.start<{ n: number }>({ name: "named", pubsub });
    const { url } = await startServer(
      (channels) =>
        channels.socket("/socket").channel("room:*", {
          join: () => ({ ok: {} }),
          joined: (channel) => {
            presence.forward(TOPIC, (event, payload) =>
              channel.push(event === "presence_state" ? "everyone" : "change", payload),
            );
            presence.track(channel.session, TOPIC, "ann", { n: 1 });
          },
        }),
      { pubsub },
    );
    const room = connectClient(phoenix, `${url}/socket`).channel(TOPIC);
    const view = new phoenix.Presence(room, { events: { state: "everyone", diff: "change" } });
    const synced = new Promise<void>((resolve) =>
      view.onSync(() => (view.list().length > 0 ? resolve() : undefined)),
    );
    room.join();
    await synced;
    expect(view.list()).toEqual([{ metas: [{ n: 1, phx_ref: expect.any(String) as string }] }]);
    await presence.stop({ handoffMs: 0 });
  });
});
