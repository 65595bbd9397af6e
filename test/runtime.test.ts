/** The next task, where there is no `setImmediate`: a hidden page's timers come once a minute, its messages at once. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeRuntime } from "../src/runtime.js";

afterEach(() => vi.unstubAllGlobals());

describe("the runtime of a browser", () => {
  it("calls back in the next task without a timer, once, and not if it is cancelled", async () => {
    vi.stubGlobal("setImmediate", undefined);
    const realTimeout = setTimeout;
    vi.stubGlobal("setTimeout", () => expect.fail("a timer"));
    const calls: string[] = [];
    await new Promise<void>((resolve) => {
      nodeRuntime.schedule(0, () => calls.push("cancelled"))();
      nodeRuntime.schedule(0, () => calls.push("first"));
      nodeRuntime.schedule(-1, () => realTimeout(resolve, 5));
      calls.push("now");
    });
    expect(calls).toEqual(["now", "first"]);
  });
});
