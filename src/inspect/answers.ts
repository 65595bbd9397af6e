/** What the inspector answers to a query: the page, or data as JSON. Knows no server. */
import { nodeRuntime } from "../runtime.js";
import { diagnose } from "./diagnosis.js";
import { overviewOf, type Inspected } from "./overview.js";
import { PAGE, POLICY } from "./page.js";
import type { FeedLine, PageOverview } from "./page-script.js";

/** A reader of pages does not read more. */
const TOPICS_SHOWN = 50;
const ENTRIES_SHOWN = 100;
/** A node that looks at its own cluster has been looking for long, as a rule. */
const LOOKED_MS = 60_000;
/** Changes that may wait for a slow reader of the feed; beyond that it misses some. */
const FEED_BUFFERED = 1_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const common = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

export const FEED_HEADERS = {
  ...common,
  "content-type": "text/event-stream; charset=utf-8",
  "x-accel-buffering": "no",
};

/** The answer to a query; `feed` where changes are to be sent as they come. */
export function answerTo(tracker: Inspected, method: string, query: URLSearchParams): Answer | "feed" {
  if (method !== "GET" && method !== "HEAD")
    return plain(405, "Only GET is answered here", { allow: "GET, HEAD" });
  switch (query.get("view")) {
    case null:
      return {
        status: 200,
        headers: {
          ...common,
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": POLICY,
          "x-frame-options": "DENY",
        },
        body: PAGE,
      };
    case "overview":
      return json(pageOverview(tracker));
    case "entries": {
      const [topic, after] = [query.get("topic"), query.get("after")];
      if (topic === null) return plain(400, "Which topic?");
      return json(tracker.entries(topic, { ...(after !== null && { after }), limit: ENTRIES_SHOWN }));
    }
    case "explain":
      return json(tracker.explain(query.get("topic") ?? "", query.get("key") ?? ""));
    case "feed":
      return method === "GET" ? "feed" : plain(405, "Only GET is answered here", { allow: "GET" });
    default:
      return plain(404, "There is no such view");
  }
}

/** The changes of a tracker as events of a stream, from now on, until the signal aborts. */
export async function* feedOf(tracker: Inspected, signal: AbortSignal): AsyncGenerator<string, void> {
  // Something at once, so that the reader knows that it is heard.
  yield ": rollcall\n\n";
  for await (const { event, payload } of tracker.diffs({ signal, maxBuffered: FEED_BUFFERED })) {
    if (event === "state") continue;
    for (const [topic, { joins, updates, leaves }] of payload) {
      for (const entry of leaves) yield eventOf({ what: "leave", topic, ...entry, said: entry.reason });
      for (const entry of updates)
        yield eventOf({ what: "update", topic, ...entry, said: JSON.stringify(entry.meta) });
      for (const entry of joins)
        yield eventOf({ what: "join", topic, ...entry, said: JSON.stringify(entry.meta) });
    }
  }
}

function eventOf({ what, topic, key, node, said }: FeedLine): string {
  // JSON text has no line ends.
  return `data: ${JSON.stringify({ what, topic, key, node, said })}\n\n`;
}

function pageOverview(tracker: Inspected): PageOverview {
  const overview = overviewOf(tracker, TOPICS_SHOWN);
  const findings = diagnose(overview, {
    nowMs: nodeRuntime.wallClockMs(),
    lookedMs: LOOKED_MS,
    reported: [],
  });
  return { ...overview, findings };
}

function json(value: unknown): Answer {
  const headers = { ...common, "content-type": "application/json; charset=utf-8" };
  return { status: 200, headers, body: JSON.stringify(value) };
}

export function plain(status: number, body: string, more: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...common, "content-type": "text/plain; charset=utf-8", ...more }, body };
}
