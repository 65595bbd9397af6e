/**
 * A process lives as long as somebody awaits what a timer of the library ends, though nothing else keeps it alive; and no
 * longer than anybody does.
 */
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../src/adapters/memory.js";
import { ChannelServer } from "../src/channels/index.js";
import { Presence } from "../src/presence/index.js";
import type { PubSub } from "../src/pubsub/pubsub.js";
import type { Runtime, TimerOptions } from "../src/runtime.js";
import { Session } from "../src/session.js";
import { RawClient, startServer } from "./channels/harness.js";
import { virtualRuntime } from "./support/virtual-runtime.js";

/** Virtual time, that knows for how long the timers which keep a process alive still do. */
function watchedRuntime() {
  const { runtime: virtual, time } = virtualRuntime();
  const keeping = new Map<object, number>();
  const runtime: Runtime = {
    ...virtual,
    schedule(delayMs: number, callback: () => void, options?: TimerOptions) {
      const timer = {};
      const cancel = virtual.schedule(delayMs, () => {
        keeping.delete(timer);
        callback();
      });
      if (options?.keepsAlive === true) keeping.set(timer, delayMs);
      return () => {
        keeping.delete(timer);
        cancel();
      };
    },
  };
  return { runtime, time, keptAlive: () => [...keeping.values()] };
}

const refusing = (): PubSub => ({
  nodeName: "a",
  broadcast: () => undefined,
  send: () => undefined,
  subscribe: () => Promise.reject(new Error("not yet")),
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a process lives", () => {
  it("until the sockets of a server that stops are closed or cut off, and between two batches of them", async () => {
    const { runtime, time, keptAlive } = watchedRuntime();
    const { url, channels } = await startServer((server) => void server.socket("/socket"), { runtime });
    const clients = [await RawClient.connect(url), await RawClient.connect(url)];
    for (const { socket } of clients) socket.pause();
    const stopped = channels.stop({ batchSize: 1, batchPeriodMs: 70, graceMs: 900 });
    await turn();
    expect(keptAlive()).toEqual([70]);
    await time.advance(70);
    expect(keptAlive()).toEqual([900]);
    await time.advance(900);
    await stopped;
    expect(keptAlive()).toEqual([]);
  });

  it("while a fetch is waited for", async () => {
    const { runtime, time, keptAlive } = watchedRuntime();
    const presence = await Presence.start({
      name: "p",
      pubsub: memoryPubSub(),
      runtime,
      fetch: () => new Promise<never>(() => undefined),
      fetchTimeoutMs: 300,
    });
    presence.on("error", () => undefined);
    presence.track(new Session(), "room", "ann", {});
    const list = presence.fetchList("room");
    expect(keptAlive()).toEqual([300]);
    await time.advance(300);
    expect(Object.keys(await list)).toEqual(["ann"]);
    expect(keptAlive()).toEqual([]);
    await presence.stop({ handoffMs: 0 });
  });

  it("while whenReady waits for the next attempt to subscribe, whichever came first, and not else", async () => {
    for (const isAwaitedFirst of [true, false]) {
      const { runtime, time, keptAlive } = watchedRuntime();
      const pubsub = refusing();
      const channels = new ChannelServer({ pubsub, runtime });
      channels.on("error", () => undefined);
      if (!isAwaitedFirst) {
        channels.attach({ on: () => 0, off: () => 0, listeners: () => [] });
        await turn();
        await turn();
        expect(keptAlive()).toEqual([]);
      }
      const ready = channels.whenReady();
      await turn();
      expect(keptAlive()).toEqual([500]);
      await time.advance(400);
      // One that asks again and again must not put the attempt off.
      void channels.whenReady();
      await time.advance(100);
      expect(keptAlive()).toEqual([1_000]);
      pubsub.subscribe = () => () => undefined;
      await time.advance(1_000);
      await ready;
      expect(keptAlive()).toEqual([]);
      await channels.stop();
    }
  });
});
