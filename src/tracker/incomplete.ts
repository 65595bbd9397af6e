/** Why a tracker is not complete, in words and by name. */
import type { ConnectionStatus } from "../replication/step.js";
import type { Health } from "./health.js";
import type { NotComplete } from "./readiness.js";

const CONNECTIONS: Readonly<Record<Exclude<ConnectionStatus, "connected">, string>> = {
  disconnected: "the pubsub is disconnected",
  deaf: "this node does not hear itself through the pubsub",
};

/** Names in a message; there may be thousands, and all are in the details. */
const NAMES_SHOWN = 5;

/** Who knows whether the others had the time to say that they are there, and which of the expected have not. */
interface HearsOut {
  hasHeardOut(): boolean;
  expectedAndUnheard(): readonly string[];
  earlierWindowMs(): number;
}

export function whyIncomplete(health: Health, hearsOut: HearsOut): NotComplete {
  const { connection, replicas } = health;
  const reasons: string[] = [];
  const waitsFor: string[] = [];
  if (connection !== "connected") reasons.push(CONNECTIONS[connection]);
  else if (hearsOut.earlierWindowMs() > 0) {
    const ms = Math.ceil(hearsOut.earlierWindowMs());
    reasons.push(
      `entries of nodes that stopped before this one started wait elsewhere, for ${ms} ms at the most`,
    );
  } else if (!hearsOut.hasHeardOut()) {
    reasons.push("the others have not been heard out");
    for (const name of hearsOut.expectedAndUnheard()) {
      waitsFor.push(name);
      reasons.push(`${name} was not heard`);
    }
  }
  for (const { name, status, waitsFor: what, lagDots } of replicas) {
    if (what === undefined || (status !== "up" && status !== "returning")) continue;
    waitsFor.push(name);
    if (what === "summary") reasons.push(`${name} has not said what it has`);
    else {
      const why = what === "room" ? ", and there is no room for them" : "";
      reasons.push(`${lagDots} changes of ${name} are missing${why}`);
    }
  }
  const more = reasons.length - NAMES_SHOWN;
  const shown = reasons.slice(0, NAMES_SHOWN).join("; ");
  const text = more > 0 ? `${shown}; and ${more} more` : shown;
  return { text, details: { waitsFor, health } };
}
