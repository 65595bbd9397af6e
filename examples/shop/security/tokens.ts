/**
 * Signed tokens of the back office. Each says what it is for (`aud`) and is signed with that purpose's own key,
 * so that a token made for anything else opens nothing; each ends.
 */
import { sign, verify } from "hono/jwt";
import { keyFor } from "./keys.ts";

/** What an admin's token opens: the socket, the back office from the link in the terminal, or a browser's session. */
export type AdminPurpose = "admin socket" | "admin link" | "admin session";

export const adminTokenLifetimeMs: Readonly<Record<AdminPurpose, number>> = {
  /** The page fetches a new one before. */
  "admin socket": 60 * 60_000,
  /** A terminal is looked at for a working day. */
  "admin link": 12 * 60 * 60_000,
  "admin session": 12 * 60 * 60_000,
};

const maxLength = 1_000;

export function signAdminToken(secret: string, purpose: AdminPurpose, nowMs: number): Promise<string> {
  const exp = Math.floor((nowMs + adminTokenLifetimeMs[purpose]) / 1000);
  return sign({ aud: purpose, exp }, keyFor(secret, purpose), "HS256");
}

/** When the token of this shop and purpose ends, in milliseconds since 1970; `undefined` for anything else. */
export async function adminTokenEndMs(
  secret: string,
  purpose: AdminPurpose,
  token: unknown,
): Promise<number | undefined> {
  if (typeof token !== "string" || token.length > maxLength) return undefined;
  try {
    const { exp } = await verify(token, keyFor(secret, purpose), { alg: "HS256", aud: purpose });
    return typeof exp === "number" ? exp * 1_000 : undefined;
  } catch {
    // Malformed, signed with another secret, for another purpose, or over: all the same to us.
    return undefined;
  }
}
