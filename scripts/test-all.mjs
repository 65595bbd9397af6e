// What `npm test` runs: build, then lint and the site beside types, dead code and the report of the public types, then
// every vitest project. A step that fails does not keep the next from running, so that one run tells everything. Further
// arguments go to vitest: `npm test -- --project unit`. The last line is `N passed, N failed`, in which each
// of the steps before vitest counts as one. The exit code is 0 only if nothing failed.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rollcall-test-"));
const report = join(folder, "vitest.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];

let passed = 0;
let failed = 0;
const summary = [];

// Each row has a core.
const built = await check("build");
const beside = await Promise.all([
  checkAll("lint", "docs:build"),
  checkAll("typecheck", "dead-code", "api:check"),
]);
for (const { name, ok } of [built, ...beside.flat()]) {
  if (ok) passed++;
  else failed++;
  summary.push(`${name}: ${ok ? "ok" : "FAILED"}`);
}

const ok = await run("vitest", ["npx", "vitest", "run", ...reporters, ...process.argv.slice(2)], "inherit");
const tests = countTests(ok);
passed += tests.passed;
failed += tests.failed;
summary.push(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`);
rmSync(folder, { recursive: true, force: true });

console.log(`\n${summary.join("\n")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function checkAll(...names) {
  const results = [];
  for (const name of names) results.push(await check(name));
  return results;
}

/** A step whose output is shown when it has ended, as another runs beside it. */
async function check(name) {
  return { name, ok: await run(name, ["npm", "run", "--silent", name], "pipe") };
}

async function run(name, [command, ...input], output) {
  const started = performance.now();
  if (output === "inherit") console.log(`\n== ${name}`);
  const child = spawn(command, input, {
    cwd: root,
    stdio: ["ignore", output, output],
    shell: process.platform === "win32",
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  }
  const status = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", resolve);
  });
  if (output === "pipe") console.log(`\n== ${name}\n${text}`);
  const ok = status === 0;
  console.log(`== ${name}: ${ok ? "ok" : "FAILED"}, ${Math.round((performance.now() - started) / 1000)} s`);
  return ok;
}

/** Counts tests, and what vitest fails for without a failed test: a file that does not load, a late error. */
function countTests(succeeded) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  let files = [];
  try {
    files = JSON.parse(readFileSync(report, "utf8")).testResults;
  } catch {
    console.log("vitest ended without a report");
  }
  for (const { status, assertionResults } of files) {
    const failures = assertionResults.filter((test) => test.status === "failed").length;
    const passes = assertionResults.filter((test) => test.status === "passed").length;
    counts.passed += passes;
    counts.failed += failures;
    counts.skipped += assertionResults.length - passes - failures;
    if (status === "failed" && failures === 0) counts.failed++;
  }
  if (!succeeded && counts.failed === 0) counts.failed = 1;
  if (succeeded && counts.passed === 0) counts.failed++;
  return counts;
}
