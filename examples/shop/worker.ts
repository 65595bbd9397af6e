/** The entry of a node's process: starts the node, tells the primary, and obeys it. */
import {
  configVariable,
  envelope,
  opened,
  type NodeSays,
  type NodeStart,
  type PrimarySays,
} from "./control.ts";
import { startNode } from "./node.ts";

const config = JSON.parse(process.env[configVariable] ?? "null") as NodeStart;
const tell = (message: NodeSays): void => void process.send?.(envelope(message));

/** Where a plain `kill` stops one node, its shoppers have this long to arrive elsewhere. */
const handoffMs = 8_000;

// A terminal sends Ctrl-C to every process; only the primary acts on it, and tells the nodes.
process.on("SIGINT", () => undefined);
// Without a primary nobody would ever stop or replace this process.
process.on("disconnect", () => process.exit(0));

try {
  const node = await startNode(config);
  let stopping = false;
  const stop = (handoffMs: number): void => {
    if (stopping) return;
    stopping = true;
    void node
      .stop(handoffMs)
      .catch((error: unknown) => console.error(`${config.name} did not stop cleanly:`, error))
      .finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop(handoffMs));
  process.on("message", (value) => {
    const message = opened<PrimarySays>(value);
    if (message?.type === "stop") stop(message.handoffMs);
  });
  tell({ type: "ready" });
} catch (error) {
  tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  // The message has to leave before the process does.
  setTimeout(() => process.exit(1), 100);
}
