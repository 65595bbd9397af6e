/**
 * The Redis clients of an adapter of Socket.IO, if it shows them: whether they are connected. By shape alone, as
 * `@socket.io/redis-adapter` has them; nothing is sent with them but the question whether they are there.
 */
import { redisLink, type RedisClient } from "./redis-link.js";

/** The clients of one adapter. */
export interface AdapterClients {
  readonly ready: boolean;
  /**
   * Resolves when what the adapter publishes within `emit` was taken, and rejects if it was not. The adapter itself lets
   * go of what its client answers, and a rejection that nobody handles would end the process.
   */
  publishing(emit: () => void): Promise<void>;
  forget(): void;
}

interface ClientsWatcher {
  changed(ready: boolean): void;
  /** May be told as often as the clients tell it. */
  failed(error: unknown): void;
}

type Client = RedisClient & { ping?(): unknown };

interface Shown {
  pubClient?: Client;
  readonly subClient?: Client;
}

export function adapterClients(adapter: unknown, watcher: ClientsWatcher): AdapterClients | undefined {
  const shown = Object(adapter) as Shown;
  const { pubClient, subClient } = shown;
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
    async publishing(emit) {
      const answers: unknown[] = [];
      shown.pubClient = answering(pubClient, answers);
      try {
        emit();
      } finally {
        shown.pubClient = pubClient;
      }
      await Promise.all(answers);
    },
    forget() {
      changes++;
      for (const stop of stops) stop();
    },
  };
}

/** The client, with a note of what its methods return. */
function answering(client: Client, answers: unknown[]): Client {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...values: unknown[]) => {
        const answer: unknown = value.apply(target, values);
        answers.push(answer);
        return answer;
      };
    },
  });
}
