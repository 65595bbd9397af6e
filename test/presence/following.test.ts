/** A presence on a node that holds what it follows: it follows a topic for as long as somebody looks at it. */
import { describe, expect, it, vi } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Presence } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";

const periods = { heartbeatPeriodMs: 50, downPeriodMs: 400, broadcastPeriodMs: 10, followLingerMs: 0 };

async function startTwo(): Promise<readonly [Presence, Presence]> {
  const hub = new MemoryHub();
  const start = (name: string): Promise<Presence> =>
    Presence.start({ name: "rooms", pubsub: hub.node(name), holds: "followed", ...periods });
  return [await start("a"), await start("b")];
}

describe("a presence that holds what it follows", { timeout: 20_000 }, () => {
  it("follows a topic while somebody subscribes, with all who are there in the state", async () => {
    const [a, b] = await startTwo();
    b.track(new Session(), "room:1", "bob", {});
    await vi.waitFor(() => expect(a.health().complete).toBe(true), { timeout: 5_000 });
    const states: string[][] = [];
    const joined: string[][] = [];
    const end = a.subscribe("room:1", {
      state: (presences) => void states.push(Object.keys(presences)),
      diff: ({ joins }) => void joined.push(Object.keys(joins)),
    });
    await vi.waitFor(() => expect(states).toEqual([["bob"]]), { timeout: 5_000 });
    b.track(new Session(), "room:1", "bea", {});
    await vi.waitFor(() => expect(joined).toEqual([["bea"]]), { timeout: 5_000 });
    expect(Object.keys(a.list("room:1"))).toEqual(["bob", "bea"]);
    end();
    expect(() => a.list("room:1")).toThrow(expect.objectContaining({ code: "NOT_FOLLOWED" }) as Error);
    await vi.waitFor(() => expect(a.health().following?.follows).toBe(0), { timeout: 5_000 });
    await Promise.all([a.stop(), b.stop()]);
  });

  it("follows for as long as a list is fetched, or counted", async () => {
    const [a, b] = await startTwo();
    b.track(new Session(), "room:1", "bob", {});
    await vi.waitFor(() => expect(a.health().complete).toBe(true), { timeout: 5_000 });
    expect(Object.keys(await a.fetchList("room:1"))).toEqual(["bob"]);
    expect(await a.fetchByKey("room:1", "bob")).toBeDefined();
    const counts: number[] = [];
    const end = a.followCount("room:1", ({ keys }) => void counts.push(keys));
    await vi.waitFor(() => expect(counts).toEqual([1]), { timeout: 5_000 });
    end();
    await vi.waitFor(() => expect(a.health().following?.follows).toBe(0), { timeout: 5_000 });
    await Promise.all([a.stop(), b.stop()]);
  });
});
