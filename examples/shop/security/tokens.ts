/**
 * The signed token that lets an admin's page open the admin socket. It says what it is for (`aud`), so that
 * a token made for anything else opens nothing, and it ends after a while; the page fetches a new one before.
 */
import { sign, verify } from "hono/jwt";

const audience = "admin socket";
export const adminTokenLifetimeMs = 60 * 60_000;

export function signAdminToken(secret: string, nowMs: number): Promise<string> {
  return sign({ aud: audience, exp: Math.floor((nowMs + adminTokenLifetimeMs) / 1000) }, secret, "HS256");
}

/** Whether the text is an admin token of this shop that has not ended. */
export async function isAdminToken(secret: string, token: unknown): Promise<boolean> {
  if (typeof token !== "string" || token.length > 1_000) return false;
  try {
    const { exp } = await verify(token, secret, { alg: "HS256", aud: audience });
    return typeof exp === "number";
  } catch {
    // Malformed, signed with another secret, for another purpose, or over: all the same to us.
    return false;
  }
}
