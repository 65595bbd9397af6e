/** A new node of the shop shows its list only when it has heard all nodes that serve already. */
import { MemoryHub } from "rollcall/adapters/memory";
import { Session } from "rollcall";
import { expect, it } from "vitest";
import { cartTopic, hearOut, startCartTracker } from "../../examples/shop/presence/cart-tracker.ts";

it("waits for a node that is slow to answer", async () => {
  const hub = new MemoryHub();
  const fresh = await startCartTracker(hub.node("node-1"));
  // It has heard nobody, and so it takes itself for complete.
  await fresh.whenComplete();
  let heard = false;
  const hearing = hearOut(fresh, ["node-2"], 60_000).then(() => (heard = true));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(heard).toBe(false);

  const slow = await startCartTracker(hub.node("node-2"));
  slow.track(new Session(), cartTopic, "somebody", {
    page: "/",
    page_loaded_at: 0,
    items: [],
    node: "node-2",
    run: 1,
  });
  await hearing;
  expect(Object.keys(fresh.list(cartTopic))).toEqual(["somebody"]);
  await Promise.all([fresh.stop({ handoffMs: 0 }), slow.stop({ handoffMs: 0 })]);
});

it("does not wait for ever for one that has died", async () => {
  const fresh = await startCartTracker(new MemoryHub().node("node-1"));
  await hearOut(fresh, ["node-2"], 300);
  expect(fresh.health().replicas).toEqual([]);
  await fresh.stop({ handoffMs: 0 });
});
