/** What a seal costs: to make it, and to look at it and open it, for frames of a kilobyte and of 64. */
import { createHmac } from "node:crypto";
import type { Benchmark } from "../harness/command.js";
import { alternate, timePerCallNs } from "../harness/stopwatch.js";
import { envelopeOf, open, seal, SealKey } from "../../src/adapters/seal.js";

const run = "0123456789abcdefghijkl";
const place = { prefix: "rollcall", channel: "rollcall:shop" };

export const seals: Benchmark = {
  name: "seal",
  async run({ runs, report }) {
    const key = new SealKey("x".repeat(32));
    for (const mode of ["encrypt", "sign"] as const) {
      for (const kilobytes of [1, 64]) {
        const payload = "x".repeat(kilobytes * 1_024);
        const runKey = key.ofRun(run, mode);
        const calls = Math.ceil(20_000 / kilobytes);
        const sealOne = (counter: number): string =>
          seal(
            { mode, keyId: key.id, run, counter: counter + 1, sentMs: 1, node: "node-1" },
            runKey,
            place,
            payload,
          );
        const text = sealOne(1);
        const openOne = (): unknown => {
          const envelope = envelopeOf(text);
          return envelope === undefined ? undefined : open(envelope, runKey, place);
        };
        if (openOne() !== payload) throw new Error("the seal does not open");
        const floor = (): number =>
          timePerCallNs(calls, () => createHmac("sha256", runKey).update(payload).digest()) / 1000;
        for (const [what, one] of [
          ["seal", sealOne],
          ["open", openOne],
        ] as const) {
          const figures = await alternate(runs, () => timePerCallNs(calls, one) / 1000, floor);
          report({
            name: `${what}, mode ${mode}, ${kilobytes} kB (${Buffer.byteLength(text) - payload.length} bytes more)`,
            unit: "µs",
            values: figures.subject,
            floor: { what: "HMAC-SHA-256 of the payload", values: figures.floor },
          });
        }
      }
    }
  },
};
