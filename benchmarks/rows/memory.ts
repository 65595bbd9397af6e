/**
 * Memory per entry, measured in a fresh process each: the growth of the heap between two complete collections.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Benchmark } from "../harness/command.js";

const child = fileURLToPath(new URL("./memory-child.ts", import.meta.url));
const limitBytes = 400;
const followedBytes = 420;
const pairTopicBytes = 130;
const kinds = [
  "followed",
  "pair-topics",
  "own",
  "updated",
  "indexed",
  "remote",
  "updated-remote",
  "bare",
] as const;
type Kind = (typeof kinds)[number];

export const memory: Benchmark = {
  name: "memory",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      const measured: Record<Kind, number[]> = {
        followed: [],
        "pair-topics": [],
        own: [],
        updated: [],
        indexed: [],
        remote: [],
        "updated-remote": [],
        bare: [],
      };
      // The heap of a fresh process hardly varies.
      for (let run = 0; run < Math.min(runs, 3); run++) {
        for (const kind of kinds) {
          progress(`${kind}, ${count}`);
          measured[kind].push(await bytesPerEntry(kind, count));
        }
      }
      const floor = { what: "the bare Maps", values: measured.bare };
      const target = { text: `under ${limitBytes} B`, met: (median: number) => median < limitBytes };
      const of = `of ${count.toLocaleString("en-US")}`;
      report({
        name: `memory per entry held where nodes follow, ${of}`,
        unit: "B",
        values: measured.followed,
        floor,
        target: { text: `under ${followedBytes} B`, met: (median) => median < followedBytes },
      });
      report({
        name: `memory per topic of a share, on both sides, ${of}`,
        unit: "B",
        values: measured["pair-topics"],
        target: { text: `under ${pairTopicBytes} B`, met: (median) => median < pairTopicBytes },
      });
      report({
        name: `memory per own entry ${of}`,
        unit: "B",
        values: measured.own,
        floor,
        target,
        phoenix: "536 B, without the process",
      });
      report({
        name: `memory per own entry that was updated, ${of}`,
        unit: "B",
        values: measured.updated,
        floor,
        target,
        beside: [{ what: "never updated", values: measured.own }],
      });
      report({
        name: `memory per own entry with indexKeys, ${of}`,
        unit: "B",
        values: measured.indexed,
        beside: [{ what: "without the index", values: measured.own }],
      });
      report({
        name: `memory per remote entry ${of}`,
        unit: "B",
        values: measured.remote,
        floor,
        target,
        phoenix: "600 B",
      });
      report({
        name: `memory per remote entry that was updated, ${of}`,
        unit: "B",
        values: measured["updated-remote"],
        floor,
        target,
        beside: [{ what: "never updated", values: measured.remote }],
      });
    }
  },
};

async function bytesPerEntry(kind: Kind, count: number): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    "--import",
    "tsx",
    child,
    kind,
    String(count),
  ]);
  const bytes = Number(stdout.trim());
  if (!(bytes > 0)) throw new Error(`the measuring process printed ${stdout}`);
  return bytes;
}
