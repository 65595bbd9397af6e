/** The command `rollcall`, as a process, against a real broker of each kind. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BrokerError } from "../../src/cli/brokers.js";
import { UsageError, parseCommand, type Looking } from "../../src/cli/command.js";
import { run } from "../../src/cli/run.js";
import { Session, Tracker } from "../../src/index.js";
import { randomText } from "../../src/runtime.js";
import { openNodeBy } from "./clients.js";
import type { OpenedNode } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in this process; Ctrl-C is pressed when `isEnough` says so of what it has written. */
async function command(
  args: readonly string[],
  isEnough: (stdout: string) => boolean = () => false,
): Promise<Ended> {
  const ending = new AbortController();
  let [stdout, stderr] = ["", ""];
  const around = {
    screen: () => ({ columns: 120, hasColors: false }),
    isTerminal: false,
    write: (text: string) => {
      stdout += text;
      if (isEnough(stdout)) ending.abort();
    },
    warn: (text: string) => void (stderr += text),
    signal: ending.signal,
  };
  const code = await run(parseCommand(args) as Looking, around);
  return { code, stdout, stderr };
}

/** Runs the command as a process, and presses Ctrl-C when it has written something. */
async function commandProcess(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let [stdout, stderr] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout === "") child.kill("SIGINT");
    stdout += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

interface Case {
  readonly kind: "redis" | "nats" | "postgres";
  readonly client: string;
  readonly openBroker: OpenBroker;
}

const cases: readonly Case[] = [
  { kind: "redis", client: "node-redis 6", openBroker: openRedis },
  { kind: "nats", client: "transport-node 3", openBroker: openNats },
  { kind: "postgres", client: "pg 8", openBroker: openPostgres },
];

describe.each(cases)("the command on $kind", ({ kind, client, openBroker }) => {
  let broker: Broker;
  let node: OpenedNode;
  let trackers: Tracker[];
  const prefix = `test-${randomText(8)}`;
  const name = "carts of/ä";
  const where = (): string[] => [`--${kind}`, broker.url.href, "--prefix", prefix];

  beforeAll(async () => {
    if (openBroker === undefined) return;
    broker = await openBroker();
    node = await openNodeBy(client)(broker.url.href, "web-1", prefix);
    const options = { pubsub: node.node };
    trackers = [
      await Tracker.start({}, { ...options, name }),
      await Tracker.start({}, { ...options, name: "b" }),
    ];
    trackers[0]?.track(new Session(), "room", "ann", { page: "a" });
  });
  afterAll(async () => {
    await Promise.all((trackers ?? []).map((tracker) => tracker.stop({ handoffMs: 0 })));
    await node?.node.close?.();
    await node?.end();
    await broker?.stop();
  });

  it.skipIf(openBroker === undefined)("looks, and is nobody's replica", async () => {
    // One who was there before it looked leaves first.
    const hasLeft = (stdout: string): boolean => /"what":"join".*"bob"[^]*"what":"leave".*"bob"/.test(stdout);
    const coming = setInterval(() => {
      const visitor = new Session();
      trackers[0]?.track(visitor, "room", "bob", {});
      setTimeout(() => visitor.close(), 1_600);
    }, 800);
    const wrong = kind === "postgres" ? [] : ["--name", "cart"];
    const [listed, topped, examined, watched, error] = await Promise.all([
      command(["list", "room", ...where(), "--name", name, "--json"]),
      command(["top", ...where(), "--name", name]),
      command(["doctor", ...where(), "--name", name]),
      command(["watch", "room", ...where(), "--name", name, "--json"], hasLeft),
      command(["top", ...where(), ...wrong]).catch((thrown: unknown) => thrown),
    ]).finally(() => clearInterval(coming));
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ key: "ann", node: "web-1", meta: { page: "a" } }),
    );
    expect(topped).toMatchObject({ code: 0, stderr: "" });
    expect(topped.stdout).toMatch(/^carts of\/ä {2}complete\n1 of 1 nodes up/);
    expect(topped.stdout).toMatch(/^web-1 +up +whole/m);
    expect(examined).toMatchObject({ code: 0, stderr: "" });
    expect(examined.stdout).toContain("Nothing is wrong");
    expect(watched).toMatchObject({ code: 0, stderr: "" });
    expect(watched.stdout).toMatch(/"what":"join","topic":"room","key":"bob"/);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(
      kind === "postgres"
        ? "Say --name; postgres cannot tell which there are"
        : 'No tracker is called "cart"; there are: "b", "carts of/ä"',
    );
    expect(trackers.map((tracker) => tracker.health().replicas)).toEqual([[], []]);
  });

  it.skipIf(openBroker === undefined || kind !== "redis")(
    "ends with Ctrl-C, and leaves no error",
    async () => {
      const ended = await commandProcess(["top", ...where(), "--name", "b", "--json"]);
      expect(ended).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(ended.stdout.split("\n")[0] ?? "")).toMatchObject({ tracker: "b" });
    },
  );
});

it("says that a broker cannot be reached, and shows no password", async () => {
  for (const [kind, url] of [
    ["redis", "redis://:secret@127.0.0.1:1"],
    ["nats", "nats://127.0.0.1:1"],
    ["postgres", "postgres://u:secret@127.0.0.1:1/x"],
  ] as const) {
    const error: unknown = await command(["top", `--${kind}`, url]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).message).toContain("cannot be reached");
    expect((error as BrokerError).message).not.toContain("secret");
  }
  const { code, stdout, stderr } = await commandProcess(["doctor", "--redis", "redis://127.0.0.1:1"]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(/^rollcall: redis:\/\/127\.0\.0\.1:1 cannot be reached: /);
});
