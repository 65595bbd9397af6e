// What `npm test` runs: build, then everything else in two lanes side by side, and at last, alone, what measures how
// soon something happens. One lane computes: lint, the site, types, dead code, the report of the public types, the unit tests,
// simulation and the package. It has a low priority, so that it takes what the other leaves: that one waits for brokers,
// processes and browsers most of the time. A step that fails does not keep the next from running, so that one run tells
// everything. With arguments there is one lane, and they go to vitest: `npm test -- --project unit`. The last line is
// `N passed, N failed`, in which each of the steps before vitest counts as one. The exit code is 0 only if nothing failed.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rollcall-test-"));
const low = constants.priority.PRIORITY_BELOW_NORMAL;

let passed = 0;
let failed = 0;
const summary = [];

const built = [await check("build")];
const input = process.argv.slice(2);
const tests = { passed: 0, failed: 0, skipped: 0 };
let checked;
if (input.length > 0) {
  checked = await checkAll();
  await runTests("vitest", input, "inherit");
} else {
  const computing = async () => {
    checked = await checkAll(low);
    await runTests("computing", projects("unit", "package"), "pipe", low);
  };
  const waiting = () => runTests("waiting", projects("brokers", "e2e", "runtimes", "chaos"), "inherit");
  await Promise.all([computing(), waiting()]);
  await runTests("timed", projects("timed"), "inherit");
}
for (const { name, ok } of [...built, ...checked]) {
  if (ok) passed++;
  else failed++;
  summary.push(`${name}: ${ok ? "ok" : "FAILED"}`);
}
passed += tests.passed;
failed += tests.failed;
summary.push(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`);
rmSync(folder, { recursive: true, force: true });

console.log(`\n${summary.join("\n")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function projects(...names) {
  return names.flatMap((name) => ["--project", name]);
}

/** Each row has a core, and of two cores both end at about the same time: the tests begin after the later one. */
async function checkAll(priority) {
  const rows = [["lint"], ["typecheck", "docs:build", "api:check", "dead-code"]];
  const results = await Promise.all(
    rows.map(async (row) => {
      const checked = [];
      for (const name of row) checked.push(await check(name, priority));
      return checked;
    }),
  );
  return results.flat();
}

/** A step whose output is shown when it has ended, as another runs beside it. */
async function check(name, priority) {
  return { name, ok: await run(name, ["npm", "run", "--silent", name], "pipe", priority) };
}

/** Runs vitest, and counts what it has run. */
async function runTests(name, input, output, priority) {
  const report = join(folder, `${name}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const ok = await run(name, ["npx", "vitest", "run", ...reporters, ...input], output, priority);
  const counts = countTests(report, ok);
  for (const key of Object.keys(tests)) tests[key] += counts[key];
}

async function run(name, [command, ...input], output, priority) {
  const started = performance.now();
  if (output === "inherit") console.log(`\n== ${name}`);
  const child = spawn(command, input, {
    cwd: root,
    stdio: ["ignore", output, output],
    shell: process.platform === "win32",
  });
  if (priority !== undefined && child.pid !== undefined) setPriority(child.pid, priority);
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
function countTests(report, succeeded) {
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
