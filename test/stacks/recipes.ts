/** The recipes of the docs as programs: their pieces in files of a folder in this repository, compiled as they stand. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { section } from "../docs/markdown.js";
import { root } from "../package/tarball.js";

/** The pieces of a section of a page, in order: by their file where they name one, otherwise as `piece-1.ts` and so on. */
export function piecesOf(page: string, heading: string): ReadonlyMap<string, string> {
  const text = section(readFileSync(join(root, "docs/recipes", page), "utf8"), heading);
  const pieces = new Map<string, string>();
  for (const [, language = "", piece = ""] of text.matchAll(/^```(tsx?|js)\n([\s\S]*?)^```$/gm)) {
    const name = /^\/\/ ([\w./[\]-]+)$/.exec(piece.split("\n")[0] ?? "")?.[1];
    pieces.set(name ?? `piece-${pieces.size + 1}.${language}`, piece);
  }
  return pieces;
}

/** Replaces what a reader has to replace; it has to be there. */
export function replaced(text: string, changes: Readonly<Record<string, string>>): string {
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`The recipe has no ${from}:\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Writes the files into a folder and compiles one of them, with those that it imports; packages stay outside. */
export async function compile(
  folder: string,
  files: ReadonlyMap<string, string>,
  entry: string,
): Promise<string> {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const outfile = join(folder, "compiled", `${entry.replace(/\W/g, "-")}.mjs`);
  await build({
    entryPoints: [join(folder, entry)],
    outfile,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    logLevel: "silent",
  });
  return outfile;
}
