/**
 * Says what is to be done before this version can be published, and ends with 1 if there is anything. Run by
 * `npm run release:check`, with `-- --tag v1.2.3` by the workflow that publishes.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { releaseFindings, type ReleaseManifest } from "./release/findings.js";

const root = new URL("../", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), "utf8");
const { tag } = parseArgs({ options: { tag: { type: "string" } } }).values;

const manifest = JSON.parse(read("package.json")) as ReleaseManifest;
const findings = releaseFindings({
  manifest,
  changelog: read("CHANGELOG.md"),
  today: new Date().toISOString().slice(0, 10),
  tag,
});
for (const finding of findings) console.error(finding);
if (findings.length > 0) process.exitCode = 1;
else console.log(`${manifest.version} can be published.`);
