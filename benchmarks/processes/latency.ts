/**
 * How soon another process sees a change: one track on an idle and on a busy cluster, against the bare client;
 * and many tracks at once.
 */
import type { Benchmark } from "../harness/command.js";
import { quantile } from "../harness/statistics.js";
import { Fleet, pause } from "./fleet.js";
import type { TransportKind } from "./transport.js";

/** More samples than a 99th percentile needs. */
const samples = 150;
/** Trackers that take turns, so that each is quiet for longer than its broadcast period before its next track. */
const turns = Array.from({ length: 12 }, (_, index) => `turn-${index}`);
const gapMs = 150;

export function latency(kind: TransportKind): Benchmark {
  return {
    name: `latency ${kind}`,
    run: ({ report, progress }) =>
      Fleet.with(kind, 3, async (fleet) => {
        const [author, receiver] = [fleet.node(0), fleet.node(1)];
        const floor = async (): Promise<number[]> => {
          await author.ask("announceBare", samples, 20);
          await pause(200);
          return sorted(await receiver.ask("takeBareLatencies"));
        };
        progress("idle");
        for (const name of turns) await fleet.all("start", name);
        await pause(2_000);
        const bare = await floor();
        await author.ask("announce", turns, samples, gapMs);
        await pause(500);
        const idle = sorted(await receiver.ask("takeLatencies"));
        for (const { share, limitMs, phoenix } of [
          { share: 0.5, limitMs: 5, phoenix: "766 ms" },
          { share: 0.99, limitMs: 20, phoenix: "1,488 ms" },
        ]) {
          report({
            name: `${kind}, idle: one track seen elsewhere, p${share * 100}`,
            unit: "ms",
            values: [quantile(idle, share)],
            floor: { what: "one way through the bare client", values: [quantile(bare, share)] },
            target: { text: `under ${limitMs} ms`, met: (value) => value < limitMs },
            phoenix,
            note: `${idle.length} of ${samples} seen`,
          });
        }
        progress("busy");
        for (const [index, node] of fleet.nodes.entries()) {
          await node.ask("track", turns[0] ?? "", index * 1_000 + 1, index * 1_000 + 1_000);
          await node.ask("churn", turns[0] ?? "", 50);
        }
        await pause(3_000);
        await receiver.ask("takeLatencies");
        const bareBusy = await floor();
        await author.ask("announce", turns.slice(0, 1), samples, 80);
        await pause(3_000);
        const busy = sorted(await receiver.ask("takeLatencies"));
        for (const share of [0.5, 0.99]) {
          report({
            name: `${kind}, each node changes 50 entries a second: p${share * 100}`,
            unit: "ms",
            values: [quantile(busy, share)],
            floor: { what: "one way through the bare client", values: [quantile(bareBusy, share)] },
            phoenix: share === 0.5 ? "766 ms" : "1,488 ms",
            note: "changes wait for the end of the broadcast period of 1,500 ms, and go out as one delta",
          });
        }
      }),
  };
}

export function bulk(kind: TransportKind): Benchmark {
  return {
    name: `bulk ${kind}`,
    run: ({ runs, sizes, report, progress }) =>
      Fleet.with(kind, 3, async (fleet) => {
        const author = fleet.node(0);
        const others = fleet.others(author);
        for (const count of sizes) {
          const loops: number[] = [];
          const visible: number[] = [];
          const floors: number[] = [];
          for (let run = -1; run < runs; run++) {
            progress(`${count}, run ${run + 1}`);
            const name = `bulk-${count}-${run}`;
            await fleet.all("start", name);
            const reached = Promise.all(others.map((node) => node.ask("reach", name, count)));
            const { startedMs, loopMs } = await author.ask("track", name, 1, count);
            const visibleMs = Math.max(...(await reached)) - startedMs;
            await fleet.all("stop", name, 0);
            await fleet.all("collectGarbage");
            const bareStartedMs = await author.ask("sendBare", 1, count);
            const bareReached = await Promise.all(others.map((node) => node.ask("reachBare", count)));
            await fleet.all("collectGarbage");
            if (run < 0) continue;
            loops.push(loopMs);
            visible.push(visibleMs);
            floors.push(Math.max(...bareReached) - bareStartedMs);
          }
          const many = count.toLocaleString("en-US");
          report({
            name: `${kind}: ${many} tracks at once until all others list them`,
            unit: "ms",
            values: visible,
            floor: { what: "plain JSON through the bare client into bare Maps", values: floors },
            beside: [{ what: "the loop of tracks itself", values: loops }],
            phoenix: count === 10_000 ? "928 to 1,994 ms" : count === 100_000 ? "6,896 ms" : undefined,
          });
        }
      }),
  };
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
