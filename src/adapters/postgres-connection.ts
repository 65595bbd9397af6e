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
  restore(query: (text: string) => Promise<unknown>): Promise<void>;
  connected(): void;
  disconnected(): void;
  failed(error: unknown): void;
  notified(name: string, payload: string): void;
}

/**
 * The first attempt comes at once after an end; then the pauses double up to the longest. That one is well below
 * any `downPeriodMs`: after a restart of the server, nodes that are back wait no longer than this for the others.
 */
const shortestPauseMs = 100;
const longestPauseMs = 1_000;

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
  #failureReported = false;
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

  async #reconnect(connect: () => Promise<PostgresClient>): Promise<void> {
    try {
      const client = await connect();
      if (this.#closed) return await endQuietly(client);
      this.#use(client);
    } catch (error) {
      this.#reportOnce(error);
      this.#pause(connect);
    }
  }

  #use(client: PostgresClient): void {
    this.#listenTo(client);
    this.#lastQuery = Promise.resolve();
    this.#watcher
      .restore((text) => this.#queryOf(client, text))
      .then(
        () => this.#establish(client),
        (error: unknown) => this.#lost(client, error),
      );
  }

  #establish(client: PostgresClient): void {
    if (this.#closed || this.#client !== client) return;
    this.#pauseMs = 0;
    this.#failureReported = false;
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
    this.#reportOnce(error);
    if (this.#connect === undefined || this.#closed) return;
    void endQuietly(client);
    this.#pause(this.#connect);
  }

  #pause(connect: () => Promise<PostgresClient>): void {
    if (this.#closed) return;
    this.#cancelPause = nodeRuntime.schedule(this.#pauseMs, () => void this.#reconnect(connect));
    this.#pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, this.#pauseMs * 2));
  }

  /** One report per outage tells as much as one per attempt. */
  #reportOnce(error: unknown): void {
    if (this.#failureReported) return;
    this.#failureReported = true;
    this.#watcher.failed(error);
  }

  #answerWaiting(established: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(established);
  }
}

function refusal(why: string): TrackerError {
  return new TrackerError("PUBLISH_FAILED", why);
}

/** A client that has ended already, or whose server is gone, cannot be ended well: it is of no more use anyway. */
async function endQuietly(client: PostgresClient): Promise<void> {
  const ignore = (): void => {};
  client.on("error", ignore);
  await client.end().catch(ignore);
}
