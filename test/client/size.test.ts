import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const entry = fileURLToPath(new URL("../../src/client/index.ts", import.meta.url));

describe.each(["react", "vue", "svelte"])("the bundle of rollcall/%s", (name) => {
  it("has less than 1 kB gzipped beside the client and the framework, and imports only that", async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: [fileURLToPath(new URL(`../../src/${name}/index.ts`, import.meta.url))],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      packages: "external",
      write: false,
      metafile: true,
    });
    const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.map(({ path }) => path),
    );
    expect(imported).toEqual([name === "svelte" ? "svelte/store" : name]);
    expect(Object.keys(metafile.inputs)).not.toContain("src/client/presence-client.ts");
    const { byteLength } = gzipSync(outputFiles[0]?.contents ?? "");
    expect(byteLength).toBeLessThan(1_000);
    expect(byteLength).toBeGreaterThan(250);
  });
});

describe("the client's bundle", () => {
  it("is one browser-safe file of less than 2 kB gzipped, with nothing imported", async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      write: false,
      metafile: true,
    });
    const [file] = outputFiles;
    expect(outputFiles).toHaveLength(1);
    expect(
      Object.values(metafile.outputs).flatMap(({ imports, exports }) => [...imports, ...exports]),
    ).toEqual(["PresenceClient"]);
    expect(gzipSync(file?.contents ?? "").byteLength).toBeLessThan(2_000);
    expect(gzipSync(file?.contents ?? "").byteLength).toBeGreaterThan(500);
  });
});
