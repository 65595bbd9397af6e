/**
 * The arrows of the library's folders, and a few habits that no linter knows. Each rule takes sources and
 * returns the violations as texts; an empty list means that the rule holds.
 *
 * `import type` is an arrow between layers like any other: a lower layer that knows the types of a higher one
 * is as hard to read as one that calls it. It is no arrow for circles, because at run time it is not there.
 */
import { circles, importsOf, runTimeClosure, usesOf, type Import, type Sources } from "./source-graph.js";

/** What stands below every layer that users call. */
const below = [
  "session",
  "words",
  "durations",
  "version",
  "reports",
  "report-kinds",
  "checks",
  "pubsub",
  "errors",
  "known-names",
  "on-end",
  "runtime",
];

/** What all rooms of replication speak of. */
const terms = [
  "words",
  "durations",
  ...[
    "hash",
    "equal",
    "bytes",
    "allowance",
    "limits",
    "life",
    "entry",
    "message",
    "hearing-rules",
    "saying-rules",
    "rules",
    "version-rules",
    "counters",
    "options",
    "step",
  ].map(inReplication),
];

/** The rooms of replication, side by side: they do not know each other, but for following. */
const rooms = ["authoring", "holding", "lives", "showing"].map(inReplication);

const replication = [
  ...terms,
  ...rooms,
  ...["wire", "following", "replica", "catch-up", "machine", "replicator", "follower", "holder"].map(
    inReplication,
  ),
];

/** Each layer and the layers that it may import. A layer may always import itself. */
const arrows: ReadonlyMap<string, readonly string[]> = new Map([
  ["errors", []],
  ["runtime", []],
  ["words", []],
  ["durations", []],
  ["version", []],
  ["on-end", []],
  ["known-names", ["checks", "errors"]],
  ["checks", ["errors"]],
  ["crdt", []],
  ["pubsub", ["checks", "errors", "runtime"]],
  ["report-kinds", ["errors"]],
  ["reports", ["pubsub", "errors", "known-names", "report-kinds", "runtime"]],
  ["session", ["on-end", "checks", "known-names", "errors", "runtime"]],
  ["replication/hash", []],
  ["replication/equal", []],
  ["replication/bytes", []],
  ["replication/allowance", []],
  ["replication/limits", []],
  ["replication/life", ["replication/hash"]],
  ["replication/entry", ["words", "replication/hash"]],
  ["replication/message", ["words", "replication/life"]],
  ["replication/hearing-rules", ["replication/limits"]],
  ["replication/saying-rules", ["replication/limits"]],
  ["replication/version-rules", ["message", "limits"].map(inReplication)],
  [
    "replication/rules",
    ["message", "entry", "equal", "bytes", "limits", "hearing-rules", "saying-rules", "version-rules"].map(
      inReplication,
    ),
  ],
  ["replication/counters", ["replication/bytes"]],
  ["replication/options", ["message", "rules", "life"].map(inReplication)],
  [
    "replication/step",
    ["words", "entry", "life", "message"].map((name) => (name === "words" ? name : inReplication(name))),
  ],
  ["replication/wire", ["errors", ...terms]],
  ["replication/authoring", ["crdt", "replication/wire", ...terms]],
  ["replication/holding", ["crdt", "replication/wire", ...terms]],
  // It authors and holds as they do, by another unit: it takes over how entries end, and how updates are paired.
  [
    "replication/following",
    ["crdt", "replication/authoring", "replication/holding", "replication/wire", ...terms],
  ],
  ["replication/lives", ["replication/wire", ...terms]],
  ["replication/showing", ["replication/wire", ...terms]],
  ["replication/replica", [...rooms, ...terms]],
  ["replication/shown-lives", [...rooms, ...terms]],
  // Replication by interest: what is shared with others, who is alive, and what is shown.
  ["replication/partner", ["replication/following", "replication/lives", ...terms]],
  ["replication/machine", ["replication/authoring", "replication/lives", "replication/showing", ...terms]],
  [
    "replication/reading",
    [...["following", "holding", "lives", "partner", "showing", "shown-lives"].map(inReplication), ...terms],
  ],
  ["replication/local-actions", ["replication/following", "replication/showing", ...terms]],
  ["replication/beats", ["replication/following", "replication/lives", ...terms]],
  ["replication/following-border", ["replication/following", "replication/lives", ...terms]],
  ["replication/listening", [...["following", "lives", "partner", "reading"].map(inReplication), ...terms]],
  [
    "replication/rolling",
    [...["beats", "following", "listening", "lives", "partner"].map(inReplication), ...terms],
  ],
  [
    "replication/partner-lives",
    [
      ...["following", "following-border", "lives", "partner", "reading", "shown-lives"].map(inReplication),
      ...terms,
    ],
  ],
  [
    "replication/speaking",
    [...["following", "listening", "lives", "partner", "partner-lives"].map(inReplication), ...terms],
  ],
  [
    "replication/follower",
    [
      ...[
        "authoring",
        "beats",
        "holding",
        "wire",
        "local-actions",
        "following",
        "following-border",
        "listening",
        "lives",
        "machine",
        "partner-lives",
      ].map(inReplication),
      ...["partner", "reading", "rolling", "showing", "shown-lives", "speaking"].map(inReplication),
      ...terms,
    ],
  ],
  // A node that holds everything, on both sides.
  [
    "replication/holder",
    [
      ...["authoring", "border", "follower", "following", "lives", "machine", "partner"].map(inReplication),
      ...["replica", "replicator", "showing"].map(inReplication),
      ...terms,
    ],
  ],
  ["replication/catch-up", ["replication/replica", ...rooms, ...terms]],
  ["replication/earlier-windows", ["replication/replica", ...rooms, ...terms]],
  ["replication/heard-out", ["replication/catch-up", "replication/replica", ...rooms, ...terms]],
  ["replication/late", ["replication/catch-up", "replication/replica", ...terms]],
  ["replication/merging", ["replication/replica", ...rooms, ...terms]],
  ["replication/questions", [...rooms, ...terms]],
  ["replication/border", ["replication/wire", ...rooms, ...terms]],
  [
    "replication/replicator",
    [
      ...[
        ...["border", "catch-up", "earlier-windows", "heard-out", "late", "merging", "questions", "replica"],
        "shown-lives",
        "wire",
      ].map(inReplication),
      ...rooms,
      ...terms,
    ],
  ],
  ["tracker", [...replication, "crdt", ...below]],
  ["presence", ["tracker", ...below]],
  ["adapters", ["pubsub", "checks", "known-names", "errors", "runtime"]],
  ["client", ["presence", "words"]],
  ["metrics", ["tracker", ...below]],
  ["inspect", ["tracker", "replication/life", ...below]],
  ["cli", ["inspect", "tracker", "adapters", ...below]],
  ["react", ["client", "presence"]],
  ["vue", ["client", "presence"]],
  ["svelte", ["client", "presence"]],
  ["channels", ["presence", ...below]],
  ["testing", ["tracker", ...replication, "crdt", ...below]],
  ["index", ["presence", "tracker", ...below]],
]);

/** Packages by the layer that may import them. All others are someone else's to install. */
const packages: ReadonlyMap<string, readonly string[]> = new Map([
  ["reports", ["eventemitter3"]],
  ["channels", ["ws"]],
  ["react", ["react"]],
  ["vue", ["vue"]],
  ["svelte", ["svelte/store"]],
]);

/** Layers that may import `node:` modules; the rest is pure or has to run in a browser. */
const nodeLayers: ReadonlySet<string> = new Set([
  "adapters",
  "tracker",
  "metrics",
  "inspect",
  "cli",
  "channels",
  "testing",
]);

/**
 * Where time, random and timers may come from: the runtime; adapters and the command, which live at the edge; and the one file
 * of the simulation that lets promises settle between two virtual events. The inspector's script runs in a browser.
 */
const edges: ReadonlySet<string> = new Set([
  "runtime",
  "adapters",
  "cli",
  "inspect/page-script.ts",
  "testing/virtual-time.ts",
]);

/** What makes a run depend on when and where it runs. */
const unpredictable: ReadonlySet<string> = new Set([
  "Date",
  "performance",
  "Math",
  "crypto",
  "setTimeout",
  "setInterval",
  "setImmediate",
]);
const unpredictableUses =
  /^(new Date|Date|Date\.now|performance\.\w+|performance|Math\.random|crypto(\.\w+)?|set(Timeout|Interval|Immediate))$/;

/** About 400: a tenth of grace, so that nobody cuts a sentence short for a number. */
export const maxLines = 440;

/** The layer of a file: its folder, or the file itself where it stands beside rooms, in `src` and in replication. */
function layerOf(path: string): string {
  const steps = path.replace(/\.ts$/, "").split("/");
  return steps.slice(0, steps[0] === "replication" ? 2 : 1).join("/");
}

function inReplication(name: string): string {
  return `replication/${name}`;
}

export function layerViolations(sources: Sources): string[] {
  const found: string[] = [];
  for (const path of sources.keys()) {
    if (!arrows.has(layerOf(path))) found.push(`${path}: belongs to no known layer`);
  }
  for (const each of importsOf(sources)) {
    if (each.kind !== "file") continue;
    const [from, to] = [layerOf(each.from), layerOf(each.to)];
    const allowed = [from, ...(arrows.get(from) ?? [])];
    if (!allowed.includes(to)) found.push(`${at(each)}: ${from} -> ${to}`);
  }
  return found;
}

export function circleViolations(sources: Sources): string[] {
  return circles(importsOf(sources)).map((circle) => circle.join(" -> "));
}

/** A browser loads the client: what it pulls in at run time is its own and presence's pure files. */
export function clientViolations(sources: Sources): string[] {
  const imports = importsOf(sources);
  const start = [...sources.keys()].filter((path) => layerOf(path) === "client");
  const closure = runTimeClosure(imports, start);
  const found: string[] = [];
  for (const path of closure) {
    if (!["client", "presence"].includes(layerOf(path))) found.push(`client pulls in ${path}`);
  }
  for (const each of imports) {
    if (closure.has(each.from) && !each.typeOnly && each.kind !== "file")
      found.push(`${at(each)}: ${each.to}`);
  }
  return found;
}

/** An adapter takes the user's client by its shape, so not even the types of a client library are imported. */
export function packageViolations(sources: Sources): string[] {
  const found: string[] = [];
  for (const each of importsOf(sources)) {
    const layer = layerOf(each.from);
    if (each.kind === "missing") found.push(`${at(each)}: no such file, or no .js ending: ${each.to}`);
    if (each.kind === "node" && !nodeLayers.has(layer)) found.push(`${at(each)}: ${each.to}`);
    if (each.kind === "package" && packages.get(layer)?.includes(each.to) !== true) {
      found.push(`${at(each)}: ${each.to}`);
    }
  }
  return found;
}

export function timeViolations(sources: Sources): string[] {
  return usesOf(sources, unpredictable)
    .filter(({ from }) => !edges.has(from) && !edges.has(layerOf(from)))
    .filter(({ name }) => unpredictableUses.test(name))
    .map(({ from, line, name }) => `${from}:${line}: ${name}`);
}

/** A longer file has two subjects. */
export function lengthViolations(sources: Sources): string[] {
  const found: string[] = [];
  for (const [path, text] of sources) {
    const lines = text.trimEnd().split("\n").length;
    if (lines > maxLines) found.push(`${path}: ${lines} lines`);
  }
  return found;
}

/** Examples are what users copy: they import the library by its package name. */
export function exampleViolations(examples: Sources): string[] {
  const found: string[] = [];
  for (const [path, text] of examples) {
    for (const match of text.matchAll(/(?:from|import\(?|require\()\s*"([^"]*)"/g)) {
      const target = match[1] ?? "";
      if (/^(\.\.?\/)+(src|dist)\//.test(target)) found.push(`${path}: ${target}`);
    }
  }
  return found;
}

function at({ from, line, typeOnly }: Import): string {
  return `${from}:${line}${typeOnly ? " (type)" : ""}`;
}
