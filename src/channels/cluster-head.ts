/**
 * The heads of the frames that channel servers of several nodes send each other, as they are written and read. Promises
 * that what is read is what some version writes, and that what a later version adds to a head is left alone. Knows no
 * pubsub and no subscriber.
 */
import { MAX_BINARY_FIELD_BYTES } from "./frames.js";
import type { Sent } from "./sent-lately.js";
import { Broadcast } from "./subscribers.js";

export const PROTOCOL = 1;

/** What a hello may say beside its key: its sender has to hear all. */
export const EVERYTHING = "everything";
/** Only those need answer who have to hear all. */
export const WHO_HEARS_ALL = "who hears everything";

export type HelloHead = readonly [
  protocol: number,
  server: string,
  kind: "hello",
  node: string,
  key: string,
  wants: "answer" | "",
  note?: string,
];

/** A broadcast of a while ago, for those nodes that have not had it. */
export type AgainHead = readonly [
  protocol: number,
  server: string,
  kind: "again",
  topic: string,
  event: string,
  form: "json" | "bytes",
  agoMs: number,
  had: readonly string[],
];

/** The first line of a frame; the second is the payload, so that it passes through without being encoded again. */
export type Head =
  | readonly [protocol: number, server: string, kind: "json" | "bytes", topic: string, event: string]
  | readonly [protocol: number, server: string, kind: "disconnect", id: string]
  | readonly [
      protocol: number,
      server: string,
      kind: "ask",
      to: string,
      ask: string,
      node: string,
      token: string,
    ]
  | readonly [protocol: number, server: string, kind: "answer", to: string, ask: string]
  | HelloHead
  | AgainHead
  | readonly [protocol: number, server: string, kind: "ended"];

/** What may stand beside the kind in a head: so many texts, and so much behind them. */
const NAMES: Readonly<Record<string, { readonly texts: number; readonly further: number }>> = {
  json: { texts: 2, further: 0 },
  bytes: { texts: 2, further: 0 },
  disconnect: { texts: 1, further: 0 },
  ask: { texts: 4, further: 0 },
  answer: { texts: 2, further: 0 },
  hello: { texts: 3, further: 1 },
  again: { texts: 3, further: 2 },
  ended: { texts: 0, further: 0 },
};

/** Names of servers and of nodes are remembered: no server writes longer ones. */
const MAX_NAME_LENGTH = 128;

/** A head before the payload of a broadcast, which passes through as it is. */
export function frameOf(head: Head, body: string): string {
  return `${JSON.stringify(head)}\n${body}`;
}

/** The body of a broadcast. */
export function bodyOf({ encoded }: Pick<Broadcast, "encoded">): string {
  return typeof encoded === "string" ? encoded : encoded.toString("base64");
}

function formOf({ encoded }: Pick<Broadcast, "encoded">): "json" | "bytes" {
  return typeof encoded === "string" ? "json" : "bytes";
}

export function broadcastHead(server: string, broadcast: Sent["broadcast"]): Head {
  return [PROTOCOL, server, formOf(broadcast), broadcast.topic, broadcast.event];
}

/** The names of those who have had it are for what goes to all. */
export function againHead(
  server: string,
  { broadcast, had }: Sent,
  agoMs: number,
  isToAll: boolean,
): AgainHead {
  const { topic, event } = broadcast;
  return [PROTOCOL, server, "again", topic, event, formOf(broadcast), agoMs, isToAll ? [...had] : []];
}

/** `undefined` for what could not be sent on to clients. */
export function readBroadcast(
  topic: string,
  event: string,
  form: string,
  body: string,
): Broadcast | undefined {
  if (form === "bytes") {
    if (
      Buffer.byteLength(topic) > MAX_BINARY_FIELD_BYTES ||
      Buffer.byteLength(event) > MAX_BINARY_FIELD_BYTES
    ) {
      return undefined;
    }
    return new Broadcast(topic, event, Buffer.from(body, "base64"));
  }
  const payload = form === "json" ? parseJson(body) : undefined;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return undefined;
  return new Broadcast(topic, event, payload, { encoded: body });
}

/** How long ago a broadcast was made that comes again, and who has had it; `undefined` for what is neither. */
export function readAgain(
  head: AgainHead,
): { readonly agoMs: number; readonly had: readonly unknown[] } | undefined {
  const [agoMs, had] = head.slice(6) as readonly unknown[];
  if (typeof agoMs !== "number" || !(agoMs >= 0) || !Array.isArray(had)) return undefined;
  return { agoMs, had };
}

/** `undefined` for what is no JSON. The exception would quote the text, and errors are logged. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * What a head is: one that this version knows, one of those with more behind what it knows, one of a kind that a later
 * version has added, or none.
 */
export function whatIs(value: unknown): "known" | "further" | "later" | "none" {
  if (!Array.isArray(value)) return "none";
  const [protocol, server, kind, ...names] = value as readonly unknown[];
  if (typeof protocol !== "number" || typeof server !== "string") return "none";
  if (protocol !== PROTOCOL) return "known";
  if (server.length > MAX_NAME_LENGTH) return "none";
  if (typeof kind !== "string" || kind === "") return "none";
  const form = Object.hasOwn(NAMES, kind) ? NAMES[kind] : undefined;
  if (form === undefined) return "later";
  const { texts, further } = form;
  if (names.length < texts || !names.slice(0, texts).every((name) => typeof name === "string")) return "none";
  if (kind === "hello" && (names[0] as string).length > MAX_NAME_LENGTH) return "none";
  return names.length > texts + further ? "further" : "known";
}
