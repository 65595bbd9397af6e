/** A node's state in words, for the map and the table. */
import type { NodeStatus } from "../wire.ts";

/** What a node looks like: a state of its process, or cut off while that is up. */
export type Look = "up" | "cut" | "starting" | "paused" | "departing" | "ended";

export function lookOf({ state, cutOff }: NodeStatus): Look {
  return state === "up" && cutOff ? "cut" : state;
}

const words: Readonly<Record<Look, string>> = {
  up: "up",
  cut: "cut off",
  starting: "starting",
  paused: "paused",
  departing: "says goodbye",
  ended: "gone",
};

/** The sign of a state, so that it is not told by colour alone. */
export const signs: Readonly<Record<Look, string>> = {
  up: "●",
  cut: "✂",
  starting: "◔",
  paused: "⏸",
  departing: "↗",
  ended: "✕",
};

export function stateWords(node: NodeStatus): string {
  const { state, endsInMs, awaited } = node;
  const parts = [words[lookOf(node)]];
  if (endsInMs !== undefined)
    parts.push(`${state === "paused" ? "goes on" : "back"} in ${wholeSeconds(endsInMs)}`);
  if (awaited !== undefined) {
    const { shoppers, forgottenInMs } = awaited;
    parts.push(`${shoppers} on their way, forgotten in ${wholeSeconds(forgottenInMs)}`);
  }
  return parts.join(" · ");
}

/** How its list compares with that of most nodes. */
export function comparedWords({ differsBy }: NodeStatus): string {
  if (differsBy === undefined) return "says nothing";
  if (differsBy === 0) return "agrees";
  return `differs by ${differsBy}`;
}

export function wholeSeconds(durationMs: number): string {
  return `${Math.ceil(durationMs / 1_000)} s`;
}
