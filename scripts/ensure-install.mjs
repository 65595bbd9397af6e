// Runs `npm ci` when nothing is installed yet, so that `npm start` and `npm test` work in a fresh clone.
// It imports Node's own modules only: nothing else exists at that point.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const [major] = process.versions.node.split(".");
if (Number(major) < 20) {
  console.error(`rollcall needs Node 20 or newer; this is ${process.version}.`);
  process.exit(1);
}
// npm writes this file last: a folder without it is an installation that was interrupted.
if (!existsSync(new URL("../node_modules/.package-lock.json", import.meta.url))) {
  console.log("Installing dependencies (npm ci), once …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["ci", "--no-audit", "--no-fund"], { stdio: "inherit" });
  process.exit(status ?? 1);
}
