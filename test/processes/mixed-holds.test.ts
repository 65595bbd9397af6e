/**
 * Six processes over the cluster adapter, half of which follow and half of which hold everything. Each is restarted
 * with the other `holds`, one by one, and then once more: no user may leave any list meanwhile, and counts are right at rest.
 */
import { fork, type ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { setupPrimary } from "../../src/adapters/cluster.js";
import type { Holds, Report, Request } from "./mixed-holds-process.js";

const script = fileURLToPath(new URL("mixed-holds-process.ts", import.meta.url));
const patienceMs = 20_000;
const NODES = 6;
const names = Array.from({ length: NODES }, (_, index) => `node-${index}`);
const rooms = ["room-0", "room-1", "__proto__", "room-3"];
/** A user reconnects to another node after this time. */
const reconnectMs = 200;

const users = Array.from({ length: 48 }, (_, index): [room: string, user: string] => [
  rooms[index % rooms.length]!,
  `user-${index}`,
]);
const expected = Object.fromEntries(
  rooms.map((room) => [room, users.filter(([its]) => its === room).map(([, user]) => user)]),
);

const started: MixedProcess[] = [];

/** A process that is there, and has no tracker until it is asked to start one. */
class MixedProcess {
  readonly nodeName: string;
  readonly #child: ChildProcess;
  readonly #waiting: { resolve(report: Report): void; reject(error: Error): void }[] = [];

  constructor(nodeName: string) {
    this.nodeName = nodeName;
    this.#child = fork(script, [nodeName], { execArgv: ["--import", "tsx"] });
    started.push(this);
    setupPrimary().attach(this.#child);
    this.#child.on("message", (message: Report) => {
      // The cluster adapter's messages share the channel.
      if (!("rollcall" in message)) this.#waiting.shift()?.resolve(message);
    });
    this.#child.once("exit", (code, signal) => {
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error(`${nodeName} ended: ${code ?? signal}`));
    });
  }

  ask(request: Request): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send(request);
    });
  }

  end(): Promise<unknown> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    const exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    return exit;
  }
}

/** A cluster whose users are there all the time, on one node or another. */
class Cluster {
  readonly running = new Map<string, MixedProcess>();
  readonly holds = new Map<string, Holds>();
  readonly lost: string[] = [];
  /** On which node each user is. */
  readonly #places = new Map<string, string>();

  async start(index: number, holds: Holds, process: MixedProcess, isAnybodyThere = true): Promise<void> {
    const { nodeName } = process;
    const follows = [0, 1].map((next) => rooms[(index + next) % rooms.length]!);
    const absent = Object.fromEntries(rooms.map((room) => [room, []]));
    await process.ask({ ask: "start", holds, follows, expected: isAnybodyThere ? expected : absent });
    this.running.set(nodeName, process);
    this.holds.set(nodeName, holds);
  }

  /** Their sockets are opened on these nodes, in turn. */
  async place(placed: typeof users, onto: readonly string[]): Promise<void> {
    await Promise.all(
      onto.map(async (nodeName, index) => {
        const its = placed.filter((_, place) => place % onto.length === index);
        for (const [, user] of its) this.#places.set(user, nodeName);
        await this.running.get(nodeName)?.ask({ ask: "track", users: its });
      }),
    );
  }

  /** A node ends as in a deploy, its users come to others, and it is there again with the other `holds`. */
  async roll(index: number, successor: MixedProcess): Promise<void> {
    const nodeName = names[index]!;
    const stopping = this.running.get(nodeName)!;
    this.running.delete(nodeName);
    const leaving = users.filter(([, user]) => this.#places.get(user) === nodeName);
    this.lost.push(...(await stopping.ask({ ask: "stop" })).lost.map((each) => `${nodeName}: ${each}`));
    await Promise.all([stopping.end(), pause(reconnectMs)]);
    await this.place(leaving, [...this.running.keys()]);
    const holds = this.holds.get(nodeName) === "everything" ? "followed" : "everything";
    await this.start(index, holds, successor);
  }

  /** Waits until every node lists and counts exactly who is there, and says so. */
  async settled(): Promise<void> {
    const until = performance.now() + patienceMs;
    for (let wrong = await this.#wrong(); wrong.length > 0; wrong = await this.#wrong()) {
      if (performance.now() > until) expect.fail(`after ${patienceMs} ms:\n${wrong.join("\n")}`);
      await pause(50);
    }
    for (const [nodeName, process] of this.running) {
      const { lost, errors } = await process.ask({ ask: "report" });
      expect({ nodeName, lost, errors }).toEqual({ nodeName, lost: [], errors: [] });
    }
    expect(this.lost).toEqual([]);
  }

  async #wrong(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [nodeName, process] of this.running) {
      const { isComplete, lists, counts } = await process.ask({ ask: "report" });
      if (!isComplete) wrong.push(`${nodeName} is not complete`);
      for (const [room, keys] of Object.entries(lists))
        if (keys.join() !== [...expected[room]!].sort().join())
          wrong.push(`${nodeName} lists ${keys.join()} in ${room}`);
      for (const room of rooms) {
        const { entries, settled } = counts[room] ?? {};
        if (entries !== expected[room]!.length || settled !== true)
          wrong.push(`${nodeName} counts ${entries} in ${room}, settled: ${settled}`);
      }
    }
    return wrong;
  }
}

afterAll(async () => {
  await Promise.all(started.map((process) => process.end()));
  setupPrimary().close();
});

it("nobody leaves a list while nodes go over to following, and back, one by one", async () => {
  const cluster = new Cluster();
  await Promise.all(
    names.map((name, index) =>
      cluster.start(index, index % 2 === 0 ? "everything" : "followed", new MixedProcess(name), false),
    ),
  );
  await cluster.place(users, names);
  await cluster.settled();
  for (const round of [1, 2]) {
    let successor = new MixedProcess(names[0]!);
    for (const index of names.keys()) {
      // To load a process takes longer than to restart a node: the next one loads meanwhile.
      const present = successor;
      if (index + 1 < NODES) successor = new MixedProcess(names[index + 1]!);
      await cluster.roll(index, present);
    }
    await cluster.settled();
    const kinds = names.map((name) => cluster.holds.get(name));
    const even = round === 1 ? "followed" : "everything";
    expect(kinds.filter((_, index) => index % 2 === 0)).toEqual([even, even, even]);
  }
}, 90_000);
