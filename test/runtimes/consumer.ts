/** The packed library, installed as a user does, with what the programs of this folder need beside it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, installConsumer, makeFolder, manifest, pack, root } from "../package/tarball.js";

/** Returns the folder of the project; `links` are packages of this repository that it has. */
export async function installPacked(links: readonly string[] = []): Promise<string> {
  await ensureBuilt();
  const folder = makeFolder();
  const packed = [
    root,
    ...Object.keys(manifest.dependencies).map((name) => join(root, "node_modules", name)),
  ];
  const tarballs: string[] = [];
  for (const each of packed) tarballs.push(await pack(each, folder));
  const consumer = await installConsumer("module", tarballs, links);
  rmSync(folder, { recursive: true });
  return consumer;
}
