/** One of several servers with a tracker on the same Redis: the other side of the comparison. */
import { createClient } from "redis";
import { redisPubSub } from "../../src/adapters/redis.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { machineMs } from "../harness/machine-clock.js";
import { serve } from "../harness/remote.js";
import { onlineUser, room, type OnlineUser } from "./online-user.js";
import type { Who } from "./socket-io-server.js";

let tracker: Tracker<OnlineUser> | undefined;

function running(): Tracker<OnlineUser> {
  if (tracker === undefined) throw new Error("listen comes first");
  return tracker;
}

export const rollcallCommands = {
  async listen(redisUrl: string): Promise<void> {
    const publisher = createClient({ url: redisUrl });
    const subscriber = publisher.duplicate();
    for (const client of [publisher, subscriber]) client.on("error", () => undefined);
    await Promise.all([publisher.connect(), subscriber.connect()]);
    tracker = await Tracker.start<OnlineUser>(
      {},
      { name: "online", pubsub: redisPubSub({ publisher, subscriber }) },
    );
    await tracker.whenComplete({ timeoutMs: 10_000 });
  },

  /** Tracks every `step`th user from `from` to `to`, and waits until all of `total` are listed. */
  track(from: number, to: number, step: number): void {
    for (let i = from; i <= to; i += step) {
      const user = onlineUser(i);
      running().track(new Session(), room, user.user_id, user);
    }
  },

  async reach(total: number): Promise<void> {
    while (running().count(room) !== total) await new Promise((resolve) => setTimeout(resolve, 20));
  },

  /** Who is online, on all servers. */
  who(): Who {
    const startedMs = machineMs();
    const users = running()
      .list(room)
      .map(({ meta }) => meta);
    return { tookMs: machineMs() - startedMs, users: users.length };
  },
};

serve(rollcallCommands);
