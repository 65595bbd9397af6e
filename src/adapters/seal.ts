/**
 * A payload under seal. The seal says which run of which node made it, and its number among that run's payloads. A node
 * that has the key can tell that this is so, that nothing was altered, and that it was meant for this channel, this prefix
 * and this addressee. Encrypted, the payload says nothing to anybody else.
 *
 * Promises to parse nothing and to hand out nothing before the seal has been found right, and to use no pair of key and
 * nonce twice: each run has keys of its own (HKDF, RFC 5869, with 16 random bytes of the run), and counts its payloads.
 * AES-256-GCM (NIST SP 800-38D) encrypts, HMAC-SHA-256 (RFC 2104) signs. Knows no pubsub and no time.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { TrackerError } from "../errors.js";

/** `encrypt`: nobody without the key can read it. `sign`: everybody can read it, nobody can make it. */
export type SealMode = "encrypt" | "sign";

/** Where a payload is published: what binds a seal to its place. */
export interface SealPlace {
  readonly prefix: string;
  readonly channel: string;
  /** The node it is sent to; absent for a broadcast. */
  readonly to?: string | undefined;
}

/** A payload whose seal has not been looked at. Everything in it may be made up. */
export interface Envelope {
  readonly mode: SealMode;
  readonly keyId: string;
  readonly run: string;
  readonly counter: number;
  /** When it was sent, by the clock of its run. */
  readonly sentMs: number;
  readonly isDirect: boolean;
  readonly node: string;
  readonly header: string;
  readonly tag: string;
  readonly body: string;
}

/** What a seal says beside what it holds. */
export type SealParts = Pick<Envelope, "mode" | "keyId" | "run" | "counter" | "sentMs" | "node">;

/** What every sealed payload begins with; no frame of a tracker or a channel server does. */
export const SEAL_MARK = "seal1.";

const MIN_SECRET_BYTES = 32;
const ID_LENGTH = 8;
const RUN_LENGTH = 22;
const GCM_TAG_BYTES = 16;
const GCM_TAG_LENGTH = 22;
const HMAC_TAG_LENGTH = 43;
/** Base 36 of the largest safe integer. */
const NUMBER_LENGTH = 11;
/** 128 bytes of UTF-8, each as `%XX`. */
const MAX_NODE_LENGTH = 3 * 128;

const envelopePattern = new RegExp(
  `^seal1\\.([es])([bd])\\.([\\w-]{${ID_LENGTH}})\\.([\\w-]{${RUN_LENGTH}})\\.([0-9a-z]{1,${NUMBER_LENGTH}})\\.([0-9a-z]{1,${NUMBER_LENGTH}})\\.([^.]{1,${MAX_NODE_LENGTH}})\\.([\\w-]{${GCM_TAG_LENGTH},${HMAC_TAG_LENGTH}})\\.`,
);

/** A secret that all nodes share, and the name that seals call it by: a part of its hash. */
export class SealKey {
  readonly id: string;
  readonly #secret: Uint8Array;

  /** @throws TrackerError `INVALID_OPTION` for a secret of less than 32 bytes. */
  constructor(secret: string | Uint8Array) {
    const bytes = typeof secret === "string" ? Buffer.from(secret, "utf8") : secret;
    if (!(bytes instanceof Uint8Array) || bytes.length < MIN_SECRET_BYTES) {
      throw new TrackerError(
        "INVALID_OPTION",
        `Expected each of the keys to be text or bytes, at least ${MIN_SECRET_BYTES} bytes long: openssl rand -base64 32`,
        { option: "keys" },
      );
    }
    this.#secret = Uint8Array.from(bytes);
    this.id = createHmac("sha256", this.#secret)
      .update("rollcall key id")
      .digest("base64url")
      .slice(0, ID_LENGTH);
  }

  /** The key of one run, for one of the modes. */
  ofRun(run: string, mode: SealMode): Uint8Array {
    return new Uint8Array(
      hkdfSync("sha256", this.#secret, Buffer.from(run, "base64url"), `rollcall ${mode}`, 32),
    );
  }
}

/** How much of `maxBytes` a seal leaves for what it holds. */
export function bytesLeft(maxBytes: number, mode: SealMode, node: string): number {
  const [keyId, run] = ["x".repeat(ID_LENGTH), "x".repeat(RUN_LENGTH)];
  const header = headerOf({ mode, keyId, run, counter: 1, sentMs: 1, node }, false);
  const tagLength = mode === "encrypt" ? GCM_TAG_LENGTH : HMAC_TAG_LENGTH;
  const left = maxBytes - (header.length + 2 * (NUMBER_LENGTH - 1)) - (tagLength + 2);
  return mode === "sign" ? left : Math.floor((left * 3) / 4);
}

/** Seals a payload. `runKey` is the key's own of this run and mode; no counter may be used twice with it. */
export function seal(parts: SealParts, runKey: Uint8Array, place: SealPlace, payload: string): string {
  const { mode, counter } = parts;
  const header = headerOf(parts, place.to !== undefined);
  const bound = boundTo(header, place);
  if (mode === "sign") return `${header}.${tagOf(runKey, bound, payload)}.${payload}`;
  const cipher = createCipheriv("aes-256-gcm", runKey, nonceOf(counter)).setAAD(bound);
  const body = cipher.update(payload, "utf8", "base64url") + cipher.final("base64url");
  return `${header}.${cipher.getAuthTag().toString("base64url")}.${body}`;
}

/** The parts of a sealed payload; `undefined` for anything else. */
export function envelopeOf(text: string): Envelope | undefined {
  const found = envelopePattern.exec(text);
  if (found === null) return undefined;
  const [whole, mode, reach, keyId = "", run = "", number = "", time = "", node = "", tag = ""] = found;
  const counter = Number.parseInt(number, 36);
  const sentMs = Number.parseInt(time, 36);
  const name = decoded(node);
  if (!Number.isSafeInteger(counter) || counter < 1 || !Number.isSafeInteger(sentMs)) return undefined;
  if (name === undefined) return undefined;
  return {
    mode: mode === "e" ? "encrypt" : "sign",
    keyId,
    // Part of a text keeps the whole of it in memory, and a run is remembered.
    run: Buffer.from(run, "latin1").toString("latin1"),
    counter,
    sentMs,
    isDirect: reach === "d",
    node: name,
    header: whole.slice(0, -tag.length - 2),
    tag,
    body: text.slice(whole.length),
  };
}

/** What the envelope holds; `undefined` if it was not sealed by this key, for this place, or was altered. */
export function open(
  { mode, header, tag, body, counter }: Envelope,
  runKey: Uint8Array,
  place: SealPlace,
): string | undefined {
  const bound = boundTo(header, place);
  if (mode === "sign") {
    // In UTF-8 all lone surrogates are one character.
    return isSame(tag, tagOf(runKey, bound, body)) && !LONE_SURROGATE.test(body) ? body : undefined;
  }
  if (!isCanonical(body) || !isCanonical(tag)) return undefined;
  const tagBytes = Buffer.from(tag, "base64url");
  if (tagBytes.length !== GCM_TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", runKey, nonceOf(counter), {
    authTagLength: GCM_TAG_BYTES,
  });
  decipher.setAAD(bound).setAuthTag(tagBytes);
  try {
    const start = decipher.update(body, "base64url");
    return Buffer.concat([start, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text is what encoding it again would make of it: no other characters, and no bits to spare. */
function isCanonical(text: string): boolean {
  if (!/^[\w-]*$/.test(text)) return false;
  const last = text.slice(text.length - (text.length % 4));
  return Buffer.from(last, "base64url").toString("base64url") === last;
}

function headerOf({ mode, keyId, run, counter, sentMs, node }: SealParts, isDirect: boolean): string {
  const kind = (mode === "encrypt" ? "e" : "s") + (isDirect ? "d" : "b");
  const name = encodeURIComponent(node).replaceAll(".", "%2E");
  return `${SEAL_MARK}${kind}.${keyId}.${run}.${counter.toString(36)}.${sentMs.toString(36)}.${name}`;
}

function boundTo(header: string, { prefix, channel, to }: SealPlace): Buffer {
  return Buffer.from(JSON.stringify([header, prefix, channel, to ?? null]), "utf8");
}

function tagOf(runKey: Uint8Array, bound: Buffer, payload: string): string {
  // The bound part is one line of JSON, so nothing of it can be taken for the payload.
  return createHmac("sha256", runKey).update(bound).update("\n").update(payload).digest("base64url");
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** 96 bits, as GCM wants them, in which the number of the payload stands. */
function nonceOf(counter: number): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  return nonce;
}

function decoded(node: string): string | undefined {
  try {
    // A copy, for the same reason as the run's.
    return Buffer.from(decodeURIComponent(node)).toString();
  } catch {
    return undefined;
  }
}
