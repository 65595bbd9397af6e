/** Callbacks of a presence that change what they are told of, each time: reported, and the event loop turns. */
import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";
import { PresenceCluster } from "./presence-cluster.js";

describe("a subscriber that changes what it is told of", () => {
  it.each(["synchronously", "after an await"])(
    "%s waits for the event loop, and is reported once",
    async (how) => {
      const cluster = new PresenceCluster();
      const { presence, errors } = await cluster.start("a");
      const session = new Session();
      let n = 0;
      presence.subscribe("room", {
        state: () => undefined,
        diff: (async () => {
          if (how === "after an await") await Promise.resolve();
          if (n < 3_500) presence.update(session, "room", "me", { n: ++n });
        }) as () => unknown,
      });
      await cluster.now();
      presence.track(session, "room", "me", { n });
      await new Promise((resolve) => setImmediate(resolve));
      // Virtual time stands still, so no turn has come.
      expect(n).toBe(1_000);
      await cluster.now();
      expect(n).toBe(3_500);
      expect(presence.list("room")["me"]?.metas).toMatchObject([{ n: 3_500 }]);
      expect(errors.map(({ code }) => code)).toEqual(["TOO_MANY_CHANGES"]);
      await presence.stop();
      expect(cluster.timers.size).toBe(0);
    },
  );

  it("by way of another topic is found too", async () => {
    const cluster = new PresenceCluster();
    const { presence, errors } = await cluster.start("a");
    const session = new Session();
    let n = 0;
    for (const [from, to] of [
      ["ping", "pong"],
      ["pong", "ping"],
    ] as const) {
      presence.subscribe(from, {
        state: () => undefined,
        diff: () => void presence.set(session, to, "me", { n: ++n }),
      });
    }
    await cluster.now();
    presence.track(session, "ping", "me", { n });
    await new Promise((resolve) => setImmediate(resolve));
    expect(n).toBeLessThan(1_100);
    expect(errors.map(({ code }) => code)).toEqual(["TOO_MANY_CHANGES"]);
    await presence.stop();
    expect(cluster.timers.size).toBe(0);
  });
});

describe("a topic in which much happens in one turn", () => {
  it("is not held up, and nothing is reported", async () => {
    const cluster = new PresenceCluster();
    const { presence, errors } = await cluster.start("a");
    const session = new Session();
    let joins = 0;
    presence.subscribe("room", {
      state: () => undefined,
      diff: (diff) => void (joins += Object.keys(diff.joins).length),
    });
    await cluster.now();
    for (let number = 0; number < 5_000; number++) presence.track(session, "room", `${number}`, {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(joins).toBe(5_000);
    expect(errors).toEqual([]);
    await presence.stop();
    expect(cluster.timers.size).toBe(0);
  });
});
