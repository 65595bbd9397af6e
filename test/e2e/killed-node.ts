/** What is promised about the dashboard when a node is killed, checked against all that it showed meanwhile. */
import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { Look, Shown } from "./browser.ts";

/** The trackers' defaults. */
const downPeriodMs = 8_000;
const heartbeatPeriodMs = 2_000;

/** So long after the death the numbers are right at the latest. */
const rightWithinMs = downPeriodMs + heartbeatPeriodMs;
/** Long enough to see that they stay right when the dead node's silence is over. */
export const watchedMs = downPeriodMs + 2 * heartbeatPeriodMs;

/**
 * Expects that the numbers were wrong in one stretch at most, only until `rightWithinMs`, and counted nobody
 * twice. They may be right for a moment after the death before they are wrong: until it is known that the node
 * is dead, the dashboard shows what was true.
 */
export function expectRightAgain(looks: readonly Look[], right: Shown, killedMs: number): void {
  const isWrong = ({ shown }: Look): boolean => !isDeepStrictEqual(shown, right);
  const changes = looks.filter(({ shown }, index) => !isDeepStrictEqual(shown, looks[index - 1]?.shown));
  const story = changes
    .map(({ atMs, shown }) => `${Math.round(atMs - killedMs)} ms after the death: ${JSON.stringify(shown)}`)
    .join("\n");

  const lastWrong = looks.findLastIndex(isWrong);
  const stretch = lastWrong < 0 ? [] : looks.slice(looks.findIndex(isWrong), lastWrong + 1);
  expect(stretch.every(isWrong), `Wrong more than once:\n${story}`).toBe(true);
  expect(lastWrong, `Wrong at the end:\n${story}`).toBeLessThan(looks.length - 1);
  expect((stretch.at(-1)?.atMs ?? killedMs) - killedMs, story).toBeLessThan(rightWithinMs);
  expect(Math.max(...looks.map(({ shown }) => shown.shoppers)), story).toBe(right.shoppers);
}
