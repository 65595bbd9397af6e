import { describe, expect, it } from "vitest";
import { IpcSender, type IpcTarget } from "../../src/adapters/ipc-sender.js";

type Sent = (error: Error | null) => void;

function heldBack(): { target: IpcTarget; callbacks: Sent[] } {
  const callbacks: Sent[] = [];
  return { target: { send: (_message, _handle, _options, sent) => callbacks.push(sent) > 0 }, callbacks };
}

describe("IpcSender", () => {
  it("refuses more than 32 MiB on the way, until the other side reads again", async () => {
    const { target, callbacks } = heldBack();
    const sender = new IpcSender(target);
    const large = 16 * 1024 * 1024;
    const first = [sender.send({}, large), sender.send({}, large), sender.send({}, large)];
    await expect(sender.send({}, 1)).rejects.toMatchObject({ code: "PUBLISH_FAILED" });
    expect(callbacks).toHaveLength(3);
    for (const sent of callbacks.splice(0)) sent(null);
    await Promise.all(first);
    const again = sender.send({}, 1);
    callbacks[0]?.(null);
    await again;
  });

  it("rejects where Node reports, throws, or has no channel", async () => {
    const mistake = new Error("ERR_IPC_CHANNEL_CLOSED");
    const throwing: IpcTarget = {
      send() {
        throw mistake;
      },
    };
    const { target, callbacks } = heldBack();
    const reported = new IpcSender(target).send({}, 1);
    callbacks[0]?.(mistake);
    await expect(reported).rejects.toMatchObject({ code: "PUBLISH_FAILED", cause: mistake });
    await expect(new IpcSender(throwing).send({}, 1)).rejects.toMatchObject({ cause: mistake });
    await expect(new IpcSender({}).send({}, 1)).rejects.toMatchObject({ code: "PUBLISH_FAILED" });
  });
});
