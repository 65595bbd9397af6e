/** Every piece of TypeScript in the README and on the pages of the site compiles, by the types that are published. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { ensureBuilt, root, runTool } from "./tarball.js";

/** What the pieces speak of without saying where it is from. */
const given: ReadonlyMap<string, string> = new Map([
  ["Session", 'import { Session } from "rollcall";'],
  ["Tracker", 'import { Tracker } from "rollcall";'],
  ["ChannelServer", 'import { ChannelServer } from "rollcall/channels";'],
  ["refuse", 'import { refuse } from "rollcall/channels";'],
  ["pubsub", 'declare const pubsub: import("rollcall").PubSub;'],
  ["socket", 'declare const socket: import("node:net").Socket;'],
  ["server", 'declare const server: import("ws").WebSocketServer;'],
  ["userOf", "declare function userOf(from: unknown): string;"],
  ["verify", "declare function verify(token: unknown): { user: string; expiresAtMs: number } | undefined;"],
  ["channels", 'declare const channels: import("rollcall/channels").ChannelServer;'],
  ["createCluster", 'import { createCluster } from "redis";'],
  ["redisPubSub", 'import { redisPubSub } from "rollcall/adapters/redis";'],
  ["behaviour", 'declare const behaviour: import("rollcall").TrackerBehaviour;'],
  ["tracker", 'declare const tracker: import("rollcall").Tracker;'],
  ["presence", 'declare const presence: import("rollcall").Presence;'],
  ["topic", "declare const topic: string;"],
  ["key", "declare const key: string;"],
  ["meta", "declare const meta: { page: string };"],
  ["after", "declare const after: string | undefined;"],
  ["limit", "declare const limit: number;"],
  ["signal", "declare const signal: AbortSignal;"],
  ["text", "declare const text: string;"],
  ["reason", "declare const reason: string;"],
]);

/** What single pages mean by it. */
const givenOn: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "README.md": [["tracker", 'declare const tracker: import("rollcall").Tracker<{ page: string }>;']],
  "docs/adapters.md": [
    [
      "openBus",
      "declare function openBus(): Promise<{ unplug(): Promise<void>; plugIn(): void; freeze(): void; close(): Promise<void> }>;",
    ],
    [
      "busPubSub",
      'declare function busPubSub(given: { bus: unknown; nodeName: string }): import("rollcall").PubSub;',
    ],
  ],
  "docs/tracker.md": [["WebSocket", 'import type { WebSocket } from "ws";']],
  "docs/presence.md": [
    ["socket", "declare const socket: globalThis.WebSocket;"],
    ["app", 'declare const app: import("express").Express;'],
    ["renderToString", 'import { renderToString } from "react-dom/server";'],
    ["hydrateRoot", 'import { hydrateRoot } from "react-dom/client";'],
    ["Names", "declare function Names(given: { initial: unknown }): null;"],
  ],
};

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  experimentalDecorators: true,
  skipLibCheck: true,
  noEmit: true,
  target: "es2022",
  lib: ["es2023", "esnext.disposable", "dom", "dom.iterable"],
  module: "esnext",
  moduleResolution: "bundler",
  jsx: "react-jsx",
  types: ["node"],
};

beforeAll(ensureBuilt);

it("compiles", async () => {
  // In the repository, so that the package finds itself by its name, and all others as well.
  mkdirSync(join(root, "tmp"), { recursive: true });
  const folder = mkdtempSync(join(root, "tmp/snippets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const pages = ["README.md", ...markdownIn("docs"), ...markdownIn("docs/recipes")];
  let pieces = 0;
  for (const page of pages) {
    for (const [name, text] of piecesOf(page)) {
      const path = join(folder, page.replace(/\.md$/, ""), name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      pieces++;
    }
  }
  expect(pieces).toBeGreaterThan(50);
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["."] }));
  expect(await runTool("tsc", ["--project", folder, "--pretty", "false"])).toEqual({ status: 0, output: "" });
});

function markdownIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
}

/** The pieces of a page as files. One whose first line is a comment with a path is that file, for its neighbours. */
function piecesOf(page: string): Map<string, string> {
  const pieces = new Map<string, string>();
  const text = readFileSync(join(root, page), "utf8");
  for (const [, language = "", piece = ""] of text.matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)) {
    const path = /^\/\/ ([\w./[\]-]+\.tsx?)$/.exec(piece.split("\n")[0] ?? "")?.[1];
    const lines = path === undefined ? givenTo(piece, page) : [];
    pieces.set(path ?? `piece-${pieces.size + 1}.${language}`, [...lines, piece, "export {};"].join("\n"));
  }
  return pieces;
}

/** The lines that a piece lacks: what it speaks of and does not declare. */
function givenTo(piece: string, page: string): string[] {
  const all = new Map([...given, ...(givenOn[page] ?? [])]);
  return [...all].filter(([name]) => mentions(piece, name) && !declares(piece, name)).map(([, line]) => line);
}

function mentions(piece: string, name: string): boolean {
  return new RegExp(`(?<![.\\w"'])${name}\\b(?!["'])`).test(piece);
}

function declares(piece: string, name: string): boolean {
  const declaration = `(?:const|let|class|interface|type|function)\\s+(?:[{[][^}\\]=]*\\b)?${name}\\b`;
  return new RegExp(`${declaration}|import[^;]*\\b${name}\\b[^;]*from`).test(piece);
}
