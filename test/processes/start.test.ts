/** What a process does that has nothing but a tracker whose pubsub does not answer. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const startTimeoutMs = 700;

const start = `await Tracker.start({}, { name: "shop", pubsub, startTimeoutMs: ${startTimeoutMs} });`;

/** Runs the script, and then starts a tracker or does what is given; the script finds the library's files as `from("src/…")`. */
async function run(
  body: string,
  last = start,
): Promise<{ code: number | null; stderr: string; tookMs: number }> {
  const script = `
    const from = (path) => import(new URL(path, ${JSON.stringify(root.href)}).href);
    const { Tracker } = await from("src/tracker/tracker.ts");
    ${body}
    const beganMs = performance.now();
    process.on("exit", () => process.stderr.write(" took " + Math.round(performance.now() - beganMs)));
    ${last}`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    cwd: fileURLToPath(root),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr, tookMs: Number(/ took (\d+)/.exec(stderr)?.[1]) };
}

const neverAnswers = `
  const never = () => new Promise(() => {});
  const pubsub = { nodeName: "a", broadcast: never, send: never, subscribe: never };`;

const refusedPostgres = `
  const { Client } = (await import("pg")).default;
  const { postgresPubSub } = await from("src/adapters/postgres.ts");
  const pubsub = postgresPubSub({ async connect() {
    const client = new Client({ host: "127.0.0.1", port: 1 });
    await client.connect();
    return client;
  } });`;

const neverConnectedRedis = `
  const { createClient } = await import("redis");
  const { redisPubSub } = await from("src/adapters/redis.ts");
  const publisher = createClient({ url: "redis://127.0.0.1:1" });
  const pubsub = redisPubSub({ publisher, subscriber: publisher.duplicate() });`;

describe("a process whose PostgreSQL is away", () => {
  it("lives until its pubsub is closed, as it does while there is a connection", async () => {
    const { code, tookMs } = await run(refusedPostgres, "setTimeout(() => pubsub.close(), 600).unref();");
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThanOrEqual(580);
  });
});

describe("a process that waits for its start", () => {
  it("lives until startTimeoutMs, and then says that nobody answered", async () => {
    const { code, stderr, tookMs } = await run(neverAnswers);
    expect(stderr).toContain("PUBSUB_UNAVAILABLE");
    expect(code).toBe(1);
    expect(tookMs).toBeGreaterThanOrEqual(startTimeoutMs - 20);
  });

  it("says what the client said, while its pubsub tries again and again", async () => {
    const { code, stderr, tookMs } = await run(refusedPostgres);
    expect(stderr).toContain("PUBSUB_UNAVAILABLE");
    expect(stderr).toContain("ECONNREFUSED");
    expect(code).toBe(1);
    expect(tookMs).toBeGreaterThanOrEqual(startTimeoutMs - 20);
  });

  it("says at once what to call on a client that nobody connects", async () => {
    const { code, stderr, tookMs } = await run(neverConnectedRedis);
    expect(stderr).toContain("PUBSUB_UNAVAILABLE");
    expect(stderr).toContain("connect()");
    expect(code).toBe(1);
    expect(tookMs).toBeLessThan(startTimeoutMs);
  });
});
