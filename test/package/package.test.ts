/** The tarball as it would be published: what is in it, what the checkers say, and that it works once installed. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeBlocks } from "../docs/markdown.js";
import {
  copyConsumer,
  ensureBuilt,
  entries,
  filesOf,
  installConsumer,
  makeFolder,
  manifest,
  mustRun,
  pack,
  root,
  run,
  runTool,
} from "./tarball.js";

/** Peers of the bindings, and what renders with one of them. */
const frameworks = ["react", "react-dom", "vue", "svelte"];
const folder = makeFolder();
const folders = [folder];
let tarball: string;
let dependencies: string[];

beforeAll(async () => {
  await ensureBuilt();
  tarball = await pack(root, folder);
  dependencies = [];
  for (const name of Object.keys(manifest.dependencies)) {
    dependencies.push(await pack(join(root, "node_modules", name), folder));
  }
});

afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

const installed = new Map<string, string>();

/** A project for one test. npm installs the first of each type; the others are copies of that, before anything is in it. */
async function install(type: "module" | "commonjs", links: readonly string[] = []): Promise<string> {
  const first = installed.get(type) ?? (await installConsumer(type, [tarball, ...dependencies]));
  if (!installed.has(type)) folders.push(first);
  installed.set(type, first);
  const consumer = copyConsumer(first, links);
  folders.push(consumer);
  return consumer;
}

describe("the tarball", () => {
  it("holds what is published and nothing else", async () => {
    const files = await filesOf(tarball);
    expect(files.filter((path) => !path.startsWith("dist/")).sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "package.json",
    ]);
    expect(
      files.filter((path) => path.startsWith("dist/") && !/\.(c?js|d\.c?ts)(\.map)?$/.test(path)),
    ).toEqual([]);
  });

  it("holds every file that exports, main, module and types name", async () => {
    const files = new Set(await filesOf(tarball));
    const { exports, main, module, types } = JSON.parse(
      readFileSync(join(root, "package.json"), "utf8"),
    ) as Record<string, unknown>;
    const named = leaves([exports, main, module, types]);
    expect(named.length).toBeGreaterThan(4 * entries.length);
    expect(named.filter((path) => !files.has(path.replace(/^\.\//, "")))).toEqual([]);
  });

  it("has source maps that carry their sources, which are not in it", async () => {
    const map = JSON.parse(readFileSync(join(root, "dist/index.js.map"), "utf8")) as Record<
      string,
      unknown[]
    >;
    expect(map["sourcesContent"]).toHaveLength(map["sources"]?.length ?? -1);
  });

  it("passes publint --strict", async () => {
    const { status, output } = await runTool("publint", ["run", tarball, "--strict"]);
    expect({ status, output }).toMatchObject({ status: 0 });
  });

  it("passes attw for node16 and bundlers, with types at every entry", async () => {
    const input = [tarball, "--profile", "node16", "--no-definitely-typed", "--format", "json"];
    const { status, output } = await runTool("attw", input);
    expect({ status, output }).toMatchObject({ status: 0 });
    const { analysis } = JSON.parse(output) as {
      analysis: { types: unknown; entrypoints: Record<string, { hasTypes: boolean }> };
    };
    // attw is content with a package that has no types at all.
    expect(analysis.types).toBeTruthy();
    const typed = Object.keys(analysis.entrypoints).filter((path) => analysis.entrypoints[path]?.hasTypes);
    expect(
      typed.filter((path) => path !== "./package.json").map((path) => manifest.name + path.slice(1)),
    ).toEqual(expect.arrayContaining([...entries]));
  });
});

describe.each([
  ["module", "use-by-import.mjs"],
  ["commonjs", "use-by-require.cjs"],
] as const)("installed in a project of type %s", (type, script) => {
  let consumer: string;
  beforeAll(async () => {
    consumer = await install(type, ["ws", ...frameworks]);
  });

  it("works through every entry", async () => {
    const output = await mustRun(process.execPath, [script], consumer);
    const used = JSON.parse(output.trim().split("\n").at(-1) ?? "") as string[];
    expect(used.sort()).toEqual([...entries].sort());
  });

  it.each(["redis", "ioredis", "pg", "@nats-io/transport-node"])("needs no %s", async (peer) => {
    const { status } = await run(process.execPath, ["--eval", `require.resolve("${peer}")`], consumer);
    expect(status).toBe(1);
  });
});

it("exports the same names by import and by require", async () => {
  const consumer = await install("module", ["ws", ...frameworks]);
  const script = `
    import { createRequire } from "node:module";
    const require = createRequire(import.meta.url);
    for (const entry of ${JSON.stringify(entries)}) {
      const [imported, required] = [await import(entry), require(entry)];
      const names = (exported) => Object.keys(exported).filter((name) => name !== "default").sort().join();
      if (names(imported) === "") throw new Error(entry + " exports nothing");
      if (names(imported) !== names(required)) throw new Error(entry + ": " + names(imported) + " / " + names(required));
    }`;
  writeFileSync(join(consumer, "names.mjs"), script);
  await mustRun(process.execPath, ["names.mjs"], consumer);
});

it("exports every value that its types promise, and no other", async () => {
  const consumer = await install("module", ["ws", "@types/node", ...frameworks]);
  const names = entries.map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)};`);
  const file = join(consumer, "values.mts");
  writeFileSync(file, names.join("\n"));
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const promised: Record<string, string[]> = {};
  for (const statement of program.getSourceFile(file)?.statements ?? []) {
    if (!ts.isImportDeclaration(statement)) continue;
    const module = checker.getSymbolAtLocation(statement.moduleSpecifier);
    const entry = (statement.moduleSpecifier as ts.StringLiteral).text;
    promised[entry] = (module === undefined ? [] : checker.getExportsOfModule(module))
      .filter((exported) => isValue(exported, checker))
      .map(({ name }) => name)
      .sort();
  }
  const script = `
    const exported = {};
    for (const entry of ${JSON.stringify(entries)}) exported[entry] = Object.keys(await import(entry)).sort();
    console.log(JSON.stringify(exported));`;
  writeFileSync(join(consumer, "values.mjs"), script);
  expect(JSON.parse(await mustRun(process.execPath, ["values.mjs"], consumer))).toEqual(promised);
});

/** Whether an export is there at run time: not a type, nor exported as one. */
function isValue(exported: ts.Symbol, checker: ts.TypeChecker): boolean {
  const isOnlyType = exported.declarations?.some(
    (declaration) => ts.isExportSpecifier(declaration) && ts.isTypeOnlyImportOrExportDeclaration(declaration),
  );
  if (isOnlyType === true) return false;
  const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  return (target.flags & ts.SymbolFlags.Value) !== 0;
}

it("works where a process loads it both ways", async () => {
  const consumer = await install("module");
  await mustRun(process.execPath, ["mixed.mjs"], consumer);
});

describe("the README", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [example = ""] = codeBlocks(readme, "ts");
  let consumer: string;
  beforeAll(async () => {
    consumer = await install("module", ["@types/node"]);
  });

  it("has an example that compiles in TypeScript and runs in JavaScript as written", async () => {
    writeFileSync(join(consumer, "example.mts"), example);
    expect(await typecheck(consumer, "node16", ["example.mts"], ["node"])).toEqual({ status: 0, output: "" });
    const [plain = ""] = codeBlocks(readme, "js");
    writeFileSync(join(consumer, "example.mjs"), plain);
    expect(await mustRun(process.execPath, ["example.mjs"], consumer)).toBe(codeBlocks(readme, "text")[0]);
  });
});

describe("the types, checked with strict and without skipLibCheck", () => {
  let consumer: string;
  beforeAll(async () => {
    consumer = await install("module", ["@types/node"]);
    for (const name of ["consumer.mts", "consumer.cts"]) {
      copyFileSync(join(consumer, "consumer.ts"), join(consumer, name));
    }
  });

  it.each([
    ["node16, from a module", "node16", "consumer.mts"],
    ["node16, from CommonJS", "node16", "consumer.cts"],
    ["bundler", "bundler", "consumer.mts"],
    ["the old resolution, which knows no exports", "node10", "consumer.ts"],
  ])("hold for %s", async (_, moduleResolution, file) => {
    expect(await typecheck(consumer, moduleResolution, [file], ["node"])).toEqual({ status: 0, output: "" });
  });

  it("are checked at all: a wrong call is an error", async () => {
    const text = readFileSync(join(consumer, "consumer.mts"), "utf8");
    writeFileSync(
      join(consumer, "wrong.mts"),
      `${text}\nvoid Tracker.start({}, { name: 1, pubsub: memoryPubSub() });\n`,
    );
    const { status, output } = await typecheck(consumer, "bundler", ["wrong.mts"], ["node"]);
    expect(status).not.toBe(0);
    expect(output).toContain("wrong.mts");
  });

  it("of all that runs in a page hold in a browser's project, without the types of Node", async () => {
    const alone = await install("module", frameworks);
    const files = ["browser.mts", "core-in-browser.mts", "interfaces.mts"];
    expect(await typecheck(alone, "bundler", files, [])).toEqual({
      status: 0,
      output: "",
    });
  });
});

it("has a client in one file, which a page can load without a bundler", () => {
  const text = readFileSync(join(root, "dist/client.js"), "utf8");
  expect(text).toContain("export");
  expect(text).not.toMatch(/\bfrom\s*"|\bimport\b\s*[("{]/);
});

// What a page or a lambda has to load. A budget that is too small is raised in the change that needs it, by a reason:
// of the index graces, evictions, observers, what health counts, lives and shards that were only made up, hearing out over
// connections that flap or are slow, turns that end, several versions of the protocol in one cluster, and replication by
// interest, a second way to hold what a cluster has, which is a quarter of it, whose windows follow the load, what deltas
// take from a slice while it is built anew, silences that tell nothing of a link, counts of what a node does not hold, which
// are 3.7 kB, bursts that are told and shown in parts there, callers that tell who is there in a large cluster (2 kB), and the side by which a node that holds everything
// speaks with those that follow (2.3 kB), and whom a newcomer waits for, what is begun anew, and callers that are replaced (0.2 kB); of the channels pubsubs that misbehave, the account of hellos, errors by their
// number, checks of all that is passed in, sockets on Bun, and routes of broadcasts to the nodes that hear them (3.2 kB),
// whose trackers are perhaps not heard, whose lists are read in parts, and which count what they forget early (1 kB).
it.each([
  ["client", "browser", 2_000],
  ["index", "neutral", 104_300],
  ["channels", "node", 31_200],
] as const)(
  "the bundle of %s is within its budget, minified and gzipped",
  async (name, platform, budgetBytes) => {
    const { outputFiles } = await build({
      entryPoints: [join(root, `dist/${name}.js`)],
      bundle: true,
      minify: true,
      format: "esm",
      platform,
      external: ["ws", "eventemitter3"],
      write: false,
    });
    expect(outputFiles).toHaveLength(1);
    const bytes = gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).byteLength;
    expect(bytes).toBeLessThanOrEqual(budgetBytes);
    expect(bytes).toBeGreaterThan(budgetBytes / 4);
  },
);

function typecheck(
  consumer: string,
  moduleResolution: string,
  files: readonly string[],
  types: readonly string[],
) {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: "es2022",
    lib: types.length > 0 ? ["es2022"] : ["es2022", "dom"],
    module: moduleResolution === "node16" ? "node16" : "esnext",
    moduleResolution,
    types,
  };
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  return runTool("tsc", ["--project", "."], consumer);
}

function leaves(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
}
