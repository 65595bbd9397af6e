/** What the compiler must accept and refuse. The checks are made by `tsc`; running them proves nothing more. */
import { describe, expectTypeOf, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { ChannelServerOptions } from "../../src/channels/index.js";
import type { PresenceClient } from "../../src/client/index.js";
import { Presence } from "../../src/presence/index.js";
import type {
  KeyPresence,
  PresenceCount,
  PresenceMeta,
  PresenceOptions,
  Presences,
  WireDiff,
} from "../../src/presence/index.js";
import type { TrackerOptions } from "../../src/tracker/options.js";
import type { Session } from "../../src/session.js";

interface Meta {
  device: "phone" | "desktop";
}
interface Extra {
  name: string;
}
type Typed = Presence<Meta, Extra>;

describe("types", () => {
  it("flow from start to metas and extras", () => {
    expectTypeOf<ReturnType<typeof Presence.start<Meta, Extra>>>().resolves.toEqualTypeOf<Typed>();
    expectTypeOf<Typed["list"]>().returns.toEqualTypeOf<Readonly<Record<string, KeyPresence<Meta>>>>();
    expectTypeOf<Awaited<ReturnType<Typed["fetchByKey"]>>>().toEqualTypeOf<
      KeyPresence<Meta, Extra> | undefined
    >();
    expectTypeOf<KeyPresence<Meta, Extra>["name"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<PresenceMeta<Meta>["device"]>().toEqualTypeOf<"phone" | "desktop">();
    expectTypeOf<PresenceMeta<Meta>["phx_ref"]>().toEqualTypeOf<string>();
    expectTypeOf<ReturnType<PresenceClient<Meta, Extra>["get"]>>().toEqualTypeOf<
      KeyPresence<Meta, Extra> | undefined
    >();
  });

  it("take `undefined` for what is optional, and tell the payload of a message by its event", () => {
    const accepted = (presence: Typed, periodMs: number | undefined): void => {
      const none = undefined;
      void ({
        name: "q",
        pubsub: memoryPubSub({ nodeName: none }),
        diffPeriodMs: periodMs,
        fetch: none,
      } satisfies PresenceOptions);
      void ({ name: "q", pubsub: memoryPubSub(), poolSize: none, runtime: none } satisfies TrackerOptions);
      void ({ pubsub: memoryPubSub(), name: none, maxFrameBytes: periodMs } satisfies ChannelServerOptions);
      presence.forward("room", (event, payload) => {
        if (event === "presence_state") expectTypeOf(payload).toEqualTypeOf<Presences<Meta, Extra>>();
        else expectTypeOf(payload).toEqualTypeOf<WireDiff<Meta, Extra>>();
      });
      presence.forward("room", (event: string, payload: object) => void [event, payload]);
      presence.forward("room", (event) => [event].length);
      const part = { limit: 5, signal: none };
      presence.forward(
        "room",
        (event, payload) => {
          if (event === "presence_state") expectTypeOf(payload).toEqualTypeOf<Presences<Meta, Extra>>();
          else if (event === "presence_rest") expectTypeOf(payload).toEqualTypeOf<PresenceCount>();
          else expectTypeOf(payload).toEqualTypeOf<WireDiff<Meta, Extra>>();
        },
        part,
      );
      presence.forward("room", (event: string, payload: object) => void [event, payload], {
        limit: periodMs,
      });
    };
    const read = async (presence: Typed): Promise<void> => {
      for await (const change of presence.changes("room", { maxBuffered: 5, signal: undefined })) {
        if (change.event === "presence_state")
          expectTypeOf(change.payload).toEqualTypeOf<Presences<Meta, Extra>>();
        else expectTypeOf(change.payload).toEqualTypeOf<WireDiff<Meta, Extra>>();
      }
    };
    expectTypeOf(read).toBeFunction();
    expectTypeOf(accepted).toBeFunction();
  });

  it("refuse metas of another type, and metas that are no JSON", () => {
    const refused = (presence: Typed, session: Session): void => {
      // @ts-expect-error -- no such device
      presence.track(session, "room", "u1", { device: "fridge" });
      // @ts-expect-error -- a Date is no JSON value
      void Presence.start<{ since: Date }>({} as PresenceOptions);
      // @ts-expect-error -- what is handed out is not to be changed
      presence.list("room")["u1"] = { metas: [] };
      // @ts-expect-error -- only fetchList has what fetch adds
      void presence.list("room")["u1"]?.name;
      // @ts-expect-error -- a subscriber has to take the state
      presence.subscribe("room", { diff: () => undefined });
    };
    expectTypeOf(refused).toBeFunction();
  });

  it("let fetch name the extras", () => {
    const inferred = (options: PresenceOptions<Meta>): unknown =>
      Presence.start<Meta, Extra>({
        ...options,
        fetch: (topic, keys) => {
          expectTypeOf(topic).toEqualTypeOf<string>();
          return Promise.resolve(new Map(keys.map((key) => [key, { name: key }])));
        },
        handleMetas: (_topic, diff) => {
          expectTypeOf(diff.joins["u1"]?.name).toEqualTypeOf<string | undefined>();
        },
      });
    expectTypeOf(inferred).toBeFunction();
  });
});
