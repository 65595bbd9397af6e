import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const entry = fileURLToPath(new URL("../../src/client/index.ts", import.meta.url));

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
