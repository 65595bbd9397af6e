/**
 * Writes down the public types of every entry of the package, so that a change of the API shows up in review:
 * `docs/api-report/<entry>.api.md`. Without `--check` it updates the reports; with it, a report that is out of date is
 * an error that names the command. Run by `npm run api` and by the package tests.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CompilerState, Extractor, ExtractorConfig } from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("..", import.meta.url));
const reports = join(root, "docs/api-report");

/** The entries of the package, by the source file that each is built from. */
function entries(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const found = new Map<string, string>();
  for (const path of Object.keys(exports)) {
    if (path === "./package.json") continue;
    const name = path === "." ? "index" : path.slice(2);
    const isFile = path === "." || name.startsWith("adapters/");
    found.set(name, isFile ? `${name}.d.ts` : `${name}/index.d.ts`);
  }
  return found;
}

function emitDeclarations(folder: string): void {
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/typescript/bin/tsc"),
      ...[
        "--project",
        join(root, "tsconfig.api.json"),
        "--noEmit",
        "false",
        "--declaration",
        "--emitDeclarationOnly",
      ],
      ...["--allowImportingTsExtensions", "false", "--rootDir", join(root, "src"), "--outDir", folder],
      ...["--stripInternal"],
    ],
    { cwd: root, stdio: "inherit" },
  );
  if (status !== 0) throw new Error("tsc could not emit the declarations");
}

/** What is to be reported of one entry. */
function prepare(folder: string, name: string, file: string): ExtractorConfig {
  const reportName = `${name.replaceAll("/", "-")}.api.md`;
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(folder, file),
      compiler: { tsconfigFilePath: join(root, "tsconfig.api.json") },
      apiReport: {
        enabled: true,
        reportFileName: reportName,
        reportFolder: reports,
        reportTempFolder: join(folder, "reports"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: "lf" as never,
    },
    configObjectFullPath: join(root, "scripts/api-report.ts"),
    packageJsonFullPath: join(root, "package.json"),
  });
}

/** Writes or compares one report. Returns whether it is what the sources say. */
function report(config: ExtractorConfig, compilerState: CompilerState, isCheck: boolean): boolean {
  const { apiReportChanged } = Extractor.invoke(config, {
    compilerState,
    localBuild: !isCheck,
    showVerboseMessages: false,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ("error" as never)) console.error(message.text);
    },
  });
  return !apiReportChanged;
}

const isCheck = process.argv.includes("--check");
mkdirSync(join(root, "tmp"), { recursive: true });
mkdirSync(dirname(join(reports, "any")), { recursive: true });
const folder = mkdtempSync(join(root, "tmp/api-"));
try {
  emitDeclarations(folder);
  const configs = new Map([...entries()].map(([name, file]) => [name, prepare(folder, name, file)]));
  const [first, ...others] = configs.values();
  if (first === undefined) throw new Error("package.json exports nothing");
  // One program for all entries: each by itself would read and check the declarations anew.
  const compilerState = CompilerState.create(first, {
    additionalEntryPoints: others.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
  });
  const outdated = [...configs]
    .filter(([, config]) => !report(config, compilerState, isCheck))
    .map(([name]) => name);
  if (isCheck && outdated.length > 0) {
    console.error(`The public types of ${outdated.join(", ")} changed: look at them, then run npm run api.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
