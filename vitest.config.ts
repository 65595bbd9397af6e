import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

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

/** What measures how soon something happens, or how smooth it is: each has the machine for itself. */
const timed = ["brokers/kills", "e2e/nodes", "e2e/smooth"].map((name) => `test/${name}.test.ts`);

/** Real processes under faults. What a busy machine does to them is taken account of. */
const chaos = ["brokers", "processes"].map((folder) => `test/${folder}/chaos.test.ts`);

/** What computes long, however short its file is. */
const long = [
  "random.sim",
  "bounds.sim",
  "broken-rules-traffic",
  "broken-rules-membership",
  "broken-rules-deltas",
].map((name) => `/test/sim/${name}.test.ts`);

/** In a fresh clone vitest begins with the largest files: then what is short and takes long would end alone. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => long.some((name) => moduleId.endsWith(name));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** Vitest leaves one core free, which of two is half the machine. */
const computingWorkers = Math.max(2, availableParallelism() - 1);

/**
 * The projects run one after another (`groupOrder`), but those that wait most of the time. `npm test` runs those that
 * compute beside those that wait.
 */
export default defineConfig({
  resolve: { alias },
  test: {
    sequence: { sequencer: LongFirst },
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
            "test/runtimes/**",
            "test/stacks/**",
            ...notForCoverage,
          ],
          // Nothing here waits for real time, but it takes long to compute hours of virtual time beside what waits.
          testTimeout: 120_000,
          maxWorkers: computingWorkers,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "package",
          sequence: { groupOrder: 1 },
          include: ["test/package/**/*.test.ts", "test/processes/simulation.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: computingWorkers,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "brokers",
          sequence: { groupOrder: 2 },
          include: ["test/brokers/**/*.test.ts", "test/processes/**/*.test.ts"],
          exclude: [...timed, ...chaos, "test/processes/simulation.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // They wait for brokers, processes and browsers most of the time.
          maxWorkers: 3,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "e2e",
          sequence: { groupOrder: 2 },
          include: ["test/e2e/**/*.test.ts"],
          exclude: timed,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Vitest refuses two numbers in one group.
          maxWorkers: 3,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "runtimes",
          sequence: { groupOrder: 2 },
          include: ["test/runtimes/*.test.ts", "test/stacks/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "chaos",
          sequence: { groupOrder: 3 },
          include: chaos,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "timed",
          sequence: { groupOrder: 4 },
          include: timed,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
