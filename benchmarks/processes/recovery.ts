/**
 * What a cluster with many entries does for a node that comes: new, or back from a partition. And what it
 * sends when nothing happens.
 */
import type { Benchmark } from "../harness/command.js";
import { machineMs } from "../harness/machine-clock.js";
import { Fleet, pause } from "./fleet.js";
import type { Passed } from "./gate.js";
import type { TransportKind } from "./transport.js";

const tracker = "full";
const nodeCount = 3;

/** Spreads the entries over the nodes and waits until all list all. */
async function fill(fleet: Fleet, count: number): Promise<void> {
  await fleet.all("start", tracker);
  const reached = fleet.all("reach", tracker, count);
  const share = Math.ceil(count / fleet.nodes.length);
  for (const [index, node] of fleet.nodes.entries()) {
    await node.ask("track", tracker, index * share + 1, Math.min(count, (index + 1) * share));
  }
  await reached;
  // Until the broadcast period and the heartbeats after it are through.
  await pause(4_000);
  await fleet.all("collectGarbage");
}

export function catchUp(kind: TransportKind): Benchmark {
  return {
    name: `catch-up ${kind}`,
    run: ({ runs, sizes, report, progress }) =>
      Fleet.with(kind, nodeCount, async (fleet) => {
        const count = sizes.at(-1) ?? 0;
        progress(`filling ${count}`);
        await fill(fleet, count);
        const newcomer = await fleet.fork();
        const bystander = await fleet.fork();
        const holders = fleet.others(newcomer, bystander);
        const times: number[] = [];
        const stalls = { newcomer: [] as number[], holders: [] as number[], bystander: [] as number[] };
        const turns = { newcomer: [] as number[], holders: [] as number[] };
        for (let run = 0; run < runs; run++) {
          progress(`run ${run + 1}`);
          await fleet.all("collectGarbage");
          await fleet.all("watchDelay");
          // A newcomer that knows whom to expect need not wait for a round of heartbeats before it calls itself complete.
          const expected = holders.map(({ name }) => name);
          const { calledMs, completeMs } = await newcomer.ask("start", tracker, expected);
          const reachedMs = await newcomer.ask("reach", tracker, count);
          await pause(200);
          times.push(Math.max(completeMs, reachedMs) - calledMs);
          const atNewcomer = await newcomer.ask("longestDelay");
          const atHolders = await Promise.all(holders.map((node) => node.ask("longestDelay")));
          stalls.newcomer.push(atNewcomer.loopMs);
          turns.newcomer.push(atNewcomer.turnMs);
          stalls.bystander.push((await bystander.ask("longestDelay")).loopMs);
          stalls.holders.push(Math.max(...atHolders.map(({ loopMs }) => loopMs)));
          turns.holders.push(Math.max(...atHolders.map(({ turnMs }) => turnMs)));
          await newcomer.ask("stop", tracker, 0);
          await pause(1_000);
        }
        const many = count.toLocaleString("en-US");
        report({
          name: `${kind}: a new node catches up with ${many}`,
          unit: "ms",
          values: times,
          target: { text: "under 1,500 ms", met: (median) => median < 1_500 },
          phoenix: count === 100_000 ? "2,948 to 15,243 ms" : undefined,
        });
        const target = { text: "under 30 ms", met: (median: number) => median < 30 };
        const floor = { what: "in a process without a tracker", values: stalls.bystander };
        for (const { where, phoenix } of [
          { where: "newcomer", phoenix: "one merge of 1 s" },
          { where: "holders", phoenix: "one extract of 0.5 s" },
        ] as const) {
          report({
            name: `${kind}: longest event-loop delay meanwhile, at ${where === "newcomer" ? "the new node" : "the others"}`,
            unit: "ms",
            values: stalls[where],
            floor,
            target,
            beside: [{ what: "longest turn of the tracker, in processor time", values: turns[where] }],
            phoenix,
          });
        }
      }),
  };
}

export function partition(kind: TransportKind): Benchmark {
  return {
    name: `partition ${kind}`,
    run: ({ sizes, report, progress }) =>
      Fleet.with(kind, nodeCount, async (fleet) => {
        const count = sizes.at(-1) ?? 0;
        progress(`filling ${count}`);
        await fill(fleet, count);
        const newcomer = await fleet.fork();
        const before = await newcomer.ask("passed");
        await newcomer.ask("start", tracker);
        await newcomer.ask("reach", tracker, count);
        const fullBytes = bytesBetween(before, await newcomer.ask("passed"));
        await pause(3_000);

        progress("cut off for 12 s");
        await newcomer.ask("setGate", false);
        const share = Math.ceil(count / nodeCount);
        for (const [index, node] of fleet.nodes.slice(0, nodeCount).entries()) {
          await node.ask("update", tracker, index * share + 1, (index + 1) * share, 100, 1);
        }
        await newcomer.ask("reach", tracker, 0);
        await pause(3_000);
        const cut = await newcomer.ask("passed");
        const startedMs = machineMs();
        await newcomer.ask("setGate", true);
        const reachedMs = await newcomer.ask("reach", tracker, count);
        await newcomer.ask("complete", tracker);
        const healedBytes = bytesBetween(cut, await newcomer.ask("passed"));
        const [shown, current] = await Promise.all([
          newcomer.ask("pageOf", tracker, 1),
          fleet.node(0).ask("pageOf", tracker, 1),
        ]);
        if (shown !== current) throw new Error(`the node shows ${shown} instead of ${current}`);
        const many = count.toLocaleString("en-US");
        report({
          name: `${kind}: back from a partition, ${many} entries, 1 % changed`,
          unit: "B",
          values: [healedBytes],
          floor: { what: "the node's first sync", values: [fullBytes] },
          target: { text: "under 5 % of a full transfer", met: (_, ratio) => ratio < 0.05 },
          phoenix: count === 100_000 ? "18.7 MB: everything" : undefined,
        });
        report({
          name: `${kind}: back from a partition, until all is listed again`,
          unit: "ms",
          values: [reachedMs - startedMs],
          note: "most of it waits for the next heartbeat of each node, 2,000 ms apart",
        });
      }),
  };
}

export function idle(kind: TransportKind): Benchmark {
  const seconds = 10;
  return {
    name: `idle ${kind}`,
    run: ({ sizes, report, progress }) =>
      Fleet.with(kind, nodeCount, async (fleet) => {
        const count = sizes.at(-1) ?? 0;
        await fill(fleet, count);
        progress("listening");
        const before = await fleet.all("passed");
        await pause(seconds * 1_000);
        const after = await fleet.all("passed");
        const perSecond = (part: "sentBytes" | "receivedBytes"): number[] =>
          after.map((passed, index) => (passed[part] - (before[index]?.[part] ?? 0)) / seconds);
        report({
          name: `${kind}: what an idle node sends, ${count.toLocaleString("en-US")} entries`,
          unit: "B/s",
          values: perSecond("sentBytes"),
          beside: [{ what: "and receives, of two others:", values: perSecond("receivedBytes") }],
          phoenix: "18 B/s and more: 273 B every 15 s",
        });
      }),
  };
}

function bytesBetween(before: Passed, after: Passed): number {
  return after.sentBytes - before.sentBytes + after.receivedBytes - before.receivedBytes;
}
