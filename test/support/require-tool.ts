/**
 * What a test needs from the machine and what is to happen where it is missing: a developer is told loudly what
 * to install and the test is skipped; with `CI=true` it fails, because a check that nobody runs proves nothing.
 */
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface Tool {
  /** The file to look for, such as `redis-server`; or a description, if `path` is given. */
  readonly name: string;
  /** What to install, and how, such as `apt-get install redis-server`. */
  readonly install: string;
  /** Where it was found by other means; the empty text means nowhere. */
  readonly path?: string;
}

/** Where Debian puts what is not on everybody's PATH. */
const furtherFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin", ...postgresFolders()];

function postgresFolders(): string[] {
  const versions = "/usr/lib/postgresql";
  if (!existsSync(versions)) return [];
  // The newest first.
  const folders = readdirSync(versions).sort((a, b) => Number(b) - Number(a));
  return folders.map((version) => join(versions, version, "bin"));
}

/** Where the file is, or `undefined`. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...furtherFolders];
  for (const folder of folders) {
    if (folder !== "" && existsSync(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/**
 * Where the tool is, or `undefined` after a loud warning: pass it to `describe.skipIf(path === undefined)`.
 *
 * @throws Error with `CI=true` if it is missing.
 */
export function requireTool({ name, install, path = findTool(name) }: Tool): string | undefined {
  if (path !== undefined && path !== "") return path;
  const message = `${name} is missing: ${install}`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(`\n*** SKIPPED: ${message} ***\n`);
  return undefined;
}
