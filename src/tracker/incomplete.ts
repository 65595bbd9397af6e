/** Why a tracker is not complete, in words and by name. */
import type { ConnectionStatus } from "../replication/port.js";
import type { Health } from "./health.js";
import type { NotComplete } from "./readiness.js";

const CONNECTIONS: Readonly<Record<Exclude<ConnectionStatus, "connected">, string>> = {
  disconnected: "the pubsub is disconnected",
  deaf: "this node does not hear itself through the pubsub",
};

/** Names in a message; there may be thousands, and all are in the details. */
const NAMES_SHOWN = 5;

/**
 * @param unheard The nodes that are expected and were not heard, if any are.
 * @param isHearingOut Whether others may not have had the time to say that they are there.
 */
export function whyIncomplete(
  health: Health,
  isHearingOut: boolean,
  unheard: readonly string[],
): NotComplete {
  const { connection, replicas } = health;
  const reasons: string[] = [];
  const waitsFor: string[] = [];
  if (connection !== "connected") reasons.push(CONNECTIONS[connection]);
  else if (isHearingOut) {
    reasons.push("the others have not been heard out");
    for (const name of unheard) {
      waitsFor.push(name);
      reasons.push(`${name} was not heard`);
    }
  }
  for (const { name, status, waitsFor: what, lagDots } of replicas) {
    if (what === undefined || (status !== "up" && status !== "returning")) continue;
    waitsFor.push(name);
    reasons.push(
      what === "summary" ? `${name} has not said what it has` : `${lagDots} changes of ${name} are missing`,
    );
  }
  const more = reasons.length - NAMES_SHOWN;
  const shown = reasons.slice(0, NAMES_SHOWN).join("; ");
  const text = more > 0 ? `${shown}; and ${more} more` : shown;
  return { text, details: { waitsFor, health } };
}
