/** A pubsub of the user's own that returns anything, or throws, costs a channel server a report and nothing else. */
import { describe, expect, it } from "vitest";
import { ChannelServer } from "../../src/channels/index.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { allowNoUnhandledRejections } from "../support/rejections.js";

allowNoUnhandledRejections();

const raise = (): never => {
  throw new Error("mine");
};

async function codesWith(parts: Readonly<Record<string, unknown>>): Promise<unknown[]> {
  const pubsub = { nodeName: "a", broadcast: () => undefined, send: () => undefined, subscribe: () => raise };
  const channels = new ChannelServer({ pubsub: { ...pubsub, ...parts } as unknown as PubSub });
  const codes: unknown[] = [];
  channels.on("error", (error) => codes.push(error.code));
  await channels.whenReady();
  channels.broadcast("room", "event", {});
  await new Promise((resolve) => setImmediate(resolve));
  return codes;
}

describe("a channel server", () => {
  it.each([
    ["true", () => true, []],
    ["a text", () => "sent", []],
    ["a thenable that throws", () => ({ then: raise }), ["PUBLISH_FAILED"]],
    ["a rejected promise", () => Promise.reject(new Error("mine")), ["PUBLISH_FAILED"]],
    ["nothing, because it throws", raise, ["PUBLISH_FAILED"]],
  ])("takes a broadcast that returns %s", async (_, broadcast, codes) => {
    expect(await codesWith({ broadcast })).toEqual(codes);
  });

  it("takes an onError that throws", async () => {
    expect(await codesWith({ onError: raise })).toEqual(["PUBSUB_UNAVAILABLE"]);
  });

  it.each([
    ["onError", () => Promise.reject(new Error("mine"))],
    ["onStatus", () => Promise.reject(new Error("mine"))],
    ["onError", () => ({ off: raise })],
    ["onStatus", () => ({ off: raise })],
  ])("takes an %s that returns no function, ends its subscription, and says so", async (name, listen) => {
    let ended = 0;
    const errors: unknown[] = [];
    const pubsub = {
      nodeName: "a",
      broadcast: () => undefined,
      send: () => undefined,
      subscribe: () => () => void (ended += 1),
      [name]: listen,
    };
    const channels = new ChannelServer({ pubsub: pubsub as unknown as PubSub });
    channels.on("error", (error) => errors.push(error.code));
    await channels.whenReady();
    await channels.stop({ graceMs: 0 });
    expect(ended).toBe(1);
    expect(new Set(errors)).toEqual(new Set(["PUBSUB_UNAVAILABLE"]));
  });

  it.each([undefined, null, 5, { length: 3 }, Buffer.from("x\ny")])(
    "refuses the payload %s",
    async (payload) => {
      let receive: (payload: unknown) => void = raise;
      const subscribe = (_: string, given: typeof receive) => {
        receive = given;
        return () => undefined;
      };
      const errors: unknown[] = [];
      const pubsub = { nodeName: "a", broadcast: () => undefined, send: () => undefined, subscribe };
      const channels = new ChannelServer({ pubsub: pubsub as unknown as PubSub });
      channels.on("error", (error) => errors.push(error.code));
      await channels.whenReady();
      receive(payload);
      expect(errors).toEqual(["INVALID_FRAME"]);
      await channels.stop({ graceMs: 0 });
    },
  );

  it("stops within two seconds though unsubscribing hangs", async () => {
    expect.assertions(1);
    const errors: unknown[] = [];
    const pubsub = {
      nodeName: "a",
      broadcast: () => undefined,
      send: () => undefined,
      subscribe: () => () => new Promise(() => undefined),
    };
    const channels = new ChannelServer({ pubsub: pubsub as unknown as PubSub });
    channels.on("error", (error) => errors.push(error.code));
    await channels.whenReady();
    await channels.stop({ graceMs: 0 });
    expect(errors).toEqual(["PUBSUB_UNAVAILABLE"]);
  }, 2_000);
});
