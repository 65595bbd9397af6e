/** What the inspector answers, on Node's server and as a function of the web; and that it lets go of whoever leaves. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Presence, Session, Tracker } from "../../src/index.js";
import { inspectFetch, inspectHandler } from "../../src/inspect/index.js";

let hub: MemoryHub;
let tracker: Tracker;
let server: Server;
let url: string;

beforeEach(async () => {
  hub = new MemoryHub();
  tracker = await Tracker.start({}, { name: "shop", pubsub: hub.node("a") });
  server = createServer(inspectHandler(tracker)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/admin/inspect`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await tracker.stop({ handoffMs: 0 });
});

/** Both ways to serve it answer alike. */
const ways: readonly [name: string, ask: (query: string, init?: RequestInit) => Promise<Response>][] = [
  ["Node", (query, init) => fetch(url + query, init)],
  ["the web", async (query, init) => inspectFetch(tracker)(new Request(url + query, init))],
];

it("is made of a tracker or a presence, and of nothing else", () => {
  for (const none of [undefined, null, {}, "shop"]) {
    for (const make of [inspectHandler, inspectFetch]) {
      expect(() => make(none as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  }
});

/** Events of a feed, as many as asked for. */
async function eventsOf(response: Response, count: number): Promise<unknown[]> {
  const events: unknown[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) events.push(JSON.parse(line.slice(6)));
    if (events.length >= count) return events;
  }
  return events;
}

describe.each(ways)("the inspector on %s", (_name, ask) => {
  it("serves a page that may run what it has, and nothing else", async () => {
    const response = await ask("");
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[\w+/]+=*';/);
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const page = await response.text();
    expect(page).not.toMatch(/ (on\w+|style)=/);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain("</script></script>");
  });

  it("answers with the same data as the command", async () => {
    tracker.track(new Session(), "room", "ann", { page: "<b>" });
    const overview = (await (await ask("?view=overview")).json()) as Record<string, unknown>;
    expect(overview).toMatchObject({
      tracker: "shop",
      node: "a",
      own: { entries: 1 },
      topics: [{ topic: "room", entries: 1, keys: 1 }],
      entryCount: 1,
    });
    const entries = await (await ask("?view=entries&topic=room")).json();
    expect(entries).toMatchObject([{ key: "ann", meta: { page: "<b>" }, node: "a" }]);
    expect(await (await ask("?view=entries&topic=room&after=ann")).json()).toEqual([]);
    const explained = await (await ask("?view=explain&topic=room&key=ann")).json();
    expect(explained).toMatchObject([{ key: "ann", status: "local", visible: true }]);
  });

  it("tells changes as they come", async () => {
    const response = await ask("?view=feed");
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = eventsOf(response, 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const session = new Session();
    tracker.track(session, "room", "ann", { n: 1 });
    tracker.update(session, "room", "ann", { n: 2 });
    session.close();
    expect(await events).toEqual([
      { what: "join", topic: "room", key: "ann", node: "a", said: '{"n":1}' },
      { what: "update", topic: "room", key: "ann", node: "a", said: '{"n":2}' },
      { what: "leave", topic: "room", key: "ann", node: "a", said: "closed" },
    ]);
  });

  it("changes nothing and refuses what it does not know", async () => {
    expect((await ask("", { method: "POST" })).status).toBe(405);
    expect((await ask("?view=secrets")).status).toBe(404);
    expect((await ask("?view=entries")).status).toBe(400);
    const head = await ask("", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

it("follows only for those who look, and for so many at a time", async () => {
  const endings: AbortController[] = [];
  const responses: Response[] = [];
  for (let i = 0; i < 16; i += 1) {
    const ending = new AbortController();
    endings.push(ending);
    responses.push(await fetch(`${url}?view=feed`, { signal: ending.signal }));
  }
  await expect.poll(() => tracker.health().followers).toBe(16);
  expect((await fetch(`${url}?view=feed`)).status).toBe(503);
  for (const ending of endings) ending.abort();
  await expect.poll(() => tracker.health().followers).toBe(0);
  const again = await fetch(`${url}?view=feed`);
  expect(again.status).toBe(200);
  await again.body?.cancel();
  await expect.poll(() => tracker.health().followers).toBe(0);
});

it("takes trackers and presences of any meta", () => {
  const take = (presence: Presence<{ n: number }>, other: Tracker<{ n: number }>): unknown[] => [
    inspectFetch(presence),
    inspectHandler(other),
  ];
  expect(take).toBeTypeOf("function");
});

it("looks at a presence as well, and lets go of a reader of the web who cancels", async () => {
  const presence = await Presence.start({ name: "p", pubsub: hub.node("a") });
  const inspect = inspectFetch(presence);
  const response = inspect(new Request(`${url}?view=feed`));
  const reader = response.body?.getReader();
  await reader?.read();
  void reader?.read().catch(() => undefined);
  await expect.poll(() => presence.health().followers).toBe(1);
  await reader?.cancel();
  await expect.poll(() => presence.health().followers).toBe(0);
  await presence.stop({ handoffMs: 0 });
});
