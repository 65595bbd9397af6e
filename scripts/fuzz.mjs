/** A million forged and damaged frames, or as many as are asked for: `npm run fuzz -- 100000`. */
import { spawnSync } from "node:child_process";

const [frames = "1000000"] = process.argv.slice(2);
const { status } = spawnSync("npx", ["vitest", "run", "--project", "unit", "test/fuzz"], {
  env: { ...process.env, FUZZ_FRAMES: frames },
  stdio: "inherit",
  shell: process.platform === "win32",
});
process.exit(status ?? 1);
