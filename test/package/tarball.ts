/**
 * Packs the library as it would be published, and installs it as a user would, in folders of their own. What
 * it needs besides comes from this repository's `node_modules`; nothing is asked of a registry.
 */
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url));

export interface Outcome {
  readonly status: number;
  readonly output: string;
}

/** The fields of package.json that these tests read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

/** Every entry that has code: all exports but `./package.json`, as a user writes them. */
export const entries: readonly string[] = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => manifest.name + path.slice(1));

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "rollcall-package-"));
}

/** Runs a command to its end and returns what it printed; a failure is a status, not an exception. */
export function run(command: string, input: readonly string[], cwd: string = root): Promise<Outcome> {
  return new Promise((done) => {
    const options = { cwd, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: "1" } };
    execFile(command, input, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      done({ status, output: stdout + stderr });
    });
  });
}

/** Runs a tool of this repository's devDependencies. */
export function runTool(name: string, input: readonly string[], cwd: string = root): Promise<Outcome> {
  return run(join(root, "node_modules/.bin", name), input, cwd);
}

/** As {@link run}, for what has to succeed for a test to go on. */
export async function mustRun(
  command: string,
  input: readonly string[],
  cwd: string = root,
): Promise<string> {
  const { status, output } = await run(command, input, cwd);
  if (status !== 0) throw new Error(`${command} ${input.join(" ")} ended with ${status}:\n${output}`);
  return output;
}

/** Builds if `dist` is not there or older than a source. `npm test` has built before: then this does nothing. */
export async function ensureBuilt(): Promise<void> {
  if (oldest(join(root, "dist")) < newest(join(root, "src"))) await mustRun("npm", ["run", "build"]);
}

/** Packs a folder without running its scripts, and returns the path of the tarball. */
export async function pack(folder: string, destination: string): Promise<string> {
  const before = new Set(readdirSync(destination));
  await mustRun("npm", ["pack", "--ignore-scripts", "--pack-destination", destination], folder);
  const made = readdirSync(destination).filter((name) => !before.has(name));
  if (made.length !== 1) throw new Error(`npm pack made ${made.length} files of ${folder}`);
  return join(destination, String(made[0]));
}

/** The paths in a tarball, without npm's `package/`. */
export async function filesOf(tarball: string): Promise<string[]> {
  const output = await mustRun("tar", ["-tzf", tarball]);
  return output
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
}

/**
 * A user's project: `tarballs` installed by npm, offline; packages of `links` by a link into this repository,
 * for peers and types; and the files of `test/package/fixtures`.
 */
export async function installConsumer(
  type: "module" | "commonjs",
  tarballs: readonly string[],
  links: readonly string[] = [],
): Promise<string> {
  const folder = makeFolder();
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type }));
  await mustRun("npm", ["install", "--offline", "--no-audit", "--no-fund", ...tarballs], folder);
  link(folder, links);
  cpSync(fixtures, folder, { recursive: true });
  return folder;
}

/** The same project once more, in a folder of its own, as npm has installed it; with links of its own. */
export function copyConsumer(consumer: string, links: readonly string[]): string {
  const folder = makeFolder();
  cpSync(consumer, folder, { recursive: true, verbatimSymlinks: true });
  link(folder, links);
  return folder;
}

function link(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const path = join(folder, "node_modules", name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(root, "node_modules", name), path, "junction");
  }
}

function newest(folder: string): number {
  return Math.max(...timesOf(folder));
}

function oldest(folder: string): number {
  const times = timesOf(folder);
  return times.length === 0 ? -Infinity : Math.min(...times);
}

function timesOf(folder: string): number[] {
  let paths: string[];
  try {
    paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return []; // There is no such folder: nothing was built yet.
  }
  return paths
    .map((path) => statSync(join(folder, path)))
    .filter((stats) => stats.isFile())
    .map((stats) => stats.mtimeMs);
}
