/** A pubsub that does not bring back what a node sends, and does not say that it does: it is believed. */
import { describe, expect, it } from "vitest";
import { Session, Tracker } from "../../src/index.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

describe("a pubsub without an echo", () => {
  it("is started on at once, is believed, and is sent nothing for the node itself", async () => {
    const { runtime, time } = virtualRuntime();
    const sent: string[] = [];
    const pubsub: PubSub = {
      nodeName: "a",
      broadcast: () => undefined,
      send: (node) => void sent.push(node),
      subscribe: () => () => undefined,
    };
    const tracker = await Tracker.start({}, { name: "silent", pubsub, runtime });
    tracker.track(new Session(), "room", "ann", {});
    await time.advance(60_000);
    expect(tracker.health()).toMatchObject({ connected: true, connection: "connected", complete: true });
    expect(sent).toEqual([]);
    await tracker.stop();
  });
});
