/**
 * Clusters of real processes that hold what they follow: how soon a change and a topic are seen, and what is noticed of
 * a rolling restart, of a process that is killed, and where all others have stopped.
 */
import type { Benchmark } from "../harness/command.js";
import { quantile } from "../harness/statistics.js";
import { Fleet, pause, type FleetNode } from "./fleet.js";
import { roomOf, usersPerRoom } from "./followed.js";
import type { TransportKind } from "./transport.js";

const samples = 30;
/** Longer than the longest window of a peer, so that each finds a quiet cluster. */
const gapMs = 2_200;
const settleMs = 6_000;

const servers = 12;
const usersPerServer = 3_000;
const users = servers * usersPerServer;
const rooms = Array.from({ length: Math.ceil(users / usersPerRoom) }, (_, room) => roomOf(room, users));

const joinsAfterKill = 350;
const joinsAfterKillMs = 7_000;

export function followingLatency(kind: TransportKind): Benchmark {
  return {
    name: `following latency ${kind}`,
    run: ({ report, progress }) =>
      Fleet.with(kind, 10, async (fleet) => {
        progress("starting");
        await fleet.all("startFollowed");
        await pause(settleMs);
        const [observer, author] = [fleet.node(0), fleet.node(1)];
        const known = topics("known", samples);
        const fresh = topics("fresh", samples);
        const small = topics("small", samples);
        await author.ask("trackIn", known);
        for (const node of [...fleet.nodes, fleet.node(1)].slice(1))
          await node.ask("trackIn", [...small, ...small]);
        await observer.ask("followAll", [...known, ...fresh]);
        await pause(settleMs);
        const seen = async (into: readonly string[]): Promise<number[]> => {
          await observer.ask("takeFollowedLatencies");
          await author.ask("announceIn", into, gapMs);
          await pause(2_000);
          return observer.ask("takeFollowedLatencies");
        };
        progress("a node that has a stake");
        const ofKnown = await seen(known);
        progress("the first of a topic");
        const ofFresh = await seen(fresh);
        progress("topics of twenty");
        const follows = await observer.ask("follow", small, gapMs);
        for (const { what, values, limitMs } of [
          { what: "one track seen elsewhere, of a node that has a stake", values: ofKnown, limitMs: 5 },
          {
            what: "one track seen elsewhere, the first of its topic on its node",
            values: ofFresh,
            limitMs: 8,
          },
          { what: "a topic of 20 on 10 nodes, until its follow is complete", values: follows, limitMs: 10 },
        ]) {
          if (values.length !== samples) throw new Error(`${values.length} of ${samples}: ${what}`);
          report({
            name: `following, ${kind}, idle: ${what}, p50`,
            unit: "ms",
            values: [quantile(sorted(values), 0.5)],
            target: { text: `under ${limitMs} ms`, met: (value) => value < limitMs },
            beside: [{ what: "p99", values: [quantile(sorted(values), 0.99)] }],
          });
        }
      }),
  };
}

export function followingRestart(kind: TransportKind): Benchmark {
  return {
    name: `following restart ${kind}`,
    run: ({ report, progress }) =>
      Fleet.with(kind, servers + 1, async (fleet) => {
        progress("starting");
        const [observer, ...old] = fleet.nodes;
        if (observer === undefined) throw new Error("a fleet without an observer");
        for (const node of fleet.nodes) await node.ask("startFollowed");
        for (const [index, server] of old.entries()) await serve(server, index);
        await observer.ask("followAll", rooms);
        await listsAll(observer, rooms, users);
        await observer.ask("takeLeft");
        for (const [index, server] of old.entries()) {
          progress(`restarting ${server.name}`);
          const successor = await fleet.fork();
          await successor.ask("startFollowed");
          // The old process says goodbye and ends; its users come back to the new one.
          await server.ask("stopFollowed");
          await server.kill();
          await serve(successor, index);
          await pause(1_000);
        }
        await pause(10_000);
        await listsAll(observer, rooms, users);
        const left = await observer.ask("takeLeft");
        report({
          name: `following, ${kind}: users who leave while ${servers} nodes of ${usersPerServer.toLocaleString("en-US")} users each are restarted in turn`,
          unit: "",
          values: [left.length],
          target: { text: "none", met: (count) => count === 0 },
        });
      }),
  };
}

export function followingKill(kind: TransportKind): Benchmark {
  return {
    name: `following kill ${kind}`,
    run: ({ report, progress }) =>
      Fleet.with(kind, servers, async (fleet) => {
        progress("starting");
        await fleet.all("startFollowed");
        const [observer, victim, ...authors] = fleet.nodes;
        if (observer === undefined || victim === undefined) throw new Error("a fleet without nodes");
        const fresh = topics("after", joinsAfterKill);
        await observer.ask("followAll", fresh);
        await pause(settleMs);
        progress("killing one");
        await victim.kill();
        await Promise.all(
          authors.map((author, index) => {
            const own = fresh.filter((_, i) => i % authors.length === index);
            return author.ask("announceIn", own, joinsAfterKillMs / own.length);
          }),
        );
        await pause(3_000);
        const latenciesMs = sorted(await observer.ask("takeFollowedLatencies"));
        if (latenciesMs.length !== joinsAfterKill)
          throw new Error(`${latenciesMs.length} of ${joinsAfterKill} joins were seen`);
        report({
          name: `following, ${kind}: ${joinsAfterKill} joins in the ${joinsAfterKillMs / 1_000} s after a kill -9, each the first of its topic, seen`,
          unit: "ms",
          values: latenciesMs,
          target: { text: "each within 2 s", met: () => (latenciesMs.at(-1) ?? Infinity) < 2_000 },
        });
        progress("stopping all others");
        for (const author of authors) author.signal("SIGSTOP");
        await pause(1_000);
        const listed = await observer.ask("listed", fresh);
        for (const author of authors) author.signal("SIGCONT");
        report({
          name: `following, ${kind}: users listed by a node whose others have all stopped, of ${joinsAfterKill}`,
          unit: "",
          values: [listed],
          target: { text: "all", met: (count) => count === joinsAfterKill },
        });
      }),
  };
}

function serve(server: FleetNode, index: number): Promise<void> {
  return server.ask("serveUsers", index * usersPerServer + 1, (index + 1) * usersPerServer, users);
}

async function listsAll(observer: FleetNode, topicNames: readonly string[], count: number): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if ((await observer.ask("listed", topicNames)) === count) return;
    await pause(500);
  }
  throw new Error(`${await observer.ask("listed", topicNames)} of ${count} users are listed`);
}

function topics(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}:${i}`);
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
