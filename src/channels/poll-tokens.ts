/**
 * The tokens of long polling: which session of which server they stand for. Promises that one which no server has
 * signed that this one has heard of is told here, without asking anybody. Servers tell each other their keys through the
 * pubsub, whose readers see the tokens anyhow. Knows no session and no pubsub.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Longer than any token of this or another node. */
const MAX_TOKEN_LENGTH = 512;
/** Servers that come and go: those heard of first are forgotten first. */
const MAX_SERVERS = 10_000;
const KEY_BYTES = 32;

/** What a token stands for. */
export interface PollToken {
  readonly node: string;
  readonly server: string;
  /** Of the session, on its server. */
  readonly id: string;
}

/** A token that nobody has signed, or somebody who has not been heard of: then it says where to ask. */
export interface UnknownToken {
  readonly node: string | undefined;
}

export class PollTokens {
  readonly #self: { readonly node: string; readonly server: string };
  readonly #key = randomBytes(KEY_BYTES);
  readonly #others = new Map<string, Buffer>();

  constructor(self: { readonly node: string; readonly server: string }) {
    this.#self = self;
  }

  /** What other servers need to know the tokens of this one. */
  get key(): string {
    return this.#key.toString("base64url");
  }

  /** Another server has told its key. */
  learn(server: string, key: string): void {
    const bytes = Buffer.from(key, "base64url");
    if (bytes.length !== KEY_BYTES || server === this.#self.server) return;
    this.#others.delete(server);
    const [oldest] = this.#others.keys();
    if (oldest !== undefined && this.#others.size >= MAX_SERVERS) this.#others.delete(oldest);
    this.#others.set(server, bytes);
  }

  sign(id: string): string {
    const node = Buffer.from(this.#self.node).toString("base64url");
    const signed = `${node}.${this.#self.server}.${id}`;
    return `${signed}.${macOf(this.#key, signed)}`;
  }

  read(token: string): PollToken | UnknownToken {
    const parts = token.split(".");
    if (parts.length !== 4 || token.length > MAX_TOKEN_LENGTH) return { node: undefined };
    const [encoded = "", server = "", id = "", mac = ""] = parts;
    const node = Buffer.from(encoded, "base64url").toString();
    // A made-up name must not get to a pubsub that does not take every text.
    if (!/^[^\p{Cc}\p{Cs}\uFFFD]{1,128}$/u.test(node)) return { node: undefined };
    const isOwn = server === this.#self.server;
    const key = isOwn ? this.#key : this.#others.get(server);
    if (!key) return { node };
    const given = Buffer.from(mac);
    const expected = Buffer.from(macOf(key, `${encoded}.${server}.${id}`));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { node: undefined };
    return { node, server, id };
  }
}

function macOf(key: Buffer, signed: string): string {
  return createHmac("sha256", key).update(signed).digest("base64url");
}
