/**
 * The door of the back office: Basic auth, or the session of the link that `npm start` prints. Name and password
 * are compared as hashes in constant time, so that neither the length nor the first wrong letter shows in the
 * time it takes; too many failures wait.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { auth } from "hono/utils/basic-auth";
import { Attempts } from "./attempts.ts";
import { adminTokenEndMs, adminTokenLifetimeMs, signAdminToken } from "./tokens.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const sessionCookie = "lacewing_admin";

export function adminGuard(expected: Credentials, secret: string): MiddlewareHandler {
  const attempts = new Attempts({
    windowMs: 60_000,
    failures: 10,
    failuresOfAll: 100,
    slowMs: 3_000,
  });
  return async (context, next) => {
    const session = getCookie(context, sessionCookie);
    if ((await adminTokenEndMs(secret, "admin session", session)) !== undefined) return next();
    const given = auth(context.req.raw);
    if (given === undefined) return challenge(context);
    const caller = getConnInfo(context).remote.address ?? "unknown";
    const nowMs = Date.now();
    const waitMs = attempts.waitMs(caller, nowMs);
    if (waitMs > 0) {
      context.header("Retry-After", String(Math.ceil(waitMs / 1000)));
      return context.text("Too many failed attempts. Try again in a few seconds.", 429);
    }
    // Both are always compared, for the same reason.
    const sameUser = sameText(given.username, expected.user);
    const samePassword = sameText(given.password, expected.password);
    if (sameUser && samePassword) return next();
    attempts.failed(caller, nowMs);
    return challenge(context);
  };
}

/** Whether the key of a link is good; if so, the browser has a session from now on. */
export async function enterByLink(context: Context, secret: string, key: unknown): Promise<boolean> {
  const nowMs = Date.now();
  if ((await adminTokenEndMs(secret, "admin link", key)) === undefined) return false;
  setCookie(context, sessionCookie, await signAdminToken(secret, "admin session", nowMs), {
    httpOnly: true,
    sameSite: "Lax",
    path: "/admin",
    maxAge: adminTokenLifetimeMs["admin session"] / 1_000,
    secure: isEncrypted(context),
  });
  return true;
}

/** Whether the browser reached the shop, or the proxy in front of it, by TLS: its cookies then never go without. */
export function isEncrypted(context: Context): boolean {
  return (
    new URL(context.req.url).protocol === "https:" || context.req.header("x-forwarded-proto") === "https"
  );
}

function challenge(context: Context): Response {
  context.header("WWW-Authenticate", 'Basic realm="Lacewing back office", charset="UTF-8"');
  return context.text("The back office asks for a name and a password.", 401);
}

function sameText(left: string, right: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(left), hash(right));
}
