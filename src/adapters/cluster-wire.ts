/**
 * What workers and the relay in the primary say to each other over the IPC channel of Node, and how it is told
 * apart from what the application says on the same channel.
 *
 * Every message is a plain object with the property `rollcall`, which holds the version of this protocol.
 * Whatever lacks it belongs to the application and is left alone.
 */
import { TrackerError } from "../errors.js";

const version = 1;

/** From a node to the relay. `id` is the node's own: unique over all processes, and new in every life. */
export type NodeMessage =
  /** A node is there, under this name. Sent at start, and whenever a relay announces itself. */
  | { readonly type: "hello"; readonly id: string; readonly node: string }
  /** To every node, the sender included, or only to those named `to`. */
  | {
      readonly type: "frame";
      readonly id: string;
      readonly to?: string;
      readonly channel: string;
      readonly payload: string;
    }
  /** The node was closed, though its process lives on. */
  | { readonly type: "bye"; readonly id: string };

/** From the relay to a node (`id`), or to a whole process. */
export type RelayMessage =
  /** A relay has started: every node of this process shall say hello. */
  | { readonly type: "relay" }
  /** The answer to a hello: from now on the node is relayed to. */
  | { readonly type: "welcome"; readonly id: string }
  | { readonly type: "frame"; readonly id: string; readonly channel: string; readonly payload: string }
  /** Another node's process has ended, or it was closed. */
  | { readonly type: "nodeGone"; readonly id: string; readonly node: string }
  /** The relay was closed, though the primary lives on. */
  | { readonly type: "relayGone" };

/** The message as it goes over IPC. */
export function toEnvelope(message: NodeMessage | RelayMessage): object {
  return { rollcall: version, ...message };
}

/**
 * The message in the envelope, or `undefined` if it is the application's.
 *
 * @throws TrackerError `UNKNOWN_PROTOCOL` for another version, `INVALID_FRAME` for what no node sends.
 */
export function nodeMessageOf(envelope: unknown): NodeMessage | undefined {
  const fields = fieldsOf(envelope);
  if (fields === undefined) return undefined;
  const { type, id, node, to, channel, payload } = fields;
  if (typeof id === "string" && id !== "") {
    if (type === "hello" && typeof node === "string" && node !== "") return { type, id, node };
    if (type === "bye") return { type, id };
    if (type === "frame" && typeof channel === "string" && typeof payload === "string") {
      if (to === undefined) return { type, id, channel, payload };
      if (typeof to === "string") return { type, id, to, channel, payload };
    }
  }
  throw invalid(fields);
}

/** As {@link nodeMessageOf}, for what a relay sends. */
export function relayMessageOf(envelope: unknown): RelayMessage | undefined {
  const fields = fieldsOf(envelope);
  if (fields === undefined) return undefined;
  const { type, id, node, channel, payload } = fields;
  if (type === "relay" || type === "relayGone") return { type };
  if (typeof id === "string") {
    if (type === "welcome") return { type, id };
    if (type === "nodeGone" && typeof node === "string") return { type, id, node };
    if (type === "frame" && typeof channel === "string" && typeof payload === "string") {
      return { type, id, channel, payload };
    }
  }
  throw invalid(fields);
}

type Fields = Readonly<Partial<Record<"type" | "id" | "node" | "to" | "channel" | "payload", unknown>>>;

function fieldsOf(envelope: unknown): Fields | undefined {
  if (!isMarked(envelope)) return undefined;
  if (envelope.rollcall === version) return envelope;
  throw new TrackerError(
    "UNKNOWN_PROTOCOL",
    `Got an IPC message of version ${String(envelope.rollcall)} where ${version} is spoken`,
    { version: envelope.rollcall },
  );
}

function isMarked(envelope: unknown): envelope is Fields & { readonly rollcall: unknown } {
  return typeof envelope === "object" && envelope !== null && "rollcall" in envelope;
}

function invalid(fields: Fields): TrackerError {
  return new TrackerError("INVALID_FRAME", "Got an IPC message that no rollcall node sends", {
    type: fields.type,
  });
}
