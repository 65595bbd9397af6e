/** The arrows between the folders of `src` (see rules.ts), held against the sources and against made-up sins. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as rules from "./rules.js";
import type { Sources } from "./source-graph.js";

const sources = read("../../src/");
const examples = read("../../examples/");

describe("the sources", () => {
  it("are found where the rules of the arrows look for them", () => {
    expect([...sources.keys()]).toEqual(expect.arrayContaining(["errors.ts", "pubsub/pubsub.ts"]));
  });

  it.each([
    ["follow the arrows between the layers", rules.layerViolations],
    ["import each other in no circle", rules.circleViolations],
    ["give a browser a client that is free of everything else", rules.clientViolations],
    ["import no package and no Node module where it does not belong", rules.packageViolations],
    ["take time, random and timers from the runtime", rules.timeViolations],
    [`stay within ${rules.maxLines} lines a file`, rules.lengthViolations],
  ])("%s", (_, rule) => {
    expect(rule(sources)).toEqual([]);
  });
});

it("examples import the library by its package name", () => {
  expect(rules.exampleViolations(examples)).toEqual([]);
});

describe("the rules find", () => {
  it.each([
    ["crdt/set.ts", 'import { TrackerError } from "../errors.js";', "crdt -> errors"],
    [
      "replication/replicator.ts",
      'import type { Tracker } from "../tracker/tracker.js";',
      "replication/replicator -> tracker",
    ],
    [
      "replication/lives/peer.ts",
      'import type { View } from "../showing/view.js";',
      "replication/lives -> replication/showing",
    ],
    ["channels/server.ts", 'import { Tracker } from "../tracker/tracker.js";', "channels -> tracker"],
    ["tracker/tracker.ts", 'export * from "../testing/index.js";', "tracker -> testing"],
    ["adapters/redis.ts", 'const memory = await import("../presence/wire.js");', "adapters -> presence"],
    ["client/index.ts", 'let a: import("../tracker/tracker.js").Tracker;', "client -> tracker"],
  ])("a wrong arrow in %s", (path, text, expected) => {
    const others = [
      "replication/showing/view.ts",
      "errors.ts",
      "tracker/tracker.ts",
      "testing/index.ts",
      "presence/wire.ts",
    ];
    const found = rules.layerViolations(made({ ...empty(others), [path]: text }));
    expect(found).toEqual([expect.stringMatching(new RegExp(`^${path}:1( \\(type\\))?: ${expected}$`))]);
  });

  it("a folder of which nothing is said", () => {
    expect(rules.layerViolations(made({ "utils/strings.ts": "" }))).toHaveLength(1);
  });

  it("a circle, also a long one, but not one that types alone close", () => {
    const circle = {
      "tracker/a.ts": 'import { b } from "./b.js";',
      "tracker/b.ts": 'export { c } from "./c.js";',
      "tracker/c.ts": 'import { type A } from "./a.js";',
    };
    expect(rules.circleViolations(made(circle))).toEqual([
      "tracker/a.ts -> tracker/b.ts -> tracker/c.ts -> tracker/a.ts",
    ]);
    const broken = { ...circle, "tracker/c.ts": 'import type { A } from "./a.js";' };
    expect(rules.circleViolations(made(broken))).toEqual([]);
  });

  it("a client that pulls in the tracker by way of presence, or Node", () => {
    const found = rules.clientViolations(
      made({
        "client/index.ts": 'import { toWire } from "../presence/wire.js";\nimport "node:fs";',
        "presence/wire.ts": 'import { Tracker } from "../tracker/tracker.js";',
        "tracker/tracker.ts": "",
      }),
    );
    expect(found).toEqual(["client pulls in tracker/tracker.ts", "client/index.ts:2: node:fs"]);
  });

  it("packages and Node modules out of place, and names without .js", () => {
    const found = rules.packageViolations(
      made({
        "adapters/redis.ts": 'import type { createClient } from "redis";',
        "tracker/tracker.ts": 'import { EventEmitter } from "node:events";\nimport { WebSocket } from "ws";',
        "channels/server.ts": 'import { WebSocketServer } from "ws";\nimport "node:http";',
        "crdt/dot.ts": 'import { createHash } from "node:crypto";\nimport { clock } from "./clock";',
        "crdt/clock.ts": "",
      }),
    );
    expect(found).toEqual([
      "adapters/redis.ts:1 (type): redis",
      "tracker/tracker.ts:2: ws",
      "crdt/dot.ts:1: node:crypto",
      "crdt/dot.ts:2: no such file, or no .js ending: ./clock",
    ]);
  });

  it.each([
    "const now = Date.now();",
    "const now = new Date();",
    "const now = performance.now();",
    "const chance = Math.random();",
    "const random = Math.random;",
    "setTimeout(run, 5);",
    "globalThis.setInterval(run, 5);",
    "const later = { setImmediate };",
    "const id = crypto.randomUUID();",
  ])("time, random or a timer: %s", (text) => {
    expect(rules.timeViolations(made({ "tracker/tracker.ts": text }))).toHaveLength(1);
    expect(rules.timeViolations(made({ "runtime.ts": text }))).toEqual([]);
  });

  it("no time in comments, strings, types, other properties of Math, or properties of the same name", () => {
    const text = [
      "// Date.now() is not used here; setTimeout neither",
      'const words = "Math.random()";',
      "const largest = Math.max(1, 2);",
      "function at(moment: Date, timers: { setTimeout(): void }) { timers.setTimeout(); }",
    ].join("\n");
    expect(rules.timeViolations(made({ "tracker/tracker.ts": text }))).toEqual([]);
  });

  it("a file that is too long", () => {
    const lines = (count: number): string => "//\n".repeat(count);
    expect(rules.lengthViolations(made({ "errors.ts": lines(rules.maxLines) }))).toEqual([]);
    expect(rules.lengthViolations(made({ "errors.ts": lines(rules.maxLines + 1) }))).toHaveLength(1);
  });

  it("an example that reaches into the sources", () => {
    const found = rules.exampleViolations(
      made({
        "console/console.ts": 'import { Tracker } from "rollcall";\nimport { x } from "./other.js";',
        "shop/server.ts":
          'import { Tracker } from "../../src/index.js";\nconst y = await import("../../dist/index.js");',
      }),
    );
    expect(found).toHaveLength(2);
  });
});

function read(folder: string): Sources {
  const root = new URL(folder, import.meta.url);
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.(ts|js|mjs)$/.test(path) && !path.includes("node_modules/"));
  return new Map(paths.sort().map((path) => [path, readFileSync(new URL(path, root), "utf8")]));
}

function made(files: Record<string, string>): Sources {
  return new Map(Object.entries(files));
}

function empty(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, ""]));
}
