// A tab with a node of its own. Its title says who is here and who is typing, as a client of presence is told it.
import { Presence, Session } from "rollcall";
import { broadcastChannelPubSub } from "rollcall/adapters/broadcast-channel";
import { PresenceClient } from "rollcall/client";

const { document, location } = globalThis;
const name = new URL(location.href).searchParams.get("name");
const pubsub = broadcastChannelPubSub();
const presence = await Presence.start({ name: "tabs", pubsub });
const session = new Session();
presence.track(session, "page", name, { typing: false });

const client = new PresenceClient();
client.onSync(() => {
  const people = Object.entries(client.list()).sort(([one], [other]) => (one < other ? -1 : 1));
  document.title = people.map(([key, { metas }]) => (metas[0].typing ? `${key}…` : key)).join(" ");
});
presence.forward("page", (event, payload) => client.receive(event, payload));

globalThis.addEventListener("type", () => presence.update(session, "page", name, { typing: true }));
globalThis.addEventListener("pagehide", () => pubsub.close());
