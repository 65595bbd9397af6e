/** One measurement of three kinds of server in turn, so that all meet the same moods of the machine. */
import type { Kind } from "./kinds.js";
import type { Benchmark } from "../harness/command.js";
import type { Unit } from "../harness/row.js";
import { pairedRatio } from "../harness/statistics.js";

type Context = Pick<Parameters<Benchmark["run"]>[0], "runs" | "report" | "progress">;

/** A figure, and whether more of it is better. */
export interface Comparison<Measurement> {
  readonly field: keyof Measurement;
  readonly name: string;
  readonly unit: Unit;
  readonly better: "more" | "less";
}

const names: Readonly<Record<Kind, string>> = {
  rollcall: "channels",
  "socket.io": "Socket.IO",
  ws: "bare ws",
};

/** Reports each figure beside Socket.IO, which is to be left behind, and above bare `ws`. */
export async function compare<Measurement extends Readonly<Record<keyof Measurement, number>>>(
  { runs, report, progress }: Context,
  what: string,
  figures: readonly Comparison<Measurement>[],
  measure: (kind: Kind) => Promise<Measurement>,
): Promise<void> {
  const measured: Record<Kind, Measurement[]> = { rollcall: [], "socket.io": [], ws: [] };
  const kinds = Object.keys(measured) as Kind[];
  for (let run = 0; run < runs; run++) {
    const order = run % 2 === 0 ? kinds : kinds.toReversed();
    for (const kind of order) {
      progress(`${names[kind]}, ${what}, run ${run + 1} of ${runs}`);
      measured[kind].push(await measure(kind));
    }
  }
  for (const { field, name, unit, better } of figures) {
    const values = (kind: Kind): number[] => measured[kind].map((each) => each[field]);
    const ofPeer = pairedRatio(values("rollcall"), values("socket.io"));
    report({
      name: `${name}, ${what}`,
      unit,
      values: values("rollcall"),
      floor: { what: names.ws, values: values("ws") },
      target: { text: "ahead of Socket.IO", met: () => (better === "more" ? ofPeer > 1 : ofPeer < 1) },
      beside: [{ what: names["socket.io"], values: values("socket.io") }],
      note: `${ofPeer.toPrecision(3)}x of Socket.IO`,
    });
  }
}
