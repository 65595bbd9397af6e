/** The entry of a node's process: starts the node when the primary says how, reports, and obeys. */
import {
  envelope,
  opened,
  type ClusterAnswer,
  type ClusterRequest,
  type NodeSays,
  type NodeStart,
  type PrimarySays,
} from "./control.ts";
import { startNode, type RunningNode } from "./node.ts";

const reportPeriodMs = 250;
const answerTimeoutMs = 5_000;
/** Where a plain `kill` stops one node, its shoppers have this long to arrive elsewhere. */
const handoffMs = 8_000;

let node: RunningNode | undefined;
let stopping = false;
let lastId = 0;
const asked = new Map<number, (answer: ClusterAnswer) => void>();

const tell = (message: NodeSays): void => void process.send?.(envelope(message));

/** Asks the primary; resolves with its answer, or with the lack of one. */
function ask(request: ClusterRequest): Promise<ClusterAnswer> {
  const id = (lastId += 1);
  return new Promise((resolve) => {
    const settle = (answer: ClusterAnswer): void => {
      clearTimeout(timer);
      asked.delete(id);
      resolve(answer);
    };
    const timer = setTimeout(
      () => settle({ done: false, text: "The primary does not answer." }),
      answerTimeoutMs,
    );
    asked.set(id, settle);
    tell({ type: "ask", id, request });
  });
}

async function start(config: NodeStart): Promise<void> {
  try {
    node = await startNode(config, { ask, moved: (outcome) => tell({ type: "moved", outcome }) });
    tell({ type: "ready" });
    setInterval(() => {
      if (node !== undefined && !stopping) tell({ type: "report", report: node.report() });
    }, reportPeriodMs);
  } catch (error) {
    tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    // The message has to leave before the process does.
    setTimeout(() => process.exit(1), 100);
  }
}

function stop(handoffMs: number): void {
  if (stopping) return;
  stopping = true;
  if (node === undefined) process.exit(0);
  void node
    .stop(handoffMs)
    .catch((error: unknown) => console.error("The node did not stop cleanly:", error))
    .finally(() => process.exit(0));
}

// A terminal sends Ctrl-C to every process; only the primary acts on it, and tells the nodes.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => stop(handoffMs));
// Without a primary nobody would ever stop or replace this process.
process.on("disconnect", () => process.exit(0));
process.on("message", (value) => {
  const message = opened<PrimarySays>(value);
  if (message === undefined) return;
  if (message.type === "start") void start(message.config);
  else if (message.type === "stop") stop(message.handoffMs);
  else if (message.type === "answer") asked.get(message.id)?.(message.answer);
  else if (message.type === "cut") node?.cut(message.nodes);
  else node?.statusTold(message.status);
});
tell({ type: "listening" });
