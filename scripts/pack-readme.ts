/**
 * Puts the README that the tarball is to have in the place of the repository's while npm packs, and puts that back.
 * Run by npm before and after it packs: `tsx scripts/pack-readme.ts absolute` and `restore`. Where packing broke off,
 * the next run of either puts it back first.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { absoluteReadme } from "./release/readme.js";

const folder = process.cwd();
const readme = join(folder, "README.md");
const kept = join(folder, "tmp/README.kept.md");
const [command] = process.argv.slice(2);

if (existsSync(kept)) {
  copyFileSync(kept, readme);
  rmSync(kept);
}
if (command === "absolute") {
  const { version, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    version: string;
    repository: { url: string };
  };
  const text = absoluteReadme(readFileSync(readme, "utf8"), {
    repositoryUrl: repository.url,
    version,
    isFolder: (path) => statSync(join(folder, path)).isDirectory(),
  });
  mkdirSync(join(folder, "tmp"), { recursive: true });
  copyFileSync(readme, kept);
  writeFileSync(readme, text);
} else if (command !== "restore") {
  console.error("Say absolute or restore.");
  process.exitCode = 2;
}
