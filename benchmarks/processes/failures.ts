/**
 * What the others notice of a node that ends, stalls or is restarted.
 */
import type { Benchmark } from "../harness/command.js";
import { Fleet, pause } from "./fleet.js";
import type { TransportKind } from "./transport.js";

const tracker = "watched";
const usersPerNode = 3_000;

export function kill(kind: TransportKind): Benchmark {
  return {
    name: `kill ${kind}`,
    run: ({ runs, report, progress }) =>
      Fleet.with(kind, 2 + runs, async (fleet) => {
        await fleet.all("start", tracker);
        const observers = fleet.nodes.slice(0, 2);
        const victims = fleet.nodes.slice(2);
        await pause(5_000);
        const killed = new Map<string, number>();
        const exits: number[] = [];
        for (const victim of victims) {
          progress(victim.name);
          // At any moment of the victim's heartbeat period.
          await pause(300 + Math.random() * 700);
          const { killedMs, exitedMs } = await victim.kill();
          killed.set(victim.name, killedMs);
          exits.push(exitedMs - killedMs);
        }
        await pause(11_000);
        const noticed: number[] = [];
        for (const observer of observers) {
          for (const { name, atMs } of await observer.ask("takeDowns")) {
            noticed.push(atMs - (killed.get(name) ?? NaN));
          }
        }
        const expected = victims.length * observers.length;
        if (noticed.length !== expected)
          throw new Error(`${noticed.length} of ${expected} kills were noticed`);
        const limitMs = kind === "cluster" ? 200 : 9_000;
        const worst = Math.max(...noticed);
        report({
          name: `${kind}: kill -9 until noticed by every other node`,
          unit: "ms",
          values: noticed,
          floor: { what: "until its parent is told of the exit", values: [Math.max(...exits)] },
          target: { text: `under ${limitMs.toLocaleString("en-US")} ms, always`, met: () => worst < limitMs },
          phoenix: "18,900 to 31,400 ms",
        });
      }),
  };
}

export function stall(kind: TransportKind): Benchmark {
  return {
    name: `stall ${kind}`,
    run: ({ report, progress }) =>
      Fleet.with(kind, 3, async (fleet) => {
        await fleet.all("start", tracker);
        for (const [index, node] of fleet.nodes.entries()) {
          await node.ask("track", tracker, index * 100 + 1, index * 100 + 100);
        }
        const victim = fleet.node(1);
        const others = fleet.others(victim);
        await pause(4_000);
        const alarms = async (): Promise<{ ofOthers: number; ofVictim: number }> => ({
          ofOthers: (await Promise.all(others.map((node) => node.ask("takeDowns")))).flat().length,
          ofVictim: (await victim.ask("takeDowns")).length,
        });
        const stop = async (stopMs: number): Promise<{ ofOthers: number; ofVictim: number }> => {
          progress(`stopped for ${stopMs} ms`);
          victim.signal("SIGSTOP");
          await pause(stopMs);
          victim.signal("SIGCONT");
          await pause(4_000);
          return alarms();
        };
        const short = await stop(5_000);
        report({
          name: `${kind}: false alarms of all nodes when one is stopped for 5 s`,
          unit: "",
          values: [short.ofOthers + short.ofVictim],
          target: { text: "none", met: (count) => count === 0 },
        });
        const long = await stop(25_000);
        if (long.ofOthers !== others.length)
          throw new Error("a node that was silent for 25 s was not noticed");
        report({
          name: `${kind}: nodes that a node declares down after it was stopped itself for 25 s`,
          unit: "",
          values: [long.ofVictim],
          target: { text: "none", met: (count) => count === 0 },
          phoenix: "all of them",
        });
      }),
  };
}

/** In which order a server is replaced. */
interface Replacing {
  readonly how: string;
  /** As the documentation advises: the new process is complete before the old one says goodbye. */
  readonly isStartedFirst: boolean;
}

const waysOfReplacing: readonly Replacing[] = [
  { how: "each after its successor was complete", isStartedFirst: true },
  { how: "each before its successor started, which serves at once", isStartedFirst: false },
];

export function rollingRestart(kind: TransportKind): Benchmark {
  return {
    name: `restart ${kind}`,
    run: async ({ report, progress }) => {
      for (const { how, isStartedFirst } of waysOfReplacing) {
        const usersLeft = await Fleet.with(kind, 4, (fleet) =>
          usersWhoLeave(fleet, isStartedFirst, (server) => progress(`restarting ${server}, ${how}`)),
        );
        report({
          name: `${kind}: users who leave while three nodes of 3,000 users each are restarted in turn, ${how}`,
          unit: "",
          values: [usersLeft],
          target: { text: "none", met: (users) => users === 0 },
          phoenix: "9,000: everyone leaves and rejoins",
        });
      }
    },
  };
}

async function usersWhoLeave(
  fleet: Fleet,
  isStartedFirst: boolean,
  progress: (server: string) => void,
): Promise<number> {
  const [observer, ...servers] = fleet.nodes;
  if (observer === undefined) throw new Error("a fleet without an observer");
  for (const server of servers) await server.ask("start", tracker);
  for (const [index, server] of servers.entries()) {
    await server.ask("track", tracker, index * usersPerNode + 1, (index + 1) * usersPerNode);
  }
  await observer.ask("watchUsers", tracker);
  for (const [index, server] of servers.entries()) {
    progress(server.name);
    // The old process says goodbye and ends; its users come back to the new one.
    const early = isStartedFirst ? await fleet.fork() : undefined;
    await early?.ask("start", tracker);
    await server.ask("stop", tracker);
    await server.kill();
    const successor = early ?? (await fleet.fork());
    if (early === undefined) await successor.ask("start", tracker, [], false);
    await successor.ask("track", tracker, index * usersPerNode + 1, (index + 1) * usersPerNode);
    await pause(3_000);
  }
  await pause(10_000);
  const { usersLeft, entriesLeft } = await observer.ask("watchedUsers");
  if (entriesLeft !== servers.length * usersPerNode) {
    throw new Error(`${entriesLeft} entries of the old processes left`);
  }
  return usersLeft;
}
