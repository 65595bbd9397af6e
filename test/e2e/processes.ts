/**
 * The shop and its load generator as users run them: processes of their own, on free ports, with a folder of
 * their own. Whatever is started here is ended here, by its own process id.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScriptProcess } from "../support/script-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const startTimeoutMs = 60_000;

export const adminUser = "keeper";
export const adminPassword = "a password for tests";

/** A shop with three nodes, and nobody in it. */
export class Shop {
  readonly program: ScriptProcess;
  readonly port: number;
  readonly dataFolder: string;

  private constructor(program: ScriptProcess, port: number, dataFolder: string) {
    this.program = program;
    this.port = port;
    this.dataFolder = dataFolder;
  }

  static async start(...more: readonly string[]): Promise<Shop> {
    if (!existsSync(join(root, "dist/index.js"))) {
      throw new Error("The shop runs on the built library: npm run build");
    }
    const port = await freePorts(4);
    const dataFolder = mkdtempSync(join(tmpdir(), "lacewing-"));
    const program = new ScriptProcess(
      "examples/shop/main.ts",
      ["--port", String(port), "--quiet", "--admin-user", adminUser, ...more],
      { DATA_DIR: dataFolder, ADMIN_PASSWORD: adminPassword },
    );
    const shop = new Shop(program, port, dataFolder);
    try {
      await program.said(/Ctrl-C ends it/, startTimeoutMs);
    } catch (error) {
      await shop.stop();
      throw error;
    }
    return shop;
  }

  /** The shop, on whichever node. */
  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** The shop on one node, from 1. */
  urlOf(node: number): string {
    return `http://localhost:${this.port + node}`;
  }

  /** The process that a node was started as. */
  processIdOf(name: string): number {
    const match = this.program.output.match(new RegExp(`Only ${name} .*\\(process (\\d+)\\)`));
    if (!match) throw new Error(`There is no ${name} in:\n${this.program.output}`);
    return Number(match[1]);
  }

  async stop(): Promise<number | null> {
    const code = await this.program.end("SIGINT");
    rmSync(this.dataFolder, { recursive: true, force: true });
    return code;
  }
}

export function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}

export function startLoad(shop: Shop, ...input: readonly string[]): ScriptProcess {
  return new ScriptProcess(
    "examples/shop/load.ts",
    ["--url", shop.url, "--admin-user", adminUser, ...input],
    {
      ADMIN_PASSWORD: adminPassword,
    },
  );
}

/**
 * The first of so many free ports in a row. They are below those that systems give to outgoing connections: a
 * node that ends needs its port again when it is replaced, and by then a browser might have it.
 */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
