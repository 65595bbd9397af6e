// `npm start`: builds the library if its sources are newer than what was built, then runs the sample shop in
// this process. Arguments go to the shop; `npm start -- --help` lists them.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = ["dist/index.js", "dist/channels.js", "dist/client.js", "dist/adapters/cluster.js"];
const sources = ["src", "tsup.config.ts", "package.json"];

if (!isFresh()) await build();
const { register } = await import("tsx/esm/api");
register();
process.argv[1] = join(root, "examples/shop/main.ts");
await import(pathToFileURL(process.argv[1]).href);

/** Whether everything built is newer than everything it is built from. */
function isFresh() {
  const outputs = built.map((file) => join(root, file));
  if (!outputs.every((file) => existsSync(file))) return false;
  const oldest = Math.min(...outputs.map((file) => statSync(file).mtimeMs));
  return sources.every((path) => newestMs(join(root, path)) < oldest);
}

function newestMs(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

/**
 * Runs tsup, showing what it says only if it fails. The types take most of a build's time and nothing here
 * needs them: `npm run build` makes them, and those of the last build stay.
 */
async function build() {
  const startedMs = Date.now();
  const progress = () => `Building the library … ${Math.round((Date.now() - startedMs) / 1000)} s`;
  const live = process.stdout.isTTY === true;
  if (!live) console.log("Building the library …");
  const ticker = live ? setInterval(() => process.stdout.write(`\r${progress()}`), 200) : undefined;
  let said = "";
  const cli = join(root, "node_modules/tsup/dist/cli-default.js");
  const tsup = spawn(process.execPath, [cli, "--no-dts", "--no-clean"], { cwd: root });
  tsup.stdout.on("data", (chunk) => (said += chunk));
  tsup.stderr.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => tsup.on("close", resolve));
  clearInterval(ticker);
  if (live) process.stdout.write(`\r${progress()}\n`);
  if (code === 0) return;
  console.error(said);
  console.error("The library could not be built.");
  process.exit(1);
}
