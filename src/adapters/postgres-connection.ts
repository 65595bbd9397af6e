/**
 * One client of `pg` after another: queries in a row, notifications, and a new client when the last has ended.
 * Knows nothing of channels.
 */
import { TrackerError } from "../errors.js";
import { nodeRuntime } from "../runtime.js";

/** What is used of a `Client` of `pg` 8. */
export interface PostgresClient {
  query(text: string, values?: string[]): Promise<unknown>;
  end(): Promise<void>;
  on(event: "notification", listener: (message: PostgresNotification) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "notification", listener: (message: PostgresNotification) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  off(event: "end", listener: () => void): unknown;
}

interface PostgresNotification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** What a connection tells its adapter. */
export interface PostgresWatcher {
  /** Listens again to everything; called with each new client before it counts as connected. */
  restore(query: (text: string, values?: string[]) => Promise<unknown>): Promise<void>;
  connected(): void;
  disconnected(): void;
  /** May be told as often as it happens. */
  failed(error: unknown): void;
  notified(name: string, payload: string): void;
}

/**
 * The first attempt comes at once after an end; then the pauses double up to the longest. That one is well below
 * any `downPeriodMs`: after a restart of the server, nodes that are back wait no longer than this for the others.
 */
const shortestPauseMs = 100;
const longestPauseMs = 1_000;

/** After this time an attempt to connect may be given up for another one: the other side may stand still. */
const longestAttemptMs = 5_000;

/** A server that is there takes a fraction of this for a goodbye. */
const goodbyeTimeoutMs = 1_000;

/** More than a resync ever has waiting; a server that is so far behind gets no more. */
const maxWaitingQueries = 10_000;

export class PostgresConnection {
  readonly #connect: (() => Promise<PostgresClient>) | undefined;
  readonly #watcher: PostgresWatcher;
  #client: PostgresClient | undefined;
  #stopListening: () => void = () => {};
  /** The last query that was begun: `pg` wants them one by one. Never rejects. */
  #lastQuery: Promise<unknown> = Promise.resolve();
  #waitingQueries = 0;
  #pauseMs = 0;
  #cancelPause: () => void = () => {};
  /** Counts the attempts to connect, so that one that was given up is known when it comes back. */
  #attempt = 0;
  /** When the attempt under way began; absent while there is none. */
  #attemptBeganMs: number | undefined;
  #waiting: ((established: boolean) => void)[] = [];
  #closed = false;

  /** @param source A client that somebody else opened and ends, or how to open one of our own. */
  constructor(source: PostgresClient | (() => Promise<PostgresClient>), watcher: PostgresWatcher) {
    this.#watcher = watcher;
    if (typeof source === "function") {
      this.#connect = source;
      void this.#reconnect(source);
    } else {
      this.#connect = undefined;
      this.#use(source);
    }
  }

  /** Waits for a connection; false if there will never be one. */
  established(): Promise<boolean> {
    if (this.#client !== undefined) return Promise.resolve(true);
    if (this.#closed || this.#connect === undefined) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Rejects with what the server said, or `PUBLISH_FAILED` if too much is waiting or there is no connection. */
  query(text: string, values?: string[]): Promise<unknown> {
    const client = this.#client;
    if (client === undefined) return Promise.reject(refusal("There is no connection to PostgreSQL"));
    return this.#queryOf(client, text, values);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelPause();
    const client = this.#client;
    this.#client = undefined;
    this.#stopListening();
    this.#answerWaiting(false);
    if (client !== undefined && this.#connect !== undefined) await endQuietly(client);
  }

  #queryOf(client: PostgresClient, text: string, values?: string[]): Promise<unknown> {
    if (this.#waitingQueries >= maxWaitingQueries) {
      return Promise.reject(refusal("PostgreSQL does not keep up with what is sent"));
    }
    this.#waitingQueries++;
    const query = this.#lastQuery.then(() => client.query(text, values));
    const done = (): void => void this.#waitingQueries--;
    this.#lastQuery = query.then(done, done);
    return query;
  }

  /**
   * Gives up the client for a new one, or an attempt that has taken too long for another one. Does nothing while
   * there is a pause, or without a way to connect.
   */
  reconnect(): void {
    if (this.#closed || this.#connect === undefined) return;
    if (this.#client !== undefined) {
      this.#lost(this.#client, refusal("The connection to PostgreSQL was given up"));
    } else if (this.#attemptBeganMs !== undefined) {
      if (nodeRuntime.monotonicMs() - this.#attemptBeganMs > longestAttemptMs)
        void this.#reconnect(this.#connect);
    }
  }

  async #reconnect(connect: () => Promise<PostgresClient>): Promise<void> {
    const attempt = ++this.#attempt;
    this.#attemptBeganMs = nodeRuntime.monotonicMs();
    try {
      const client = await connect();
      if (!isPostgresClient(client)) throw notConnected("connect has returned no Client of pg");
      requireConnected(client);
      if (this.#closed || attempt !== this.#attempt) return await endQuietly(client);
      this.#attemptBeganMs = undefined;
      this.#use(client);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#attemptBeganMs = undefined;
      this.#watcher.failed(error);
      this.#pause(connect);
    }
  }

  #use(client: PostgresClient): void {
    this.#listenTo(client);
    this.#lastQuery = Promise.resolve();
    this.#watcher
      .restore((text, values) => this.#queryOf(client, text, values))
      .then(
        () => this.#establish(client),
        (error: unknown) => this.#lost(client, error),
      );
  }

  #establish(client: PostgresClient): void {
    if (this.#closed || this.#client !== client) return;
    this.#pauseMs = 0;
    this.#watcher.connected();
    this.#answerWaiting(true);
  }

  /** The last client is listened to until now: one that fails once more must find a listener, or it throws. */
  #listenTo(client: PostgresClient): void {
    this.#stopListening();
    const notified = ({ channel, payload }: PostgresNotification): void => {
      this.#watcher.notified(channel, payload ?? "");
    };
    const failed = (error: unknown): void => this.#lost(client, error);
    const ended = (): void => this.#lost(client, refusal("The connection to PostgreSQL has ended"));
    client.on("notification", notified);
    client.on("error", failed);
    client.on("end", ended);
    this.#client = client;
    this.#stopListening = () => {
      client.off("notification", notified);
      client.off("error", failed);
      client.off("end", ended);
    };
  }

  #lost(client: PostgresClient, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#watcher.disconnected();
    this.#watcher.failed(error);
    if (this.#connect === undefined || this.#closed) return;
    void endQuietly(client);
    this.#pause(this.#connect);
  }

  #pause(connect: () => Promise<PostgresClient>): void {
    if (this.#closed) return;
    // As a connection does, what waits for one keeps the process alive.
    const again = (): void => void this.#reconnect(connect);
    this.#cancelPause = nodeRuntime.schedule(this.#pauseMs, again, { keepsAlive: true });
    this.#pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, this.#pauseMs * 2));
  }

  #answerWaiting(established: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(established);
  }
}

/** Whether a value is a `Client` of `pg`, and no `Pool`: that has a `query` too, and another connection for each. */
export function isPostgresClient(value: unknown): value is PostgresClient {
  const { query, on, totalCount } = Object(value) as Readonly<Record<string, unknown>>;
  return typeof query === "function" && typeof on === "function" && totalCount === undefined;
}

/**
 * A client that nobody has connected keeps what it is asked for ever. It tells only by what is no part of its documented
 * shape; one that does not tell is believed.
 *
 * @throws TrackerError `PUBSUB_UNAVAILABLE`
 */
export function requireConnected(client: PostgresClient): void {
  const { _connected, _connecting } = client as PostgresClient & Readonly<Record<string, unknown>>;
  if (_connected === false && _connecting === false) {
    throw notConnected("The client of pg is not connected: await its connect() first");
  }
}

function notConnected(text: string): TrackerError {
  return new TrackerError("PUBSUB_UNAVAILABLE", text, {});
}

function refusal(why: string): TrackerError {
  return new TrackerError("PUBLISH_FAILED", why);
}

/**
 * A client that has ended already, or whose server is gone, cannot be ended well: it is of no more use anyway. Where
 * the other side does not answer the goodbye, the socket is destroyed.
 */
async function endQuietly(client: PostgresClient): Promise<void> {
  const ignore = (): void => {};
  client.on("error", ignore);
  let cancel = ignore;
  const tooLate = new Promise<void>((resolve) => {
    const destroy = (): void => {
      streamOf(client)?.destroy();
      resolve();
    };
    cancel = nodeRuntime.schedule(goodbyeTimeoutMs, destroy, { keepsAlive: true });
  });
  await Promise.race([client.end().catch(ignore), tooLate]);
  cancel();
}

/** The socket under a client, which is no part of its documented shape. */
function streamOf(client: PostgresClient): { destroy(): void } | undefined {
  const connection: unknown = "connection" in client ? client.connection : undefined;
  if (typeof connection !== "object" || connection === null || !("stream" in connection)) return undefined;
  const { stream } = connection;
  return typeof stream === "object" && stream !== null && "destroy" in stream
    ? (stream as { destroy(): void })
    : undefined;
}
