// A worker of one isolate: two nodes and a client in it, made at the first request and asked at each.
import { Presence, Session, Tracker } from "rollcall";
import { MemoryHub } from "rollcall/adapters/memory";
import { PresenceClient } from "rollcall/client";

async function look() {
  const hub = new MemoryHub();
  const paris = await Presence.start({ name: "worker", pubsub: hub.node("paris") });
  const tokyo = await Tracker.start({}, { name: "worker", pubsub: hub.node("tokyo") });
  const client = new PresenceClient();
  const synced = new Promise((resolve) => client.onSync(resolve));
  paris.forward("room", (event, payload) => client.receive(event, JSON.parse(JSON.stringify(payload))));
  await synced;

  const session = new Session();
  paris.track(session, "room", "ann", { page: "a" });
  while (client.get("ann") === undefined || tokyo.count("room") === 0) await aMoment();
  const told = client.list().ann.metas[0].page;
  const elsewhere = tokyo.list("room").map(({ key, node }) => `${key} on ${node}`);
  session.close();
  while (client.get("ann") !== undefined || tokyo.count("room") > 0) await aMoment();
  await Promise.all([paris.stop(), tokyo.stop()]);
  return { told, elsewhere };
}

const aMoment = () => new Promise((resolve) => setTimeout(resolve, 5));

export default {
  fetch: async () => globalThis.Response.json(await look()),
};
