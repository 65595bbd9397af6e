/** What a user interface asks of the client: one object until something changes, and to be told when it does. */
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";

const presence = (...refs: string[]): object => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });

/** As `useSyncExternalStore` does: reads after each call whether what it selects is another object. */
function rendersOf<T>(client: PresenceClient, select: () => T): { renders: number; selected: T } {
  const store = { renders: 0, selected: select() };
  client.subscribe(() => {
    const next = select();
    if (Object.is(next, store.selected)) return;
    store.selected = next;
    store.renders += 1;
  });
  return store;
}

describe("a snapshot", () => {
  it("is the same object until something changes", () => {
    const client = new PresenceClient();
    const empty = client.getSnapshot();
    expect(client.getSnapshot()).toBe(empty);
    client.receive("presence_state", { ann: presence("1") });
    const first = client.getSnapshot();
    expect(first).not.toBe(empty);
    expect(first).toEqual({ ann: presence("1") });
    expect(client.list()).toBe(first);
    client.receive("presence_diff", { joins: {}, leaves: {} });
    client.receive("presence_diff", { joins: {}, leaves: { ann: presence("0"), bob: presence("1") } });
    client.receive("presence_state", { ann: presence("1") });
    client.receive("presence_diff", "junk");
    client.reset();
    expect(client.getSnapshot()).toBe(first);
    client.receive("presence_state", { ann: presence("2") });
    expect(client.getSnapshot()).toEqual({ ann: presence("2") });
    expect(first).toEqual({ ann: presence("1") });
  });

  it("has as many keys as the client counts, also within its listeners", () => {
    const client = new PresenceClient();
    const counts: [number, number][] = [];
    const look = (): number => counts.push([client.count, Object.keys(client.list()).length]);
    client.onJoin(look);
    client.onLeave(look);
    client.subscribe(look);
    expect(client.count).toBe(0);
    client.receive("presence_state", {
      ann: presence("1", "2"),
      ["__proto__"]: presence("9"),
      bob: presence("3"),
    });
    client.receive("presence_diff", { joins: { cid: presence("4") }, leaves: { ann: presence("1") } });
    client.receive("presence_diff", { joins: {}, leaves: { ann: presence("2"), bob: presence("3") } });
    expect(client.count).toBe(2);
    expect(counts.length).toBeGreaterThan(6);
    for (const [count, listed] of counts) expect(count).toBe(listed);
  });

  it("is right within every listener, also while a message is being applied", () => {
    const client = new PresenceClient();
    const told: string[] = [];
    const tell = (what: string): void => void told.push(`${what} ${JSON.stringify(client.getSnapshot())}`);
    client.onJoin(() => tell("join"));
    client.onLeave(() => tell("leave"));
    client.onSync(() => tell("sync"));
    client.subscribe(() => tell("changed"));
    client.receive("presence_state", { ann: presence("1") });
    client.receive("presence_diff", { joins: {}, leaves: { ann: presence("1") } });
    const here = '{"ann":{"metas":[{"phx_ref":"1"}]}}';
    expect(told).toEqual([
      ...[`join ${here}`, `sync ${here}`, `changed ${here}`],
      ...["leave {}", "sync {}", "changed {}"],
    ]);
  });

  it("is frozen, down to the metas of a key, and the payload is not", () => {
    const client = new PresenceClient();
    const payload = { ann: { ...presence("1"), tags: ["a"] } };
    client.receive("presence_state", payload);
    client.receive("presence_diff", { joins: { bob: presence("2") }, leaves: {} });
    const snapshot = client.getSnapshot();
    expect(Object.getPrototypeOf(snapshot)).toBe(null);
    for (const each of [snapshot, snapshot["ann"], snapshot["ann"]?.metas, snapshot["bob"]?.metas]) {
      expect(Object.isFrozen(each)).toBe(true);
    }
    expect(Object.isFrozen(payload.ann)).toBe(false);
    expect(Object.isFrozen((payload.ann as unknown as { metas: unknown }).metas)).toBe(false);
  });

  it("has methods that need not be called on the client", () => {
    const { receive, reset, list, get, getSnapshot, subscribe, onJoin, onLeave, onUpdate, onSync } =
      new PresenceClient();
    const told: string[] = [];
    const ends = [
      subscribe(() => told.push("changed")),
      onJoin((key) => told.push(`join ${key}`)),
      onLeave((key) => told.push(`leave ${key}`)),
      onUpdate((key) => told.push(`update ${key}`)),
      onSync(() => told.push("sync")),
    ];
    receive("presence_state", { ann: presence("1") });
    expect([list()["ann"], getSnapshot()["ann"]]).toEqual([get("ann"), get("ann")]);
    for (const end of ends) end();
    reset();
    receive("presence_state", {});
    expect(told).toEqual(["join ann", "sync", "changed"]);
  });
});

describe("a subscriber", () => {
  it("hears once of each message that changed the list, or whether it is in step with the server", () => {
    const client = new PresenceClient();
    let told = 0;
    const end = client.subscribe(() => (told += 1));
    const since = (): number => told - (told = 0);
    client.receive("presence_state", {});
    expect(since()).toBe(1);
    client.receive("presence_diff", { joins: { ann: presence("1"), bob: presence("2") }, leaves: {} });
    expect(since()).toBe(1);
    client.receive("presence_diff", { joins: {}, leaves: {} });
    client.receive("presence_diff", { joins: {}, leaves: { cy: presence("3") } });
    client.receive("presence_diff", 1);
    client.receive("other", {});
    expect(since()).toBe(0);
    client.reset();
    client.reset();
    expect(since()).toBe(1);
    client.receive("presence_diff", { joins: { cy: presence("3") }, leaves: {} });
    expect(since()).toBe(0);
    client.receive("presence_state", { bob: presence("2") });
    expect(since()).toBe(1);
    end();
    client.receive("presence_state", {});
    expect(since()).toBe(0);
  });

  it("that throws costs the others nothing, and the list is right", () => {
    const client = new PresenceClient();
    let told = 0;
    client.subscribe(() => {
      throw new RangeError("mine");
    });
    client.subscribe(() => (told += 1));
    expect(() => client.receive("presence_state", { ann: presence("1") })).toThrow(RangeError);
    expect(told).toBe(1);
    expect(() => client.reset()).toThrow(RangeError);
    expect(client.get("ann")).toEqual(presence("1"));
  });

  it("that selects one key of 10,000 sees another object only when that key changes", () => {
    const client = new PresenceClient();
    const keys = Array.from({ length: 10_000 }, (_, i) => `u${i}`);
    const state = Object.fromEntries(keys.map((key) => [key, presence(`${key}.1`)]));
    client.receive("presence_state", state);
    const one = rendersOf(client, () => client.get("u7"));
    const all = rendersOf(client, client.getSnapshot);
    for (const key of keys.slice(10, 60)) {
      client.receive("presence_diff", { joins: { [key]: presence(`${key}.2`) }, leaves: {} });
    }
    expect([one.renders, all.renders]).toEqual([0, 50]);
    client.receive("presence_diff", { joins: { u7: presence("u7.2") }, leaves: {} });
    expect(one.renders).toBe(1);
    expect(one.selected).toEqual(presence("u7.1", "u7.2"));
    // After a reconnect the state says what is known: nobody has to look again.
    const present = JSON.parse(JSON.stringify(client.list())) as object;
    client.reset();
    client.receive("presence_state", present);
    expect([one.renders, all.renders]).toEqual([1, 51]);
  });

  it("costs nothing that grows with the list while nobody asks for all of it", () => {
    const client = new PresenceClient();
    const keys = Array.from({ length: 1_000 }, (_, i) => `u${i}`);
    let reads = 0;
    const metaOf = (ref: string): object => ({
      get phx_ref() {
        reads += 1;
        return ref;
      },
    });
    client.receive("presence_state", Object.fromEntries(keys.map((key) => [key, { metas: [metaOf(key)] }])));
    client.subscribe(() => client.get("u7"));
    reads = 0;
    for (let i = 0; i < 100; i++) {
      client.receive("presence_diff", { joins: { u1: { metas: [metaOf(`new ${i}`)] } }, leaves: {} });
      client.receive("presence_diff", { joins: {}, leaves: { u1: { metas: [metaOf(`new ${i}`)] } } });
    }
    expect(reads).toBeLessThan(200 * 40);
  });
});
