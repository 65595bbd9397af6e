/** What is said of a broker that cannot be reached. */
import { describe, expect, it } from "vitest";
import { BrokerError, openBroker } from "../../src/cli/brokers.js";

describe("a broker that cannot be reached", () => {
  it.each([
    ["redis", "redis://:secret@127.0.0.1:1", "redis://:…@127.0.0.1:1 "],
    ["redis", "redis://ann:secret@127.0.0.1:1", "redis://ann:…@127.0.0.1:1 "],
    ["redis", "redis://127.0.0.1:1", "redis://127.0.0.1:1 "],
    ["nats", "nats://ann:secret@127.0.0.1:123456", "nats://ann:…@127.0.0.1:123456 "],
    ["nats", "nats://:secret@127.0.0.1:123456", "nats://:…@127.0.0.1:123456 "],
  ] as const)("on %s as %s is named without its password", async (kind, url, shown) => {
    const opening = openBroker(kind, { url, prefix: "rollcall", nodeName: "a" });
    const error = await opening.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(BrokerError);
    const { message } = error as BrokerError;
    expect(message.startsWith(`${shown}cannot be reached: `), message).toBe(true);
    expect(message).not.toContain("secret");
  });
});
