/**
 * Whether a web page of some origin may connect. A browser sends cookies with a WebSocket handshake to any
 * site, so without this check every page on the web could act as the visitor. Pure.
 */
import type { IncomingMessage } from "node:http";
import { wrongOption } from "../checks.js";
import type { OriginCheck } from "./handlers.js";

/** @throws TrackerError `INVALID_OPTION` for a check that could never match. */
export function validateOriginCheck(check: OriginCheck): OriginCheck {
  if (typeof check === "boolean" || typeof check === "function") return check;
  if (Array.isArray(check) && check.every(isOriginPattern)) return check;
  const expected = 'a boolean, a function or a list of origins such as "https://shop.example"';
  throw wrongOption("checkOrigin", check, expected);
}

/** Applies a check to a request. No `Origin` header means no browser, and passes. */
export function originAllowed(check: OriginCheck, request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (check === false || origin === undefined) return true;
  if (typeof check === "function") return check(origin, request);
  const url = parseUrl(origin);
  if (!url) return false;
  if (check === true) {
    // Read with the origin's scheme, so that `https://a` and `a:443` are the same host.
    return host !== undefined && parseUrl(`${url.protocol}//${host}`)?.host === url.host;
  }
  return check.some((pattern) => matches(pattern, url));
}

function matches(pattern: string, origin: URL): boolean {
  const wildcard = "://*.";
  const at = pattern.indexOf(wildcard);
  if (at < 0) return parseUrl(pattern)?.origin === origin.origin;
  const base = parseUrl(`${pattern.slice(0, at)}://${pattern.slice(at + wildcard.length)}`);
  return (
    base !== undefined &&
    base.protocol === origin.protocol &&
    base.port === origin.port &&
    origin.hostname.endsWith(`.${base.hostname}`)
  );
}

function isOriginPattern(value: unknown): boolean {
  return typeof value === "string" && /^https?:\/\/(\*\.)?[^/*]+$/.test(value);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
