/** The command `rollcall`, as a process, against a real broker of each kind. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

/** Runs the command; `interrupt` is given what it has written so far, and returns whether to press Ctrl-C. */
async function command(args: readonly string[], interrupt?: (stdout: string) => boolean): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let [stdout, stderr, isInterrupted] = ["", "", false];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (isInterrupted || interrupt?.(stdout) !== true) return;
    isInterrupted = true;
    child.kill("SIGINT");
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
    const visitor = new Session();
    const [listed, topped, examined, watched, unknown] = await Promise.all([
      command(["list", "room", ...where(), "--name", name, "--json"]),
      command(["top", ...where(), "--name", name]),
      command(["doctor", ...where(), "--name", name]),
      command(["watch", "room", ...where(), "--name", name, "--json"], (stdout) => {
        return stdout.split("\n").filter((line) => line.includes('"bob"')).length >= 2;
      }),
      command(["top", ...where(), ...(kind === "postgres" ? [] : ["--name", "cart"])]),
      come(trackers[0]!, visitor),
    ]);
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
    expect(watched.stdout).toMatch(/"what":"(join|leave)","topic":"room","key":"bob"/);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain(
      kind === "postgres"
        ? "Say --name; postgres cannot tell which there are"
        : 'No tracker is called "cart"; there are: "b", "carts of/ä"',
    );
    expect(trackers.map((tracker) => tracker.health().replicas)).toEqual([[], []]);
  });
});

/** Somebody comes and goes until the watcher has seen it. */
async function come(tracker: Tracker, visitor: Session): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    tracker.track(visitor, "room", "bob", { i });
    await new Promise((resolve) => setTimeout(resolve, 700));
    tracker.untrack(visitor);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

it("says that a broker cannot be reached, and shows no password", async () => {
  const ended = await Promise.all([
    command(["top", "--redis", "redis://:secret@127.0.0.1:1"]),
    command(["top", "--nats", "nats://127.0.0.1:1"]),
    command(["top", "--postgres", "postgres://u:secret@127.0.0.1:1/x"]),
  ]);
  for (const { code, stderr, stdout } of ended) {
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("cannot be reached");
    expect(stderr).not.toContain("secret");
  }
});
