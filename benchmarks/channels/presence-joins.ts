/**
 * Clients that join a room of thousands, all at once: each is told who is there, and of all who come after. Beside
 * Socket.IO, where one keeps the list by hand, and above bare `ws`.
 */
import { compare, type Comparison } from "./compare.js";
import { Crowd, dialects } from "./crowd.js";
import { CROWD, type Kind } from "./kinds.js";
import { ServerProcess } from "./server-process.js";
import type { Benchmark } from "../harness/command.js";

/** Each is sent a list of thousands: so few are megabytes enough. */
const GUESTS = 200;
const WARM_UP_GUESTS = 20;

interface Measurement {
  readonly joinsPerSecond: number;
  readonly processorUs: number;
}

async function measure(kind: Kind, there: number): Promise<Measurement> {
  const server = new ServerProcess(kind, there);
  const crowd = new Crowd(dialects[kind], CROWD);
  try {
    const port = await server.port();
    const warmUp = new Crowd(dialects[kind], CROWD);
    await warmUp.connect(port, WARM_UP_GUESTS);
    await warmUp.meet(there + WARM_UP_GUESTS);
    // They stay, so that nobody is told of their leaving.
    await crowd.connect(port, GUESTS);
    const start = { atMs: performance.now(), processorMs: await server.processorMs() };
    await crowd.meet(there + WARM_UP_GUESTS + GUESTS);
    const end = { atMs: performance.now(), processorMs: await server.processorMs() };
    warmUp.end();
    return {
      joinsPerSecond: GUESTS / ((end.atMs - start.atMs) / 1000),
      processorUs: ((end.processorMs - start.processorMs) * 1000) / GUESTS,
    };
  } finally {
    crowd.end();
    await server.end();
  }
}

const figures: readonly Comparison<Measurement>[] = [
  { field: "joinsPerSecond", name: "presence joined", unit: "/s", better: "more" },
  {
    field: "processorUs",
    name: "processor time of the server per presence join",
    unit: "µs",
    better: "less",
  },
];

export const presenceJoins: Benchmark = {
  name: "presence-joins",
  async run({ runs, sizes, report, progress }) {
    for (const there of sizes) {
      const what = `${GUESTS} at once into ${there.toLocaleString("en-US")}`;
      await compare({ runs, report, progress }, what, figures, (kind) => measure(kind, there));
    }
  },
};
