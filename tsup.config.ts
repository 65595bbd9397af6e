import { defineConfig } from "tsup";

/** Every public entry of the package; `package.json` exports name the same files. */
const serverEntries = {
  index: "src/index.ts",
  crdt: "src/crdt/index.ts",
  channels: "src/channels/index.ts",
  metrics: "src/metrics/index.ts",
  inspect: "src/inspect/index.ts",
  testing: "src/testing/index.ts",
  cli: "src/cli/main.ts",
  "adapters/memory": "src/adapters/memory.ts",
  "adapters/cluster": "src/adapters/cluster.ts",
  "adapters/broadcast-channel": "src/adapters/broadcast-channel.ts",
  "adapters/redis": "src/adapters/redis.ts",
  "adapters/socket-io": "src/adapters/socket-io.ts",
  "adapters/nats": "src/adapters/nats.ts",
  "adapters/postgres": "src/adapters/postgres.ts",
  "adapters/sealed": "src/adapters/sealed.ts",
};

export default defineConfig([
  {
    entry: serverEntries,
    format: ["esm", "cjs"],
    dts: { compilerOptions: { stripInternal: true } },
    splitting: true,
    // `import.meta.url` in CommonJS.
    shims: true,
    sourcemap: true,
    target: "node20",
    platform: "node",
  },
  {
    // Each is one file: a page may load the client as it is, without a bundler.
    splitting: false,
    entry: {
      client: "src/client/index.ts",
      vue: "src/vue/index.ts",
      svelte: "src/svelte/index.ts",
    },
    format: ["esm", "cjs"],
    dts: { compilerOptions: { stripInternal: true } },
    sourcemap: true,
    target: "es2022",
    platform: "browser",
  },
  {
    entry: { react: "src/react/index.ts" },
    format: ["esm", "cjs"],
    dts: { compilerOptions: { stripInternal: true } },
    sourcemap: true,
    target: "es2022",
    platform: "browser",
    // Components of a server of React's cannot use a hook: what imports this is a component of the client.
    banner: { js: '"use client";' },
  },
]);
