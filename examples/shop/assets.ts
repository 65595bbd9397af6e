/**
 * What browsers load besides pages: the bundles, the styles and the drawings. The primary builds them once at
 * start, with the unmodified `phoenix` client from npm in the bundle; the nodes read them into memory and
 * serve them under a name that changes with the content, so that browsers may keep them for ever.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { products } from "./store/catalogue.ts";
import { drawing, icon } from "./pages/drawing.ts";
import { paletteStyles } from "./pages/palette.ts";

/** The address of an asset by its plain name, such as `shop.js`. */
export type AssetPath = (name: string) => string;

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Bundles and draws everything into a folder, which is emptied first. */
export async function buildAssets(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "icon.svg"), icon);
  for (const product of products) writeFileSync(join(folder, `${product.slug}.svg`), drawing(product));
  const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  await build({
    entryPoints: {
      shop: source("browser/shop.ts"),
      admin: source("browser/admin.ts"),
      "shop-styles": source("styles/shop.css"),
      "admin-styles": source("styles/admin.css"),
    },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
  });
  for (const name of ["shop", "admin"]) {
    const styles = readFileSync(join(folder, `${name}-styles.css`), "utf8");
    writeFileSync(join(folder, `${name}.css`), styles + paletteStyles());
    rmSync(join(folder, `${name}-styles.css`));
  }
}

/** The assets of a folder: by their served name, and the way from the plain name to it. */
export function loadAssets(folder: string): { served: ReadonlyMap<string, Asset>; path: AssetPath } {
  const served = new Map<string, Asset>();
  const addresses = new Map<string, string>();
  for (const name of readdirSync(folder)) {
    const type = contentTypes[extname(name)];
    if (type === undefined) continue;
    const body = new Uint8Array(readFileSync(join(folder, name)));
    const hash = createHash("sha256").update(body).digest("hex").slice(0, 10);
    const servedName = `${hash}-${name}`;
    served.set(servedName, { body, type });
    addresses.set(name, `/assets/${servedName}`);
  }
  return {
    served,
    path(name) {
      const address = addresses.get(name);
      if (address === undefined) throw new Error(`There is no asset ${name}`);
      return address;
    },
  };
}
