/** The inspector on a server: for Node's own requests, and for those of the web. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { requireTracker } from "../checks.js";
import { FEED_HEADERS, answerTo, feedOf, plain, type Answer } from "./answers.js";
import type { Inspected } from "./overview.js";

/** So many may follow the live feed of one handler at a time: each costs a share of every change. */
const MAX_FEEDS = 16;

class Feeds {
  #count = 0;

  /** Whether one more may begin; then `ended` has to be called. */
  begin(): boolean {
    if (this.#count >= MAX_FEEDS) return false;
    this.#count += 1;
    return true;
  }

  ended(): void {
    this.#count -= 1;
  }
}

const full = (): Answer => plain(503, `${MAX_FEEDS} follow the feed already`, { "retry-after": "60" });

/**
 * A handler of requests that serves a page on which a tracker or a presence, and its cluster, can be looked at: nodes and
 * links, topics, entries, changes as they come, why an entry is there, health. It answers every path that it is given, so
 * mount it where you like: `app.use("/inspect", requireAdmin, inspectHandler(tracker))`.
 *
 * It asks nobody who they are, and shows all keys and metas: put it behind the authentication that you have. It changes
 * nothing. Its page needs no other file, and runs under a policy of its own.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for what is neither.
 */
export function inspectHandler(
  tracker: Inspected,
): (request: IncomingMessage, response: ServerResponse) => void {
  requireTracker("tracker", tracker);
  const feeds = new Feeds();
  return (request, response) => {
    const { method = "GET", url = "/" } = request;
    const at = url.indexOf("?");
    const answer = answerTo(tracker, method, new URLSearchParams(at < 0 ? "" : url.slice(at + 1)));
    const isFeed = answer === "feed" && feeds.begin();
    if (!isFeed) {
      const { status, headers, body } = answer === "feed" ? full() : answer;
      response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
      response.end(method === "HEAD" ? undefined : body);
      return;
    }
    response.writeHead(200, FEED_HEADERS);
    const ending = new AbortController();
    response.once("close", () => ending.abort());
    void send(feedOf(tracker, ending.signal), response).finally(() => feeds.ended());
  };
}

/** One after the other, as fast as the reader takes them. */
async function send(events: AsyncIterable<string>, response: ServerResponse): Promise<void> {
  for await (const event of events) {
    if (response.destroyed) return;
    if (response.write(event)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        response.off("drain", go).off("close", go);
        resolve();
      };
      response.once("drain", go).once("close", go);
    });
  }
  response.end();
}

/**
 * As {@link inspectHandler}, for servers that speak `Request` and `Response`: Hono, Bun, Deno, Next.
 * `app.get("/inspect", requireAdmin, ({ req }) => inspect(req.raw))`.
 */
export function inspectFetch(tracker: Inspected): (request: Request) => Response {
  requireTracker("tracker", tracker);
  const feeds = new Feeds();
  return ({ method, url, signal }) => {
    const answer = answerTo(tracker, method, new URL(url).searchParams);
    const isFeed = answer === "feed" && feeds.begin();
    if (!isFeed) {
      const { status, headers, body } = answer === "feed" ? full() : answer;
      return new Response(method === "HEAD" ? null : body, { status, headers });
    }
    const ending = new AbortController();
    const events = feedOf(tracker, AbortSignal.any([signal, ending.signal]));
    const encoder = new TextEncoder();
    let hasEnded = false;
    const end = (): void => {
      if (!hasEnded) feeds.ended();
      hasEnded = true;
    };
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await events.next();
        if (done !== true) return controller.enqueue(encoder.encode(value));
        end();
        controller.close();
      },
      cancel() {
        ending.abort();
        end();
      },
    });
    return new Response(body, { headers: FEED_HEADERS });
  };
}
