/** Links of the site: what the pages of the repository link to is found on it, and what leads nowhere is told. */
import { readdirSync, existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { deadLinks } from "../../docs/.vitepress/dead-links.js";
import { linkOnSite, pictureOnSite } from "../../docs/.vitepress/links.js";
import { entries, repositoryUrl, root } from "../../docs/.vitepress/manifest.js";
import { sidebar } from "../../docs/.vitepress/sidebar.js";

describe("a link of a page", () => {
  it.each([
    ["diffs.md", "operations.md#alerts", "./operations.md#alerts"],
    ["recipes/once.md", "../tracker.md", "../tracker.md"],
    ["tracker.md", "../README.md#options", "./start.md#options"],
    ["recipes/once.md", "../../README.md", "../start.md"],
    ["start.md", "docs/adapters.md#redis", "./adapters.md#redis"],
    ["start.md", "CONTRIBUTING.md", `${repositoryUrl}/blob/HEAD/CONTRIBUTING.md`],
    ["start.md", "examples/shop", `${repositoryUrl}/tree/HEAD/examples/shop`],
    ["tracker.md", "decisions/0061-echoes.md", `${repositoryUrl}/blob/HEAD/docs/decisions/0061-echoes.md`],
    ["tracker.md", "https://example.org/a.md", "https://example.org/a.md"],
    ["tracker.md", "#here", "#here"],
  ])("of %s to %s leads to %s", (page, target, expected) => expect(linkOnSite(page, target)).toBe(expected));

  it("to a file that there is not ends the build", () => {
    expect(() => linkOnSite("tracker.md", "nowhere.md")).toThrow("tracker.md links to nowhere.md");
  });

  it("to a picture is found from where the page is shown", () => {
    expect(pictureOnSite("start.md", "examples/shop/x.png")).toBe("../examples/shop/x.png");
    expect(pictureOnSite("recipes/once.md", "../a.svg")).toBe("../a.svg");
  });
});

describe("the check of the built site", () => {
  const pages = new Map([
    [
      "index.html",
      '<a href="/base/a">a</a><a href="/base/a.html#part">p</a><a href="https://example.org/x">x</a>',
    ],
    [
      "a.html",
      '<h2 id="part">Part</h2><img src="/base/p.svg"><a href="./#top">t</a><a id="top" href="#part"></a>',
    ],
  ]);
  const files = new Set(["index.html", "a.html", "p.svg"]);
  const hasFile = (path: string): boolean => files.has(path);

  it("finds nothing where all leads somewhere, but an anchor of another page", () => {
    expect(deadLinks(pages, "/base/", hasFile)).toEqual(["a.html: ./#top leads to no anchor"]);
  });

  it.each([
    ["a page", '<a href="/base/b.html">', "leads to no file"],
    ["a picture", '<img alt="" src="none.png">', "leads to no file"],
    ["an anchor", '<a class="x" href="a.html#none">', "leads to no anchor"],
    ["a link beside the site", '<a href="/elsewhere">', "leads to no file"],
  ])("finds %s that there is not", (_what, html, finding) => {
    const dead = deadLinks(new Map([...pages, ["c.html", html]]), "/base/", hasFile);
    expect(dead.filter((line) => line.startsWith("c.html"))).toEqual([expect.stringContaining(finding)]);
  });
});

it("the sidebar names every page, and none that there is not", () => {
  const linked = JSON.stringify(sidebar).matchAll(/"link":"\/([^"]*)"/g);
  const named = [...linked].map(([, path = ""]) =>
    path === "" || path.endsWith("/") ? `${path}index` : path,
  );
  const written = ["", "recipes/"].flatMap((folder) =>
    readdirSync(join(root, "docs", folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => folder + name.replace(/\.md$/, "")),
  );
  const reference = ["api/index", ...entries.map(({ page }) => `api/${page}`)];
  expect([...new Set(named), "index", "style"].sort()).toEqual([...written, ...reference].sort());
  for (const { source } of entries) expect([source, existsSync(join(root, source))]).toEqual([source, true]);
});
