/**
 * The Redis clients of an adapter of Socket.IO, if it shows them: whether they are connected. By shape alone, as
 * `@socket.io/redis-adapter` has them; nothing is sent with them but the question whether they are there.
 */
import { redisLink, type RedisClient } from "./redis-link.js";

/** The clients of one adapter. */
export interface AdapterClients {
  readonly ready: boolean;
  forget(): void;
}

interface ClientsWatcher {
  changed(ready: boolean): void;
  /** May be told as often as the clients tell it. */
  failed(error: unknown): void;
}

type Shown = Readonly<Partial<Record<"pubClient" | "subClient", RedisClient & { ping?(): unknown }>>>;

export function adapterClients(adapter: unknown, watcher: ClientsWatcher): AdapterClients | undefined {
  const { pubClient, subClient } = Object(adapter) as Shown;
  if (pubClient === undefined || subClient === undefined) return undefined;
  let links;
  try {
    links = [redisLink(pubClient, "pubClient"), redisLink(subClient, "subClient")];
  } catch {
    // Clients of another kind: nobody knows how they are.
    return undefined;
  }
  const isReady = (): boolean => links.every((link) => link.ready);
  let [ready, changes] = [isReady(), 0];
  const say = (now: boolean): void => {
    ready = now;
    watcher.changed(now);
  };
  const changed = async (): Promise<void> => {
    const change = ++changes;
    if (!isReady()) return say(false);
    if (ready) return;
    // A client may be ready before it has subscribed again: what it is asked behind that is answered after it.
    try {
      await subClient.ping?.();
    } catch {
      return;
    }
    if (change === changes && isReady()) say(true);
  };
  const failed = (error: unknown): void => {
    void changed();
    watcher.failed(error);
  };
  const stops = links.map((link) =>
    link.watch({ changed: () => void changed(), failed, received: () => {} }),
  );
  return {
    get ready() {
      return ready;
    },
    forget() {
      changes++;
      for (const stop of stops) stop();
    },
  };
}
