/** How many are under a topic: told once, then when it has changed, and no more often than asked for. */
import { describe, expect, it } from "vitest";
import type { PresenceCount, SubscriptionEnd } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import { PresenceCluster, thrownBy } from "./presence-cluster.js";

async function single() {
  const cluster = new PresenceCluster();
  return { cluster, ...(await cluster.start<{ n?: number }>("node1")) };
}

describe("followCount", () => {
  it("tells the counts first, the first change at once, and further ones together", async () => {
    const { presence, cluster } = await single();
    const heard: PresenceCount[] = [];
    presence.track(new Session(), "room", "ann", {});
    presence.followCount("room", (count) => heard.push(count), { periodMs: 500 });
    expect(heard, "never synchronously").toEqual([]);
    await cluster.now();
    expect(heard.splice(0)).toEqual([{ metas: 1, keys: 1 }]);

    await cluster.time.advance(600);
    presence.track(new Session(), "room", "ann", {});
    expect(heard).toEqual([]);
    await cluster.now();
    expect(heard.splice(0)).toEqual([{ metas: 2, keys: 1 }]);

    for (let i = 0; i < 100; i++) presence.track(new Session(), "room", `user-${i}`, {});
    await cluster.time.advance(400);
    expect(heard).toEqual([]);
    await cluster.time.advance(101);
    expect(heard.splice(0)).toEqual([{ metas: 102, keys: 101 }]);
    await presence.stop();
    expect(cluster.timers.size).toBe(0);
  });

  it("says nothing of updates, of other topics, and of who came and went in between", async () => {
    const { presence, cluster } = await single();
    const heard: PresenceCount[] = [];
    const session = new Session();
    presence.track(session, "room", "ann", { n: 1 });
    presence.followCount("room", (count) => heard.push(count));
    await cluster.time.advance(2_000);
    expect(heard.splice(0)).toEqual([{ metas: 1, keys: 1 }]);
    presence.update(session, "room", "ann", { n: 2 });
    presence.track(session, "hall", "ann", {});
    const visitor = new Session();
    presence.track(visitor, "room", "bob", {});
    visitor.close();
    await cluster.time.advance(2_000);
    expect(heard).toEqual([]);
    session.close();
    await cluster.now();
    expect(heard).toEqual([{ metas: 0, keys: 0 }]);
    await presence.stop();
  });

  it("ends by hand, with a signal or a session, and with the presence, and says so", async () => {
    const { presence, cluster, errors } = await single();
    const told: string[] = [];
    const options = (name: string) => ({
      ended: (reason: SubscriptionEnd) => void told.push(`${name} ${reason}`),
    });
    const controller = new AbortController();
    const session = new Session();
    const count = (): void => void told.push("count");
    const end = presence.followCount("room", count, options("hand"));
    presence.followCount("room", count, { ...options("signal"), signal: controller.signal });
    presence.followCount("room", count, { ...options("session"), session });
    presence.followCount("room", count, options("stop"));
    presence.followCount("hall", () => expect.fail("thrown"));
    await cluster.now();
    expect(told.splice(0)).toEqual(["count", "count", "count", "count"]);
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED"]);
    end();
    end();
    controller.abort();
    session.close();
    presence.track(new Session(), "room", "ann", {});
    const stopped = presence.stop();
    await cluster.now();
    await stopped;
    expect(told.splice(0)).toEqual(["signal aborted", "session closed", "stop stopped"]);
    presence.followCount("room", count, options("late"));
    await cluster.now();
    expect(told).toEqual(["late stopped"]);
    expect(cluster.timers.size).toBe(0);
  });

  it("refuses what is no callback and no option", async () => {
    const { presence } = await single();
    expect(thrownBy(() => presence.followCount("room", 5 as never)).code).toBe("INVALID_ARGUMENT");
    expect(thrownBy(() => presence.followCount(5 as never, () => {})).code).toBe("INVALID_ARGUMENT");
    for (const options of [{ periodMs: -1 }, { period: 5 }, { signal: 5 }, { session: {} }, { ended: 5 }]) {
      expect(thrownBy(() => presence.followCount("room", () => {}, options as never)).code).toBe(
        "INVALID_OPTION",
      );
    }
    await presence.stop();
  });
});
