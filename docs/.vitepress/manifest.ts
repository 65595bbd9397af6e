/** What the site knows of the package: read from `package.json`, the one place where it stands. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly homepage: string;
  readonly repository: { readonly url: string };
  readonly exports: Readonly<Record<string, unknown>>;
}

export const root = fileURLToPath(new URL("../../", import.meta.url));

export const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as Manifest;

/** The repository as a page: without what only Git wants to have around the address. */
export const repositoryUrl = manifest.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");

/** Under which path of its host the site stands, with a slash at both ends. */
export const base = new URL(manifest.homepage).pathname.replace(/\/?$/, "/");

/** The public entries: the name of each page of the reference, what users import, and its source. */
export const entries = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => {
    const name = path === "." ? "index" : path.slice(2);
    const isFile = path === "." || name.startsWith("adapters/");
    return {
      page: path === "." ? "rollcall" : name,
      specifier: manifest.name + path.slice(1),
      source: isFile ? `src/${name}.ts` : `src/${name}/index.ts`,
    };
  });
