/**
 * Each rule of docs/protocol.md has a number, and stands under it in `src/replication/rules.ts`, in the part of that
 * which are `hearing-rules.ts` and `saying-rules.ts`, or in that of `following`, in the title of a test, and in the map of CONTRIBUTING.md: four lists that are one, or this fails.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const page = read("docs/protocol.md");
const code = ["rules", "version-rules", "hearing-rules", "saying-rules", "following/rules"]
  .map((name) => read(`src/replication/${name}.ts`))
  .join("");
const guide = read("CONTRIBUTING.md");

/** The rules of the page, by number: what is set in bold. */
const onPage = new Map(
  Array.from(page.matchAll(/^\| \*\*(R\d+)\. (.+?)\*\*/gm), ([, number = "", words = ""]) => [number, words]),
);

/** What the code says of each rule, once or more often. */
const inCode = Array.from(
  code.replaceAll(/\n +\* /g, " ").matchAll(/(?:\/\*\*|-) (R\d+): ([^]+?)(?=\*\/| - R\d+: )/g),
  ([, number = "", words = ""]) => ({ number, words }),
);

/** The numbers that titles of tests begin with. */
const inTests = tests().flatMap((path) =>
  Array.from(read(path).matchAll(/["`](R\d+)(?:: | is missed: )/g), ([, number = ""]) => number),
);

describe("the rules of the protocol", () => {
  it("are numbered on the page without a gap", () => {
    expect([...onPage.keys()]).toEqual(Array.from({ length: onPage.size }, (_, index) => `R${index + 1}`));
    expect(onPage.size).toBeGreaterThan(40);
  });

  it("are those of the code, in the same words", () => {
    expect([...new Set(inCode.map(({ number }) => number))].sort()).toEqual([...onPage.keys()].sort());
    for (const [number, words] of onPage) {
      const name = words.replace(/[.,:;]$/, "");
      const said = inCode.filter((each) => each.number === number).map((each) => each.words);
      expect(
        said.some((text) => text.startsWith(name)),
        `${number}: no docblock begins with “${name}”`,
      ).toBe(true);
    }
  });

  it("are those of the tests", () => {
    expect([...new Set(inTests)].sort()).toEqual([...onPage.keys()].sort());
  });

  it("are those of the map for contributors, which names files that there are", () => {
    const rows = Array.from(guide.matchAll(/^\| [^|]+ \| (`[^|]+`) \| (R\d[^|]*) \| (`[^|]+`) \|$/gm));
    const numbers = rows.flatMap(([, , rules = ""]) =>
      Array.from(rules.matchAll(/R(\d+)(?: to R(\d+))?/g), ([, first, last = first]) =>
        Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => `R${Number(first) + index}`),
      ).flat(),
    );
    expect([...new Set(numbers)].sort()).toEqual([...onPage.keys()].sort());
    const paths = rows.flatMap(([, files = "", , tests = ""]) =>
      Array.from(`${files}${tests}`.matchAll(/`([^`]+)`/g), ([, path = ""]) => path),
    );
    expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  it("are kept in files that there are, where they are no function", () => {
    const files = Array.from(code.matchAll(/\((src\/[\w/-]+\.ts)\)/g), ([, path = ""]) => path);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

function tests(): string[] {
  return readdirSync(new URL("test/", root), { recursive: true, encoding: "utf8" })
    .map((path) => `test/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".test.ts"));
}
