/** The guide to channels is held to its word: the chat runs as written, the limits are those of the sources. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { validateOptions } from "../../src/channels/options.js";
import { refuse, type ChannelServer } from "../../src/channels/index.js";
import { codeBlocks, codeWords, section, tableRows } from "../docs/markdown.js";
import { startServer, VirtualRuntime } from "./harness.js";

const root = new URL("../../", import.meta.url);
const guide = readFileSync(new URL("docs/channels.md", root), "utf8");
const chat = section(guide, "A chat room with presence");
const [server = ""] = codeBlocks(chat, "ts");
const [client = ""] = codeBlocks(chat, "js");

interface Member {
  readonly name: string;
  readonly typing: boolean;
}

interface ChatServer {
  readonly httpServer: Server;
  stop(): Promise<void>;
}

interface ChatClient {
  enter(
    room: string,
    user: string,
    view: { said(user: string, text: string): void; present(members: Member[]): void },
  ): { say(text: string): void; typing(typing: boolean): void; leave(): void };
}

interface Token {
  readonly user: string;
  readonly text: string;
  readonly expiresAtMs: number;
}

interface PhoenixSocket {
  onOpen(opened: () => void): void;
  onClose(closed: (event: { readonly code: number }) => void): void;
  disconnect(): void;
}

/** What a visitor sees, and a way to wait for it. */
class View {
  readonly heard: string[] = [];
  members = "";
  #onChange: () => void = () => undefined;

  readonly said = (user: string, text: string): void => {
    this.heard.push(`${user}: ${text}`);
    this.#onChange();
  };

  readonly present = (members: Member[]): void => {
    this.members = members.map(({ name, typing }) => (typing ? `${name}…` : name)).join();
    this.#onChange();
  };

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => condition() && resolve();
      this.#onChange();
    });
  }
}

describe("the chat", () => {
  it("has less than 60 lines of server and 20 of client", () => {
    expect(server.trim().split("\n").length).toBeLessThan(60);
    expect(client.trim().split("\n").length).toBeLessThan(20);
  });

  it("runs as written: people come, talk, type and go", async () => {
    mkdirSync(new URL("tmp/", root), { recursive: true });
    const folder = mkdtempSync(fileURLToPath(new URL("tmp/chat-", root)));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(`${folder}/server.ts`, server);
    writeFileSync(`${folder}/client.js`, client);
    vi.stubEnv("PORT", "0");
    const { httpServer, stop } = (await import(/* @vite-ignore */ `${folder}/server.ts`)) as ChatServer;
    if (!httpServer.listening) await once(httpServer, "listening");
    const { port } = httpServer.address() as AddressInfo;
    // What a page of that server has.
    vi.stubGlobal("location", { protocol: "http:", host: `127.0.0.1:${port}` });
    vi.stubGlobal("WebSocket", WebSocket);
    onTestFinished(() => {
      vi.unstubAllGlobals();
      vi.unstubAllEnvs();
    });
    const { enter } = (await import(/* @vite-ignore */ `${folder}/client.js`)) as ChatClient;

    const [annSees, bobSees] = [new View(), new View()];
    const ann = enter("lobby", "ann", annSees);
    await annSees.until(() => annSees.members === "ann");
    const bob = enter("lobby", "bob", bobSees);
    await annSees.until(() => annSees.members === "ann,bob");
    await bobSees.until(() => bobSees.members === "ann,bob");
    bob.typing(true);
    await annSees.until(() => annSees.members === "ann,bob…");
    bob.say("hello");
    await annSees.until(() => annSees.heard.length === 1);
    await bobSees.until(() => bobSees.heard.length === 1);
    expect([annSees.heard, bobSees.heard]).toEqual([["bob: hello"], ["bob: hello"]]);
    bob.leave();
    await annSees.until(() => annSees.members === "ann");
    ann.leave();
    await stop();
    process.removeListener("SIGTERM", stop as () => void);
  });
});

describe("sockets that outlive their token", () => {
  const [serving = "", renewing = ""] = ["ts", "js"].map((language) => {
    return codeBlocks(section(guide, "Sockets that outlive their token"), language)[0] ?? "";
  });
  const minuteMs = 60_000;

  it("runs as written: a socket stays for as long as its page has new tokens, and comes back with the newest", async () => {
    mkdirSync(new URL("tmp/", root), { recursive: true });
    const folder = mkdtempSync(fileURLToPath(new URL("tmp/tokens-", root)));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(`${folder}/server.ts`, `export function serve(channels, verify, refuse) {\n${serving}}\n`);
    writeFileSync(`${folder}/client.js`, renewing);
    const { serve } = (await import(/* @vite-ignore */ `${folder}/server.ts`)) as {
      serve(channels: ChannelServer, verify: (text: string) => Token | undefined, refuse: unknown): void;
    };
    const { connect } = (await import(/* @vite-ignore */ `${folder}/client.js`)) as {
      connect(address: string, freshToken: () => Promise<Token>, options: object): Promise<PhoenixSocket>;
    };
    const runtime = new VirtualRuntime();
    const tokens = new Map<string, Token>();
    const asked: string[] = [];
    const verify = (text: string): Token | undefined => {
      asked.push(text);
      const token = tokens.get(text);
      return token !== undefined && token.expiresAtMs > runtime.wallClockMs() ? token : undefined;
    };
    const server = await startServer((channels) => serve(channels, verify, refuse), { runtime });
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
      now: 0,
    });
    onTestFinished(() => void vi.useRealTimers());
    let isOutOfReach = false;
    const freshToken = async (): Promise<Token> => {
      if (isOutOfReach) throw new Error("out of reach");
      const expiresAtMs = runtime.wallClockMs() + 15 * minuteMs;
      const token = { user: "ann", text: `token ${tokens.size + 1}`, expiresAtMs };
      tokens.set(token.text, token);
      return token;
    };
    const closed: number[] = [];
    let opened = 0;
    const socket = await connect(`${server.url}/chat`, freshToken, { transport: WebSocket });
    onTestFinished(() => socket.disconnect());
    socket.onOpen(() => opened++);
    socket.onClose(({ code }) => closed.push(code));
    const advance = async (minutes: number): Promise<void> => {
      for (let seconds = 0; seconds < minutes * 60; seconds += 15) {
        await vi.advanceTimersByTimeAsync(15_000);
        await runtime.advance(15_000);
        // What was sent arrives by a real connection.
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await vi.waitUntil(() => opened === 1);
    await advance(40);
    await vi.waitUntil(() => asked.includes("token 3"));
    expect({ opened, closed, asked }).toEqual({
      opened: 1,
      closed: [],
      asked: ["token 1", "token 2", "token 3"],
    });

    isOutOfReach = true;
    await advance(4);
    await vi.waitUntil(() => closed.length > 0);
    // Once by the server, and then its client was refused.
    expect([closed[0], ...new Set(closed.slice(1))]).toEqual([4001, 1006]);
    expect(new Set(asked)).toEqual(new Set(["token 1", "token 2", "token 3"]));
    isOutOfReach = false;
    await advance(1);
    await vi.waitUntil(() => opened === 2);
    expect(asked.at(-1)).toBe("token 4");
  });
});

describe("the table of limits", () => {
  it("names every limit, with the default that it has", () => {
    const { limits } = validateOptions({ pubsub: memoryPubSub() });
    const rows = tableRows(section(guide, "Limits")).map(([option = "", value = ""]) => [
      codeWords(option)[0],
      Number(value.replaceAll(",", "")),
    ]);
    expect(Object.fromEntries(rows)).toEqual(limits);
  });
});
