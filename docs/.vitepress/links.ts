/**
 * Links of the pages as they stand in the repository, turned into links of the site: what is a page here stays one,
 * the README is the page `start`, and everything else leads into the repository. A link that leads nowhere ends the build.
 */
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { repositoryUrl, root } from "./manifest.js";

const docs = join(root, "docs");

/** Pages of `docs` that the site does not have: they are for those who work on the library. */
export const leftOut = ["api-report/**", "decisions/**", "style.md"];

/** The page that shows the README, and therefore has its links. */
const startPage = "start.md";

/** Where a link of a page leads on the site. @throws Error if there is no such file */
export function linkOnSite(page: string, target: string): string {
  if (/^([a-z]+:|#|\/)/.test(target)) return target;
  const [path = "", hash] = target.split("#");
  const file = join(folderOf(page), decodeURIComponent(path));
  if (!existsSync(file)) throw new Error(`${page} links to ${target}, and there is no such file`);
  const fragment = hash === undefined ? "" : `#${hash}`;
  if (file === join(root, "README.md")) return fromPage(page, startPage) + fragment;
  const inDocs = relative(docs, file);
  const isPage = file.endsWith(".md") && !/^(\.\.|api-report\/|decisions\/|style\.md$)/.test(inDocs);
  if (isPage) return fromPage(page, inDocs) + fragment;
  const kind = statSync(file).isDirectory() ? "tree" : "blob";
  return `${repositoryUrl}/${kind}/HEAD/${relative(root, file).replaceAll("\\", "/")}${fragment}`;
}

/** Where a picture of a page lies, as seen from the folder in which the page lies. */
export function pictureOnSite(page: string, source: string): string {
  if (/^([a-z]+:|\/)/.test(source)) return source;
  const path = relative(dirname(join(docs, page)), join(folderOf(page), source)).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}

function folderOf(page: string): string {
  return page === startPage ? root : dirname(join(docs, page));
}

function fromPage(page: string, other: string): string {
  const path = relative(dirname(page), other).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
