/** What a tracker has subscribed to is ended, however far its start came. */
import { describe, expect, it } from "vitest";
import { Tracker } from "../../src/index.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";

describe("a start that a listener's refusal ends", () => {
  it("takes off the listeners that were added before", async () => {
    const ended: string[] = [];
    const pubsub: PubSub = {
      nodeName: "a",
      broadcast: () => undefined,
      send: () => undefined,
      subscribe: () => () => void ended.push("subscription"),
      onStatus: () => () => void ended.push("status"),
      onNodeGone: () => {
        throw new Error("no such thing");
      },
    };
    await expect(Tracker.start({}, { name: "refused", pubsub })).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
    });
    expect(ended.sort()).toEqual(["status", "subscription", "subscription"]);
  });
});
