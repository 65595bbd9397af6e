/**
 * Builds the site of `docs`: the API reference of every public entry, made from its docstrings, then all pages, then
 * a check of every link and anchor within the site. What leads nowhere, and a warning of what makes the reference, are
 * errors. Run by `npm run docs:build`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, LogLevel, type TypeDocOptions } from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";
import { build } from "vitepress";
import { deadLinks } from "../docs/.vitepress/dead-links.js";
import { base, entries } from "../docs/.vitepress/manifest.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const docs = join(root, "docs");
const output = join(docs, ".vitepress/dist");

async function makeReference(): Promise<void> {
  const folder = join(docs, "api");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const options: Partial<TypeDocOptions & PluginOptions> = {
    entryPoints: entries.map(({ source }) => join(root, source)),
    tsconfig: join(root, "tsconfig.api.json"),
    plugin: ["typedoc-plugin-markdown"],
    // It empties the folder that it writes to, so it is told of no other.
    out: folder,
    cleanOutputDir: false,
    readme: "none",
    name: "API reference",
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    // `npm run typecheck` has done so.
    skipErrorChecking: true,
    logLevel: LogLevel.Warn,
    validation: { invalidLink: true, notExported: false, notDocumented: false },
    outputFileStrategy: "modules",
    entryFileName: "index",
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
  };
  const application = await Application.bootstrapWithPlugins(options as Partial<TypeDocOptions>);
  const project = await application.convert();
  if (project === undefined) throw new Error("the API reference could not be made");
  const names = new Map(
    entries.map(({ source, page }) => [source.replace(/^src\/(.*?)(\/index)?\.ts$/, "$1"), page]),
  );
  for (const module of project.children ?? []) module.name = names.get(module.name) ?? module.name;
  await application.generateOutputs(project);
  mendAnchors(folder);
  for (const entry of entries) head(join(folder, `${entry.page}.md`), entry);
  if (application.logger.hasErrors() || application.logger.hasWarnings()) process.exitCode = 1;
}

/** The reference counts headings of one name, and at times one more than it writes: such a link means the one there is. */
function mendAnchors(folder: string): void {
  const texts = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".md")) texts.set(join(folder, name), readFileSync(join(folder, name), "utf8"));
  }
  const counts = new Map([...texts].map(([file, text]) => [file, headingCounts(text)]));
  for (const [file, text] of texts) {
    const mended = text.replace(
      /\]\(([\w./-]*)#([\w-]+?)-(\d+)\)/g,
      (link, path: string, slug: string, number) => {
        const target = path === "" ? file : join(dirname(file), path);
        const count = counts.get(target)?.get(slug) ?? 0;
        return count > 0 && count <= Number(number) ? `](${path}#${slug})` : link;
      },
    );
    if (mended !== text) writeFileSync(file, mended);
  }
}

/** Gives a page of the reference the name that users import, and what the header of its source says. */
function head(file: string, { specifier, source }: (typeof entries)[number]): void {
  const text = readFileSync(file, "utf8");
  const [, comment = ""] = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(join(root, source), "utf8")) ?? [];
  const header = comment.replace(/^ \* ?/gm, "").replace(/\{@link ([\w.]+)\}/g, "`$1`");
  // A header that stands right before a class is told as the class's own.
  const isTold = text.replaceAll(/\s+/g, " ").includes(header.slice(0, 60).replaceAll(/\s+/g, " "));
  writeFileSync(file, text.replace(/^# .*$/m, isTold ? `# ${specifier}` : `# ${specifier}\n\n${header}`));
}

function headingCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, heading = ""] of text.matchAll(/^#+ (.*)$/gm)) {
    const slug = heading.toLowerCase().replaceAll(/[^\w-]/g, "");
    counts.set(slug, (counts.get(slug) ?? 0) + 1);
  }
  return counts;
}

await makeReference();
await build(docs);
const pages = new Map<string, string>();
for (const name of readdirSync(output, { recursive: true, encoding: "utf8" })) {
  if (name.endsWith(".html")) pages.set(posix.normalize(name), readFileSync(join(output, name), "utf8"));
}
const dead = deadLinks(pages, base, (path) => existsSync(join(output, path)));
for (const line of dead) console.error(line);
if (dead.length > 0) process.exitCode = 1;
else console.log(`${pages.size} pages, no dead link`);
