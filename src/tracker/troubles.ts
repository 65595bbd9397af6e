/** What goes wrong between the nodes, as errors with their codes and in words. */
import { TrackerError } from "../errors.js";
import type { TrackerEvents } from "./events.js";
import { MAX_CHAINED_DIFFS, MAX_NESTED_DIFFS } from "./delivery.js";
import { LIMITS, MAX_FOREIGN_NODES, MAX_OBSERVERS } from "../replication/limits.js";
import type { VersionRange } from "../replication/message.js";
import type { ReplicaLink, Trouble } from "../replication/step.js";

const LINKS: Readonly<Record<Exclude<ReplicaLink, "whole">, string>> = {
  noBroadcasts: "is heard only when it answers: its broadcasts do not arrive",
  noDirect: "answers only what is broadcast: direct messages get lost, to it or from it",
  oneWay: "is heard and answers nothing: it does not hear this node, and what is missing of it stays missing",
};

const CROWDED = {
  lives: {
    limit: LIMITS.knownLives,
    text: "lives are known, and none can be forgotten: further nodes are not heard",
  },
  livesOver: {
    limit: LIMITS.livesOver,
    text: "lives have ended lately: late frames of earlier ones may bring those back for a while",
  },
  claims: {
    limit: LIMITS.claimedSlices,
    text: "shards, or topics, are only claimed by other nodes: further ones come later",
  },
  observers: {
    limit: MAX_OBSERVERS,
    text: "observers have asked lately: further ones are not answered until one of these has asked nothing for a while",
  },
  foreignNodes: {
    limit: MAX_FOREIGN_NODES,
    text: "nodes speak no version of the protocol in common with this one, or hold otherwise: further ones are not told of",
  },
};

export function errorOfTrouble(trouble: Trouble): TrackerError {
  switch (trouble.kind) {
    case "link": {
      const { life, link } = trouble;
      return new TrackerError("LINK_BROKEN", `${life.name} ${LINKS[link]}`, { ...life, link });
    }
    case "period": {
      const { life, periodMs } = trouble;
      const text = `${life.name} has another heartbeatPeriodMs (${periodMs}), and is judged by that`;
      return new TrackerError("PERIODS_DIFFER", text, { ...life, heartbeatPeriodMs: periodMs });
    }
    case "clockAhead": {
      const { name } = trouble.life;
      const text = `The clock of ${name} was ahead in an earlier life, so its start was heard late; or another process runs by that name`;
      return new TrackerError("CLOCK_AHEAD", text, { ...trouble.life });
    }
    case "counterAhead": {
      const { name } = trouble.life;
      const text = `Frames in the name of ${name} were ahead of all that it sends since; it is heard again`;
      return new TrackerError("COUNTER_AHEAD", text, { ...trouble.life });
    }
    case "implausible": {
      const reason = "a counter that its life cannot have reached";
      const text = `A payload that no node can have sent: ${reason}`;
      return new TrackerError("INVALID_FRAME", text, { reason, ...trouble.life });
    }
    case "full": {
      const { life, maxEntries } = trouble;
      const text = `${life.name} has more than there is room for: ${maxEntries} entries of other nodes are held at the most (maxEntries)`;
      return new TrackerError("CROWDED", text, { ...life, table: "entries", limit: maxEntries });
    }
    case "version": {
      const { life, speaks, spoken } = trouble;
      const text = `${life.name} speaks ${inWords(speaks)} of the protocol, and ${inWords(spoken)} is spoken here: they do not list what the other has`;
      return new TrackerError("UNKNOWN_PROTOCOL", text, { ...life, ...speaks, spoken });
    }
    case "holds": {
      const { life } = trouble;
      const text = `${life.name} runs with holds: "followed", and this node is an observer: it does not list what the other has`;
      return new TrackerError("HOLDS_DIFFER", text, { ...life, holds: "followed" });
    }
    case "crowded": {
      const { table } = trouble;
      const { limit, text } = CROWDED[table];
      return new TrackerError("CROWDED", `${limit} ${text}`, { table, limit });
    }
    default:
      return trouble satisfies never;
  }
}

function inWords({ oldest, newest }: VersionRange): string {
  return oldest === newest ? `version ${oldest}` : `versions ${oldest} to ${newest}`;
}

export function unavailable(text: string, cause: unknown): TrackerError {
  return new TrackerError("PUBSUB_UNAVAILABLE", text, {}, { cause });
}

export function tooManyChanges(): TrackerError {
  return new TrackerError(
    "TOO_MANY_CHANGES",
    `A handler changes what it is told of, again and again: more than ${MAX_CHAINED_DIFFS} diffs in a chain, or ${MAX_NESTED_DIFFS} in all, came of one change`,
    { maxChainedDiffs: MAX_CHAINED_DIFFS, maxNestedDiffs: MAX_NESTED_DIFFS },
  );
}

export function errorOfDivergence(news: TrackerEvents["divergence"]): TrackerError {
  const text = `The entries of ${news.name} in shard ${news.shard} differed from its own and are rebuilt`;
  return new TrackerError("DIVERGENCE", text, { ...news });
}

export function errorOfConflict({ name, incarnations }: TrackerEvents["nameConflict"]): TrackerError {
  const text = `Two nodes have the name ${name}; only the one that started last is listened to`;
  return new TrackerError("NAME_CONFLICT", text, { name, incarnations });
}

/** Of a payload that no node could have sent. */
export function errorOfRefusal(reason: string): TrackerError {
  return new TrackerError("INVALID_FRAME", `A payload that is no frame of rollcall: ${reason}`, { reason });
}
