/**
 * Runs the examples of a page as they are written there. A block whose first line is a comment with the name of a
 * file stands in that file beside those that follow it in its section.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { vi } from "vitest";

const scratch = new URL("../../tmp/", import.meta.url);

export interface Example {
  readonly heading: string;
  /** The files that it imports, by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly code: string;
  /** What the page says that it prints. */
  readonly printed: string;
}

/** The examples of a page that say what they print, each under the heading that stands above it. */
export function examplesOf(page: string): Example[] {
  const examples: Example[] = [];
  for (const part of page.split(/^(?=#+ )/m)) {
    const heading = /^#+ (.*)$/m.exec(part)?.[1] ?? "";
    const files = new Map<string, string>();
    let code: string | undefined;
    for (const [, language, text = ""] of part.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
      const name = /^\/\/ ([\w-]+\.ts)$/m.exec(text.split("\n")[0] ?? "")?.[1];
      if (language === "ts" && name !== undefined) files.set(name, text);
      else if (language === "ts") code = text;
      else if (language === "text" && code !== undefined) {
        examples.push({ heading, files, code, printed: text.trimEnd() });
        code = undefined;
      }
    }
  }
  return examples;
}

/** Runs an example and returns what it prints. */
export async function outputOf({ files, code }: Pick<Example, "files" | "code">): Promise<string> {
  return inFolder(files, async (folder) => {
    writeFileSync(`${folder}/example.ts`, code);
    const lines: string[] = [];
    const log = vi
      .spyOn(console, "log")
      .mockImplementation((...values) => void lines.push(format(...values)));
    try {
      await import(/* @vite-ignore */ `${folder}/example.ts`);
    } finally {
      log.mockRestore();
    }
    return lines.join("\n");
  });
}

/** Does something with files of a page in a folder of their own, which is removed afterwards. */
export async function inFolder<T>(
  files: ReadonlyMap<string, string>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(fileURLToPath(new URL("example-", scratch)));
  try {
    for (const [name, text] of files) writeFileSync(`${folder}/${name}`, text);
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
