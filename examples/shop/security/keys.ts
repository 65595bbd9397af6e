/**
 * The shop's secret: kept in a file, and never used itself. Every purpose has a key of its own, so that what is
 * signed for one opens nothing of another.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Purpose = "cart cookie" | "cart channel" | "admin socket" | "admin link" | "admin session";

const secretBytes = 32;

/**
 * The secret of a data folder; made at the first start and kept, so that carts outlive a restart.
 *
 * @throws Error for a file that is no whole secret, with its path and what to do.
 */
export function keptSecret(folder: string): string {
  const file = join(folder, "secret");
  let kept: string;
  try {
    kept = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const secret = randomBytes(secretBytes).toString("base64url");
    // A process that ends while it writes leaves no half of it under the name.
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, secret, { mode: 0o600 });
    renameSync(draft, file);
    return secret;
  }
  if (!/^[\w-]+$/.test(kept) || Buffer.from(kept, "base64url").length < secretBytes) {
    throw new Error(
      `The key file ${file} is damaged: it has fewer than ${secretBytes} bytes. Put back a copy of it, or delete it; without it all carts start anew.`,
    );
  }
  chmodSync(file, 0o600);
  return kept;
}

export function keyFor(secret: string, purpose: Purpose): string {
  return Buffer.from(hkdfSync("sha256", secret, "", `lacewing ${purpose}`, 32)).toString("base64url");
}

/** Shows that the shop itself has made a cart's id. */
export function cartKey(secret: string, cartId: string): string {
  return createHmac("sha256", keyFor(secret, "cart channel")).update(cartId).digest("base64url");
}

export function isCartKey(secret: string, cartId: string, given: unknown): boolean {
  if (typeof given !== "string") return false;
  const expected = Buffer.from(cartKey(secret, cartId));
  const offered = Buffer.from(given);
  return expected.length === offered.length && timingSafeEqual(expected, offered);
}
