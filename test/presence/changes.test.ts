/** A topic as an iterator, and how subscriptions end: with the presence, a signal or a session, and told so. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import type { PresenceSubscriber, SubscriptionEnd } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import { PresenceCluster, thrownBy } from "./presence-cluster.js";

async function single(options = {}) {
  const cluster = new PresenceCluster();
  return { cluster, ...(await cluster.start<{ n?: number }>("node1", options)) };
}

describe("changes", () => {
  it("reads what forward pushes: the state, then every change, so that a client follows it", async () => {
    const { presence, cluster } = await single({
      fetch: (_topic: string, keys: readonly string[]) =>
        new Map(keys.map((key) => [key, { name: key.toUpperCase() }])),
    });
    const client = new PresenceClient();
    const session = new Session();
    presence.track(session, "room", "ann", { n: 1 });
    const events: string[] = [];
    const reading = (async () => {
      for await (const { event, payload } of presence.changes("room")) {
        events.push(event);
        client.receive(event, payload);
      }
    })();
    await cluster.now();
    presence.update(session, "room", "ann", { n: 2 });
    presence.track(new Session(), "room", "bob", {});
    await cluster.now();
    expect(events).toEqual(["presence_state", "presence_diff", "presence_diff"]);
    expect(client.list()).toEqual(await presence.fetchList("room"));
    await presence.stop();
    await reading;
    expect(events).toHaveLength(3);
  });

  it("starts over with a state when too much waits, says so, and follows nothing meanwhile", async () => {
    const fetched: number[] = [];
    const { presence, cluster } = await single({
      fetch: (_topic: string, keys: readonly string[]) => {
        fetched.push(keys.length);
        return new Map();
      },
    });
    const changes = presence.changes("room", { maxBuffered: 2 });
    const first = changes.next();
    await cluster.now();
    expect((await first).value).toMatchObject({ event: "presence_state", restarted: false });
    for (let i = 0; i < 5; i++) {
      presence.track(new Session(), "room", `user-${i}`, {});
      await cluster.now();
    }
    expect(fetched, "the third is too much; nobody follows after it").toEqual([1, 1, 1]);
    const again = changes.next();
    await cluster.now();
    const { value } = await again;
    expect(value).toMatchObject({ event: "presence_state", restarted: true });
    expect(Object.keys(value?.payload ?? {})).toHaveLength(5);
    await changes.return?.();
    expect((await changes.next()).done).toBe(true);
    await presence.stop();
  });

  it("ends with its signal, its session and the presence, and refuses what it does not know", async () => {
    const { presence, cluster } = await single();
    const controller = new AbortController();
    const session = new Session();
    const reads = [
      presence.changes("room", { signal: controller.signal }),
      presence.changes("room", { session }),
      presence.changes("room"),
    ];
    for (const read of reads) void read.next();
    await cluster.now();
    const waiting = reads.map((read) => read.next());
    controller.abort();
    session.close();
    const stopped = presence.stop();
    await cluster.now();
    await stopped;
    for (const read of waiting) expect((await read).done).toBe(true);
    const late = presence.changes("room").next();
    await cluster.now();
    expect((await late).done).toBe(true);
    expect(thrownBy(() => presence.changes(5 as never)).code).toBe("INVALID_ARGUMENT");
    expect(thrownBy(() => presence.changes("room", { maxBuffered: 0 })).code).toBe("INVALID_OPTION");
  });
});

describe("the end of a subscription", () => {
  const noCallbacks: Pick<PresenceSubscriber, "state" | "diff"> = { state: () => {}, diff: () => {} };

  it("is told once, with its reason, and not to the caller that ends it by hand", async () => {
    const { presence, cluster, errors } = await single();
    const heard: [string, SubscriptionEnd][] = [];
    const told = (name: string) => (reason: SubscriptionEnd) => void heard.push([name, reason]);
    const controller = new AbortController();
    const session = new Session();
    presence.subscribe("room", { ...noCallbacks, ended: told("signal"), signal: controller.signal });
    presence.subscribe("room", { ...noCallbacks, ended: told("session"), session });
    presence.forward("room", () => {}, { ended: told("forward"), session });
    const end = presence.subscribe("room", { ...noCallbacks, ended: told("by hand") });
    presence.subscribe("room", { ...noCallbacks, ended: told("stop") });
    presence.forward("room", () => {}, { ended: told("forwarded to the end") });
    presence.subscribe("room", { ...noCallbacks, ended: () => expect.fail("thrown") });
    await cluster.now();
    controller.abort();
    session.close();
    end();
    expect(heard, "never synchronously").toEqual([]);
    await cluster.now();
    expect(heard.splice(0)).toEqual([
      ["signal", "aborted"],
      ["session", "closed"],
      ["forward", "closed"],
    ]);
    // One that has not heard its state yet ends too, and one that comes later.
    presence.subscribe("hall", { ...noCallbacks, ended: told("early") });
    const stopped = presence.stop();
    await cluster.now();
    await stopped;
    expect(heard.splice(0)).toEqual([
      ["stop", "stopped"],
      ["forwarded to the end", "stopped"],
      ["early", "stopped"],
    ]);
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED"]);
    presence.subscribe("room", { ...noCallbacks, ended: told("late") });
    const aborted = { ...noCallbacks, ended: told("aborted"), signal: AbortSignal.abort() };
    presence.subscribe("room", aborted);
    await cluster.now();
    expect(heard).toEqual([
      ["aborted", "aborted"],
      ["late", "stopped"],
    ]);
  });

  it("comes at once when the presence stops, however long the pubsub hangs", async () => {
    const cluster = new PresenceCluster();
    const { presence } = await cluster.start("node1", {
      pubsub: { ...hanging(cluster), nodeName: "node1" },
      startTimeoutMs: 60_000,
    });
    const heard: SubscriptionEnd[] = [];
    presence.subscribe("room", { ...noCallbacks, ended: (reason) => heard.push(reason) });
    await cluster.now();
    const stopped = presence.stop();
    await cluster.now();
    expect(heard).toEqual(["stopped"]);
    await cluster.time.advance(60_000);
    await stopped;
  });

  it("leaves nothing on a signal or a session, of which one of many may serve", async () => {
    const { presence, cluster } = await single();
    const session = new Session();
    const { signal } = session;
    const ends = Array.from({ length: 50 }, (_, i) =>
      presence.subscribe(`room:${i}`, { ...noCallbacks, ...(i % 2 === 0 ? { session } : { signal }) }),
    );
    await cluster.now();
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    for (const end of ends) end();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await presence.stop();
  });

  it("refuses what is no signal and no session, and options that there are not", async () => {
    const { presence } = await single();
    const wrong = [{ signal: {} }, { session: {} }, { session: 5 }];
    for (const options of wrong) {
      expect(
        thrownBy(() => presence.subscribe("room", { ...noCallbacks, ...(options as object) })).code,
      ).toBe("INVALID_OPTION");
      expect(thrownBy(() => presence.forward("room", () => {}, options as never)).code).toBe(
        "INVALID_OPTION",
      );
    }
    expect(thrownBy(() => presence.forward("room", () => {}, { signals: 1 } as never)).code).toBe(
      "INVALID_OPTION",
    );
    const noFunction = { ...noCallbacks, ended: 5 } as never;
    expect(thrownBy(() => presence.subscribe("room", noFunction)).code).toBe("INVALID_ARGUMENT");
    await presence.stop();
  });
});

/** A pubsub that never lets go of a subscription. */
function hanging(cluster: PresenceCluster) {
  const inner = cluster.hub.node("node1");
  return {
    broadcast: (channel: string, payload: string) => inner.broadcast(channel, payload),
    send: (node: string, channel: string, payload: string) => inner.send(node, channel, payload),
    subscribe: (channel: string, receive: (payload: string) => void) => {
      void inner.subscribe(channel, receive);
      return () => new Promise<void>(() => {});
    },
  };
}
