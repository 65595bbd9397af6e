/**
 * A room whose clients track what they are told to and follow who is there, with both kinds of client-side
 * presence on one channel: the official client's and the library's own.
 */
import type { Channel as ClientChannel, Presence as OfficialPresence, Push, Socket } from "phoenix";
import { onTestFinished } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import type { ChannelServer } from "../../src/channels/index.js";
import { PresenceClient } from "../../src/client/index.js";
import { Presence } from "../../src/presence/index.js";
import { answer, connectClient, startServer, type PhoenixClient, type TestServer } from "./harness.js";

export type RoomMeta = { readonly n: number };

/** One node: a presence and the server that shows it. */
export interface RoomNode extends TestServer {
  readonly presence: Presence<RoomMeta>;
}

function roomChannels(channels: ChannelServer, presence: Presence<RoomMeta>): void {
  channels.socket("/socket").channel("room:*", {
    join: () => ({ ok: {} }),
    joined: (channel) => channel.follow(presence),
    handleIn: {
      track(channel, { key, n }) {
        presence.set(channel.session, channel.topic, String(key), { n: Number(n) });
        return { ok: {} };
      },
      untrack(channel, { key }) {
        presence.untrack(channel.session, channel.topic, String(key));
        return { ok: {} };
      },
      crash() {
        throw new Error("asked to");
      },
      drop: (channel) => channel.socket.disconnect(),
      ping: () => ({ ok: {} }),
    },
  });
}

/** Starts nodes of one cluster; they end with the test. Changes travel at once instead of within 1.5 s. */
export async function startNodes(count: number): Promise<RoomNode[]> {
  const hub = new MemoryHub();
  const nodes: RoomNode[] = [];
  for (let index = 0; index < count; index++) {
    const pubsub = hub.node(`node-${index}`);
    const presence = await Presence.start<RoomMeta>({ name: "rooms", pubsub, broadcastPeriodMs: 1 });
    onTestFinished(() => presence.stop({ handoffMs: 0 }));
    const server = await startServer((channels) => roomChannels(channels, presence), { pubsub });
    nodes.push({ ...server, presence });
  }
  return nodes;
}

/** Retries at once instead of after seconds. */
const eager = { reconnectAfterMs: () => 1, rejoinAfterMs: () => 1 };

/** A client in a room, with two views of who is there. */
export class Visitor {
  readonly socket: Socket;
  readonly room: ClientChannel;
  readonly official: OfficialPresence;
  readonly own = new PresenceClient<RoomMeta>();
  joinPush: Push | undefined;
  #onChange: () => void = () => undefined;

  constructor(phoenix: PhoenixClient, url: string, topic: string) {
    this.socket = connectClient(phoenix, `${url}/socket`, eager);
    this.room = this.socket.channel(topic);
    for (const event of ["presence_state", "presence_diff"]) {
      this.room.on(event, (payload: unknown) => this.own.receive(event, payload));
    }
    // After the other: it changes the payloads that it is given.
    this.official = new phoenix.Presence(this.room);
    for (const event of ["presence_state", "presence_diff"]) this.room.on(event, () => this.#onChange());
  }

  async join(): Promise<void> {
    this.joinPush = this.room.join();
    // Also after every rejoin, and not before: until then what still arrives belongs to the old state.
    this.joinPush.receive("ok", () => this.own.reset());
    await answer(this.joinPush);
  }

  /** Resolves once the condition holds; it is looked at after every change of the list. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (condition()) resolve();
      };
      this.#onChange();
    });
  }

  lists(): { official: string; own: string } {
    const official = (this.official as unknown as { state: Record<string, KeyedMetas> }).state;
    return { official: canonical(official), own: canonical(this.own.list()) };
  }
}

interface KeyedMetas {
  readonly metas: readonly { readonly phx_ref: string }[];
}

/**
 * A presence list as a text that is equal for equal lists. Clients put updated metas last, so the order of metas
 * says nothing.
 */
export function canonical(presences: Readonly<Record<string, KeyedMetas>>): string {
  const keys = Object.entries(presences).map(([key, { metas, ...extra }]) => {
    const sorted = metas
      .map((meta) => JSON.stringify(Object.entries(meta).sort(([a], [b]) => (a < b ? -1 : 1))))
      .sort();
    return JSON.stringify([key, sorted, extra]);
  });
  return keys.sort().join("\n");
}
