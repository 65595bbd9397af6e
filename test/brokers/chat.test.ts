/** examples/chat-socketio on two servers with a real Redis: with Socket.IO's own client, and in a browser. */
import { chromium } from "playwright-core";
import { io, type Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import { ScriptProcesses, type ScriptProcess } from "../support/script-process.js";
import { ensureBuilt } from "../package/tarball.js";
import { requireTool } from "../support/require-tool.js";
import { openRedis, type Broker } from "./servers.js";

const browserPath = requireTool({
  name: "chromium",
  install: "apt-get install chromium, or set CHROMIUM",
  ...(process.env["CHROMIUM"] && { path: process.env["CHROMIUM"] }),
});

describe.skipIf(openRedis === undefined)("examples/chat-socketio", () => {
  const processes = new ScriptProcesses();
  const members: Member[] = [];
  let redis: Broker;
  let servers: ScriptProcess[];
  let urls: string[];

  beforeAll(async () => {
    await ensureBuilt();
    if (openRedis !== undefined) redis = await openRedis();
  });
  afterAll(() => redis.stop());

  beforeEach(async () => {
    const environment = { PORT: "0", REDIS_URL: redis.url.href };
    servers = [1, 2].map(() => processes.start("examples/chat-socketio/chat.ts", [], environment));
    urls = [];
    for (const server of servers) {
      urls.push(String((await server.said(/^chat on (http:\S+), node/))[1]));
    }
  });
  afterEach(async () => {
    for (const member of members.splice(0)) member.leave();
    await processes.endAll();
  });

  function enter(name: string, server: number, room = "lobby"): Member {
    const member = new Member(name, String(urls[server]), room);
    members.push(member);
    return member;
  }

  it("shows in every room who is online on any server, once for all tabs, and what is said", async () => {
    const ada = enter("Ada", 0);
    await ada.sees("Ada");
    const bo = enter("Bo", 1);
    await Promise.all([ada.sees("Ada, Bo"), bo.sees("Ada, Bo")]);
    const elsewhere = enter("Cy", 1, "attic");
    await elsewhere.sees("Cy");

    const tab = enter("Bo", 0);
    await tab.sees("Ada, Bo");
    await ada.until(() => ada.presence.get("Bo")?.metas.length === 2);
    tab.leave();
    await ada.until(() => ada.presence.get("Bo")?.metas.length === 1);
    expect(ada.online()).toBe("Ada, Bo");

    bo.socket.emit("typing", true);
    await ada.until(() => ada.presence.get("Bo")?.metas[0]?.typing === true);
    bo.socket.emit("say", "hello");
    await ada.until(() => ada.heard.includes("Bo: hello"));
    bo.leave();
    await ada.sees("Ada");
    expect(ada.joined, "an update is no departure and no arrival").toEqual(["Ada", "Bo"]);
    expect(elsewhere.heard).toEqual([]);
  });

  it("refuses a nameless member and ignores what is no text", async () => {
    const nameless = enter("", 0);
    await nameless.until(() => nameless.refusals > 0);
    const ada = enter("Ada", 0);
    await ada.sees("Ada");
    ada.socket.emit("say", { markup: 1 });
    ada.socket.emit("say", "x".repeat(501));
    ada.socket.emit("say", "<b>bold</b>");
    await ada.until(() => ada.heard.length > 0);
    expect(ada.heard).toEqual(["Ada: <b>bold</b>"]);
  });

  it("forgets the members of a server that is killed, and keeps the others", async () => {
    const ada = enter("Ada", 0);
    const bo = enter("Bo", 1);
    await Promise.all([ada.sees("Ada, Bo"), bo.sees("Ada, Bo")]);
    await servers[1]?.end("SIGKILL");
    await ada.sees("Ada");
  });

  it("ends a server gently: its members stay listed for a while, and leave if they do not come back", async () => {
    const ada = enter("Ada", 0);
    const bo = enter("Bo", 1);
    await Promise.all([ada.sees("Ada, Bo"), bo.sees("Ada, Bo")]);
    expect(await servers[1]?.end("SIGTERM")).toBe(0);
    expect(ada.online(), "stopping has closed Bo's session, which says nothing").toBe("Ada, Bo");
    await ada.sees("Ada");
  });

  it("keeps both lists while Redis is away, and has them right when it is back", async () => {
    if (!redis.ours) return;
    const ada = enter("Ada", 0);
    const bo = enter("Bo", 1);
    await Promise.all([ada.sees("Ada, Bo"), bo.sees("Ada, Bo")]);
    await redis.kill();
    enter("Cy", 0);
    await ada.sees("Ada, Bo, Cy");
    bo.leave();
    expect(ada.online()).toBe("Ada, Bo, Cy");
    await redis.start();
    await ada.sees("Ada, Cy");
    const dee = enter("Dee", 1);
    await Promise.all([ada.sees("Ada, Cy, Dee"), dee.sees("Ada, Cy, Dee")]);
  });

  it.skipIf(browserPath === undefined)("works in a browser, which shows markup as text", async () => {
    const browser = await chromium.launch({
      executablePath: String(browserPath),
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
    });
    try {
      const [ada, bo] = await Promise.all([browser.newPage(), browser.newPage()]);
      await ada.goto(`${urls[0]}/?name=Ada`);
      await bo.goto(`${urls[1]}/?name=Bo<i>`);
      await ada.getByText("Ada, Bo<i>", { exact: true }).waitFor();
      await bo.getByText("Ada, Bo<i>", { exact: true }).waitFor();
      await bo.getByLabel("Say").fill("hello");
      await ada.getByText("Ada, Bo<i> …", { exact: true }).waitFor();
      await bo.getByLabel("Say").press("Enter");
      await ada.getByText("Bo<i>: hello", { exact: true }).waitFor();
      await bo.close();
      await ada.locator("#online", { hasText: /^Ada$/ }).waitFor();
    } finally {
      await browser.close();
    }
  });
});

/** A member of the chat, as its page is one. */
class Member {
  readonly presence = new PresenceClient<{ typing: boolean }>();
  readonly heard: string[] = [];
  readonly joined: string[] = [];
  readonly socket: Socket;
  refusals = 0;
  #onChange: () => void = () => {};

  constructor(name: string, url: string, room: string) {
    this.socket = io(url, { auth: { name, room }, forceNew: true, transports: ["websocket"] });
    this.socket.on("connect", () => this.presence.reset());
    this.socket.on("connect_error", () => this.#change(() => this.refusals++));
    for (const event of ["presence_state", "presence_diff"]) {
      this.socket.on(event, (payload) => this.#change(() => this.presence.receive(event, payload)));
    }
    this.socket.on("said", ({ name, text }) => this.#change(() => this.heard.push(`${name}: ${text}`)));
    this.presence.onJoin((key, current) => {
      if (current === undefined) this.joined.push(key);
    });
  }

  online(): string {
    return Object.keys(this.presence.list()).sort().join(", ");
  }

  sees(names: string): Promise<void> {
    return this.until(() => this.online() === names);
  }

  /** Looks now and whenever something has come. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (isSo()) resolve();
      };
      this.#onChange();
    });
  }

  leave(): void {
    this.socket.disconnect();
  }

  #change(apply: () => void): void {
    apply();
    this.#onChange();
  }
}
