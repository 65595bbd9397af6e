/** Who is there, as the official client and the library's own see it through a real server. */
import { describe, expect, it } from "vitest";
import { answer, CLIENTS, nextEvent, RawClient } from "./harness.js";
import { canonical, startNodes, Visitor } from "./presence-room.js";

const TOPIC = "room:1";

/** What the official client calls back with, as one line each. */
function record(visitor: Visitor): string[] {
  const lines: string[] = [];
  const metas = (presence?: { metas: { n: number }[] }): string =>
    presence ? `[${presence.metas.map(({ n }) => n).join()}]` : "none";
  visitor.official.onJoin((key, current, joined) =>
    lines.push(`join ${key} ${metas(current)} ${metas(joined)}`),
  );
  visitor.official.onLeave((key, current, left) =>
    lines.push(`leave ${key} ${metas(current)} ${metas(left)}`),
  );
  visitor.official.onSync(() => void lines.push("sync"));
  return lines;
}

describe.each(CLIENTS)("presence with phoenix $line", ({ phoenix, oddKeys }) => {
  it("gives onJoin, onLeave and onSync as Phoenix does, over two nodes", async () => {
    const [one, two] = await startNodes(2);
    const watcher = new Visitor(phoenix, one!.url, TOPIC);
    const lines = record(watcher);
    await watcher.join();
    await watcher.until(() => watcher.own.synced);
    expect(lines).toEqual(["sync"]);
    const phone = new Visitor(phoenix, one!.url, TOPIC);
    const laptop = new Visitor(phoenix, two!.url, TOPIC);
    await Promise.all([phone.join(), laptop.join()]);
    const size = (): number => watcher.own.list()["ann"]?.metas.length ?? 0;

    await answer(phone.room.push("track", { key: "ann", n: 1 }));
    await watcher.until(() => size() === 1);
    expect(lines.splice(0)).toEqual(["sync", "join ann none [1]", "sync"]);

    await answer(laptop.room.push("track", { key: "ann", n: 2 }));
    await watcher.until(() => size() === 2);
    expect(lines.splice(0)).toEqual(["join ann [1] [2]", "sync"]);

    await answer(laptop.room.push("track", { key: "ann", n: 3 }));
    await watcher.until(() => watcher.own.list()["ann"]?.metas.some(({ n }) => n === 3) ?? false);
    expect(lines.splice(0)).toEqual(["join ann [1,2] [3]", "leave ann [1,3] [2]", "sync"]);

    phone.room.leave();
    await watcher.until(() => size() === 1);
    expect(lines.splice(0)).toEqual(["leave ann [3] [1]", "sync"]);

    laptop.socket.disconnect();
    await watcher.until(() => size() === 0);
    expect(lines.splice(0)).toEqual(["leave ann [] [3]", "sync"]);
    expect(watcher.official.list()).toEqual([]);
  });

  it("sends the state after every join and rejoin, before any diff", async () => {
    const [node] = await startNodes(1);
    const visitor = new Visitor(phoenix, node!.url, TOPIC);
    const events: string[] = [];
    for (const event of ["presence_state", "presence_diff"])
      visitor.room.on(event, () => void events.push(event));
    await visitor.join();
    await answer(visitor.room.push("track", { key: "ann", n: 1 }));
    await visitor.until(() => visitor.own.list()["ann"] !== undefined);
    expect(events.splice(0)).toEqual(["presence_state", "presence_diff"]);
    const state = nextEvent(visitor.room, "presence_state");
    visitor.room.push("crash", {});
    // The session ended with the channel, so the state after the rejoin is empty.
    expect(await state).toEqual({});
    expect(visitor.official.list()).toEqual([]);
    expect(events.splice(0)).toEqual(["presence_state"]);
    await answer(visitor.room.push("track", { key: "ann", n: 2 }));
    await visitor.until(() => visitor.own.list()["ann"] !== undefined);
    expect(events).toEqual(["presence_diff"]);
  });

  it("shows the same to who was there and to who comes late, with keys such as __proto__ where the client takes them", async () => {
    const [node] = await startNodes(1);
    const visitor = new Visitor(phoenix, node!.url, TOPIC);
    await visitor.join();
    const keys = ["ann", ...oddKeys];
    for (const key of keys) await answer(visitor.room.push("track", { key, n: 1 }));
    await visitor.until(() => Object.keys(visitor.own.list()).length === keys.length);
    const late = new Visitor(phoenix, node!.url, TOPIC);
    await late.join();
    await late.until(() => late.own.synced);
    const expected = canonical(node!.presence.list(TOPIC));
    for (const each of [visitor, late]) expect(each.lists()).toEqual({ official: expected, own: expected });
    for (const key of keys) await answer(visitor.room.push("untrack", { key }));
    await late.until(() => Object.keys(late.own.list()).length === 0);
    expect(late.lists()).toEqual({ official: "", own: "" });
    expect("metas" in {}).toBe(false);
  });
});

describe("following", () => {
  it("pushes under the channel's own join ref, and one change to many is encoded once", async () => {
    const [node] = await startNodes(1);
    const clients: RawClient[] = [];
    for (const joinRef of ["a", "b", "c"]) {
      const client = await RawClient.connect(node!.url);
      await client.join(TOPIC, joinRef);
      expect(await client.next()).toEqual([joinRef, null, TOPIC, "presence_state", {}]);
      clients.push(client);
    }
    const stringify = JSON.stringify;
    let encodings = 0;
    JSON.stringify = ((value: unknown, ...rest: []) => {
      if (typeof value === "object" && value !== null && "joins" in value) encodings++;
      return stringify(value, ...rest);
    }) as typeof JSON.stringify;
    try {
      clients[0]!.send("a", "1", TOPIC, "track", { key: "ann", n: 1 });
      expect((await clients[0]!.next())[3]).toBe("phx_reply");
      for (const [index, client] of clients.entries()) {
        const [joinRef, ref, , event, payload] = await client.next();
        expect([joinRef, ref, event]).toEqual(["abc"[index], null, "presence_diff"]);
        expect(payload).toEqual({
          joins: { ann: { metas: [{ n: 1, phx_ref: expect.any(String) as string }] } },
          leaves: {},
        });
      }
    } finally {
      JSON.stringify = stringify;
    }
    expect(encodings).toBe(1);
  });

  it("ends with the channel: nothing is pushed to a topic that was left", async () => {
    const [node] = await startNodes(1);
    const client = await RawClient.connect(node!.url);
    await client.join(TOPIC, "1");
    expect((await client.next())[3]).toBe("presence_state");
    client.send("1", "2", TOPIC, "phx_leave");
    expect((await client.next())[1]).toBe("2");
    expect((await client.next())[3]).toBe("phx_close");
    const other = await RawClient.connect(node!.url);
    await other.join(TOPIC, "1");
    expect((await other.next())[3]).toBe("presence_state");
    other.send("1", "2", TOPIC, "track", { key: "ann", n: 1 });
    expect((await other.next())[3]).toBe("phx_reply");
    expect((await other.next())[3]).toBe("presence_diff");
    expect(await client.untilHeartbeat()).toEqual([]);
  });
});
