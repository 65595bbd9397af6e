import js from "@eslint/js";
import tseslint from "typescript-eslint";

const noPatch =
  "Pass in another rule, limit, replicator, start or fake (test/sim/protocol.ts, lies.ts): see docs/decisions/0100.";

export default tseslint.config(
  {
    ignores: [
      "dist/",
      "coverage/",
      "node_modules/",
      "tmp/",
      "data/",
      "test/package/fixtures/",
      "docs/.vitepress/{dist,cache}/",
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-console": "off",
      eqeqeq: "error",
    },
  },
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A promise that nobody awaits is a rejection that nobody hears.
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    languageOptions: {
      globals: { process: "readonly", console: "readonly", URL: "readonly", setTimeout: "readonly" },
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: { "no-console": "error" },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // Neither a prototype that is given away to be changed, nor one that is changed.
      "no-restricted-syntax": [
        "error",
        {
          selector:
            'CallExpression > MemberExpression.arguments[property.name="prototype"][object.name!="Object"]',
          message: noPatch,
        },
        {
          selector:
            'AssignmentExpression > MemberExpression.left > MemberExpression[property.name="prototype"]',
          message: noPatch,
        },
      ],
    },
  },
);
