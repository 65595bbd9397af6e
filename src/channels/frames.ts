/**
 * The frames of the Phoenix Channels protocol, version 2: JSON arrays of five for text, length-prefixed fields
 * for binary. Promises that what a client sends is either a well-formed message or `undefined`, and that what
 * is encoded here is understood by the official client. Knows no socket, no channel and no state.
 */
import { TrackerError } from "../errors.js";
import { endOfString } from "./payload.js";

/**
 * Identifies a join or a push of one client. The official client sends strings; clients in other languages
 * also send numbers. Echoed as it came, never interpreted. A text has at most 64 bytes.
 */
export type Ref = string | number | null;

/**
 * What a client sent. `payload` is a `Buffer` where the frame was a binary one. Otherwise it is what stands in the
 * place of the payload, not parsed yet: a message that waits, or that nobody wants, costs no more than its text.
 */
export interface ClientMessage {
  readonly joinRef: Ref;
  readonly ref: Ref;
  readonly topic: string;
  readonly event: string;
  readonly payload: string | Buffer;
}

/** One frame to one client: text as a string, or bytes of a binary frame. */
export interface Frame {
  readonly data: string | Buffer;
  /** How many bytes that is, without the header of a WebSocket. */
  readonly bytes: number;
  readonly binary: boolean;
}

/**
 * One frame to many clients, with its WebSocket header: the very bytes that go over each connection. A server
 * does not mask, so that they are the same for all.
 */
export interface SharedFrame {
  readonly wire: Buffer;
  /** Where the frame begins behind its header. */
  readonly headerBytes: number;
}

/** What a payload becomes on the wire: JSON text, or bytes that travel in a binary frame. */
export type EncodedPayload = string | Buffer;

const KIND_PUSH = 0;
const KIND_REPLY = 1;
const KIND_BROADCAST = 2;
const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
/** The length of each field of a binary frame is one byte. */
export const MAX_BINARY_FIELD_BYTES = 255;
/** A ref is kept as long as its channel and stands before all that the channel is sent. Clients count. */
const MAX_REF_BYTES = 64;

/**
 * Reads a text frame. Returns `undefined` for anything that is not a message. The payload is only cut out, and may turn
 * out to be no JSON when it is parsed.
 */
export function decodeText(text: string): ClientMessage | undefined {
  const comma = endOfFields(text, 4);
  const end = text.lastIndexOf("]");
  if (comma === undefined || end <= comma || text.slice(end + 1).trim() !== "") return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(`${text.slice(0, comma)}]`);
  } catch {
    return undefined;
  }
  const [joinRef, ref, topic, event] = fields as readonly unknown[];
  if (!isRef(joinRef) || !isRef(ref) || typeof topic !== "string" || typeof event !== "string")
    return undefined;
  return { joinRef, ref, topic, event, payload: text.slice(comma + 1, end) };
}

/** The comma behind so many plain values of a list; `undefined` where another list or object comes first. */
function endOfFields(text: string, count: number): number | undefined {
  let left = count;
  for (let index = text.indexOf("[") + 1; index < text.length; index++) {
    const character = text[index];
    if (character === '"') index = endOfString(text, index);
    else if (character === "[" || character === "{") return undefined;
    else if (character === "," && --left === 0) return index;
  }
  return undefined;
}

/** Reads a binary frame; `undefined` for anything that is not a push. */
export function decodeBinary(bytes: Buffer): ClientMessage | undefined {
  if (bytes.length < 5 || bytes[0] !== KIND_PUSH) return undefined;
  let offset = 5;
  const fields: string[] = [];
  for (let index = 1; index < 5; index++) {
    const end = offset + (bytes[index] ?? 0);
    if (end > bytes.length) return undefined;
    fields.push(bytes.toString("utf8", offset, end));
    offset = end;
  }
  const [joinRef = "", ref = "", topic = "", event = ""] = fields;
  if (!isRef(joinRef) || !isRef(ref)) return undefined;
  return {
    joinRef: joinRef || null,
    ref: ref || null,
    topic,
    event,
    payload: ownCopy(bytes.subarray(offset)),
  };
}

/** A copy of bytes: a part of a buffer keeps all of it alive, so a short message would hold all that was read with it. */
export function ownCopy(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/**
 * Encodes a payload once, for any number of frames.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for what is neither bytes nor an object that JSON can hold: the client
 *   reads properties of every payload.
 */
export function encodePayload(payload: unknown): EncodedPayload {
  let text: string | undefined;
  let cause: unknown;
  try {
    const bytes = bytesOf(payload);
    if (bytes !== undefined) return bytes;
    if (typeof payload === "object" && payload !== null) text = JSON.stringify(payload);
  } catch (error) {
    cause = error;
  }
  // What has a `toJSON` may turn into anything, also into nothing; lists are objects too.
  if (text === undefined || !text.startsWith("{")) {
    throw new TrackerError(
      "INVALID_ARGUMENT",
      "a payload must be an object that JSON can hold, or bytes",
      // Not the payload itself: errors are logged, and what clients send may be secret.
      { argument: "payload", type: typeName(payload) },
      { cause },
    );
  }
  return text;
}

function bytesOf(payload: unknown): Buffer | undefined {
  if (Buffer.isBuffer(payload)) return payload;
  if (payload instanceof Uint8Array)
    return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return payload instanceof ArrayBuffer ? Buffer.from(payload) : undefined;
}

/** What kind of value something is, for errors that must not hold the value itself. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  try {
    return Array.isArray(value) ? "array" : typeof value;
  } catch {
    return typeof value; // A proxy that was revoked cannot be looked at.
  }
}

/** A message of the server to one channel of one client. */
export function pushFrame(joinRef: Ref, topic: string, event: string, payload: EncodedPayload): Frame {
  if (typeof payload === "string") return textFrame(joinRef, null, topic, event, payload);
  return binaryFrame(KIND_PUSH, [refText(joinRef), topic, event], payload);
}

/** The answer to a join, a push or a leave. */
export function replyFrame(
  joinRef: Ref,
  ref: Ref,
  topic: string,
  status: string,
  response: EncodedPayload,
): Frame {
  if (typeof response === "string") {
    const payload = `{"status":${JSON.stringify(status)},"response":${response}}`;
    return textFrame(joinRef, ref, topic, "phx_reply", payload);
  }
  return binaryFrame(KIND_REPLY, [refText(joinRef), refText(ref), topic, status], response);
}

/** A message to all subscribers of a topic. */
export function broadcastFrame(topic: string, event: string, payload: EncodedPayload): SharedFrame {
  if (typeof payload === "string") {
    return shared(textFrame(null, null, topic, event, payload));
  }
  return shared(binaryFrame(KIND_BROADCAST, [topic, event], payload));
}

/** The channel has ended for good; the client does not join again. Carries the join that it ends. */
export function closeFrame(joinRef: Ref, topic: string): Frame {
  return textFrame(joinRef, joinRef, topic, "phx_close", "{}");
}

/** The channel has failed; the client joins again after a second. */
export function errorFrame(joinRef: Ref, topic: string): Frame {
  return textFrame(joinRef, joinRef, topic, "phx_error", '{"reason":"channel_crash"}');
}

function textFrame(joinRef: Ref, ref: Ref, topic: string, event: string, payload: string): Frame {
  const head = JSON.stringify([joinRef, ref, topic, event]);
  const data = `${head.slice(0, -1)},${payload}]`;
  return { data, bytes: Buffer.byteLength(data), binary: false };
}

function binaryFrame(kind: number, fields: readonly string[], data: Buffer): Frame {
  const encoded = fields.map((field) => Buffer.from(field));
  const tooLong = encoded.findIndex((field) => field.length > MAX_BINARY_FIELD_BYTES);
  if (tooLong >= 0) {
    throw new TrackerError(
      "INVALID_ARGUMENT",
      `each field of a binary frame is at most ${MAX_BINARY_FIELD_BYTES} bytes`,
      { bytes: encoded[tooLong]?.length },
    );
  }
  const lengths = encoded.map((field) => field.length);
  const whole = Buffer.concat([Buffer.from([kind, ...lengths]), ...encoded, data]);
  return { data: whole, bytes: whole.length, binary: true };
}

/** The frame as it goes over a WebSocket, header and all, in one piece: two would cost a second buffer at each write. */
export function wireOf({ data, bytes, binary }: Frame): Buffer {
  const headerBytes = headerBytesOf(bytes);
  const wire = Buffer.allocUnsafe(headerBytes + bytes);
  writeHeader(wire, binary ? OPCODE_BINARY : OPCODE_TEXT, bytes, headerBytes);
  if (typeof data === "string") wire.write(data, headerBytes);
  else wire.set(data, headerBytes);
  return wire;
}

function shared(frame: Frame): SharedFrame {
  const wire = wireOf(frame);
  return { wire, headerBytes: headerBytesOf(frame.bytes) };
}

function headerBytesOf(length: number): number {
  if (length < 126) return 2;
  return length < 2 ** 16 ? 4 : 10;
}

/** RFC 6455, section 5.2: one whole frame, and its length in 7 bits, in 16 or in 64. */
function writeHeader(wire: Buffer, opcode: number, length: number, headerBytes: number): void {
  const whole = 0x80;
  wire[0] = whole | opcode;
  if (headerBytes === 2) wire[1] = length;
  else if (headerBytes === 4) {
    wire[1] = 126;
    wire.writeUInt16BE(length, 2);
  } else {
    wire[1] = 127;
    wire.writeBigUInt64BE(BigInt(length), 2);
  }
}

function isRef(value: unknown): value is Ref {
  if (typeof value === "string") return Buffer.byteLength(value) <= MAX_REF_BYTES;
  return value === null || typeof value === "number";
}

/** Binary frames hold texts only, and have no null: an empty one stands for it. */
function refText(ref: Ref): string {
  return ref === null ? "" : String(ref);
}
