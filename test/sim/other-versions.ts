/**
 * Nodes of other versions of the protocol, for clusters that are mixed. The trackers are the production code, by the
 * versions that they are given; between them and the network their frames are made to look as those of such a version:
 *
 * - `next`: one that speaks 2 and 3. It appends fields to all that it says, adds a kind, and writes in version 3 what
 *   nobody can read who does not know it.
 * - `before`: the builds before version 2. They say nothing of their versions, leave away what is empty, and refuse
 *   kinds that they do not know.
 */
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import type { SimulatedTrackerOptions } from "../../src/testing/cluster-options.js";
import type { FaultyNetwork } from "../../src/testing/network.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { by, changed } from "./protocol.js";

export type Generation = "before" | "now" | "next";

/** The versions that a generation speaks, by a protocol that is otherwise given. */
const LIMITS_OF = {
  before: { oldestVersion: 1, newestVersion: 1 },
  now: {},
  next: { oldestVersion: 2, newestVersion: 3 },
} as const;

function protocolOf(generation: Generation, protocol: Protocol = PROTOCOL): Protocol {
  return changed({ limits: LIMITS_OF[generation] }, protocol);
}

/** Options of a life of a generation. */
export function ofGeneration(
  generation: Generation,
  protocol: Protocol = PROTOCOL,
  options: SimulatedTrackerOptions = {},
): SimulatedTrackerOptions {
  return by(protocolOf(generation, protocol), options);
}

type Parts = unknown[];

const HEAD = 6;
const DELTA = 1;
const NEW_KIND = 9;
/** What a frame of version 3 looks like behind its head, but for heartbeats. */
interface Garbled {
  readonly three: Parts;
}

/** From now on the lives that are connected speak as their generation does. */
export function speakAs(network: FaultyNetwork, generationOf: (name: string) => Generation): void {
  const connect = network.connect.bind(network);
  network.connect = (name, machine) => {
    const endpoint = connect(name, machine);
    const generation = generationOf(name);
    if (generation === "next") Object.assign(endpoint, { pubsub: asNext(endpoint.pubsub) });
    if (generation === "before") Object.assign(endpoint, { pubsub: asBefore(endpoint.pubsub) });
    return endpoint;
  };
}

function asNext(pubsub: PubSub): PubSub {
  const say = (payload: string, give: (payload: string) => void | Promise<void>): void | Promise<void> => {
    const parts = JSON.parse(payload) as Parts;
    const counter = parts[5] as number;
    const isDelta = parts[1] === DELTA;
    // Frames of the added kind have counters of their own between those of the others.
    parts[5] = 2 * counter;
    parts.push({ added: counter }, "and more");
    if (isDelta && Array.isArray(parts[12]) && parts[12].length > 0) parts[12].push(["a column more"]);
    const written =
      parts[0] === 3 && parts[1] !== 0
        ? [...parts.slice(0, HEAD), { three: parts.slice(HEAD) } satisfies Garbled]
        : parts;
    const given = give(JSON.stringify(written));
    if (isDelta) {
      // What the adapter does to its caller it has done already.
      const added = async (): Promise<void> =>
        give(JSON.stringify([parts[0], NEW_KIND, ...parts.slice(2, 5), 2 * counter + 1, "new"]));
      added().catch(() => undefined);
    }
    return given;
  };
  const hear = (payload: string): string => {
    const parts = JSON.parse(payload) as Parts;
    const [garbled] = parts.slice(HEAD);
    if (typeof garbled === "object" && garbled !== null && "three" in garbled)
      parts.splice(HEAD, 1, ...(garbled as Garbled).three);
    if (parts[2] === pubsub.nodeName) parts[5] = Math.floor((parts[5] as number) / 2);
    return JSON.stringify(parts);
  };
  return translated(pubsub, say, hear);
}

/** What those builds wrote: the fields of a heartbeat up to its period, or to the last one that says something. */
function asBefore(pubsub: PubSub): PubSub {
  const empty = (field: unknown): boolean =>
    field === 0 || field === "" || field === -1 || (Array.isArray(field) && field.length === 0);
  /** By kind, the length of a frame whose empty fields are left away. */
  const shortest: Readonly<Record<number, number>> = { 0: 10, 1: 13, 2: 8, 4: 11, 5: 14 };
  return translated(
    pubsub,
    (payload, give) => {
      const parts = JSON.parse(payload) as Parts;
      if (parts[1] === 0) parts.length = Math.min(parts.length, 13);
      while (parts.length > (shortest[parts[1] as number] ?? Infinity) && empty(parts.at(-1))) parts.pop();
      return give(JSON.stringify(parts));
    },
    (payload) => payload,
  );
}

function translated(
  pubsub: PubSub,
  say: (payload: string, give: (payload: string) => void | Promise<void>) => void | Promise<void>,
  hear: (payload: string) => string,
): PubSub {
  return {
    ...pubsub,
    broadcast: (channel, payload) => say(payload, (written) => pubsub.broadcast(channel, written)),
    send: (node, channel, payload) => say(payload, (written) => pubsub.send(node, channel, written)),
    subscribe: (channel, receive) =>
      pubsub.subscribe(channel, (payload: string) => receive(isFrame(payload) ? hear(payload) : payload)),
  };
}

function isFrame(payload: unknown): payload is string {
  try {
    return Array.isArray(JSON.parse(String(payload)));
  } catch {
    return false;
  }
}
