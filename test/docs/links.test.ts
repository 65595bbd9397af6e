/** Links in the documentation lead somewhere, and it names only commands that exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { codeBlocks, links } from "./markdown.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
const pages = markdownFiles("").sort();

it("the links of some pages are checked", () => {
  expect(pages).toEqual(
    expect.arrayContaining(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]),
  );
});

it.each(pages)("%s links to what there is", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const dead = links(text)
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .filter((target) => !existsSync(join(root, dirname(page), target.replace(/#.*$/, ""))));
  expect(dead).toEqual([]);
});

it.each(pages)("%s names only npm scripts that there are", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const shell = [...codeBlocks(text, "sh"), ...text.split("`")].join("\n");
  const named = [...shell.matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => match[1] ?? "");
  expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
});

/** The Markdown files of the repository, by their paths in it; not what was installed, built or generated. */
function markdownFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((each) => {
    const path = join(folder, each.name);
    if (each.isFile()) return each.name.endsWith(".md") ? [path] : [];
    const foreign = ["node_modules", "dist", "coverage", "data", "tmp", ".git"].includes(each.name);
    return each.isDirectory() && !foreign ? markdownFiles(path) : [];
  });
}
