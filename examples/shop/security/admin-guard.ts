/**
 * Basic auth for the back office. Name and password are compared as hashes in constant time, so that neither
 * the length nor the first wrong letter shows in the time it takes; too many failures from one address wait.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, MiddlewareHandler } from "hono";
import { auth } from "hono/utils/basic-auth";
import { Attempts } from "./attempts.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export function adminGuard(expected: Credentials): MiddlewareHandler {
  const attempts = new Attempts({ failures: 10, windowMs: 60_000 });
  return async (context, next) => {
    const caller = getConnInfo(context).remote.address ?? "unknown";
    const nowMs = Date.now();
    const waitMs = attempts.waitMs(caller, nowMs);
    if (waitMs > 0) {
      context.header("Retry-After", String(Math.ceil(waitMs / 1000)));
      return context.text("Too many failed attempts. Try again in a minute.", 429);
    }
    const given = auth(context.req.raw);
    if (given === undefined) return challenge(context);
    // Both are always compared, for the same reason.
    const sameUser = sameText(given.username, expected.user);
    const samePassword = sameText(given.password, expected.password);
    if (!sameUser || !samePassword) {
      attempts.failed(caller, nowMs);
      return challenge(context);
    }
    attempts.succeeded(caller);
    return next();
  };
}

function challenge(context: Context): Response {
  context.header("WWW-Authenticate", 'Basic realm="Lacewing back office", charset="UTF-8"');
  return context.text("The back office asks for a name and a password.", 401);
}

function sameText(left: string, right: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(left), hash(right));
}
