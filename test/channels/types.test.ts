/** What the compiler knows about assigns, and what it refuses. */
import { describe, expectTypeOf, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer, refuse, type ChannelHandlers } from "../../src/channels/index.js";

interface Cart {
  items: number[];
}

describe("the types", () => {
  const channels = new ChannelServer({ pubsub: memoryPubSub() });

  it("of socket assigns come from the connect hook, without the refusal", () => {
    channels
      .socket("/sync", {
        connect: ({ params }) => (params["token"] === "good" ? { admin: true } : refuse(403)),
        id: (assigns) => {
          expectTypeOf(assigns).toEqualTypeOf<{ admin: boolean }>();
          return undefined;
        },
      })
      .channel("a", {
        join(channel) {
          expectTypeOf(channel.socket.assigns).toEqualTypeOf<{ admin: boolean }>();
          return { ok: {} };
        },
      });
    channels
      .socket("/async", {
        connect: async ({ authToken }) => {
          await Promise.resolve();
          return authToken === undefined ? refuse(401) : { user: authToken };
        },
      })
      .channel("a", {
        join: (channel) => ({ ok: { user: channel.socket.assigns.user } }),
        joined: (channel) => {
          expectTypeOf(channel.socket.assigns).toEqualTypeOf<{ user: string }>();
          expectTypeOf(channel.assigns).toEqualTypeOf<undefined>();
        },
      });
    channels
      .socket("/falsy", {
        connect: ({ params: { user } }) => typeof user === "string" && user && { user },
        id: ({ user }) => {
          expectTypeOf(user).toEqualTypeOf<string>();
          return user;
        },
      })
      .channel("a", {
        join(channel) {
          expectTypeOf(channel.socket.assigns).toEqualTypeOf<{ user: string }>();
          return { ok: {} };
        },
      });
    channels.socket("/sometimes", {
      connect: async ({ authToken }) => {
        await Promise.resolve();
        if (authToken === "a") return { user: authToken, expiresAtMs: 1 };
        if (authToken === "b") return refuse(401);
        return authToken === "c" ? null : undefined;
      },
      id: (assigns) => {
        expectTypeOf(assigns).toEqualTypeOf<{ user: string; expiresAtMs: number }>();
        return assigns.user;
      },
    });
    channels.socket("/none").channel("a", {
      join: () => ({ ok: {} }),
      joined: (channel) => void expectTypeOf(channel.socket.assigns).toEqualTypeOf<undefined>(),
    });
  });

  it("of channel assigns are stated, and join must return them", () => {
    channels.socket("/cart").channel<Cart>("cart:*", {
      join: () => ({ ok: {}, assigns: { items: [] } }),
      handleIn: {
        clear(channel, { items }) {
          expectTypeOf(channel.assigns).toEqualTypeOf<Cart>();
          expectTypeOf(items).toEqualTypeOf<unknown>();
          channel.assigns = { items: [] };
        },
      },
      handleBinary: { picture: (_channel, data) => void expectTypeOf(data).toEqualTypeOf<Buffer>() },
    });
    const withoutAssigns: ChannelHandlers<Cart> = {
      // @ts-expect-error -- the assigns are missing
      join: () => ({ ok: {} }),
    };
    const pushesTooEarly: ChannelHandlers = {
      join(channel) {
        // @ts-expect-error -- a channel that is joining cannot push
        expectTypeOf(channel.push).toBeFunction();
        return { ok: {} };
      },
    };
    const answersNonsense: ChannelHandlers = {
      join: () => ({ ok: {} }),
      // @ts-expect-error -- not a reply
      handleIn: { ask: () => ({ yes: {} }) },
    };
    expectTypeOf([withoutAssigns, pushesTooEarly, answersNonsense]).toBeArray();
  });
});
