import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Examples import the library by its package name; in tests that name means the sources. */
const alias = [
  { find: /^rollcall\/adapters\/(.+)$/, replacement: source("./src/adapters/$1.ts") },
  {
    find: /^rollcall\/(crdt|client|react|vue|svelte|channels|metrics|inspect|testing)$/,
    replacement: source("./src/$1/index.ts"),
  },
  { find: /^rollcall$/, replacement: source("./src/index.ts") },
];

/** Runs by broken rules say nothing about which code the tests of the working ones reach, and take long. */
const notForCoverage = process.argv.includes("--coverage") ? ["test/sim/broken-*"] : [];

/** Tests with brokers that measure how soon something happens: each has the machine for itself. */
const timed = ["chaos", "kills"].map((name) => `test/brokers/${name}.test.ts`);

/** The shop under a crowd, or with its nodes killed and paused: the same. */
const crowded = ["nodes", "smooth"].map((name) => `test/e2e/${name}.test.ts`);

/**
 * The projects run one after another (`groupOrder`): what measures time against real processes must not share
 * the machine with the rest.
 */
export default defineConfig({
  resolve: { alias },
  test: {
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "json-summary", "html"],
      // The floor: never lowered, and raised when a run is well above it.
      thresholds: { statements: 92, branches: 89, functions: 93, lines: 93 },
    },
    projects: [
      {
        resolve: { alias },
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["test/**/*.{test,property.test,sim.test}.ts"],
          exclude: [
            "test/brokers/**",
            "test/processes/**",
            "test/package/**",
            "test/e2e/**",
            ...notForCoverage,
          ],
          // Nothing here waits for real time, but a loaded machine may be slow to compute hours of virtual time.
          testTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "brokers",
          sequence: { groupOrder: 1 },
          include: ["test/brokers/**/*.test.ts"],
          exclude: timed,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // They wait for brokers and processes most of the time.
          maxWorkers: 2,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "processes",
          sequence: { groupOrder: 2 },
          include: [...timed, ...crowded, "test/processes/**/*.test.ts", "test/package/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "e2e",
          sequence: { groupOrder: 3 },
          include: ["test/e2e/**/*.test.ts"],
          exclude: crowded,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
