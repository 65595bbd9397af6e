/** Before a version is published: what has to be filled in, what the changelog says, and the README in the tarball. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { absoluteReadme } from "../../scripts/release/readme.js";
import { releaseFindings, type ReleaseFacts } from "../../scripts/release/findings.js";
import { links } from "../docs/markdown.js";
import { makeFolder, mustRun, root, run } from "./tarball.js";

const read = (name: string): string => readFileSync(join(root, name), "utf8");

/** All that has to be there, as another project might have it. */
const ready: ReleaseFacts = {
  manifest: {
    version: "1.2.3",
    homepage: "https://docs.example.org/rollcall/",
    repository: { url: "git+https://code.example.org/team/rollcall.git" },
    bugs: { url: "https://code.example.org/team/rollcall/issues" },
    author: "The team",
  },
  changelog:
    "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n\n- A thing.\n\n## [1.2.2] - 2026-01-01\n",
  today: "2026-01-02",
};
const without = (field: string): ReleaseFacts => ({
  ...ready,
  manifest: { ...ready.manifest, [field]: undefined },
});
const withField = (field: string, value: unknown): ReleaseFacts => ({
  ...ready,
  manifest: { ...ready.manifest, [field]: value },
});
const withChangelog = (changelog: string): ReleaseFacts => ({ ...ready, changelog });

describe("the release check", () => {
  it("finds nothing where all is there", () => {
    expect(releaseFindings(ready)).toEqual([]);
    expect(releaseFindings({ ...ready, tag: "v1.2.3" })).toEqual([]);
  });

  it.each([
    ["no homepage", without("homepage"), "homepage is missing"],
    ["no repository", without("repository"), "repository.url is missing"],
    ["no place for bugs", without("bugs"), "bugs.url is missing"],
    ["no author", without("author"), "author is missing"],
    ["an empty author", withField("author", { name: " " }), "author is missing"],
    ["a placeholder", withField("homepage", "https://site.invalid/x/"), "homepage is still a placeholder"],
    ["a placeholder for a name", withField("author", "author.invalid"), "author is still a placeholder"],
    ["no address", withField("homepage", "docs"), "homepage is no https address"],
    [
      "bugs of another project",
      withField("bugs", { url: "https://else.example.org/x/issues" }),
      "not of the repository",
    ],
    ["a package that is private", withField("private", true), "private"],
    [
      "a version that the changelog lacks",
      withField("version", "1.3.0"),
      "newest version is 1.2.3, not 1.3.0",
    ],
    ["another tag", { ...ready, tag: "v1.2.4" }, "tag is v1.2.4"],
    ["a version without a date", withChangelog("## [1.2.3]\n"), "has no date"],
    ["a date to come", withChangelog("## [1.2.3] - 2026-01-03\n"), "dated 2026-01-03"],
    ["a changelog without a version", withChangelog("## [Unreleased]\n"), "newest version is none"],
    [
      "entries that are under no version",
      withChangelog("## [Unreleased]\n\n### Added\n\n- More.\n\n## [1.2.3] - 2026-01-02\n"),
      "Unreleased has entries",
    ],
  ] as const)("refuses %s", (_name, facts, finding) => {
    expect(releaseFindings(facts)).toEqual([expect.stringContaining(finding)]);
  });

  it("refuses this repository as long as its fields are placeholders", async () => {
    const { status, output } = await run("npm", ["run", "--silent", "release:check"]);
    const placeholders = output.split("\n").filter((line) => line.includes("still a placeholder"));
    const expected = read("package.json").includes(".invalid") ? [1, 4] : [0, 0];
    expect([status, placeholders.length]).toEqual(expected);
  });

  it("is asked by the workflow that publishes, before it does, and after all tests", () => {
    const publish = read(".github/workflows/publish.yml");
    expect(publish.indexOf("release:check")).toBeGreaterThan(0);
    expect(publish.indexOf("npm publish --provenance")).toBeGreaterThan(publish.indexOf("release:check"));
    expect(publish).toContain("uses: ./.github/workflows/ci.yml");
    expect(publish).toContain("id-token: write");
    const ci = read(".github/workflows/ci.yml");
    expect(ci).toContain("- run: .ci/run");
    expect(/node: \[(.*)\]/.exec(ci)?.[1]?.split(", ")).toEqual(["20", "22", "24"]);
  });
});

describe("the README in the tarball", () => {
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("has links and pictures that lead into the repository at the tag of the version", () => {
    const text = [
      "[a](docs/a.md#part) ![p](./p.png) [f](examples/shop) [x](https://example.org) [here](#here) `[code](no.md)`",
      "```md\n[code](no.md)\n```",
    ].join("\n");
    const source = {
      repositoryUrl: "git+https://code.example.org/team/rollcall.git",
      version: "1.2.3",
      isFolder: (path: string) => path === "examples/shop",
    };
    const page = "https://code.example.org/team/rollcall";
    expect(absoluteReadme(text, source)).toBe(
      [
        `[a](${page}/blob/v1.2.3/docs/a.md#part) ![p](${page}/raw/v1.2.3/p.png) [f](${page}/tree/v1.2.3/examples/shop) [x](https://example.org) [here](#here) \`[code](no.md)\``,
        "```md\n[code](no.md)\n```",
      ].join("\n"),
    );
  });

  /** A package with this README and these scripts around packing, without a build. */
  function smallPackage(): string {
    const folder = makeFolder();
    folders.push(folder);
    const { name, version, repository, scripts } = JSON.parse(read("package.json")) as {
      name: string;
      version: string;
      repository: unknown;
      scripts: Record<string, string>;
    };
    const around = {
      prepack: String(scripts["prepack"]).replace("npm run build && ", ""),
      postpack: scripts["postpack"],
    };
    const manifest = { name, version, repository, type: "module", files: ["README.md"], scripts: around };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    for (const path of ["README.md", "scripts", "examples/shop", "docs", "benchmarks", "CONTRIBUTING.md"]) {
      cpSync(join(root, path), join(folder, path), {
        recursive: true,
        filter: (source) => !source.includes(".vitepress"),
      });
    }
    for (const path of links(read("README.md")).filter((target) => target.startsWith("examples/"))) {
      mkdirSync(join(folder, path.replace(/\/[^/]*\.\w+$/, "")), { recursive: true });
    }
    for (const path of ["SECURITY.md", "CHANGELOG.md"]) cpSync(join(root, path), join(folder, path));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    return folder;
  }

  it("is made when npm packs, and the one of the repository is as it was", async () => {
    const folder = smallPackage();
    const destination = makeFolder();
    folders.push(destination);
    await mustRun("npm", ["pack", "--pack-destination", destination], folder);
    const packed = await mustRun("tar", [
      "-xOzf",
      join(destination, `rollcall-${(JSON.parse(read("package.json")) as { version: string }).version}.tgz`),
      "package/README.md",
    ]);
    const targets = links(packed);
    expect(targets.length).toBeGreaterThan(10);
    expect(targets.filter((target) => !/^(https:|#)/.test(target))).toEqual([]);
    expect(readFileSync(join(folder, "README.md"), "utf8")).toBe(read("README.md"));
    expect(existsSync(join(folder, "tmp/README.kept.md"))).toBe(false);
  });

  it("is put back by the next run where packing broke off", async () => {
    const folder = smallPackage();
    const script = [join(root, "node_modules/tsx/dist/cli.mjs"), "scripts/pack-readme.ts"];
    await mustRun(process.execPath, [...script, "absolute"], folder);
    expect(readFileSync(join(folder, "README.md"), "utf8")).not.toBe(read("README.md"));
    await mustRun(process.execPath, [...script, "absolute"], folder);
    await mustRun(process.execPath, [...script, "restore"], folder);
    expect(readFileSync(join(folder, "README.md"), "utf8")).toBe(read("README.md"));
  });
});
