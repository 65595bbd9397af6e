/**
 * One node of the broker tests: a process with a tracker over the broker that its arguments name. Does what the
 * test asks for over IPC, and counts every diff that it is delivered.
 */
import { createHash } from "node:crypto";
import { sealed, type SealedPubSub } from "../../src/adapters/sealed.js";
import { Session, Tracker } from "../../src/index.js";
import { openNodeBy } from "./clients.js";

/** Short enough for a test, long enough for a busy machine. */
export const periods = { broadcastPeriodMs: 200, heartbeatPeriodMs: 1_000, downPeriodMs: 3_000 };

/** What the test asks for. */
export type Request =
  | { readonly ask: "track" | "untrack" | "update"; readonly from: number; readonly until: number }
  | { readonly ask: "rotate"; readonly keys: readonly string[] }
  | { readonly ask: "report" };

/** What it gets to hear. Times are of the wall clock, which is the same for all processes of one machine. */
export interface Report {
  readonly entries: number;
  /** Of everything listed, in one order. */
  readonly digest: string;
  readonly joins: number;
  readonly updates: number;
  readonly leaves: Readonly<Record<string, number>>;
  readonly lastDiffAtMs: number;
  readonly connectedAtMs: number;
  readonly connected: boolean;
  readonly complete: boolean;
  readonly divergences: number;
  readonly framesRefused: number;
  readonly errors: Readonly<Record<string, number>>;
}

interface Meta {
  readonly number: number;
  readonly version: number;
}

const topics = 10;

async function run(
  client: string,
  url: string,
  nodeName: string,
  prefix: string,
  keys: readonly string[],
): Promise<void> {
  const opened = await openNodeBy(client)(url, nodeName, prefix);
  const wrapper: SealedPubSub | undefined = keys.length === 0 ? undefined : sealed(opened.node, { keys });
  const counts = { joins: 0, updates: 0, leaves: new Map<string, number>(), lastDiffAtMs: 0 };
  const errors = new Map<string, number>();
  let connectedAtMs = 0;
  opened.node.onStatus?.((status) => {
    if (status === "connected") connectedAtMs = Date.now();
  });
  const tracker = await Tracker.start<Meta>(
    {
      handleDiff(diff) {
        counts.lastDiffAtMs = Date.now();
        for (const { joins, updates, leaves } of diff.values()) {
          counts.joins += joins.length;
          counts.updates += updates.length;
          for (const { reason } of leaves) add(counts.leaves, reason);
        }
      },
    },
    { name: "test", pubsub: wrapper ?? opened.node, ...periods },
  );
  tracker.on("error", ({ code }) => add(errors, code));
  const session = new Session();

  const report = (): Report => {
    const lines: string[] = [];
    for (const topic of tracker.topics()) {
      for (const { key, meta, ref, node } of tracker.list(topic)) {
        lines.push(JSON.stringify([topic, key, meta, ref, node]));
      }
    }
    const { complete, connected, counters } = tracker.health();
    return {
      entries: lines.length,
      digest: createHash("sha256").update(lines.sort().join("\n")).digest("hex"),
      joins: counts.joins,
      updates: counts.updates,
      leaves: Object.fromEntries(counts.leaves),
      lastDiffAtMs: counts.lastDiffAtMs,
      connectedAtMs,
      connected,
      complete,
      divergences: counters.divergences,
      framesRefused: counters.framesRefused,
      errors: Object.fromEntries(errors),
    };
  };
  const change = (ask: "track" | "untrack" | "update", number: number): void => {
    const [topic, key] = [`topic ${number % topics}`, `${nodeName} ${number}`];
    if (ask === "track") tracker.track(session, topic, key, { number, version: 0 });
    else if (ask === "untrack") tracker.untrack(session, topic, key);
    else tracker.update(session, topic, key, (meta) => ({ ...meta, version: meta.version + 1 }));
  };
  // Never outlives the test.
  process.on("disconnect", () => process.exit());
  process.on("message", (message: Request) => {
    // The cluster adapter's messages share the channel.
    if ("rollcall" in message) return;
    if (message.ask === "rotate") wrapper?.rotate(message.keys);
    else if (message.ask !== "report") {
      for (let number = message.from; number < message.until; number++) change(message.ask, number);
    }
    process.send?.(report());
  });
  process.send?.(report());
}

function add(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

const [client = "", url = "", nodeName = "", prefix = "", ...keys] = process.argv.slice(2);
if (process.send !== undefined && nodeName !== "") await run(client, url, nodeName, prefix, keys);
