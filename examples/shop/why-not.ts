/** Which of an admin's buttons make no sense now, and why: the same words on the page and in the refusal. */
import type { NodeAction, NodeState, NodeStatus } from "./wire.ts";

const stateWords: Readonly<Record<Exclude<NodeState, "up">, string>> = {
  starting: "is starting",
  paused: "is paused",
  departing: "is saying goodbye",
  ended: "has ended",
};

/** Why the action makes no sense for a node now; `undefined` if it does. */
export function whyNot(
  action: NodeAction,
  node: NodeStatus,
  all: readonly NodeStatus[],
  restarting: boolean,
): string | undefined {
  const { name, state, cutOff } = node;
  if (action === "heal") return cutOff ? undefined : `${name} is not cut off.`;
  if (state === "ended" || state === "starting") return `${name} ${stateWords[state]}.`;
  if (action === "kill") return undefined;
  if (restarting) return "A rolling restart goes on.";
  if (state !== "up") return `${name} ${stateWords[state]}.`;
  if (action === "cut" && cutOff) return `${name} is cut off already.`;
  if (all.every((other) => other === node || other.state !== "up"))
    return `${name} is the only one that serves.`;
  return undefined;
}

/** Why no rolling restart can begin; `undefined` if one can. */
export function whyNoRestart(
  nodes: readonly NodeStatus[],
  restarting: string | undefined,
): string | undefined {
  if (restarting !== undefined) return "A rolling restart goes on.";
  const missing = nodes.find(({ state }) => state !== "up");
  if (missing !== undefined && missing.state !== "up") return `${missing.name} ${stateWords[missing.state]}.`;
  const cut = nodes.find(({ cutOff }) => cutOff);
  return cut === undefined ? undefined : `${cut.name} is cut off.`;
}
