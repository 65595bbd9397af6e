/** A pubsub of the user's own that is sealed may do anything: it costs a report and nothing else. */
import { describe, expect, it } from "vitest";
import { sealed } from "../../src/adapters/sealed.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { allowNoUnhandledRejections } from "../support/rejections.js";

allowNoUnhandledRejections();

function sealedOver(parts: Readonly<Record<string, unknown>>) {
  const pubsub = {
    nodeName: "a",
    broadcast: () => undefined,
    send: () => undefined,
    subscribe: () => () => undefined,
    ...parts,
  };
  return sealed(pubsub as unknown as PubSub, { keys: ["k".repeat(32)] });
}

describe("a sealed pubsub", () => {
  it.each([undefined, null, 5, { length: 3 }, Buffer.from("x")])(
    "refuses the payload %s",
    async (payload) => {
      const receivers = new Map<string, (payload: unknown) => void>();
      const pubsub = sealedOver({
        subscribe: (channel: string, receive: (payload: unknown) => void) => {
          receivers.set(channel, receive);
          return () => undefined;
        },
      });
      await pubsub.subscribe("room", () => expect.unreachable());
      receivers.get("room")?.(payload);
      expect(pubsub.health().refused.malformed).toBe(1);
      await pubsub.close();
    },
  );

  it("reports an onError that rejects, or returns no function", async () => {
    const rejecting = sealedOver({ onError: () => Promise.reject(new Error("mine")) });
    const errors: unknown[] = [];
    const end = rejecting.onError?.((error) => errors.push(String(error)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual(["Error: mine"]);
    await expect(end?.()).rejects.toThrow("mine");
    const odd = sealedOver({ onError: () => ({ off: () => undefined }) });
    await expect(odd.onError?.(() => undefined)()).rejects.toThrow("object is not a function");
  });

  it("closes within a second or so though unsubscribing hangs, and takes unsubscribing that throws", async () => {
    const errors: unknown[] = [];
    const hanging = sealedOver({ subscribe: () => () => new Promise(() => undefined) });
    hanging.onError?.((error) => errors.push((error as { code: string }).code));
    await hanging.subscribe("room", () => undefined);
    await hanging.close();
    expect(errors).toEqual(["PUBSUB_UNAVAILABLE"]);
    const throwing = sealedOver({
      subscribe: () => () => {
        throw new Error("mine");
      },
    });
    throwing.onError?.((error) => errors.push((error as { code: string }).code));
    await throwing.subscribe("room", () => undefined);
    await throwing.close();
    expect(errors.length).toBeGreaterThan(1);
  }, 3_000);
});
