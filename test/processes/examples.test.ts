/** The examples that need no broker, run as their READMEs say. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ScriptProcesses, type ScriptProcess } from "../support/script-process.js";
import { ensureBuilt } from "../package/tarball.js";

const processes = new ScriptProcesses();
beforeAll(ensureBuilt);
afterEach(() => processes.endAll());

describe("examples/console", () => {
  it("shows a node the users of another, hides them when it dies, and shows them again", async () => {
    const environment = { CONSOLE_PORT: String(await freePort()) };
    const start = (number: number): ScriptProcess =>
      processes.start("examples/console/console.ts", [String(number)], environment);
    const second = start(2);
    await second.said(/^node-2, process/);
    const first = start(1);
    await first.said(/^node-1, process/);

    first.say("track 7");
    await first.said(/^\+ 7 \(User 7\) on node-1$/);
    await second.said(/^\+ 7 \(User 7\) on node-1$/);
    second.say("track 8");
    await first.said(/^\+ 8 \(User 8\) on node-2$/);
    first.say("list");
    await first.said(/^ {2}2 tracked$/);
    first.say("release 7");
    await second.said(/^- 7 on node-1: closed$/);

    first.say("track 9");
    await second.said(/^\+ 9 /);
    const killed = second.lines.length;
    await first.end("SIGKILL");
    await second.said(/^\* node-1 is down$/, undefined, killed);
    await second.said(/^- 9 on node-1: down$/, undefined, killed);

    const again = start(1);
    await again.said(/^\+ 8 \(User 8\) on node-2$/);
    again.say("track 9");
    await second.said(/^\+ 9 \(User 9\) on node-1$/, undefined, killed);
    const quit = second.lines.length;
    again.say("quit");
    await second.said(/^- 9 on node-1: departed$/, undefined, quit);
    expect(await again.ended).toBe(0);
  });
});

describe("examples/workers", () => {
  it("gives every job to one worker, and the jobs of a dead one to the others, and back", async () => {
    const group = processes.start("examples/workers/workers.ts", [], { RESTART_AFTER_MS: "3000" });
    await group.until(() => isShared(holdersOf(group.lines), 4));
    const before = holdersOf(group.lines);
    const orphans = [...before].filter(([, workers]) => workers.has("worker-2")).map(([job]) => job);
    expect(orphans).not.toEqual([]);

    const pid = Number((await group.said(/^worker-2 is process (\d+)$/))[1]);
    const killedAt = group.lines.length;
    process.kill(pid, "SIGKILL");
    for (const job of orphans)
      await group.said(new RegExp(`^worker-[134] takes ${job}$`), undefined, killedAt);
    const moved = group.lines
      .slice(killedAt)
      .flatMap((line) => / (?:takes|gives up) (job-\d+)$/.exec(line)?.[1] ?? []);
    expect(moved.sort(), "only the dead one's jobs moved").toEqual(orphans.sort());

    await group.said(/^worker-2 is process/, undefined, killedAt);
    await group.until(() => isShared(holdersOf(group.lines), 4));
    expect(holdersOf(group.lines), "it has its jobs back").toEqual(before);
    await group.end("SIGTERM");
  });
});

describe("examples/rooms", () => {
  it("holds on each worker what it serves, shows it on a page, and reads any room on any worker", async () => {
    const environment = { ROOMS_PORT: "0", ROOMS_MOVES: "0" };
    const group = processes.start("examples/rooms/rooms.ts", [], environment);
    const [, url = ""] = await group.said(/^(http:\S+) shows what each worker holds$/);
    const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
    let nodes: HoldsOfWorker[] = [];
    await expect
      .poll(
        async () => {
          nodes = (await get("nodes")) as HoldsOfWorker[];
          return nodes.filter(({ users, complete }) => users === 5_000 && complete).length;
        },
        { timeout: 30_000 },
      )
      .toBe(4);
    for (const { users, heldOfOthers, roomsFollowed } of nodes) {
      // Of 20,000 users, 5,000 of them its own; and of 10,000 rooms.
      expect(heldOfOthers).toBeGreaterThan(1_000);
      expect(users + heldOfOthers).toBeLessThan(12_000);
      expect(roomsFollowed).toBeLessThan(5_000);
    }
    const rooms = await Promise.all(
      Array.from({ length: 200 }, async (_, room) => {
        const seen = await Promise.all([1, 4].map((number) => get(`rooms/${room}?by=worker-${number}`)));
        const [first, second] = seen.map((each) => (each as { members: string[] }).members);
        expect(first, `room ${room} is the same on both`).toEqual(second);
        return first?.length ?? 0;
      }),
    );
    // Two in a room on average.
    expect(rooms.reduce((sum, members) => sum + members, 0)).toBeGreaterThan(200);
    expect(await (await fetch(url)).text()).toContain("<h1>Ten thousand rooms</h1>");
    await group.end("SIGTERM");
  });
});

interface HoldsOfWorker {
  readonly users: number;
  readonly heldOfOthers: number;
  readonly roomsFollowed: number;
  readonly complete: boolean;
}

/** Which workers hold each job, by what they have said. A worker that starts holds nothing. */
function holdersOf(lines: readonly string[]): Map<string, Set<string>> {
  const holders = new Map<string, Set<string>>();
  for (const line of lines) {
    const [, worker = "", says, job = ""] = /^(worker-\d) (is process|takes|gives up) (.+)$/.exec(line) ?? [];
    if (says === "is process") for (const workers of holders.values()) workers.delete(worker);
    if (says === "takes") holders.set(job, (holders.get(job) ?? new Set()).add(worker));
    if (says === "gives up") holders.get(job)?.delete(worker);
  }
  return holders;
}

/** Whether each of the twelve jobs has one holder, and all of so many workers hold some. */
function isShared(holders: ReadonlyMap<string, ReadonlySet<string>>, workerCount: number): boolean {
  const single = [...holders.values()].filter((workers) => workers.size === 1);
  return single.length === 12 && new Set(single.flatMap((workers) => [...workers])).size === workerCount;
}

/** A port after which five are likely to be free: the example takes the next ones. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return Math.min(port, 65_000);
}
