// Runs the unit tests on another version of Node: `npm run test:node -- 24`, with further arguments for vitest. The versions
// are those of test/runtimes.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [version = "", ...input] = process.argv.slice(2);
const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const node = path(`test/runtimes/node_modules/node${version}/bin/node`);
if (!existsSync(node)) {
  console.error(`There is no Node “${version}”: say 22 or 24, after npm ci --prefix test/runtimes`);
  process.exit(1);
}
const command = [path("node_modules/vitest/vitest.mjs"), "run", "--project", "unit", ...input];
const child = spawn(node, command, { cwd: path(""), stdio: "inherit" });
child.on("close", (code) => process.exit(code ?? 1));
