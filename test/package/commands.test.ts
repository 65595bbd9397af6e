/** `npm test` and `.ci/run` tell the truth: what they count, print last and exit with, whatever happens within. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root, run, type Outcome } from "./tarball.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-commands-"));
  mkdirSync(join(folder, "bin"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command that stands in for the real one. It is a shell script. */
function stub(name: string, script: string): void {
  const path = join(folder, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function lastLine(output: string): string {
  return output.trimEnd().split("\n").at(-1) ?? "";
}

describe("npm test", () => {
  /** `report` is what vitest would write; without it vitest crashes before it can. */
  async function testAll(
    report: object | undefined,
    status = 0,
    failing = "",
    input = "--project unit",
  ): Promise<Outcome> {
    cpSync(join(root, "scripts/test-all.mjs"), join(folder, "scripts/test-all.mjs"));
    if (report !== undefined) writeFileSync(join(folder, "report.json"), JSON.stringify(report));
    stub("npm", `[ "$3" != "${failing}" ]`);
    const copy = 'for word; do case $word in --outputFile.json=*) cp report.json "${word#*=}";; esac; done';
    stub("npx", `echo "$@" >> vitest-arguments; ${report === undefined ? ":" : copy}; exit ${status}`);
    const path = `${join(folder, "bin")}:${process.env["PATH"]}`;
    const script = `PATH=${path} exec ${process.execPath} scripts/test-all.mjs ${input} 2>&1`;
    return run("/bin/sh", ["-c", script], folder);
  }

  const file = (status: string, ...tests: string[]): object => ({
    status,
    assertionResults: tests.map((each) => ({ status: each })),
  });
  const steps = ["build", "lint", "docs:build", "typecheck", "dead-code", "api:check"];
  const good = { testResults: [file("passed", "passed", "passed", "pending")] };

  it("counts each step before vitest as one, and hands its arguments to vitest", async () => {
    const { status, output } = await testAll(good);
    expect([status, lastLine(output)]).toEqual([0, "8 passed, 0 failed"]);
    expect(output).toContain("tests: 2 passed, 0 failed, 1 skipped");
    expect(readFileSync(join(folder, "vitest-arguments"), "utf8")).toMatch(/^vitest run .*--project unit$/m);
  });

  it("runs each vitest project once, and counts them all", async () => {
    const { status, output } = await testAll(good, 0, "", "");
    const text = readFileSync(join(folder, "vitest-arguments"), "utf8");
    const runs = text.trim().split("\n");
    expect([status, lastLine(output)]).toEqual([0, `${steps.length + 2 * runs.length} passed, 0 failed`]);
    const projects = [...text.matchAll(/--project (\S+)/g)].map(([, name]) => name);
    const configured = readFileSync(join(root, "vitest.config.ts"), "utf8").matchAll(/^ {10}name: "(.+)"/gm);
    expect(projects.sort()).toEqual([...configured].map(([, name]) => name).sort());
  });

  it.each(steps)("counts a failed %s, and still runs the tests", async (step) => {
    const { status, output } = await testAll(good, 0, step);
    expect([status, lastLine(output)]).toEqual([1, "7 passed, 1 failed"]);
  });

  it.each([
    [
      "failed tests",
      { testResults: [file("failed", "passed", "failed", "failed")] },
      1,
      "7 passed, 2 failed",
    ],
    [
      "a file that does not load",
      { testResults: [file("failed"), file("passed", "passed")] },
      1,
      "7 passed, 1 failed",
    ],
    ["an error outside of any test", good, 1, "8 passed, 1 failed"],
    ["no tests at all", { testResults: [] }, 0, "6 passed, 1 failed"],
    ["a vitest that crashes", undefined, 1, "6 passed, 1 failed"],
    ["a vitest that ends without a report", undefined, 0, "6 passed, 1 failed"],
  ])("counts %s", async (_, report, vitestStatus, expected) => {
    const { status, output } = await testAll(report, vitestStatus);
    expect([status, lastLine(output)]).toEqual([1, expected]);
  });
});

describe(".ci/run", () => {
  const servers = ["redis-server", "nats-server", "postgres", "chromium"];

  /** Runs it where nothing is installed but `installed` and what the script itself calls. */
  async function ci(
    npm: string,
    installed: readonly string[] = servers,
    aptGet = 'echo "apt-get $*"',
  ): Promise<Outcome> {
    cpSync(join(root, ".ci/run"), join(folder, ".ci/run"));
    for (const tool of [
      "bash",
      "cat",
      "dirname",
      "env",
      "grep",
      "id",
      "mktemp",
      "rm",
      "sh",
      "tail",
      "tee",
      "timeout",
    ]) {
      const path = execFileSync("/bin/sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
      symlinkSync(path, join(folder, "bin", tool));
    }
    for (const name of installed) stub(name, "exit 0");
    stub("npm", npm);
    stub("apt-get", aptGet);
    stub("sudo", 'shift; exec "$@"');
    const script = `unset CI CHROMIUM; PATH=${join(folder, "bin")} exec bash .ci/run 2>&1`;
    return run("/bin/bash", ["-c", script], folder);
  }

  it("ends with the counts of npm test, run with CI=true and without standard input", async () => {
    const { status, output } = await ci('cat; echo "$* CI=$CI"; echo "7 passed, 0 failed"; echo after');
    expect(output).toContain("test CI=true");
    expect([status, lastLine(output)]).toEqual([0, "7 passed, 0 failed"]);
    expect(output).not.toContain("apt-get");
  });

  it.each([
    ["tests fail", 'echo "7 passed, 2 failed"; exit 1', "7 passed, 2 failed"],
    ["it ends before it could count", "echo npm error; exit 1", "0 passed, 1 failed"],
    ["it prints nothing and succeeds", "exit 0", "0 passed, 1 failed"],
    ["the exit code says more than the counts", 'echo "7 passed, 0 failed"; exit 3', "7 passed, 1 failed"],
    ["the counts say more than the exit code", 'echo "7 passed, 1 failed"; exit 0', "7 passed, 1 failed"],
  ])("fails and says so when %s", async (_, npm, expected) => {
    const { status, output } = await ci(npm);
    expect(lastLine(output)).toBe(expected);
    expect(status).not.toBe(0);
  });

  it("installs what is missing, and only that", async () => {
    const { output } = await ci('echo "1 passed, 0 failed"', ["postgres", "nats-server"]);
    expect(output).toContain("apt-get -q update");
    expect(output).toMatch(/^apt-get -q install .* redis-server chromium$/m);
  });

  it("goes on when that fails: the tests tell what is missing", async () => {
    const { status, output } = await ci('echo "1 passed, 3 failed"; exit 1', [], "exit 100");
    expect(output).toContain("Could not install");
    expect([status, lastLine(output)]).toEqual([1, "1 passed, 3 failed"]);
  });
});
