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
  paused: "‖",
  departing: "↗",
  ended: "✕",
};

const usuallyOnTheWay = 5;
const usualShare = 0.25;

/** What it is doing, and until when if that ends by itself. */
export function shortStateWords(node: NodeStatus): string {
  const { state, endsInMs } = node;
  const word = words[lookOf(node)];
  if (endsInMs === undefined) return word;
  return `${word} · ${state === "paused" ? "goes on" : "back"} in ${wholeSeconds(endsInMs)}`;
}

/** The same, with those of its last life who are listed nowhere else: they may be on their way, or have left. */
export function stateWords(node: NodeStatus): string {
  const { awaited } = node;
  if (awaited === undefined) return shortStateWords(node);
  const { shoppers, forgottenInMs } = awaited;
  return `${shortStateWords(node)} · ${shoppers} waited for, forgotten in ${wholeSeconds(forgottenInMs)}`;
}

/**
 * Whether more than what is always on its way is missing at this moment: a difference that has just come is not
 * lasting yet, and must not pass for agreement.
 */
export function isFarOff({ shoppers = 0, differsNowBy = 0 }: NodeStatus): boolean {
  return differsNowBy > Math.max(usuallyOnTheWay, shoppers * usualShare);
}

/** How its list compares with that of most nodes. */
export function comparedWords(node: NodeStatus): string {
  const { differsBy } = node;
  if (differsBy === undefined) return "says nothing";
  if (differsBy === 0) return isFarOff(node) ? "not settled" : "agrees";
  return `differs by ${differsBy}`;
}

export function wholeSeconds(durationMs: number): string {
  return `${Math.ceil(durationMs / 1_000)} s`;
}
